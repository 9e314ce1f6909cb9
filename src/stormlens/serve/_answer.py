"""The answer to a request, as JSON or as an Arrow stream."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stormlens.models import Classifier
from stormlens.serve._batches import PLACE, Said
from stormlens.serve._extra import need

SIMULATED_NOTE = "The classifier was trained on SIMULATED storms only."


@dataclass(frozen=True)
class Answer:
    """
    What is said of the boxes of a request.

    Attributes
    ----------
    boxes : list of dict
        See `stormlens.models.describe`.
    source : str
        Where the file says that it is from.
    simulated : bool
        Whether the file says that a simulator made it.
    notes : list of str
        What is to be said of the file.
    """

    boxes: Said = field(repr=False)
    source: str = ""
    simulated: bool = False
    notes: list[str] = field(default_factory=list)


class Speaker:
    """
    Puts answers into words: who answers, what trained it, and the boxes.

    Parameters
    ----------
    classifier : Classifier
        Who answers.
    note : str
        What is to be said of it in every answer.
    """

    def __init__(self, classifier: Classifier, note: str) -> None:
        self.head: dict[str, Any] = {
            "model": classifier.architecture or "user's own Keras model",
            "simulated_training": (
                classifier.trained_on_simulated if classifier.training_known else None
            ),
            "note": note or (SIMULATED_NOTE if classifier.trained_on_simulated else ""),
            "modes": list(classifier.classes),
        }
        if classifier.confidence is not None:
            self.head["plausible_from"] = float(classifier.confidence.plausible_from)
            self.head["level"] = float(classifier.confidence.level)
        self._begin = json.dumps(self.head).encode()[:-1]
        self._plain = self._end("", False, [])

    def as_json(self, answer: Answer) -> bytes:
        """
        An answer as a JSON document.

        Parameters
        ----------
        answer : Answer

        Returns
        -------
        document : bytes
            ``{model, simulated_training, note, modes, source, simulated, notes, boxes: [...]}``.
        """
        is_plain = not (answer.source or answer.simulated or answer.notes)
        end = self._plain if is_plain else self._end(answer.source, answer.simulated, answer.notes)
        return b"".join((self._begin, end, json.dumps(answer.boxes).encode(), b"}"))

    def as_dict(self, answer: Answer) -> dict[str, Any]:
        """
        An answer as plain values, those of its JSON document.

        Parameters
        ----------
        answer : Answer

        Returns
        -------
        document : dict
        """
        document: dict[str, Any] = json.loads(self.as_json(answer))
        return document

    @staticmethod
    def _end(source: str, simulated: bool, notes: list[str]) -> bytes:
        text = json.dumps({"source": source, "simulated": simulated, "notes": notes}).encode()
        return b", " + text[1:-1] + b', "boxes": '


def arrow_of(document: dict[str, Any]) -> bytes:
    """
    An answer as an Arrow IPC stream, one row a box.

    Parameters
    ----------
    document : dict
        Of `Speaker.as_dict`.

    Returns
    -------
    stream : bytes
        Columns `id`, `mode`, `likeliest`, `probabilities` (a struct of float32, one a mode), those
        of the JSON that are known, and all else of the document in the schema's metadata.

    Raises
    ------
    InputError
        If pyarrow is not installed.
    """
    pa, ipc = need("pyarrow"), need("pyarrow.ipc")
    boxes, modes = document["boxes"], document["modes"]
    kinds = {
        "id": pa.string(),
        "time": pa.timestamp("s", tz="UTC"),
        **dict.fromkeys(PLACE[1:], pa.float64()),
        "mode": pa.string(),
        "likeliest": pa.string(),
        "plausible": pa.list_(pa.string()),
        "novelty": pa.float32(),
        "disagreement": pa.float32(),
        "probabilities": pa.struct([(mode, pa.float32()) for mode in modes]),
    }
    always = ("id", "mode", "likeliest", "probabilities")
    known = set(boxes[0]) if boxes else set(always)
    fields, columns = [], []
    for name, kind in kinds.items():
        if name in known:
            values = [_timed(box[name]) if name == "time" else box[name] for box in boxes]
            fields.append(pa.field(name, kind))
            columns.append(pa.array(values, kind))
    metadata = {
        name: json.dumps(value) if not isinstance(value, str) else value
        for name, value in document.items()
        if name != "boxes"
    }
    batch = pa.record_batch(columns, schema=pa.schema(fields, metadata))
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _timed(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
