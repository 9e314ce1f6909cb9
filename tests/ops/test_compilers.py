"""The vector code as compilers optimise it, beside plain loops: GCC, Clang, and 64-bit ARM.

Sanitizers (test_sanitizers.py) leave little of what an optimiser does, and wheels for macOS and
Windows are made by Clang. Programs for ARM are made by Debian's cross-compiler and run by QEMU's
user mode. WebAssembly is made by Clang too: tests/learn/test_wasm.py compiles its modules again,
and tests/learn/test_node.py compares what they compute with Python.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

# A compiler takes 3 to 8 s for a program, and there are 17. Zig, where it is the Clang at hand,
# compiles its own C++ library before it is first used, for minutes.
pytestmark = pytest.mark.long(3)

NATIVE = Path(__file__).parents[2] / "src" / "stormlens" / "ops" / "native"
DRIVERS = Path(__file__).parent / "native"
IS_X86 = platform.machine() in ("x86_64", "AMD64")
# As CMakeLists.txt has them, but for -O3, which takes longer.
FLAGS = [
    *("-std=c++17", "-O2", "-pthread", "-fno-math-errno", "-fno-trapping-math"),
    *("-ffp-contract=fast", "-Wno-unknown-pragmas", f"-I{NATIVE}"),
]
SOURCES = {
    "check": ["kernels.cpp"],
    "check_sliding": ["sliding.cpp", "dense_windows.cpp", "convolution.cpp"],
    # Its binding needs the code of all sets, or is built as where there is but one.
    "check_engine": ["engine.cpp", "kernels.cpp", "panels.cpp", "engine_binding.cpp"],
}
TABLES = {"check": "kernels", "check_sliding": "sliding"}
# As CMakeLists.txt has them: floats a vector, vectors of filters side by side, further flags.
ARM = {"baseline": (4, 4, [])}
X86 = {
    "baseline": (4, 2, []),
    "avx2": (8, 2, ["-mavx2", "-mfma"]),
    "avx512": (16, 2, ["-mavx512f", "-mfma"]),
}
SETS = X86 if IS_X86 else ARM

# What the library asks the processor, by a program of its own.
ASKS = """
#include <cstdio>
#include "instruction_set.hpp"
using namespace stormlens;
int main() { std::printf("%d %d", runs(InstructionSet::kAvx2), runs(InstructionSet::kAvx512)); }
"""


def programs_of(sets):
    """Programs as pairs of a driver and an instruction set."""
    return [(driver, name) for driver in SOURCES for name in sets if driver in TABLES] + [
        ("check_engine", "baseline")
    ]


def command(driver, name, sets):
    """Flags and sources of a driver with the code of one instruction set."""
    lanes, vectors, flags = sets[name]
    macros = [f"-DSTORMLENS_LANES={lanes}", f"-DSTORMLENS_VECTORS={vectors}"]
    macros.append(f"-DSTORMLENS_ISA={name}")
    if driver in TABLES:
        macros.append(f"-DCHECKED={name}_{TABLES[driver]}")
    if name != "baseline":
        macros.append("-DSTORMLENS_X86")
    sources = [*(NATIVE / source for source in SOURCES[driver]), DRIVERS / f"{driver}.cpp"]
    return [*flags, *macros, *map(str, sources)]


def compile_all(compiler, sets, folder):
    """Compile every program; returns them by driver and instruction set."""

    def compile_one(pair):
        program = folder / "-".join(pair)
        called = [*compiler, *FLAGS, *command(*pair, sets), "-o", str(program)]
        ended = subprocess.run(called, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return pair, program

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(compile_one, programs_of(sets)))


def clang():
    """How to call Clang, or PyPI's ziglang, which holds one; nothing where both are missing."""
    if shutil.which("clang++"):
        return ["clang++"]
    # Zig's default is all that the processor at hand can do, and the baseline would use it too.
    given = ["-m", "ziglang", "c++", "-mcpu=baseline"]
    return [sys.executable, *given] if importlib.util.find_spec("ziglang") else []


@pytest.fixture(scope="module", params=["GCC", "Clang"])
def compiler(request):
    """How to call a compiler, or a skip that says what is missing."""
    if sys.platform == "win32":
        pytest.skip("the drivers use what Windows lacks")
    found = clang() if request.param == "Clang" else ["g++"] * bool(shutil.which("g++"))
    if not found:
        needed = {"GCC": "g++", "Clang": "clang, or ziglang from PyPI"}
        pytest.skip(f"{request.param} was not found: install {needed[request.param]}")
    return found


@pytest.fixture(scope="module")
def programs(compiler, tmp_path_factory):
    return compile_all(compiler, SETS, tmp_path_factory.mktemp("optimised"))


def run(*called):
    ended = subprocess.run(list(map(str, called)), capture_output=True, text=True)
    if ended.returncode == 77:
        pytest.skip("this processor does not run the instruction set")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(("driver", "name"), programs_of(SETS))
def test_optimised_code_equals_plain_loops(programs, driver, name):
    run(programs[driver, name], 40)


@pytest.mark.skipif(not IS_X86, reason="other processors have one instruction set")
def test_the_processor_runs_what_its_system_lists(compiler, tmp_path):
    listed = Path("/proc/cpuinfo")
    if not listed.exists():
        pytest.skip("this system does not list what its processor runs")
    known = next(line for line in listed.read_text().splitlines() if line.startswith("flags"))
    flags = set(known.split())
    source = tmp_path / "asks.cpp"
    source.write_text(ASKS)
    called = [*compiler, *FLAGS, "-DSTORMLENS_X86", str(source), "-o", str(tmp_path / "asks")]
    subprocess.run(called, check=True)
    answers = subprocess.run([tmp_path / "asks"], capture_output=True, text=True, check=True)
    due = {"avx2", "fma"} <= flags, {"avx512f", "fma"} <= flags
    assert answers.stdout == f"{due[0]:d} {due[1]:d}"


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """What runs programs for 64-bit ARM, and the programs, or a skip that says what is missing."""
    emulator = next(filter(None, map(shutil.which, ("qemu-aarch64-static", "qemu-aarch64"))), None)
    if emulator is None:
        pytest.skip("nothing runs programs for 64-bit ARM: install qemu-user-static")
    if shutil.which("aarch64-linux-gnu-g++") is None:
        pytest.skip("nothing compiles for 64-bit ARM: install g++-aarch64-linux-gnu")
    compiler = ["aarch64-linux-gnu-g++", "-static"]
    return emulator, compile_all(compiler, ARM, tmp_path_factory.mktemp("arm"))


@pytest.mark.parametrize(("driver", "name"), programs_of(ARM))
def test_code_for_64_bit_arm_equals_plain_loops(emulated, driver, name):
    emulator, programs = emulated
    # An emulator takes some twenty times as long.
    run(emulator, programs[driver, name], 10)
