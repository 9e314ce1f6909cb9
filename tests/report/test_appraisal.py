"""An appraisal is read whole, or refused with a sentence that says what is wrong in it."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from small_appraisal import appraisal, write_appraisal

from stormlens.errors import InputError
from stormlens.models import Classifier, build
from stormlens.report import _appraisal, read_appraisal
from stormlens.stormbox import MODES


def test_what_was_written_is_read(tmp_path):
    content = appraisal()
    found = read_appraisal(write_appraisal(tmp_path, content))
    assert found.families == content["simulated"]["families"]
    assert found.overall == content["simulated"]["all"]
    assert found.modes == content["simulated"]["modes"]
    assert found.real == content["real"]
    assert found.failures == content["failures"]
    assert found.worst["family"] == "rain rates"  # 0.907 of 0.934, 0.941 and 0.907


def test_a_folder_without_one_says_nothing_was_measured(tmp_path):
    assert read_appraisal(tmp_path) is None


def test_the_remedy_for_the_package_is_another_one(tmp_path, monkeypatch):
    monkeypatch.setattr(_appraisal, "shipped_folder", lambda: tmp_path)
    with pytest.raises(InputError, match=r"appraisal\.json is missing; reinstall stormlens"):
        read_appraisal(tmp_path)
    write_appraisal(tmp_path)
    (tmp_path / "failures.npz").unlink()
    with pytest.raises(InputError, match=r"failures\.npz is missing; reinstall stormlens"):
        read_appraisal(tmp_path).failing_boxes()
    (tmp_path / "appraisal.json").write_text("{")
    with pytest.raises(InputError, match=r"appraisal\.json is damaged .*; reinstall stormlens"):
        read_appraisal(tmp_path)


def test_the_failing_boxes_are_a_container_with_truth_and_answer(tmp_path):
    boxes = read_appraisal(write_appraisal(tmp_path)).failing_boxes()
    assert boxes["reflectivity"].values[:, 40, 40].tolist() == [30, 31, 32]
    assert boxes["mode"].values.tolist() == [0, 1, 2]  # the codes of the truths
    assert boxes["answer"].values.tolist() == [MODES[1], "unsure", MODES[3]]
    assert boxes["unid"].values.tolist() == ["wide-0", "wide-1", "wide-2"]
    assert boxes.attrs["simulated"] == 1


def test_a_score_that_is_not_defined_stays_unknown(tmp_path):
    content = appraisal()
    for row in (*content["simulated"]["families"], content["simulated"]["all"]):
        row["coverage"] = row["accuracy"] = None
    found = read_appraisal(write_appraisal(tmp_path, content))
    assert found.worst is None
    assert found.families[0]["coverage"] is None


def test_an_appraisal_of_other_weights_is_refused(tmp_path):
    classifier = Classifier(build("chapter-linear"), "chapter-linear")
    classifier.save(tmp_path)
    read_appraisal(write_appraisal(tmp_path)).write(tmp_path)
    assert read_appraisal(tmp_path).overall == appraisal()["simulated"]["all"]
    Classifier(build("chapter-linear", seed=1), "chapter-linear").save(tmp_path)
    with pytest.raises(InputError, match="is of other weights than those in its folder"):
        read_appraisal(tmp_path)


def test_what_could_not_be_read_again_is_not_written(tmp_path):
    found = read_appraisal(write_appraisal(tmp_path))
    with pytest.raises(InputError, match=r"real\[0\]\.name is 3"):
        replace(found, real=[{**found.real[0], "name": 3}]).write(tmp_path)
    assert read_appraisal(tmp_path).real == found.real


def changed(path, value):
    """The appraisal with one value exchanged; ``...`` takes the key away."""
    content = appraisal()
    *way, last = path
    place = content
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(content)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value"),
        ("[]", "no appraisal of format 1"),
        (changed(["format"], 2), "no appraisal of format 1"),
        (changed(["simulated"], []), "simulated is missing"),
        (changed(["simulated", "all"], ...), "simulated.all is missing"),
        (changed(["simulated", "all", "log_loss"], float("inf")), "simulated.all.log_loss is inf"),
        (changed(["simulated", "families"], {}), "simulated.families is no list"),
        (
            changed(["simulated", "families", 1, "accuracy"], 1.7),
            "simulated.families[1].accuracy is 1.7",
        ),
        (
            changed(["simulated", "families", 0, "coverage"], float("nan")),
            "simulated.families[0].coverage is nan",
        ),
        (changed(["simulated", "families", 2, "family"], ...), "families[2] has no family"),
        (changed(["simulated", "modes", 3], 5), "simulated.modes[3] is missing"),
        (changed(["real", 0, "right"], -1), "real[0].right is -1"),
        (changed(["real", 0, "right"], True), "real[0].right is True"),
        (changed(["real", 0, "right"], 999), "real[0].right is 999 of 16 boxes"),
        (changed(["real", 0, "confidently_wrong"], 16), "real[0] has more verdicts than boxes"),
        (changed(["simulated", "all", "log_loss"], 10**400), "simulated.all.log_loss is 1000"),
        (changed(["real", 0, "name"], "\ud800"), "real[0].name is"),
        (changed(["failures", 2, "truth"], "Squall"), "failures[2].truth is 'Squall'"),
    ],
)
def test_a_damaged_file_is_refused_with_what_is_wrong(tmp_path, text, words):
    (tmp_path / "appraisal.json").write_text(text)
    with pytest.raises(InputError) as refused:
        read_appraisal(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'appraisal.json'} is damaged (")
    assert words in str(refused.value)


def savez(path, images):
    np.savez_compressed(path, images=images)


def spoilt(content):
    """Zeros in the middle of what was packed."""
    return content[:100] + bytes(40) + content[140:]


def huge(path):
    """A small file that would unpack to a thousand boxes in the place of three."""
    savez(path, np.zeros((1000, 136, 136), np.uint8))


def boastful(path):
    """A small file whose header says that a thousand million million values follow."""
    header = io.BytesIO()
    about = {"descr": "|u1", "fortran_order": False, "shape": (10**15,)}
    np.lib.format.write_array_header_1_0(header, about)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header.getvalue())


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b""), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:300]), "is damaged"),
        (lambda path: savez(path, np.zeros((2, 136, 136), np.uint8)), "for 3 boxes"),
        (lambda path: savez(path, np.zeros((3, 68, 68), np.float32)), "float32 of shape"),
        (lambda path: savez(path, np.full(3, {}, object)), "is damaged"),
        (lambda path: savez(path, np.full((3, 136, 136), 99, np.uint8)), "failures.npz"),
        (lambda path: path.write_bytes(spoilt(path.read_bytes())), "is damaged"),
        (huge, "bytes for 3 boxes"),
        (boastful, "of shape (1000000000000000,)"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "is damaged"),
    ],
)
def test_damaged_pictures_are_refused(tmp_path, damage, words):
    found = read_appraisal(write_appraisal(tmp_path))
    damage(tmp_path / "failures.npz")
    with pytest.raises(InputError, match=r"failures\.npz") as refused:
        found.failing_boxes()
    assert words in str(refused.value)
