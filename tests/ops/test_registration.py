import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest

import stormlens
from stormlens.engine import _library
from stormlens.errors import InputError
from stormlens.ops import Native, _registration, native

# The function itself, without the memory of the first call.
find = native.__wrapped__

needs_library = pytest.mark.skipif(not native().available, reason=native().reason)


@pytest.fixture
def libraries(monkeypatch):
    """Sets which files are taken for the library; nothing is remembered of them."""
    _library.load_library.cache_clear()

    def set_to(*paths):
        def candidates(pattern=None):
            return iter(() if pattern else paths)

        monkeypatch.setattr(_library, "candidates", candidates)

    yield set_to
    _library.load_library.cache_clear()


def test_the_switch_leaves_it_unused_and_says_so(libraries, monkeypatch):
    monkeypatch.setenv("STORMLENS_NATIVE", "0")
    found = find()
    assert (found.available, found.instruction_set) == (False, "")
    assert found.reason == "STORMLENS_NATIVE is 0; unset it to use the native operations"


@pytest.mark.slow
def test_a_process_with_the_switch_computes_without_it():
    code = (
        "import jax, jax.numpy as jnp\n"
        "from stormlens.ops import conv_pool, native\n"
        "image = jnp.arange(16.0).reshape(1, 4, 4, 1)\n"
        "f = jax.jit(lambda x: conv_pool(x, jnp.ones((1, 1, 1, 1)), jnp.zeros(1), 2))\n"
        "assert 'stormlens' not in f.lower(image).as_text()\n"
        "print(native().available, f(image).ravel())\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "STORMLENS_NATIVE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.split() == ["False", "[", "5.", "7.", "13.", "15.]"]


def test_an_instruction_set_that_there_is_not_is_named(libraries, monkeypatch):
    monkeypatch.setenv("STORMLENS_INSTRUCTION_SET", "avx-2")
    with pytest.raises(InputError, match="SET is 'avx-2'; set it to baseline, avx2 or avx512"):
        _library.load_library()
    monkeypatch.setenv("STORMLENS_INSTRUCTION_SET", "baseline")
    assert "SET" not in _library.load_library().reason


def test_what_is_no_library_gives_a_reason(libraries, tmp_path):
    junk = tmp_path / "libstormlens_native.so"
    junk.write_bytes(b"junk")
    libraries(junk)
    found = find()
    assert not found.available
    assert found.reason.startswith(f"{junk} cannot be loaded (")
    assert "install a C++ compiler" in found.reason


def test_a_library_of_other_sources_gives_a_reason(libraries):
    other = np.random.mtrand.__file__  # any library
    libraries(other)
    sentence = f"{other} was built from other sources than this version's; install stormlens again"
    assert find().reason.startswith(sentence)


@needs_library
def test_a_library_of_another_interface_is_not_called(libraries, monkeypatch):
    ours = _library.load_library().path
    _library.load_library.cache_clear()
    monkeypatch.setattr(_library, "_INTERFACE", 99)
    libraries(ours)
    assert find().reason.startswith(f"{ours} was built from other sources")


def test_a_library_that_is_missing_gives_a_reason(libraries):
    libraries()
    reason = find().reason
    assert reason.startswith("the library is missing, as its compilation failed or was left out; ")
    assert "pip install --verbose" in reason


def test_what_the_build_says_instead_of_a_library_is_repeated(monkeypatch, tmp_path):
    folder = tmp_path / "ops" / "native"
    folder.mkdir(parents=True)
    (folder / "not_built.txt").write_text("no C++ compiler was found\x1b[2J\n" + "x" * 500)
    monkeypatch.setattr(stormlens, "__path__", [str(tmp_path)])
    _library.load_library.cache_clear()
    reason = find().reason
    _library.load_library.cache_clear()
    assert reason.startswith("they were not built, as no C++ compiler was found")
    assert "; install a C++ compiler" in reason
    assert "\x1b" not in reason
    assert len(reason) < 400


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (None, "no C++ compiler was found"),
        ("none-such", "CXX, which is 'none-such', names no C++ compiler that works"),
    ],
)
def test_the_build_leaves_a_sentence_where_there_is_no_compiler(
    tmp_path, monkeypatch, named, sentence
):
    if shutil.which("cmake") is None:
        pytest.skip("there is no CMake")
    build, target = tmp_path / "build", tmp_path / "target"
    sources = Path(__file__).parents[2] / "src" / "stormlens" / "ops" / "native"  # not in a wheel
    given = [f"-DCMAKE_INSTALL_PREFIX={target}"]
    if named is None:
        monkeypatch.delenv("CXX", raising=False)
        given.append("-DCMAKE_CXX_COMPILER=NOTFOUND")
    else:
        monkeypatch.setenv("CXX", named)
    subprocess.run(["cmake", "-S", sources, "-B", build, *given], check=True, capture_output=True)
    subprocess.run(["cmake", "--install", build], check=True, capture_output=True)
    left = target / "stormlens" / "ops" / "native" / "not_built.txt"
    assert left.read_text() == sentence


@pytest.fixture
def refusing(monkeypatch):
    """A jaxlib that refuses what is registered, of a version that is given."""

    def refuse(version):
        def register(name, *_, **__):
            raise RuntimeError(f"{name}: the handler's API version is incompatible")

        monkeypatch.setattr(jax.ffi, "register_ffi_target", register)
        monkeypatch.setattr(_registration, "_jaxlib", lambda: version)

    return refuse


@needs_library
def test_an_older_jaxlib_than_the_headers_is_named(refusing):
    refusing("0.4.38")
    headers = _registration._text(_library.load_library().handle, "stormlens_headers")
    assert find() == Native(
        False,
        reason="jaxlib 0.4.38 refuses the native library, which was built with the headers of "
        f"jaxlib {headers}; install jaxlib {headers} or later, or install stormlens again",
    )


@needs_library
def test_a_later_jaxlib_that_refuses_is_quoted(refusing):
    refusing("99.0.0")
    reason = find().reason
    assert reason.startswith("jaxlib 99.0.0 refuses the native library (stormlens_conv_pool: the ")
    assert "API version is incompatible); install a C++ compiler" in reason


@needs_library
def test_what_registers_and_does_not_compute_is_not_available(monkeypatch):
    monkeypatch.setattr(_registration, "_register", lambda _: None)
    monkeypatch.setattr(jax.ffi, "ffi_call", lambda *_, **__: lambda image, *_, **__: image + 1)
    assert find().reason.startswith("they give wrong numbers on jaxlib ")

    def fail(*_, **__):
        raise RuntimeError("no handler")

    monkeypatch.setattr(jax.ffi, "ffi_call", lambda *_, **__: fail)
    assert "refuses the native library (no handler)" in find().reason


@needs_library
def test_jax_without_a_cpu_gives_a_reason(monkeypatch):
    def none(backend):
        raise RuntimeError(f"Unknown backend {backend}")

    monkeypatch.setattr(jax, "local_devices", none)
    assert find().reason == "JAX may not use the CPU (Unknown backend cpu); unset JAX_PLATFORMS"


@needs_library
def test_it_is_tried_once_inside_a_function_that_is_traced():
    """The first use of an operation may be anywhere: under jit, vmap and grad."""
    seen = []

    def traced(x):
        seen.append(find())
        return x * 2

    jax.jit(jax.vmap(jax.grad(lambda x: traced(x).sum())))(jnp.ones((2, 3)))
    assert seen == [native()]


def jaxlibs():
    """Interpreters of environments that have another jaxlib, and this package's needs."""
    named = os.environ.get("STORMLENS_OTHER_JAXLIBS", "")
    return [path for path in named.split(os.pathsep) if path]


@needs_library
@pytest.mark.slow
@pytest.mark.parametrize("python", jaxlibs() or [None])
def test_the_same_library_computes_on_another_jaxlib_or_says_why_not(python):
    if python is None:
        pytest.skip("STORMLENS_OTHER_JAXLIBS names no Python with another jaxlib")
    code = (
        "import jax, jax.numpy as jnp, jaxlib\n"
        "from stormlens.ops import conv_pool, native\n"
        "image = jnp.arange(16.0).reshape(1, 4, 4, 1)\n"
        "f = jax.jit(lambda x: conv_pool(x, jnp.ones((1, 1, 1, 1)), jnp.zeros(1), 2))\n"
        "print(native().available, 'stormlens' in f.lower(image).as_text(), f(image).ravel())\n"
        "print(native().reason)\n"
    )
    source = str(Path(stormlens.__file__).parents[1])
    ended = subprocess.run(
        [python, "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    outcome, reason = ended.stdout.splitlines()
    available, native_code, *values = outcome.replace("[", " ").replace("]", " ").split()
    assert available == native_code
    assert values == ["5.", "7.", "13.", "15."]
    if available == "False":
        assert "refuses the native library, which was built with the headers of" in reason


def test_each_folder_of_an_editable_install_is_looked_into(monkeypatch, tmp_path):
    sources, built = tmp_path / "sources", tmp_path / "built"
    for folder, name in ((sources, "engine.cpp"), (built, "libstormlens_native.so")):
        (folder / "ops" / "native").mkdir(parents=True)
        (folder / "ops" / "native" / name).touch()
    monkeypatch.setattr(stormlens, "__path__", [str(sources), str(built)])
    assert list(_library.candidates()) == [built / "ops" / "native" / "libstormlens_native.so"]


@needs_library
def test_the_library_is_found_again():
    assert find() == native()
    assert native().instruction_set in ("avx512", "avx2", "baseline")


CONV = {
    "pool": np.int64(2),
    "rows_before": np.int64(0),
    "rows_after": np.int64(0),
    "columns_before": np.int64(0),
    "columns_after": np.int64(0),
    "relu": np.bool_(True),
    "low": np.float32(0),
    "high": np.float32(1),
}
ADAM = {name: np.float32(0.5) for name in ("decay_mean", "decay_square", "epsilon")}

# Images, kernel, bias, masks of no columns, pooled maps, of sizes that fit in one way only.
X, K, B, M, S, P = (3, 8, 10, 2), (3, 3, 2, 5), (5,), (3, 5), (3, 2), (3, 3, 4, 5)
W = (6, 7)
Z, Q, Y = (3, 8, 10, 16), (3, 3, 16, 32), (3, 8, 10, 32)  # images, kernel, outputs of convolve
BYTE = "uint8"
# Of each operation: operands, results, attributes.
CALLS = {
    "stormlens_conv_pool": ([X, K, B, M, S], [P], CONV),
    "stormlens_conv_pool_argmax": ([X, K, B, M, S], [P, (P, BYTE)], CONV),
    "stormlens_conv_pool_weight_gradient": ([X, M, S, (P, BYTE), P], [K, B], CONV),
    "stormlens_conv_pool_image_gradient": ([X, K, M, S, (P, BYTE), P], [X], CONV),
    "stormlens_warp": ([(4, 5, 6), (4, 2, 3)], [(4, 5, 6)], {"fill": 0, "cval": np.float32(0)}),
    "stormlens_adam": ([W, W, W, (4,), (), W], [W, W, W], ADAM),
    "stormlens_dense": ([(4, 6), W], [(4, 7)], {}),
    "stormlens_dense_input_gradient": ([W, (4, 7)], [(4, 6)], {}),
    "stormlens_dense_step": ([W, W, W, (4,), (4, 6), (4, 7)], [W, W, W, (4, 6)], ADAM),
    "stormlens_convolve": ([Z, Q], [Y], {}),
    "stormlens_convolve_image_gradient": ([Q, Y], [Z], {}),
    "stormlens_convolve_kernel_gradient": ([Z, Y], [Q], {}),
}


def call(target, operands, results, attributes):
    def typed(given):
        return given if given and isinstance(given[-1], str) else (given, "float32")

    declared = [jax.ShapeDtypeStruct(*typed(r)) for r in results]
    arrays = [jnp.zeros(*typed(o)) for o in operands]
    attributes = {k: np.int64(v) if type(v) is int else v for k, v in attributes.items()}
    return jax.block_until_ready(jax.ffi.ffi_call(target, declared)(*arrays, **attributes))


def refuses(target, operands, results, attributes):
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"INVALID_ARGUMENT: \w+: .+\."):
        call(target, operands, results, attributes)


def wrong_sizes(given):
    shape, *rest = given if given and given[-1] == BYTE else (given,)
    wrong = [shape[:-1], (shape[0] + 1, *shape[1:]), (*shape[:-1], shape[-1] + 1)]
    return [(w, *rest) if rest else w for w in wrong]


@needs_library
def test_every_operation_is_called_here():
    assert set(CALLS) == set(_registration._TARGETS)


@pytest.mark.slow
@needs_library
@pytest.mark.parametrize("target", CALLS)
def test_sizes_that_do_not_match_are_refused(target):
    operands, results, attributes = CALLS[target]
    call(target, operands, results, attributes)
    for i, operand in enumerate(operands):
        if operand == ():  # what Adam waits for may be anything
            continue
        for wrong in wrong_sizes(operand):
            refuses(target, [*operands[:i], wrong, *operands[i + 1 :]], results, attributes)
    for i, result in enumerate(results):
        for wrong in wrong_sizes(result):
            refuses(target, operands, [*results[:i], wrong, *results[i + 1 :]], attributes)


@needs_library
@pytest.mark.parametrize(
    "setting",
    [
        {"pool": 4},
        {"pool": 0},
        {"rows_before": -1},
        {"columns_after": -1},
        {"rows_after": 2},  # more pooled rows than there is room for
    ],
)
@pytest.mark.parametrize("target", [name for name in CALLS if "conv_pool" in name])
def test_settings_that_do_not_match_are_refused(target, setting):
    operands, results, attributes = CALLS[target]
    refuses(target, operands, results, {**attributes, **setting})


@needs_library
def test_types_bounds_and_fill_modes_that_are_unknown_are_refused():
    operands, results, attributes = CALLS["stormlens_conv_pool"]
    refuses("stormlens_conv_pool", [(X, "int32"), *operands[1:]], results, attributes)
    flat = {**attributes, "high": np.float32(0)}
    refuses("stormlens_conv_pool", [(X, BYTE), *operands[1:]], results, flat)
    operands, results, attributes = CALLS["stormlens_warp"]
    refuses("stormlens_warp", [((4, 5, 6), "int32"), operands[1]], results, attributes)
    for fill in (-1, 4):
        refuses("stormlens_warp", operands, results, {**attributes, "fill": fill})


@needs_library
def test_an_empty_batch_gives_empty_results():
    target = "stormlens_conv_pool_weight_gradient"
    _, results, attributes = CALLS[target]
    empty = [(0, *X[1:]), (0, 5), (0, 2), ((0, *P[1:]), BYTE), (0, *P[1:])]
    kernel, bias = call(target, empty, results, attributes)
    npt.assert_array_equal(kernel, 0)
    npt.assert_array_equal(bias, 0)
    (outputs,) = call("stormlens_dense", [(0, 6), W], [(0, 7)], {})
    assert outputs.shape == (0, 7)
