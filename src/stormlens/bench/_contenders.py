"""The programs that are compared: what each does, what it needs, and the module that runs it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec

TASKS = ("train", "augment", "predict")
"""Training epochs, random transforms of images, class probabilities."""


@dataclass(frozen=True)
class Contender:
    """
    A program that does some of the tasks.

    Attributes
    ----------
    name : str
        Of the peer, or of a variant of Stormlens.
    tasks : tuple of str
        Those of `TASKS` that it can do.
    home : str
        Module that runs it: ``start(job)`` returns a function that does one pass.
    modules : tuple of str
        Modules that must be installed.
    environment : mapping of str to str
        Variables set in its process.
    """

    name: str
    tasks: tuple[str, ...]
    home: str
    modules: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def missing(self) -> list[str]:
        """
        Modules that are not installed.

        Returns
        -------
        modules : list of str
        """
        return [module for module in self.modules if find_spec(module) is None]


STORMLENS = "stormlens"
AUGMENTED = "stormlens, augmented"

OURS = (
    Contender(STORMLENS, TASKS, "stormlens.bench._stormlens"),
    Contender(AUGMENTED, ("train",), "stormlens.bench._stormlens"),
)

_TENSORFLOW = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

PEERS = (
    Contender(
        "keras-tensorflow",
        ("train", "predict"),
        "stormlens.bench._keras_peer",
        ("keras", "tensorflow"),
        _TENSORFLOW,
    ),
    Contender(
        "keras-jax",
        ("train", "predict"),
        "stormlens.bench._keras_peer",
        ("keras", "jax"),
        {"KERAS_BACKEND": "jax"},
    ),
    Contender("pytorch", ("train", "predict"), "stormlens.bench._torch_peer", ("torch",)),
    Contender(
        "imagedatagenerator",
        ("augment",),
        "stormlens.bench._generator_peer",
        ("keras", "scipy"),
        {"KERAS_BACKEND": "numpy"},
    ),
    Contender(
        "onnxruntime", ("predict",), "stormlens.bench._onnxruntime_peer", ("onnx", "onnxruntime")
    ),
    Contender("openvino", ("predict",), "stormlens.bench._openvino_peer", ("onnx", "openvino")),
)
"""Every program that Stormlens can be compared with."""


def versions(contenders: Iterable[Contender] = PEERS) -> dict[str, str]:
    """
    Versions of Stormlens and of what the contenders need, where installed.

    Parameters
    ----------
    contenders : iterable of Contender, optional
        Whose libraries to name.

    Returns
    -------
    versions : dict of str to str
        By distribution, such as ``"tensorflow_cpu"``.
    """
    installed = packages_distributions()
    modules = ["stormlens", "jax", "jaxlib", "keras", "optax", "numpy", "xarray"]
    modules += [module for contender in contenders for module in contender.modules]
    names = {name for module in modules for name in installed.get(module, [])[:1]}
    return {name: version(name) for name in sorted(names, key=str.casefold)}
