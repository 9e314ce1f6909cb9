"""The native code under the compiler's sanitizers: memory, undefined behaviour, races."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Two to seven compilations of up to 25 s, side by side.
pytestmark = pytest.mark.long(10)

NATIVE = Path(__file__).parents[2] / "src" / "stormlens" / "ops" / "native"
DRIVER = Path(__file__).parent / "native" / "check.cpp"
DRIVERS = {"kernels": DRIVER, "sliding": DRIVER.with_name("check_sliding.cpp")}
SOURCES = {
    "kernels": ["kernels.cpp"],
    "sliding": ["sliding.cpp", "dense_windows.cpp", "convolution.cpp"],
}
MEMORY = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
VECTOR = ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-Wno-unknown-pragmas"]
IS_X86 = platform.machine() in ("x86_64", "AMD64")
COMMON = ["-std=c++17", "-O1", "-g1", "-pthread", *(["-DSTORMLENS_X86"] if IS_X86 else [])]

# As web/build.py has them, but for the allocator, which the driver holds.
WEB = {"ISA": "baseline", "LANES": 4, "VECTORS": 3}
WEB_SOURCES = [
    *("kernels.cpp", "convolution.cpp", "engine.cpp", "panels.cpp", "web/convolutions.cpp"),
    *("web/dense.cpp", "web/maps.cpp", "web/training.cpp", "web/threads.cpp"),
]

# As CMakeLists.txt has them: floats a vector, vectors held, further flags.
SETS = {"baseline": (4, 2 if IS_X86 else 4, [])}
if IS_X86:
    SETS["avx2"] = (8, 2, ["-mavx2", "-mfma"])
    SETS["avx512"] = (16, 2, ["-mavx512f", "-mfma"])

# Scratch memory of exactly the size asked for, fresh each time: an overrun, or a use of what
# was there before, is then seen. Memory is asked for by reading it, as WebAssembly does.
EXACT = {
    "kernels.hpp": {
        "sizeof(T) + 128;": "sizeof(T);",
        "if (bytes > size_) {": "{",
        "memory_ = std::malloc(bytes);": (
            "if (posix_memalign(&memory_, 64, bytes) != 0) memory_ = nullptr;"
        ),
    },
    "vectors.hpp": {"#ifdef __wasm__": "#if true"},
}


@pytest.fixture(scope="module")
def compiler():
    """A C++ compiler, or a skip that says what is missing."""
    named = os.environ.get("CXX", "").split()
    found = next(filter(shutil.which, [*named[:1], "g++", "clang++", "c++"]), None)
    if found is None or sys.platform == "win32":
        pytest.skip("no C++ compiler was found: install GCC or Clang, or set CXX")
    return found


def compile_all(compiler, commands):
    """Run compilations side by side; skip where the compiler has no sanitizers."""
    running = [
        subprocess.Popen([compiler, *COMMON, *command], stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in running:
        errors = process.communicate()[1]
        if process.returncode and ("asan" in errors or "tsan" in errors or "sanitize" in errors):
            pytest.skip(f"{compiler} has no sanitizers: {errors.splitlines()[-1]}")
        assert process.returncode == 0, errors


@pytest.fixture(scope="module")
def programs(compiler, tmp_path_factory):
    """The drivers with each instruction set's code, one program each."""
    folder = tmp_path_factory.mktemp("sanitized")
    (folder / "web").mkdir()
    for source in [*NATIVE.glob("*.[ch]pp"), *NATIVE.glob("web/*.[ch]pp")]:
        text = source.read_text()
        for loose, exact in EXACT.get(source.name, {}).items():
            assert text.count(loose) == 1, f"{source.name} has changed: adapt EXACT ({loose})"
            text = text.replace(loose, exact)
        (folder / source.relative_to(NATIVE)).write_text(text)

    def command(code, name):
        lanes, vectors, flags = SETS[name]
        macros = [f"-DSTORMLENS_{k}={v}" for k, v in (("LANES", lanes), ("VECTORS", vectors))]
        macros += [f"-DSTORMLENS_ISA={name}", f"-DCHECKED={name}_{code}"]
        sources = [str(folder / source) for source in SOURCES[code]]
        sources += [str(DRIVERS[code]), f"-I{folder}"]
        program = str(folder / f"{code}-{name}")
        return [*MEMORY, *VECTOR, *flags, *macros, *sources, "-o", program]

    wanted = [(code, name) for code in SOURCES for name in SETS]
    compile_all(compiler, [command(*pair) for pair in wanted])
    return {pair: folder / "-".join(pair) for pair in wanted}


def run(program, *arguments):
    # Fresh memory is filled with NaN, so that a use of what was never written is a difference.
    options = {
        "ASAN_OPTIONS": "detect_leaks=1:max_malloc_fill_size=268435456:malloc_fill_byte=255",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    finished = subprocess.run(
        [program, *arguments],
        env={**os.environ, **options},
        capture_output=True,
        text=True,
        check=False,
    )
    if "LeakSanitizer does not work under ptrace" in finished.stderr:
        pytest.skip("leaks cannot be looked for under a debugger")
    if "unexpected memory mapping" in finished.stderr:
        pytest.skip("ThreadSanitizer does not run on this kernel's memory layout")
    if finished.returncode == 77:
        pytest.skip("this processor does not run the instruction set")
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("name", SETS)
def test_kernels_equal_plain_loops_and_stay_within_their_arrays(programs, name):
    run(programs["kernels", name])


@pytest.mark.parametrize("name", SETS)
def test_sliding_windows_equal_plain_loops_and_stay_within_their_arrays(programs, name):
    run(programs["sliding", name])


@pytest.fixture(scope="module", params=["address,undefined", "thread"])
def engine(request, compiler, programs, tmp_path_factory):
    """The engine's driver with all instruction sets, their code as objects of one program."""
    sanitized = [f"-fsanitize={request.param}", "-fno-sanitize-recover=all"]
    folder = tmp_path_factory.mktemp("engine")
    sources = next(iter(programs.values())).parent  # whose Scratch gives exactly what is asked for
    objects = []
    for name, (lanes, vectors, flags) in SETS.items():
        macros = [f"-DSTORMLENS_{k}={v}" for k, v in (("LANES", lanes), ("VECTORS", vectors))]
        for code in ("engine", "kernels"):
            made = folder / f"{code}-{name}.o"
            own = [*sanitized, *VECTOR, *flags, *macros, f"-DSTORMLENS_ISA={name}", "-c"]
            objects.append(([*own, str(sources / f"{code}.cpp"), "-o", str(made)], made))
    compile_all(compiler, [command for command, _ in objects])
    program = folder / "engine"
    drivers = [str(sources / name) for name in ("engine_binding.cpp", "panels.cpp")]
    drivers.append(str(DRIVER.with_name("check_engine.cpp")))
    made = [str(path) for _, path in objects]
    compile_all(compiler, [[*sanitized, *drivers, *made, "-o", str(program)]])
    return program, request.param


@pytest.mark.parametrize("name", SETS)
def test_the_engine_equals_plain_loops_and_refuses_what_does_not_fit(engine, name, monkeypatch):
    program, sanitizer = engine
    monkeypatch.setenv("STORMLENS_INSTRUCTION_SET", name)
    # Threads meet in the same places whatever the vectors, and their sanitizer takes ten times
    # as long.
    run(program, *(["10"] if sanitizer == "thread" else []))


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_sliding_windows_are_alike_for_any_threads_and_refuse_what_does_not_fit(
    compiler, programs, tmp_path, sanitizer
):
    exact = next(iter(programs.values())).parent  # whose Scratch gives exactly what is asked for
    sources = [str(exact / source) for source in (*SOURCES["sliding"], "sliding_binding.cpp")]
    lanes, vectors, _ = SETS["baseline"]
    macros = [f"-DSTORMLENS_{k}={v}" for k, v in (("LANES", lanes), ("VECTORS", vectors))]
    macros += ["-DSTORMLENS_ISA=baseline", "-USTORMLENS_X86"]
    flags = [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", *VECTOR, *macros]
    program = str(tmp_path / "windows")
    driver = str(DRIVER.with_name("check_windows.cpp"))
    compile_all(compiler, [[*flags, f"-I{exact}", *sources, driver, "-o", program]])
    # Where threads meet does not depend on the sizes, and their sanitizer takes longer.
    run(program, *(["12"] if sanitizer == "thread" else []))


def test_what_pages_call_equals_plain_loops_and_stays_within_its_arrays(
    compiler, programs, tmp_path
):
    exact = next(iter(programs.values())).parent  # whose Scratch gives exactly what is asked for
    macros = [f"-DSTORMLENS_{name}={value}" for name, value in WEB.items()]
    common = [*MEMORY, *VECTOR, *macros, "-USTORMLENS_X86", "-Wno-attributes", f"-I{exact}", "-c"]
    sources = [DRIVER.with_name("check_web.cpp"), *(exact / source for source in WEB_SOURCES)]
    made = [tmp_path / f"{source.stem}.o" for source in sources]
    pairs = zip(sources, made, strict=True)
    compile_all(compiler, [[*common, str(path), "-o", str(to)] for path, to in pairs])
    program = str(tmp_path / "web")
    compile_all(compiler, [[*MEMORY, *map(str, made), "-o", program]])
    run(program)


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
def test_tasks_are_done_once_and_without_races(compiler, tmp_path, sanitizer):
    program = tmp_path / "threads"
    command = [f"-fsanitize={sanitizer}", str(DRIVER), f"-I{NATIVE}", "-o", str(program)]
    compile_all(compiler, [command])
    run(program)
