"""
Mutation testing: break a package in small ways, and see whether its tests notice.

    python benchmarks/mutants.py PART [PART...] [--number 100] [--seed 0] [--tests PATH...]
    python benchmarks/mutants.py verification/_pairs.py        # all mutants of one file

A PART is a package, a module or a file of src/stormlens. mutmut makes the mutants and runs, for
each, the tests that call the function that it changes. It works on a copy in build/mutants, so
the tree may be edited meanwhile. Each mutant that survives is printed as a difference.

Sentences for users are not mutated, nor are decorated functions and the values at the top of a
module, which mutmut leaves alone. Mutants that change nothing that can be observed are listed with
the reason in benchmarks/equivalent_mutants.txt, each by what it changes.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = Path("src") / "stormlens"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")

# Lines of text for people: a sentence in quotes alone on its line, or the beginning of one.
SENTENCES = [r'^\s*f?r?"[^"]* [^"]*"[,)]*$', r"InputError\(", r"\bmsg = ", r"warnings\.warn\("]

SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {files}
do_not_mutate_patterns = {sentences}
pytest_add_cli_args = ["-p", "no:cacheprovider", "--no-header", "-m", "not browser"]
pytest_add_cli_args_test_selection = {tests}
# JAX has threads, which a fork of the process that ran tests would not have.
process_isolation = "forkserver"
timeout_multiplier = 30.0
timeout_constant = 20.0
track_dependencies = false
use_git_change_detection = false
"""

LIST = """
import sys
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name

for name in sys.argv[1:]:
    for mutant in mutate_file_contents(name, Path(name).read_text()).mutant_names:
        print(name, get_mutant_name(Path(name), mutant))
"""
"""A program, as mutmut reads its settings from the folder that it runs in."""

OUTCOMES = {0: "survived", 5: "no test", 33: "no test", None: "not run", 34: "not run"}
"""By mutmut's code; any other is a test that failed, crashed or never ended."""

Name = tuple[str, str]
"""File and mutant, as mutmut calls it."""


def main() -> None:
    """Make mutants, run tests and print what lives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("parts", nargs="+", metavar="PART", help="package, module or file")
    parser.add_argument("--number", type=int, help="mutants drawn at random; all by default")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--tests", nargs="+", help="of the same name by default")
    parser.add_argument("--resume", action="store_true", help="keep what a run before this found")
    parser.add_argument("--children", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mutants")
    options = parser.parse_args()
    files = [name for part in options.parts for name in files_of(part)]
    tests = options.tests or sorted({tests_of(part) for part in options.parts})
    folder = options.folder / "-".join(part.replace("/", ".") for part in options.parts)
    prepare(folder, files, tests)
    names = mutants(folder, files)
    chosen = draw(names, options.number, options.seed)
    print(f"{len(chosen)} of {len(names)} mutants in {len(files)} files, tested by {tests}")
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(options.children)]
    found = outcomes(folder, chosen) if options.resume else {}
    left = [name for _, name in chosen if found.get(name, "not run") == "not run"]
    log = folder / "mutmut.log"
    if left:
        with log.open("w") as output:
            code = subprocess.run([*command, *left], cwd=folder, stdout=output, stderr=output)
        if code.returncode:
            print(f"mutmut ended with {code.returncode}; see {log}.")
    sys.exit(report(folder, chosen))


def files_of(part: str) -> list[str]:
    """Modules of a part, from the root."""
    path = ROOT / PACKAGE / part.removesuffix(".py").replace(".", "/")
    found = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    if not all(file.is_file() for file in found):
        sys.exit(f"{path} is no package or module of stormlens.")
    return [file.relative_to(ROOT).as_posix() for file in found if file.name != "__init__.py"]


def tests_of(part: str) -> str:
    """Where the tests of a part lie."""
    name = part.replace(".py", "").replace(".", "/").split("/")[0]
    return f"tests/{name}" if (ROOT / "tests" / name).is_dir() else f"tests/test_{name}.py"


def prepare(folder: Path, files: list[str], tests: list[str]) -> None:
    """A copy of source and tests, and of the native library, which lies beside the source."""
    from stormlens.engine import load_library

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "tests"):
        fresh = folder / f"{name}.new"
        shutil.copytree(ROOT / name, fresh, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.rmtree(folder / name, ignore_errors=True)
        fresh.rename(folder / name)
    if (path := load_library().path) is not None:
        place = folder / PACKAGE / "ops" / "native"
        if not (place / path.name).exists():
            shutil.copy2(path, place)
    lists = {"files": files, "tests": tests, "sentences": SENTENCES}
    # JSON's text is escaped as TOML's.
    settings = SETTINGS.format(**{key: json.dumps(value) for key, value in lists.items()})
    own = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(own + settings, encoding="utf-8")


def mutants(folder: Path, files: list[str]) -> list[Name]:
    """All mutants by name, in the order of the files and their lines."""
    listed = subprocess.run(
        [sys.executable, "-c", LIST, *files],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return [tuple(line.split(" ", 1)) for line in listed.splitlines()]


def draw(names: list[Name], number: int | None, seed: int) -> list[Name]:
    """So many of the names, each as likely as any other, in their order."""
    if number is None or number >= len(names):
        return names
    chosen = set(random.Random(seed).sample(range(len(names)), number))
    return [name for place, name in enumerate(names) if place in chosen]


def outcomes(folder: Path, chosen: list[Name]) -> dict[str, str]:
    """What became of each mutant, by its name."""
    codes: dict[str, int | None] = {}
    for file in {file for file, _ in chosen}:
        kept = folder / "mutants" / f"{file}.meta"
        codes |= json.loads(kept.read_text())["exit_code_by_key"] if kept.exists() else {}
    return {name: OUTCOMES.get(codes.get(name), "killed") for _, name in chosen}


def fails_on_a_second_look(folder: Path, name: str) -> bool:
    """
    Whether a mutant that survived fails a test of the files whose tests call its function.

    mutmut takes a function for called by the test that ran when it was called: where a fixture
    serves a whole module, by the first test alone. So others may see what that one does not.
    """
    stats = json.loads((folder / "mutants" / "mutmut-stats.json").read_text())
    tests = stats["tests_by_mangled_function_name"].get(name.partition("__mutmut_")[0], [])
    files = sorted({test.partition("::")[0] for test in tests})
    environment = {**os.environ, "MUTANT_UNDER_TEST": name, "PYTHONPATH": "src"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files]
    run = subprocess.run(
        command, cwd=folder / "mutants", env=environment, stdout=subprocess.DEVNULL
    )
    return run.returncode == 1


def report(folder: Path, chosen: list[Name]) -> int:
    """Print counts for each file and what survived; gives 1 where something did without excuse."""
    excused = equivalent(EQUIVALENT.read_text(encoding="utf-8"))
    found = outcomes(folder, chosen)
    for name in [name for name, outcome in found.items() if outcome == "survived"]:
        if fails_on_a_second_look(folder, name):
            found[name] = "killed"
    counts: dict[str, Counter[str]] = {}
    survivors = []
    for file, name in chosen:
        outcome = found[name]
        if outcome in ("survived", "no test"):
            change = changed(folder, name)
            if (file.removeprefix(f"{PACKAGE.as_posix()}/"), *change) in excused:
                outcome = "equivalent"
            else:
                survivors.append((file, name, outcome, change))
        counts.setdefault(file, Counter())[outcome] += 1
    columns = ("made", "killed", "survived", "no test", "equivalent", "not run")
    print(f"| file | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    for file, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        count["made"] = count.total()
        print(f"| {file} | {' | '.join(str(count[column]) for column in columns)} |")
    for file, name, outcome, (before, after) in survivors:
        print(f"\n{outcome}: {file}, {name}\n- {before}\n+ {after}")
    return bool(survivors)


def changed(folder: Path, name: str) -> tuple[str, str]:
    """What a mutant changes: the line before and after."""
    shown = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", name],
        cwd=folder,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    lines = [line for line in shown if not line.startswith(("---", "+++"))]
    return tuple(
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )


def equivalent(text: str) -> set[tuple[str, str, str]]:
    """Changes that nothing can observe, from blocks of file, line before, line after and reason."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    return {
        (file, before[2:], after[2:])
        for file, before, after, *reason in (b for b in blocks if not b[0].startswith("#"))
        if reason and before.startswith("- ") and after.startswith("+ ")
    }


if __name__ == "__main__":
    main()
