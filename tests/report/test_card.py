"""The model card: what is known stands there under its name, what is not is said to be unknown."""

import dataclasses
import hashlib
import json
import re

import pytest
from PIL import Image
from small_appraisal import appraisal, write_appraisal

from stormlens import report
from stormlens.models import Classifier, build
from stormlens.stormbox import MODES

PROVENANCE = {
    "recipe": "my-recipe",
    "seed": 3,
    "data": "simulated-wide",
    "data_options": {"count": 24000},
    "data_source": "SIMULATED storms of many families",
    "training_simulated": True,
    "licence": "CC0-1.0",
    "training_boxes": 24000,
    "created": "2026-01-17T14:03:09+00:00",
    "versions": {"stormlens": "9.8.7", "jax": "0.4.35"},
    "command": "stormlens train my-recipe --data simulated-wide --out 'a run'",
    "cost": {"training_minutes": 97, "machine": "2 cores"},
}


@pytest.fixture(scope="module")
def classifier():
    return Classifier(build("chapter-linear"), "chapter-linear", provenance=PROVENANCE)


@pytest.fixture
def folder(classifier, tmp_path):
    return write_appraisal(classifier.save(tmp_path / "run"))


def rows(text, heading):
    """Cells of the table below a heading, its head left out."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table][2:]


def test_the_card_has_all_sections_in_order(classifier, folder):
    text = report.card(classifier, report.read_appraisal(folder))
    assert re.findall("^## (.*)$", text, re.MULTILINE) == [
        "What it is",
        "Data",
        "Use",
        "Storms never trained on",
        "Confidence",
        "Real boxes",
        "Known failures",
        "Cost",
        "Make it again",
    ]
    assert text.startswith("# Model card: my-recipe\n\n**SIMULATED")


def test_numbers_stand_beside_their_names(classifier, folder):
    text = report.card(classifier, report.read_appraisal(folder), files=report.model_files(folder))
    weights = (folder / "weights.safetensors").read_bytes()
    assert ["boxes trained on", "24,000"] in rows(text, "Data")
    assert ["by name", "simulated-wide, count 24000"] in rows(text, "Data")
    assert f"| weights.safetensors | {len(weights) / 1000:,.0f} kB |" in text
    assert hashlib.sha256(weights).hexdigest() in text
    assert ["training minutes", "97"] in rows(text, "Cost")
    assert f"{classifier.model.count_params():,}" in text
    assert f"\n{PROVENANCE['command']}\n```" in text
    assert "stormlens 9.8.7, jax 0.4.35" in text
    assert "2026-01-17 14:03 UTC" in text
    assert ["licence", "CC0-1.0"] in rows(text, "What it is")


def test_orientations_are_named_where_there_are_several(classifier):
    eight = dataclasses.replace(classifier, orientations=8)
    asked = [row for row in rows(report.card(eight), "What it is") if row[0] == "asked in"]
    assert asked == [["asked in", "8 orientations, turned and mirrored; the answers are averaged"]]
    assert "orientations" not in report.card(classifier)


def test_an_ensemble_and_who_taught_are_named(classifier):
    from stormlens.models import Ensemble

    ensemble = Ensemble([classifier.network.copy(), classifier.network.copy()])
    provenance = {**classifier.provenance, "teacher": {"model": "svrimg-3conv, ensemble of 5"}}
    text = report.card(dataclasses.replace(classifier, network=ensemble, provenance=provenance))
    (network,) = [row[1] for row in rows(text, "What it is") if row[0] == "network"]
    assert network.endswith(f"ensemble of 2, {2 * classifier.network.parameters:,} parameters")
    assert ["taught by", "svrimg-3conv, ensemble of 5"] in rows(text, "Data")
    for wrong in ("x", 3, ["model"]):
        strange = dataclasses.replace(classifier, provenance={"teacher": wrong})
        assert "taught by" not in report.card(strange)


def test_simulated_and_real_stand_apart(classifier, folder):
    text = report.card(classifier, report.read_appraisal(folder))
    families = rows(text, "Storms never trained on")[:3]
    assert families[0][:5] == ["storm", "cyclone at landfall", "340", "0.934", "0.914 to 0.949"]
    assert [row[0] for row in families] == ["storm", "network", "product"]
    heads = [line for line in text.splitlines() if "---" in line]
    heads = [text.splitlines()[text.splitlines().index(line) - 1] for line in heads]
    for head in heads:
        if "boxes" in head or "truth" in head:
            assert ("SIMULATED" in head) != ("REAL" in head), head
    assert rows(text, "Real boxes") == [
        ["boxes of 2014-17", "hand labels", "16", "15", "1", "0"],
        ["4 April 2011", "one squall line", "5", "4", "0", "1"],
    ]
    # 16 + 5 boxes, 15 + 4 right, 1 + 0 unsure, 0 + 1 wrong
    assert (
        "Of 21 REAL boxes that it was tried on, the most probable mode is right for 19; it left 1 "
        "without a mode and gave 1 a wrong one."
    ) in text
    assert "weakest on the product family rain rates" in text


def test_without_an_appraisal_nothing_is_claimed(classifier):
    text = report.card(classifier)
    for heading in ("Storms never trained on", "Real boxes", "Known failures"):
        section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
        assert "Not measured" in section
        assert not re.search(r"\d\.\d", section)
    assert "stormlens evaluate RUN" in text
    assert "stormlens.experiment.appraise" in text
    assert "Not calibrated" in text


def test_a_classifier_of_unknown_origin_has_a_card():
    text = report.card(Classifier(build("chapter-linear"), "chapter-linear"))
    assert "SIMULATED" not in text.split("## Storms never trained on")[0]
    assert "The command was not recorded." in text
    for what in ("kind", "source"):
        assert [what, "not recorded"] in rows(text, "Data")
    assert ["licence", "not recorded"] in rows(text, "What it is")


def test_other_classes_than_storms_are_not_called_storms():
    model = build("chapter-linear", input_shape=(32, 32, 1), n_classes=2)
    text = report.card(Classifier(model, "chapter-linear", ("0", "1")))
    assert "the class of an image of 32 x 32 pixels: 0, 1" in text
    assert "warnings" not in text


@pytest.mark.parametrize("name", ["a | b", "<script>", "*x*", "[l](http://x)", "a\n\n# b", "`c`"])
def test_names_from_outside_are_text_and_stay_in_their_cell(name):
    provenance = {**PROVENANCE, "recipe": name, "data_source": name}
    text = report.card(Classifier(build("chapter-linear"), "chapter-linear", provenance=provenance))
    assert len(re.findall("^# ", text, re.MULTILINE)) == 1
    assert not re.search(r"(?<!\\)(<script|\*x|\[l\]|`c`)", text)
    (source,) = [line for line in text.splitlines() if line.startswith("| source")]
    assert len(re.findall(r"(?<!\\)\|", source)) == 3


def test_provenance_of_the_wrong_kind_does_no_harm():
    broken = {key: ["x"] for key in PROVENANCE} | {"training_boxes": "many", "versions": 3}
    text = report.card(Classifier(build("chapter-linear"), "chapter-linear", provenance=broken))
    assert "many" not in text


def test_a_card_is_written_with_the_picture_of_its_failures(classifier, folder, tmp_path):
    written = report.write_card(tmp_path / "my.md", classifier, folder)
    assert written == [tmp_path / "my.md", tmp_path / "my-failures.png"]
    text = written[0].read_text()
    (words, name) = re.search(r"!\[(.*)\]\((.*)\)", text).groups()
    assert name == "my-failures.png"
    assert words.startswith("3 SIMULATED boxes that the classifier got wrong.")
    assert "truth: Cellular, answer: QLCS 0.98, bow echo, one radar, lowest scan" in words
    with Image.open(written[1]) as image:
        assert min(image.size) > 400


def test_without_failures_no_picture_is_left(classifier, tmp_path):
    run = write_appraisal(classifier.save(tmp_path / "run"), appraisal(failures=0))
    assert report.write_card(tmp_path / "my.md", classifier, run) == [tmp_path / "my.md"]
    assert "![" not in (tmp_path / "my.md").read_text()


def test_the_facts_are_plain_data(classifier, folder):
    found = report.read_appraisal(folder)
    facts = report.card_dict(classifier, found, files=report.model_files(folder))
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["held_out"]["simulated"] is True
    assert facts["held_out"]["worst"]["family"] == "rain rates"
    assert facts["model"]["classes"] == list(MODES)
    bare = report.card_dict(classifier)
    assert (bare["held_out"], bare["real"], bare["failures"], bare["files"]) == (
        None,
        None,
        None,
        [],
    )
