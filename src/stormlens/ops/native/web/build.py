"""
Compile the web's kernels to WebAssembly, with the Clang of PyPI's ziglang.

One module has plain memory; the other shares it with web workers that are its threads. Their
bytes follow from the sources and the compiler's version alone: tests/learn/test_wasm.py builds
them again.

Run it where that version of ziglang is installed: ``python src/stormlens/ops/native/web/build.py``.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

COMPILER = "0.17.1"
"""Version of ziglang whose bytes are kept."""

MODULES = ("stormlens.wasm", "stormlens-threads.wasm")
"""What is built, in the package's learn/web/network."""

_HERE = Path(__file__).parent
_FEATURES = "generic+simd128+bulk_memory"
# Code that knows of no thread is compiled once, as if there were some: it comes out the same.
_THREADED = f"{_FEATURES}+atomics"
_SHARED = (
    *("../kernels.cpp", "../convolution.cpp", "../engine.cpp", "../panels.cpp"),
    *("convolutions.cpp", "dense.cpp", "maps.cpp", "training.cpp", "library.cpp"),
)
_OWN = ("threads.cpp", "memory.cpp")
# Few of the C library's functions are called, and compiling all of it takes far longer than the
# kernels do. So none is linked: these come from its sources, others from library.cpp.
_MUSL = Path("lib", "libc", "musl")
_MATHEMATICS = (
    *("erff", "powf", "powf_data", "exp2f_data"),
    *("__math_invalidf", "__math_oflowf", "__math_uflowf", "__math_xflowf"),
)
# Browsers compile for sixteen registers and keep one: three vectors of three sums, and what they
# are made of, take fourteen.
_DEFINED = {"ISA": "baseline", "LANES": 4, "VECTORS": 3}
_C = ("-target", "wasm32-wasi", "-O3", "-ffp-contract=off")
_CPP = (
    *("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics"),
    *("-fno-c++-static-destructors", "-fno-math-errno", "-fno-trapping-math"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
    *(f"-DSTORMLENS_{name}={value}" for name, value in _DEFINED.items()),
)
_LINK = (
    *("-target", "wasm32-freestanding", f"-mcpu={_THREADED}", "-O", "ReleaseFast", "-fstrip"),
    *("-fno-entry", "--stack", "1048576"),
)
# A page shares 2 GiB at most.
_LINK_THREADS = (
    *("--import-memory", "--shared-memory", "--max-memory=2147483648"),
    "--export=__stack_pointer",
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
    with TemporaryDirectory() as made, ThreadPoolExecutor(os.cpu_count()) as pool:
        mathematics = [pool.submit(_compile_c, name, Path(made)) for name in _MATHEMATICS]
        shared = [pool.submit(_compile, name, _THREADED, Path(made)) for name in _SHARED]
        for file, features, more in zip(
            files, (_FEATURES, _THREADED), ((), _LINK_THREADS), strict=True
        ):
            own = [pool.submit(_compile, name, features, Path(made)) for name in _OWN]
            objects = [str(one.result()) for one in (*shared, *own, *mathematics)]
            _zig("build-exe", *_LINK, *more, *objects, f"-femit-bin={file.resolve()}")
    return files


def _compile(name: str, features: str, folder: Path) -> Path:
    made = folder / f"{Path(name).stem}-{features}.o"
    _zig("c++", *_C, *_CPP, f"-mcpu={features}", "-c", name, "-o", str(made))
    return made


def _compile_c(name: str, folder: Path) -> Path:
    """Compile one of the C library's own sources."""
    import ziglang

    sources = Path(ziglang.__file__).parent / _MUSL
    found = (f"-I{sources / part}" for part in ("src/internal", "arch/generic"))
    made = folder / f"{name}.o"
    file = sources / "src" / "math" / f"{name}.c"
    _zig("cc", *_C, "-Dhidden=", f"-mcpu={_THREADED}", *found, "-c", str(file), "-o", str(made))
    return made


def _zig(*given: str) -> None:
    # From this folder, and by relative paths, so that no path of a machine can be in the bytes.
    subprocess.run([sys.executable, "-m", "ziglang", *given], cwd=_HERE, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compile the web's kernels to WebAssembly.")
    package = _HERE.parents[2]
    parser.add_argument("--out", type=Path, default=package / "learn" / "web" / "network")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for file in build(out):
        print(f"{file.name}: {file.stat().st_size:,} bytes")  # noqa: T201
