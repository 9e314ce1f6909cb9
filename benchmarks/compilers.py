"""
The native kernels built by GCC and by Clang, timed one by one on one thread.

``python benchmarks/compilers.py [--set avx2] [--repeats 3]`` compiles the sources as
src/stormlens/ops/native/CMakeLists.txt does, once a compiler and instruction set, runs
benchmarks/compilers.cpp with each in turn, and prints a table in Markdown. Clang is found as
``clang++`` or in PyPI's ziglang.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
NATIVE = HERE.parent / "src" / "stormlens" / "ops" / "native"
SOURCES = ("kernels", "sliding", "dense_windows", "convolution", "engine", "panels")
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
# As CMakeLists.txt has them: floats a vector, vectors held, further flags. Zig means the machine's
# own processor where no other is named, so the baseline is spelled out.
SETS = {
    "baseline": (4, 2, ()),
    "avx2": (8, 2, ("-mavx2", "-mfma")),
    "avx512": (16, 2, ("-mavx512f", "-mfma")),
}


def compilers() -> dict[str, list[str]]:
    """Commands that compile, by the name of the compiler."""
    found = {}
    if shutil.which("g++"):
        found["GCC"] = ["g++"]
    if shutil.which("clang++"):
        found["Clang"] = ["clang++"]
    elif importlib.util.find_spec("ziglang"):
        found["Clang"] = [sys.executable, "-m", "ziglang", "c++", "-mcpu=x86_64"]
    return found


def build(command: list[str], name: str, folder: Path) -> Path:
    """Compile the benchmark with one instruction set."""
    lanes, vectors, more = SETS[name]
    defined = {"LANES": lanes, "VECTORS": vectors, "ISA": name}
    macros = [f"-DSTORMLENS_{key}={value}" for key, value in defined.items()]
    # Functions ask for the set that runs best; with one alone, it is called the baseline.
    macros[-1] = "-DSTORMLENS_ISA=baseline"
    sources = [str(NATIVE / f"{source}.cpp") for source in SOURCES]
    program = folder / "kernels"
    given = [*FLAGS, "-Wno-unknown-pragmas", *more, *macros, f"-I{NATIVE}", *sources]
    subprocess.run([*command, *given, str(HERE / "compilers.cpp"), "-o", str(program)], check=True)
    return program


def measure(program: Path, repeats: int) -> dict[str, float]:
    """Nanoseconds by kernel, the best of some runs."""
    best: dict[str, float] = {}
    for _ in range(repeats):
        printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
        for line in printed.splitlines():
            kernel, value = line.split("\t")
            best[kernel] = min(float(value), best.get(kernel, float("inf")))
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--set", choices=SETS, action="append", dest="sets")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    times = {}
    for name in given.sets or SETS:
        for compiler, command in compilers().items():
            with TemporaryDirectory() as folder:
                times[name, compiler] = measure(build(command, name, Path(folder)), given.repeats)
    print(f"Load before and after: {os.getloadavg()}")
    heads = [f"{compiler}, {name}" for name, compiler in times]
    print("| kernel | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads), sep="\n")
    for kernel in next(iter(times.values())):
        scale, unit = (1, "ns") if kernel.endswith("a value") else (1e3, "us")
        cells = [f"{found[kernel] / scale:.2f}" for found in times.values()]
        print(f"| {kernel} ({unit}) | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
