"""
A classifier as an ONNX file, from whole dBZ to probabilities.

Scaling, orientations, the network and its temperature are nodes of the graph. Classes, bounds,
provenance and the model card are metadata, as text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.models._baseline import FeatureModel
from stormlens.models._card import NUMBERS
from stormlens.models._confidence import LEAST
from stormlens.models._network import CLIP, Network
from stormlens.models._onnx_graph import PROBABILITIES, Graph, Value, add_steps, need
from stormlens.storage import check_writable, write_bytes
from stormlens.stormbox import MAX_DBZ, MODES, PIXEL_KM

if TYPE_CHECKING:
    from stormlens.models._classifier import Classifier

BOXES = "reflectivity"
"""What an exported classifier takes, as the container calls it."""

ALIKE = 1e-5
"""How far an exported classifier's probabilities may be from the classifier's own."""

_SUFFIX = ".onnx"
_BESIDE = (
    "Not in this file: novelty, which tells boxes unlike all that are known; the set of plausible "
    "modes, which are those of a probability of plausible_from or more; and the names that follow "
    "from both and from what radars saw, such as unsure, no storm box, Clear and Missing. Values "
    "above the highest that the input may hold are not refused."
)


@dataclass(frozen=True)
class Exported:
    """
    An ONNX file that was written.

    Attributes
    ----------
    path : Path
        The file.
    size : int
        Bytes.
    written_by : str
        Who wrote the network's nodes, in words.
    checked_by : str
        What answered from the file, in words.
    largest_difference : float
        Of its probabilities from the classifier's own, on some images; 1e-5 at most.
    """

    path: Path
    size: int
    written_by: str
    checked_by: str
    largest_difference: float


def export_onnx(classifier: "Classifier", path: str | Path, *, card: str = "") -> Exported:
    """
    Write a classifier as an ONNX file, which other programs and browsers run.

    The file takes "reflectivity", uint8 (N, rows, columns), and gives "probabilities", float32
    (N, classes), for any N, as `Classifier.predict` does: scaled, in all orientations, the mean of
    an ensemble's members, tempered.
    Its metadata say what the classifier is, as text: `classes` and `provenance` as JSON, `units`,
    `row_0`, `minimum` and `maximum`, `orientations`, `trained_on_simulated`, `licence`, of a
    classifier with a confidence `temperature`, `plausible_from` and `level`, what is `not_inside`,
    and the `card`.

    A network whose steps are known is written by Stormlens [1]_, any other by Keras's own exporter
    where that can. The result is run before it is written, and refused if it answers differently.

    Parameters
    ----------
    classifier : Classifier
        Which; with the weights that it has now.
    path : str or Path
        File to write, with the suffix .onnx; one that is there is replaced.
    card : str, optional
        Model card in Markdown, as `stormlens.report.card` makes it.

    Returns
    -------
    exported : Exported

    Raises
    ------
    InputError
        If onnx or onnxruntime is not installed, the path is none for an ONNX file, or the network
        cannot be exported; the sentence names what stands in the way.

    References
    ----------
    .. [1] ONNX, Operator Schemas, opset 18. https://onnx.ai/onnx/operators/
    """
    path = Path(path)
    if path.suffix.lower() != _SUFFIX:
        raise InputError(f"{path} is written as ONNX; give a name that ends in {_SUFFIX}.")
    check_writable(path)
    need("onnx")
    runtime = need("onnxruntime")
    graph, written_by = _graph_of(classifier)
    model = graph.model(
        (BOXES, np.uint8, classifier.image_shape), len(classifier.classes), _name(classifier)
    )
    _describe(model, classifier, card)
    content = model.SerializeToString(deterministic=True)
    difference = _difference(content, classifier)
    write_bytes(path, content)
    checked_by = f"ONNX Runtime {runtime.__version__}"
    return Exported(path, len(content), written_by, checked_by, difference)


def _graph_of(classifier: "Classifier") -> tuple[Graph, str]:
    """The nodes of a classifier, and who wrote those of its network."""
    graph = Graph()
    low, high = np.float32(classifier.minimum), np.float32(classifier.maximum)
    scaled = graph.add("Cast", BOXES, to=1)  # float32
    scaled = graph.add("Div", graph.add("Sub", scaled, float(low)), float(high - low))
    maps = graph.add("Unsqueeze", scaled, np.array([1]))
    if classifier.orientations == 8:
        maps = _add_orientations(graph, maps)
    answers = [_add_network(graph, member, Value(maps, True)) for member in _members(classifier)]
    names, written_by = [name for name, _ in answers], answers[0][1]
    given = names[0] if len(names) == 1 else graph.add("Mean", *names)
    if classifier.orientations == 8:
        views = graph.add("Reshape", given, np.array([8, -1, len(classifier.classes)]))
        given = graph.add("ReduceMean", views, np.array([0]), keepdims=0)
    if classifier.confidence is not None:
        logarithm = graph.add("Log", graph.add("Max", given, LEAST))
        tempered = graph.add("Div", logarithm, float(classifier.confidence.temperature))
        given = graph.add("Softmax", tempered, axis=1)
    return graph, written_by


def _members(classifier: "Classifier") -> Sequence[Network]:
    members: Sequence[Network | FeatureModel] = classifier.network.members
    networks = [member for member in members if isinstance(member, Network)]
    if len(networks) < len(members):
        raise InputError(
            f"{classifier.called} is no network and cannot be exported: it answers from each box's "
            "features, which Python measures. Export a network, such as one that "
            "`stormlens train` distils from it with --teacher."
        )
    return networks


def _add_orientations(graph: Graph, maps: str) -> str:
    """Flips and quarter turns of maps (N, 1, rows, columns), one behind the other (8 N, ...)."""
    flipped = _add_reversed(graph, maps, 3)
    views = [maps, flipped, *(_add_reversed(graph, view, 2) for view in (maps, flipped))]
    views += [graph.add("Transpose", view, perm=(0, 1, 3, 2)) for view in views]
    return graph.add("Concat", *views, axis=0)


def _add_reversed(graph: Graph, maps: str, axis: int) -> str:
    last, before_first, step = -1, np.iinfo(np.int64).min, -1
    numbers = (np.array([number]) for number in (last, before_first, axis, step))
    return graph.add("Slice", maps, *numbers)


def _add_network(graph: Graph, network: Network, maps: Value) -> tuple[str, str]:
    """Nodes that give what `Network.probabilities` gives, and who wrote them."""
    steps = network.steps
    if steps is None:
        from stormlens.models._onnx_keras import add_model

        given, is_softmax, written_by = add_model(graph, network.model, maps)
    else:
        given, written_by = add_steps(graph, steps, maps).name, "Stormlens"
        is_softmax = steps[-1].activation == "softmax"
    if is_softmax:
        return given, written_by
    total = graph.add("ReduceSum", given, np.array([1]))
    shares = graph.add("Div", given, total)
    return graph.add("Clip", shares, CLIP, 1 - CLIP), written_by


def _name(classifier: "Classifier") -> str:
    known = classifier.provenance
    return _text(known.get("recipe") or classifier.architecture or "own-model")


def _text(value: Any) -> str:
    """As ONNX holds text: names of files may hold bytes that are no UTF-8."""
    return str(value).encode(errors="backslashreplace").decode()


def _describe(model: Any, classifier: "Classifier", card: str) -> None:
    """Write into a model what the classifier is."""
    from onnx import helper

    from stormlens import __version__

    simulated = classifier.trained_on_simulated
    model.producer_name, model.producer_version = "stormlens", __version__
    model.doc_string = f"{_name(classifier)}: {_takes(classifier)} to probabilities." + (
        " Trained on SIMULATED storms only." if simulated else ""
    )
    known, confidence = classifier.provenance, classifier.confidence
    texts: dict[str, Any] = {
        "classes": json.dumps(classifier.classes),
        "units": "dBZ" if classifier.classes == MODES else "those of the training images",
        "row_0": "south" if classifier.classes == MODES else "the bottom one",
        "minimum": classifier.minimum,
        "maximum": classifier.maximum,
        "orientations": classifier.orientations,
        "trained_on_simulated": json.dumps(simulated if classifier.training_known else None),
        "not_inside": _BESIDE,
        "provenance": json.dumps(known),
    }
    if confidence is not None:
        texts |= {name: float(getattr(confidence, name)) for name in NUMBERS}
    if known.get("licence"):
        texts["licence"] = known["licence"]
    if card:
        texts["card"] = card
    helper.set_model_props(model, {name: _text(value) for name, value in texts.items()})


def _takes(classifier: "Classifier") -> str:
    rows, columns = classifier.image_shape
    if classifier.classes != MODES:
        return f"images of {rows} x {columns} whole numbers, row 0 at the bottom,"
    return (
        f"storm boxes of {rows} x {columns} cells of {PIXEL_KM} km, whole dBZ from 0 (no echo) to "
        f"{MAX_DBZ}, row 0 south,"
    )


def _difference(content: bytes, classifier: "Classifier") -> float:
    """How far the answers from a file's content are from the classifier's at most."""
    images = _images(classifier)
    difference = float(np.abs(_answered(content, images) - classifier.probabilities(images)).max())
    if not difference <= ALIKE:  # nor where it is no number
        raise InputError(
            "The network cannot be exported: asked for the same images, ONNX Runtime gives "
            f"probabilities that differ by {difference:.1e} from the classifier's, and "
            f"{ALIKE:.0e} is allowed. Very large weights or a very low temperature magnify what "
            "each of them rounds off."
        )
    return difference


def _answered(content: bytes, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    runtime = need("onnxruntime")
    try:
        session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (given,) = session.run([PROBABILITIES], {BOXES: images})
    except Exception as error:  # it has many kinds, of no common kind of its own
        raise InputError(
            f"The network cannot be exported: ONNX Runtime does not run what it became ({error})."
        ) from error
    return given


def _images(classifier: "Classifier") -> NDArray[np.uint8]:
    """Images within a classifier's bounds: noise, a disc, one value in all pixels."""
    low, high = np.clip([classifier.minimum, classifier.maximum], 0, 255).astype(int)
    shape = classifier.image_shape
    rows, columns = np.indices(shape)
    disc = np.hypot(rows - shape[0] / 2, columns - shape[1] / 3) < min(shape) / 4
    noise = np.random.default_rng(0).integers(low, high, shape, endpoint=True)
    return np.stack([noise, np.where(disc, high, low), np.full(shape, low)]).astype(np.uint8)
