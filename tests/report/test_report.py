"""The report page: self-contained, truthful about simulated data, and safe with hostile names."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import xarray as xr
from small_appraisal import appraisal, write_appraisal

from stormlens import report, verification
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES

VOID = {"meta", "img", "br", "link", "input", "hr"}
PROVENANCE = {
    "stormlens_version": "9.8.7",
    "versions": {"jax": "0.4.35"},
    "data": "svrimg",
    "data_source": "SVRIMG labelled boxes",
    "training_count": 1331,
    "split": "test",
    "command": "stormlens train svrimg-3conv --data svrimg",
    "parameters": 355718,
    "layers": [
        {"name": "conv2d", "kind": "Conv2D", "output_shape": (134, 134, 32), "parameters": 320}
    ],
    "created": "2025-01-17 14:03 UTC",
    "seed": 5,
    "device": "2 CPU cores",
}
RECIPE = {"name": "svrimg-3conv", "toml": 'model = "svrimg-3conv"\nlearning_rate = 1e-3\n'}
HISTORY = [
    {
        "epoch": i,
        "seconds": 2.0,
        "loss": 1 / i,
        "accuracy": 0.93,
        "val_loss": 0.75,
        "val_accuracy": 0.78,
    }
    for i in range(1, 11)
]


class Page(HTMLParser):
    """Collects tags and text, and fails on tags that do not close in order."""

    def __init__(self, html):
        super().__init__()
        self.html, self.open, self.tags, self.words = html, [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def attributes(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def _storms(n=40, *, simulated=False, classes=MODES, units="dBZ", times=True):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, len(classes) - 1, n)  # the last class never occurs
    probability = 0.6 * np.eye(len(classes))[truth] + 0.4 / len(classes)
    probability[:4] = np.roll(probability[:4], 1, axis=1)  # four mistakes
    day = np.datetime64("2014-04-01") + np.arange(n) // 4 * np.timedelta64(1, "D")
    dataset = make_dataset(
        rng.integers(0, 60, (n, 136, 136)),
        truth,
        classes=classes,
        time=day if times else None,
        source="a test's boxes",
        simulated=simulated,
        units=units,
    )
    predictions = xr.Dataset(
        {"probability": (("storm", "mode"), probability.astype(np.float32))},
        coords={"mode": list(classes), "unid": dataset["unid"]},
        attrs={"simulated_training": int(simulated)},
    )
    return dataset, predictions


def _write(path, dataset, predictions, **changes):
    arguments = {
        "recipe": RECIPE,
        "history": HISTORY,
        "scores": verification.score(predictions, dataset, n_boot=50),
        "predictions": predictions,
        "dataset": dataset,
        "provenance": PROVENANCE,
    }
    report.write(path, **{**arguments, **changes})
    return Page(path.read_text(encoding="utf-8")), arguments["scores"]


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return _write(tmp_path_factory.mktemp("real") / "report.html", *_storms())


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    page = tmp_path_factory.mktemp("simulated") / "report.html"
    return _write(page, *_storms(simulated=True))


@pytest.mark.slow
def test_an_ensemble_and_its_teacher_are_named(tmp_path, real):
    dataset, predictions = _storms()
    predictions["disagreement"] = "storm", np.linspace(0.4, 0.0, 40, dtype=np.float32)
    known = {**PROVENANCE, "members": 5, "teacher": "svrimg-3conv in runs/<many>"}
    page, _ = _write(tmp_path / "report.html", dataset, predictions, provenance=known)
    assert "Networks 5, whose probabilities are averaged" in page.text
    assert "Taught by svrimg-3conv in runs/<many>" in page.text
    assert "All, 5 networks of these layers" in page.text
    assert "Its networks differ by 0.1" in page.text
    for words in ("Networks 5", "Taught by", "Its networks differ"):
        assert words not in real[0].text


def test_nothing_is_fetched_from_elsewhere(real):
    page, _ = real
    for _, attrs in page.tags:
        for name in ("src", "href", "srcset", "data", "action"):
            if name in attrs:
                assert attrs[name].startswith(("data:", "#"))
    assert not page.attributes("script")
    assert not page.attributes("link")
    (policy,) = [m["content"] for m in page.attributes("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")


def test_page_and_drawings_are_dark_where_the_device_is(real):
    page, _ = real
    assert "prefers-color-scheme: dark" in page.html.split("</style>")[0]
    start = "data:image/svg+xml;base64,"
    sources = [attrs["src"] for attrs in page.attributes("img")]
    drawings = [
        base64.b64decode(source.removeprefix(start)).decode()
        for source in sources
        if source.startswith(start)
    ]
    assert drawings
    for drawing in drawings:
        rules, _, shapes = drawing.partition("</style>")
        light, dark = rules.split("@media (prefers-color-scheme:dark)")
        used = set(re.findall(r"var\((--c[0-9a-f]{6})\)", shapes))
        assert used  # ink, at the least
        for name in used:
            assert f"{name}:#{name[3:]};" in light
            assert f"{name}:#" in dark


def test_style_asks_for_no_file(real):
    style = real[0].html.split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style


def test_every_picture_is_inside_and_told_in_words(real):
    page, _ = real
    pictures = page.attributes("img")
    assert len(pictures) == 2 + 1 + 4 + 1  # curves, reliability, mistakes, colour bar
    for picture in pictures:
        assert len(picture["alt"]) > 20
        head, content = picture["src"].split(",", 1)
        start = base64.b64decode(content)[:8]
        assert start.startswith(b"\x89PNG" if "png" in head else b"<?xml")


def test_contents_lead_to_headings_that_exist(real):
    page, _ = real
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    targets = {link["href"].removeprefix("#") for link in page.attributes("a")}
    assert targets
    assert targets <= anchors


def test_the_headline_says_what_was_trained_on_what_and_how_good_it_is(real):
    text = real[0].text.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "svrimg-3conv, trained on 1,331 storm boxes of svrimg, names the mode of 90.0 % of" in text
    )
    assert "of 40 test storm boxes right (95 % interval" in text
    assert "Answering QLCS every time would be right" in text


def test_every_score_and_count_is_on_the_page(real):
    page, scores = real
    for name in ("accuracy", "macro_f1", "hss", "brier", "log_loss"):
        estimate = getattr(scores, name)
        assert f"{estimate.value:.3f}" in page.text
        assert f"{estimate.low:.3f} to {estimate.high:.3f}" in page.text
        assert f"always QLCS: {scores.baseline[name]:.3f}" in page.text
    for entry in scores.per_mode.values():
        assert np.isnan(entry.pod.value) or f"{entry.pod.value:.3f}" in page.text
    counts = " ".join(page.text.split("answered true")[1].split("Mode by mode")[0].split())
    first = scores.confusion[0]
    assert f"Cellular {' '.join(map(str, first))} {sum(first)} QLCS" in counts


def test_what_is_needed_to_reproduce_the_run_is_there(real):
    text = real[0].text
    for part in (
        "stormlens train svrimg-3conv --data svrimg",
        "learning_rate = 1e-3",
        "jax 0.4.35",
    ):
        assert part in text
    for part in (
        "stormlens 9.8.7",
        "355,718",
        "134 \N{MULTIPLICATION SIGN} 134",
        "SVRIMG labelled boxes",
        "GridRad",
    ):
        assert part in text


def test_the_gap_is_put_into_a_sentence(real):
    assert "overfitting After 10 epochs training accuracy is 93.0 %" in real[0].text
    assert "a gap of 15.0 points" in real[0].text


def test_simulated_data_is_named_in_banner_title_and_headline(made_up):
    page, _ = made_up
    (banner,) = [attrs for _, attrs in page.tags if attrs.get("class") == "banner"]
    assert banner["role"] == "note"
    assert page.text.count("SIMULATED") >= 3
    assert "trained on 1,331 simulated storm boxes" in page.text
    assert "40 simulated test storm boxes" in page.text


def test_real_data_is_not_called_simulated(real):
    assert "simulated" not in real[0].text.lower()


def test_simulated_training_is_named_when_the_test_is_real(tmp_path):
    dataset, predictions = _storms()
    predictions.attrs["simulated_training"] = 1
    page, _ = _write(tmp_path / "report.html", dataset, predictions)
    assert "trained on simulated storm boxes alone" in page.text


def test_undefined_scores_are_dashes_and_rare_modes_are_named(real):
    text = real[0].text
    row = text.split("Missing 0 storm boxes", 1)[1].split("POD, probability")[0]
    assert "\N{EN DASH}" in row
    assert "nan" not in text.lower().replace("nanosecond", "")
    assert "Fewer than 10 storm boxes:" in text
    assert "Missing (0)" in text


def test_hostile_names_are_escaped(tmp_path):
    hostile = '<script>alert("x")</script>'
    dataset, predictions = _storms(12)
    names = np.array([hostile] * 12)
    dataset = dataset.assign_coords(unid=("storm", names))
    predictions = predictions.assign_coords(unid=("storm", names))
    dataset.attrs["source"] = hostile
    page, _ = _write(
        tmp_path / "report.html",
        dataset,
        predictions,
        recipe={"name": hostile, "toml": f"# {hostile} </code>"},
        provenance={**PROVENANCE, "data": hostile, "command": hostile, "versions": {hostile: "1"}},
    )
    assert not page.attributes("script")
    assert hostile in page.text


def test_hostile_class_names_are_escaped(tmp_path):
    classes = ("<b>", '"onload="x', "c")
    dataset, predictions = _storms(classes=classes)
    page, _ = _write(tmp_path / "report.html", dataset, predictions)
    assert '"onload="x' in page.text
    assert not any("onload" in attrs for _, attrs in page.tags)


def test_only_a_score_of_another_package_names_it(tmp_path, monkeypatch):
    mine = verification.Score(
        "mine", "my score", "a test's", (0, 1), True, of_confusion=verification.accuracy
    )
    of_others, _ = _write(tmp_path / "others.html", *_storms(), scores=_with_added(mine))
    assert "a test's; higher is better, 0 to 1 (package someone 1.0)" in of_others.text
    monkeypatch.setattr(verification, "SCORES", (*verification.SCORES, mine))
    own, _ = _write(tmp_path / "own.html", *_storms(), scores=_with_added(mine))
    assert "a test's; higher is better, 0 to 1" in own.text
    assert "(package" not in own.text


def _with_added(extra):
    """Scores with one beyond the five, as a file gives them."""
    dataset, predictions = _storms()
    plain = verification.score(predictions, dataset, n_boot=5)
    more = verification.AddedScore(
        0.5, 0.4, 0.6, extra.title, extra.meaning, extra.sense, 0, 1, True, 0.1, "someone 1.0"
    )
    return replace(plain, added={extra.name: more})


def test_digits_have_ten_classes_no_days_and_no_dbz(tmp_path):
    dataset, predictions = _storms(60, classes=tuple("0123456789"), units="1", times=False)
    page, _ = _write(tmp_path / "report.html", dataset, predictions)
    assert "the 60 images were resampled" in page.text
    assert "storm" not in page.text.split("Do it again")[1].split("stormlens train")[0]
    assert len(page.attributes("img")) == 2 + 1 + 4
    assert "dBZ" not in " ".join(picture["alt"] for picture in page.attributes("img"))


def test_a_run_with_nothing_recorded_still_has_a_report(tmp_path):
    dataset, predictions = _storms()
    page, _ = _write(tmp_path / "report.html", dataset, predictions, history=[], provenance={})
    assert "No epoch was trained" in page.text
    assert "The layers were not recorded" in page.text


def test_a_perfect_classifier_has_no_mistakes_to_show(tmp_path):
    dataset, predictions = _storms()
    predictions["probability"].values[:] = np.eye(6)[dataset["mode"].values]
    page, _ = _write(tmp_path / "report.html", dataset, predictions)
    assert "every answer was right" in page.text
    assert "It made no mistake." in page.text


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(tmp_path):
    paths = [tmp_path / "a.html", tmp_path / "b.html"]
    for path in paths:
        _write(path, *_storms(8))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.slow
def test_scores_from_a_file_give_the_same_page(tmp_path):
    dataset, predictions = _storms(8)
    direct, scores = _write(tmp_path / "a.html", dataset, predictions)
    loaded = verification.Scores.from_dict(json.loads(json.dumps(scores.to_dict())))
    again, _ = _write(tmp_path / "b.html", dataset, predictions, scores=loaded)
    assert again.text == direct.text


def test_a_folder_in_the_way_is_said(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        _write(tmp_path, *_storms(8))


@pytest.fixture(scope="module")
def appraised(tmp_path_factory):
    """The page of a run in whose folder an appraisal lies."""
    folder = write_appraisal(tmp_path_factory.mktemp("appraised"), appraisal(failures=12))
    return _write(folder / "report.html", *_storms(simulated=True))[0]


@pytest.mark.slow
def test_an_appraisal_in_the_folder_brings_the_cards_sections(appraised, made_up):
    assert "How far to trust it" in appraised.text
    assert "#trust" in [link["href"] for link in appraised.attributes("a")]
    assert "How far to trust it" not in made_up[0].text
    for words in (
        "Of 1,360 such SIMULATED boxes it names",
        "weakest on the product family rain rates",
        "cyclone at landfall",
        "Of 21 REAL boxes that it was tried on, the most probable mode is right for 19; it left 1 ",
        "Family (SIMULATED)",
        "Not meant for: warnings",
    ):
        assert words in appraised.text


def test_known_failures_are_shown_with_their_words(appraised):
    labels = [image["alt"] for image in appraised.attributes("img")]
    labels = [words for words in labels if words.startswith("SIMULATED radar picture of wide-")]
    assert len(labels) == 8
    assert labels[0].startswith(
        "SIMULATED radar picture of wide-0: Cellular, called QLCS with 98.0"
    )
    assert labels[0].endswith("bow echo, one radar, lowest scan.")


def test_families_from_outside_cannot_bring_markup(tmp_path):
    content = appraisal()
    content["simulated"]["families"][0]["family"] = "<script>alert(1)</script>"
    content["real"][0]["name"] = "<img src=x>"
    page, _ = _write(write_appraisal(tmp_path, content) / "report.html", *_storms(simulated=True))
    assert not page.attributes("script")
    assert all(image["src"].startswith("data:") for image in page.attributes("img"))
    assert "<script>alert(1)</script>" in page.text


def test_a_page_beside_a_damaged_appraisal_is_refused(tmp_path):
    (tmp_path / "appraisal.json").write_text("{")
    with pytest.raises(InputError, match=r"appraisal\.json is damaged"):
        _write(tmp_path / "report.html", *_storms())
    assert not (tmp_path / "report.html").exists()
