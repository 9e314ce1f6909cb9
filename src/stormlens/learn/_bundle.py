"""
Many modules as one, for places that take a single file: notebooks, and pages of MyST.

Each module becomes a function that gives back what the module exports, so that every widget on a
page has its own. Files, and the worker that computes, lie within; nothing is asked of anywhere.
"""

import json
import posixpath
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stormlens import __version__
from stormlens.learn._code import without_comments
from stormlens.learn._networks import shipped_network
from stormlens.learn._site import COMPONENTS, WEB, check_page, read_content
from stormlens.learn._storms import Content, some_pack

_RENDERER, _RESOURCES, _WORKER = "notebook.js", "base/resources.js", "network/worker.js"
_ENGINE = ("network/stormlens.wasm", "network/stormlens-threads.wasm", "network/zoo.json")
_SPLITS = {  # of storms, and who asks for them
    "few": {*COMPONENTS} - {"neuron"},
    "train": {"pool-and-fire", "train"},
    "validation": {"train"},
}
_KINDS = re.compile(r'"?([\w-]+)"?: async \(\) =>\s*\(await import\("\./([\w/.-]+)"\)\)\.(\w+)')

_IMPORT = re.compile(r'^import\s*(?:(\{[^}]*\}|\*\s*as\s+\w+)\s*from\s*)?"(\.[^"]+)";?$', re.M)
_EXPORTED = re.compile(
    r"^export\s+(?=(?:const|class|function\*?|async\s+function\*?)\s+(\w+))", re.M
)
_LISTED = re.compile(r'^export\s*\{([^}]*)\}\s*(?:from\s*"(\.[^"]+)")?;?$', re.M)
_LATER = re.compile(r'\bimport\(\s*"(\.[^"]+)"\s*\)')
_LEFT = re.compile(r"^(?:import|export)\b.*|\bimport\s*\(.*|\bimport\.meta\b(?!\.url).*", re.M)

_FRAME = """\
// Stormlens {version}: {names}, in one module. Its parts are in the package's learn/web.
const FILES = {{
{files}
}};
const MODULES = {{
{modules}
}};
const KINDS = {kinds};
const WORKER = {worker};
{need}
function bytesOf(text) {{
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
}}
let workerAddress;
function startWorker() {{
  workerAddress ??= URL.createObjectURL(new Blob([WORKER], {{ type: "text/javascript" }}));
  return new Worker(workerAddress);
}}
export default {{
  render(context) {{
    const need = beginning(MODULES);
    const {{ provide, provideWorker }} = need({resources});
    for (const [path, text] of Object.entries(FILES)) provide(path, async () => bytesOf(text));
    if (WORKER) provideWorker(startWorker);
    const kinds = Object.fromEntries(
      Object.entries(KINDS).map(([slug, [path, name]]) => [slug, () => need(path)[name]]),
    );
    return need({renderer}).render(context, kinds);
  }},
}};
"""
_NEED = """\
function beginning(modules) {
  const made = new Map();
  const need = (path) => {
    if (!made.has(path)) made.set(path, modules[path](need));
    return made.get(path);
  };
  return need;
}"""


class _Module(NamedTuple):
    """A module as the body of a function of `need`, and the paths that it needs."""

    body: str
    needs: list[str]


def bundle(
    components: Sequence[str] = COMPONENTS,
    *,
    storms: Mapping[str, Content] | None = None,
    networks: Mapping[str, Content] | None = None,
) -> str:
    """
    Components as one ES module, whose default export has the `render` of an anywidget.

    Parameters
    ----------
    components : sequence of str, optional
        Of `COMPONENTS`.
    storms : mapping of str to Path or callable, optional
        Files of own storms; by default simulated ones, as many as these components need: a few for
        the ideas, some hundred to train on.
    networks : mapping of str to Path or callable, optional
        Files of an own network; by default the one that comes with Stormlens.

    Returns
    -------
    module : str
        With {"component": "neuron", "w1": 2} as its model, it shows a neuron whose first weight
        is 2; where it has one component alone, the model need not name it.

    Raises
    ------
    InputError
        If there is no such component.
    """
    for name in components:
        check_page(name)
    kinds = {slug: kind for slug, kind in _kinds().items() if slug in components}
    modules = _gathered([_RENDERER, *(path for path, _ in kinds.values())])
    computes = "network/client.js" in modules
    files = _files_for(components, storms, networks)
    contents = {path: read_content(content) for path, content in files.items()}
    if computes:
        contents |= {path: (WEB / path).read_bytes() for path in _ENGINE}
    return _FRAME.format(
        version=__version__,
        names=", ".join(components),
        files="\n".join(
            f'{json.dumps(path)}: "{b64encode(content).decode()}",'
            for path, content in sorted(contents.items())
        ),
        modules=_as_functions(modules),
        kinds=json.dumps(kinds),
        worker=json.dumps(_worker() if computes else ""),
        need=_NEED,
        resources=json.dumps(_RESOURCES),
        renderer=json.dumps(_RENDERER),
    )


def _files_for(
    components: Sequence[str],
    storms: Mapping[str, Content] | None,
    networks: Mapping[str, Content] | None,
) -> dict[str, Content]:
    """What the components read of storms and networks, by path."""
    splits = [split for split, users in _SPLITS.items() if users & set(components)]
    files: dict[str, Content] = {}
    if splits:
        chosen = some_pack(*splits) if storms is None else storms
        files |= {f"storms/{name}": content for name, content in chosen.items()}
    if "inside" in components:
        chosen = shipped_network() if networks is None else networks
        files |= {f"networks/{name}": content for name, content in chosen.items()}
    return files


def _kinds() -> dict[str, tuple[str, str]]:
    """Path of the module and name of the class of each component, as `stormlens.js` loads them."""
    text = (WEB / "stormlens.js").read_text(encoding="utf-8")
    return {slug: (path, name) for slug, path, name in _KINDS.findall(text)}


def _worker() -> str:
    """The worker as a script of its own."""
    modules = _gathered([_WORKER])
    start = f"beginning({{\n{_as_functions(modules)}\n}})({json.dumps(_WORKER)});"
    return f'"use strict";\n{_NEED}\n{start}\n'


def _as_functions(modules: Mapping[str, _Module]) -> str:
    return "\n".join(
        f"{json.dumps(path)}(need) {{\n{module.body}\n}}," for path, module in modules.items()
    )


def _gathered(first: Sequence[str]) -> dict[str, _Module]:
    """Modules and all that they need, each behind what it needs itself."""
    found: dict[str, _Module] = {}

    def gather(path: str, above: tuple[str, ...]) -> None:
        if path in above:
            raise ValueError(f"Modules need each other in a circle: {' > '.join((*above, path))}.")
        if path in found:
            return
        module = _read(path)
        for other in module.needs:
            gather(other, (*above, path))
        found[path] = module

    for path in first:
        gather(path, ())
    return found


def _read(path: str) -> _Module:
    code = without_comments((WEB / path).read_text(encoding="utf-8"))
    needs: list[str] = []
    given: list[str] = []

    def at(relative: str) -> str:
        needs.append(posixpath.normpath(posixpath.join(posixpath.dirname(path), relative)))
        return f"need({json.dumps(needs[-1])})"

    def imported(found: re.Match[str]) -> str:
        names, other = found[1], at(found[2])
        if names is None:
            return f"{other};"
        if names.startswith("*"):
            return f"const {names.split()[-1]} = {other};"
        return f"const {_renamed(names)} = {other};"

    def listed(found: re.Match[str]) -> str:
        other = None if found[2] is None else at(found[2])
        for inner, outer in _pairs(found[1]):
            given.append(f"{outer}: {inner if other is None else f'{other}.{inner}'}")
        return ""

    code = _IMPORT.sub(imported, code)
    code = _LISTED.sub(listed, code)
    given += _EXPORTED.findall(code)
    code = _EXPORTED.sub("", code)
    code = _LATER.sub(lambda found: f"(async () => {at(found[1])})()", code)
    code = code.replace("import.meta.url", json.dumps(f"https://bundle.invalid/{path}"))
    left = _LEFT.search(code)
    if left is not None:
        raise ValueError(f"{path} cannot be bundled, for it has {left[0].strip()!r}.")
    return _Module(f"{code.strip()}\nreturn {{ {', '.join(given)} }};", needs)


def _renamed(names: str) -> str:
    """`{ a, b as c }` of an import as that of a declaration: `{ a, b: c }`."""
    parts = (inner if inner == outer else f"{inner}: {outer}" for inner, outer in _pairs(names))
    return f"{{ {', '.join(parts)} }}"


def _pairs(names: str) -> Iterator[tuple[str, str]]:
    for part in names.strip("{} \n").split(","):
        words = part.split()
        if words:
            yield words[0], words[-1]
