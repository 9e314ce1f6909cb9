"""
The results in a Markdown file: a section between two markers, and a picture next to the file.

The rest of the file is kept byte for byte.
"""

from pathlib import Path

from stormlens.bench._results import Results
from stormlens.bench._tables import (
    TITLES,
    Table,
    machine_sentence,
    method_sentences,
    tables,
)
from stormlens.errors import InputError
from stormlens.storage import atomic_path, write_text

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
PICTURE = "bench.png"

Panel = tuple[dict[str, tuple[float, float, float]], float | None]


def write_results(path: str | Path, results: Results) -> None:
    """
    Put results into a Markdown file, and their picture next to it as bench.png.

    Parameters
    ----------
    path : str or Path
        Made if missing; only its section between the markers is replaced.
    results : Results
        With at least one measurement.

    Raises
    ------
    InputError
        If nothing was measured, the file's markers do not pair, it is no UTF-8 text, or it
        cannot be written.
    """
    from stormlens import plots

    if not results.measurements:
        raise InputError("No contender finished the measurement, so nothing was written.")
    path = Path(path)
    text = replace_section(read_document(path), section(results))
    figure = plots.speed(panels(results), simulated=True)
    with atomic_path(path.with_name(PICTURE)) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
    write_text(path, text)


def read_document(path: str | Path) -> str:
    """
    The file that a section is to be put in, checked.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    text : str
        Empty for a file that is not there.

    Raises
    ------
    InputError
        If it is a folder, is no UTF-8 text, or its markers do not pair.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a directory; give the name of a Markdown file.")
    if not path.exists():
        return ""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}).") from error
    try:
        replace_section(text, "")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return text


def replace_section(text: str, content: str) -> str:
    r"""
    A document with its section between the markers replaced.

    Parameters
    ----------
    text : str
        The document; a section is added at its end where it has no markers.
    content : str
        Text between the markers.

    Returns
    -------
    text : str

    Raises
    ------
    InputError
        If the markers are not one pair in order.

    Examples
    --------
    >>> replace_section("<!-- bench:begin -->old<!-- bench:end --> kept", "new")
    '<!-- bench:begin -->\nnew\n<!-- bench:end --> kept'
    """
    new = f"{BEGIN}\n{content.strip()}\n{END}"
    counts = text.count(BEGIN), text.count(END)
    if counts == (0, 0):
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}{new}\n"
    start, stop = text.find(BEGIN), text.find(END)
    if counts != (1, 1) or stop < start:
        raise InputError(f"the markers {BEGIN} and {END} must occur once each, in order.")
    return text[:start] + new + text[stop + len(END) :]


def section(results: Results) -> str:
    """
    Results as Markdown.

    Parameters
    ----------
    results : Results

    Returns
    -------
    text : str
        Begins with a heading of the second level.
    """
    host = results.host
    libraries = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    parts = [
        "## Beside its peers",
        f"{_origin(results)}. {method_sentences(results)}",
        f"{host['processor']}, {host['cores']} cores, {host['memory']}, {host['system']}, Python "
        f"{host['python']}; {libraries}. {machine_sentence(results)}",
        f"![{alt_text(results)}]({PICTURE})",
        *(_markdown_table(table) for table in tables(results)),
        "\n".join(f"- {note}" for note in results.notes),
    ]
    return "\n\n".join(part for part in parts if part)


def _origin(results: Results) -> str:
    date = results.host["date"]
    return f"`{results.command}`, {date}" if results.command else date


def _markdown_table(table: Table) -> str:
    rules = ["---:" if name in table.numbers else "---" for name in table.columns]
    rows = [table.columns, tuple(rules), *table.rows]
    return f"### {table.title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def alt_text(results: Results) -> str:
    """
    What the picture shows, for those who do not see it.

    Parameters
    ----------
    results : Results

    Returns
    -------
    text : str
        One paragraph without square brackets.
    """
    groups = []
    for title, (bars, roofline) in panels(results).items():
        medians = [f"{name} {seconds[0]:.3g} s" for name, seconds in bars.items()]
        if roofline is not None:
            medians.append(f"roofline {roofline:.3g} s")
        groups.append(f"{title}: {', '.join(medians)}")
    return f"Bars of the median seconds a pass on SIMULATED boxes. {'; '.join(groups)}."


def panels(results: Results) -> dict[str, Panel]:
    """
    The results as `plots.speed` draws them.

    Parameters
    ----------
    results : Results

    Returns
    -------
    panels : dict
        By title: seconds (median, lowest, highest) by contender, and the roofline or None.
    """
    bounds = {bound.model: bound.seconds for bound in results.bounds}
    return {
        f"{TITLES[task].partition(':')[0]} {model}".strip(): (
            {m.contender: (m.median, min(m.seconds), max(m.seconds)) for m in group},
            bounds.get(model) if task == "train" else None,
        )
        for (task, model), group in results.groups().items()
    }
