"""
Compile the web's kernels to WebAssembly, with the Clang of PyPI's ziglang.

One module has plain memory; the other shares it with web workers that are its threads. Their
bytes follow from the sources and the compiler's version alone: tests/learn/test_wasm.py builds
them again.

Run it where that version of ziglang is installed: ``python src/stormlens/ops/native/web/build.py``.
"""

import argparse
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

COMPILER = "0.17.1"
"""Version of ziglang whose bytes are kept."""

MODULES = ("stormlens.wasm", "stormlens-threads.wasm")
"""What is built, in the package's learn/web/network."""

_HERE = Path(__file__).parent
_SOURCES = (
    *("../kernels.cpp", "../convolution.cpp", "../engine.cpp", "../panels.cpp"),
    *("convolutions.cpp", "maps.cpp", "training.cpp", "threads.cpp", "memory.cpp"),
)
_DEFINED = {"ISA": "baseline", "LANES": 4, "VECTORS": 2}
_FLAGS = (
    *("-target", "wasm32-wasi", "-std=c++17", "-O3", "-s"),
    *("-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-c++-static-destructors"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"),
    "-Wno-unknown-pragmas",
    *("-mexec-model=reactor", "-Wl,-z,stack-size=1048576"),
)
_PLAIN = ("-mcpu=generic+simd128+bulk_memory",)
# A page shares 2 GiB at most.
_THREADS = (
    *("-mcpu=generic+simd128+bulk_memory+atomics", "-Wl,--import-memory", "-Wl,--shared-memory"),
    *("-Wl,--max-memory=2147483648", "-Wl,--export=__stack_pointer"),
)


def build(folder: Path) -> list[Path]:
    """
    Compile both modules.

    Parameters
    ----------
    folder : Path
        Where they go.

    Returns
    -------
    files : list of Path

    Raises
    ------
    RuntimeError
        If another version of the compiler is installed.
    """
    found = version("ziglang")
    if found != COMPILER:
        raise RuntimeError(f"ziglang {found} is installed; the modules are built with {COMPILER}.")
    files = [folder / name for name in MODULES]
    for file, special in zip(files, (_PLAIN, _THREADS), strict=True):
        _compile(file, special)
    return files


def _compile(file: Path, special: tuple[str, ...]) -> None:
    defined = [f"-DSTORMLENS_{name}={value}" for name, value in _DEFINED.items()]
    command = [sys.executable, "-m", "ziglang", "c++", *_FLAGS, *special, *defined, *_SOURCES]
    # From this folder, and by relative paths, so that no path of a machine can be in the bytes.
    subprocess.run([*command, "-o", str(file.resolve())], cwd=_HERE, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compile the web's kernels to WebAssembly.")
    package = _HERE.parents[2]
    parser.add_argument("--out", type=Path, default=package / "learn" / "web" / "network")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for file in build(out):
        print(f"{file.name}: {file.stat().st_size:,} bytes")  # noqa: T201
