"""``stormlens export``: a classifier as a file that other programs and browsers run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._classifier import folder_of, load_classifier, trained_note
from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import json_option
from stormlens.cli._outputs import check_outputs
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_json, print_lines

if TYPE_CHECKING:
    from stormlens.models import Classifier, Exported

NAME = "export"
EPILOG = """\b
Examples:
  stormlens export --onnx storms.onnx
  stormlens export runs/first --onnx first.onnx
  stormlens export runs/first --onnx first.onnx --json

\b
The file takes whole dBZ, uint8 (N, rows, columns) with row 0 south, and gives
probabilities, float32 (N, classes), for any number of boxes: scaling, the
eight orientations and the temperature are inside. ONNX Runtime, OpenVINO and
onnxruntime-web answer as classify does, to 1e-5. Classes, provenance, licence
and model card are its metadata, plausible_from too. Novelty and the names
that follow from it are not inside. The file's answers to some images are
compared before it is kept. Needs the extra `export`.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "run",
    type=PATH,
    required=False,
    metavar="[RUN]",
    help="Folder that train left.  [default: the classifier that comes with Stormlens]",
)
@option("--onnx", type=PATH, required=True, metavar="FILE.onnx", help="Write it there as ONNX.")
@json_option
def command(run: Path | None, onnx: Path, as_json: bool) -> None:
    """
    Write a classifier as an ONNX file, for other programs and the browser.
    """
    from stormlens import report
    from stormlens.models import export_onnx

    check_outputs((), {"--onnx": onnx})
    note, folder = trained_note(run), folder_of(run)
    classifier = load_classifier(run)
    files, appraisal = report.model_files(folder), report.read_appraisal(folder)
    card = report.card(classifier, appraisal, files=files)
    exported = export_onnx(classifier, onnx, card=card)
    if note:
        say(f"Note: {note}")
    say(f"Written: {exported.path}")
    if as_json:
        print_json(_facts(classifier, exported))
        return
    rows, columns = classifier.image_shape
    print_lines(
        f"takes        reflectivity: uint8 (N, {rows}, {columns})",
        f"gives        probabilities: float32 (N, {len(classifier.classes)})",
        f"classes      {', '.join(classifier.classes)}",
        f"written by   {exported.written_by}",
        f"asked        {exported.checked_by}: {exported.largest_difference:.1e} from the "
        "classifier's own at most",
        f"size         {exported.size:,} bytes",
    )


def _facts(classifier: "Classifier", exported: "Exported") -> dict[str, Any]:
    return {
        "file": str(exported.path),
        "bytes": exported.size,
        "takes": {"name": "reflectivity", "type": "uint8", "image": [*classifier.image_shape]},
        "gives": {"name": "probabilities", "type": "float32", "classes": [*classifier.classes]},
        "written_by": exported.written_by,
        "checked_by": exported.checked_by,
        "largest_difference": exported.largest_difference,
    }
