"""The page of a comparison: the answer first, nothing from elsewhere, and no sideways scroll."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from apart import apart, browser_path
from test_report import Page

from stormlens import report, verification
from stormlens.datasets import make_dataset
from stormlens.report import _comparison_words as say
from stormlens.stormbox import MODES

MINUS = "\N{MINUS SIGN}"
PROVENANCE = {
    "command": "stormlens compare a b --out c",
    "created": "2025-01-17 14:03 UTC",
    "stormlens_version": "9.8.7",
    "machine": "2 cores of something",
}


def boxes(n=60, *, simulated=False, time=None):
    rng = np.random.default_rng(0)
    days = np.datetime64("2014-04-01") + np.arange(n) // 2 * np.timedelta64(9, "D")
    time = days if time is None else np.full(n, np.datetime64(time))
    return make_dataset(
        rng.integers(0, 60, (n, 136, 136)),
        np.arange(n) % 6,
        time=time,
        source="a test's boxes",
        simulated=simulated,
    )


def predictions(dataset, wrong, *, simulated=False):
    """Right but for the boxes named."""
    truth = dataset["mode"].values
    probability = 0.6 * np.eye(6)[truth] + 0.4 / 6
    probability[wrong] = np.roll(probability[wrong], 1, axis=1)
    return xr.Dataset(
        {"probability": (("storm", "mode"), probability)},
        coords={"mode": list(MODES), "unid": dataset["unid"]},
        attrs={"simulated_training": int(simulated)},
    )


def compared(wrong, *, baselines=(), simulated=False, curve=(), notes=(), time=None):
    """What ``comparison.json`` would hold, and the boxes."""
    dataset = boxes(simulated=simulated, time=time)
    given = {
        name: predictions(dataset, places, simulated=simulated) for name, places in wrong.items()
    }
    comparison = verification.compare(given, dataset, n_boot=50)
    values = {
        "data": "somewhere",
        "data_options": {"seed": 3},
        "split": "test",
        "contestants": [
            {
                "letter": "ABCDEFG"[i],
                "name": name,
                "kind": "baseline" if name in baselines else "run",
                "folder": f"runs/{name}",
                "recipe": "default",
                "architecture": "lenet5",
                "seed": 0,
                "data": "somewhere",
                "data_options": {},
                "training_boxes": 1331,
                "training_simulated": simulated,
                "parameters": 355718,
                "training_seconds": 102.4,
                "images_a_second": 1000.0 * (i + 1),
                "bytes": 1_423_872,
            }
            for i, name in enumerate(given)
        ],
        "constant": {
            view: {"name": "always QLCS", "accuracy": 0.2, **dict.fromkeys(say.SCORES, 0.2)}
            for view in comparison.views
        },
        "notes": list(notes),
        **comparison.to_dict(),
        "learning_curve": list(curve),
    }
    return json.loads(json.dumps(values, allow_nan=False)), dataset


def write(path, values, dataset):
    report.write_comparison(path, comparison=values, boxes=dataset, provenance=PROVENANCE)
    return Page(path.read_text(encoding="utf-8"))


FAR_APART = {"good": [0], "poor": list(range(0, 60, 2)), "plain": list(range(1, 60, 4))}
CURVE = [
    {"name": "plain", "boxes": n, "accuracy": one, "hss": one}
    for n, one in (
        (166, {"value": 0.5, "low": 0.4, "high": 0.6}),
        (1331, {"value": 0.7, "low": 0.6, "high": None}),
    )
]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    values, dataset = compared(FAR_APART, baselines=["plain"], simulated=True, curve=CURVE)
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    return write(path, values, dataset), values, path


@pytest.mark.slow
def test_the_answer_comes_first(page):
    shown, values, _ = page
    heading = shown.text.index("Which is better?")
    answer = shown.text.index("good is better than poor")
    assert heading < answer < shown.text.index("How good is each?")
    found = values["views"]["six"]["pairs"][0]["differences"]["accuracy"]
    assert f"by {100 * found['value']:.1f} points of accuracy" in shown.text
    assert "corrected for 3 comparisons" in shown.text
    assert "good beats plain" in shown.text


def test_nothing_is_fetched_and_nothing_runs(page):
    shown, _, path = page
    for _, attrs in shown.tags:
        for name in ("src", "href", "srcset"):
            if name in attrs:
                assert attrs[name].startswith(("data:", "#"))
    assert not shown.attributes("script")
    (policy,) = [m["content"] for m in shown.attributes("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")
    assert path.stat().st_size < 2e6


def test_every_section_is_there(page):
    shown, values, _ = page
    for words in (
        "Do they differ?",
        "The same for fewer modes",
        "Four weather modes",
        "Three storm modes",
        "Mode by mode",
        "Do they know how sure to be?",
        "When is which better?",
        "Would more boxes help?",
        "Where they disagree",
        "What does it cost?",
        "2 cores of something",
        "355,718",
        "1 min 42 s",
        "stormlens compare a b --out c",
    ):
        assert words in shown.text
    targets = {attrs["id"] for _, attrs in shown.tags if "id" in attrs}
    assert {link["href"][1:] for link in shown.attributes("a")} <= targets
    assert all(image["alt"] for image in shown.attributes("img"))
    for view in values["views"].values():
        for entrant in view["entrants"].values():
            for score in say.SCORES:
                assert f"{entrant['scores'][score]['value']:.3f}" in shown.text


def test_simulated_boxes_are_called_so(page):
    shown, _, _ = page
    assert shown.text.index("SIMULATED") < shown.text.index("Which is better?")
    (banner,) = [a for tag, a in shown.tags if a.get("role") == "note"]
    assert banner["class"] == "banner"
    real, _ = compared(FAR_APART, baselines=["plain"])
    assert say.banner(real) == ""


def test_storms_on_which_runs_differ_stand_first(page):
    shown, _values, _ = page
    alternatives = [image["alt"] for image in shown.attributes("img") if "truth" in image["alt"]]
    assert len(alternatives) == 12
    assert all(text.startswith("SIMULATED radar picture of ") for text in alternatives)
    for text in alternatives:
        good, poor = (text.split(f"{name} says ")[1].split()[0] for name in ("good", "poor"))
        assert good != poor


@pytest.mark.slow
def test_names_from_outside_cannot_bring_markup(tmp_path):
    bad = "<img src=x onerror=alert(1)>"
    values, dataset = compared({bad: [0], "b": [1, 2]}, notes=["<script>1</script>"])
    shown = write(tmp_path / "page.html", values, dataset)
    assert not shown.attributes("script")
    assert all(image["src"].startswith("data:") for image in shown.attributes("img"))
    assert bad in shown.text


@pytest.mark.slow
def test_nothing_wider_than_a_telephone(tmp_path):
    browser = browser_path()
    sync_api = pytest.importorskip("playwright.sync_api")
    many = {f"a-name-without-a-place-to-break-it-{i}": [i] for i in range(6)}
    values, dataset = compared(many, simulated=True)
    write(tmp_path / "page.html", values, dataset)

    def look():
        with sync_api.sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                shown = chromium.new_page(
                    viewport={"width": 390, "height": 844}, color_scheme=scheme, offline=True
                )
                shown.goto((tmp_path / "page.html").as_uri())
                shown.evaluate(
                    "document.querySelectorAll('details').forEach(one => one.open = true)"
                )
                assert shown.evaluate("document.documentElement.scrollWidth") == 390
                paper = shown.evaluate("getComputedStyle(document.body).backgroundColor")
                assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 24, 31)"}[scheme]
            chromium.close()

    apart(look)


def test_too_little_to_tell_is_said():
    values, _ = compared({"one": [0, 2], "two": [0, 4, 6]})
    text = report.comparison_headline(values)
    assert text.startswith("The 60 storm boxes do not tell one and two apart. one is ahead by 1.7 ")
    assert f"interval {MINUS}" in text
    assert "corrected" not in text  # for a single comparison


def test_who_is_ahead_is_named_first_whatever_the_order():
    values, _ = compared({"poor": FAR_APART["poor"], "good": [0]})
    text = report.comparison_headline(values)
    assert text.startswith("good is better than poor by ")
    low, high = say.pair_of(values, "good", "poor")[0]["differences"]["accuracy"]["low"], 0
    assert low < high  # stored the other way round
    assert f"interval {MINUS}" not in text


def test_of_three_it_is_said_who_is_told_apart():
    values, _ = compared({"a": [0], "b": [0, 2], "c": list(range(0, 60, 2))})
    text = report.comparison_headline(values)
    assert text.startswith("a is better than c; the 60 storm boxes do not tell it apart from b.")
    assert "a leads the next, b, by 1.7 points" in text
    level, _ = compared({"a": [0], "b": [2], "c": [4]})
    assert report.comparison_headline(level).startswith(
        "The 60 storm boxes do not tell the 3 runs apart."
    )
    ahead, _ = compared({"a": [], "b": FAR_APART["poor"], "c": FAR_APART["poor"]})
    assert report.comparison_headline(ahead).startswith("a is better than the other 2 runs.")


def test_a_baseline_that_is_better_is_said_to_be():
    values, _ = compared(
        {"a": FAR_APART["poor"], "b": FAR_APART["poor"], "trees": []}, baselines=["trees"]
    )
    assert "trees is a baseline and beats a, by 50.0 points" in report.comparison_headline(values)
    level, _ = compared({"a": [0], "b": [2], "trees": [4]}, baselines=["trees"])
    assert "a is not told apart from trees, which knows storms by" in report.comparison_headline(
        level
    )


def test_one_run_is_set_beside_the_stronger_baseline():
    values, _ = compared(
        {"a": [0], "trees": FAR_APART["poor"], "line": list(range(60))},
        baselines=["trees", "line"],
    )
    assert report.comparison_headline(values).startswith("a is better than trees by ")


def test_equal_answers_are_no_difference():
    values, _ = compared({"a": [0], "b": [0]})
    assert report.comparison_headline(values) == (
        "a and b are right about the same boxes. There is no difference."
    )


def test_pairs_of_runs_come_first():
    values, _ = compared({"x": [0], "a": [2], "y": [4], "b": [6]}, baselines=["x", "y"])
    pairs = report.ordered_pairs(values, values["views"]["six"])
    assert [(pair["first"], pair["second"]) for pair in pairs] == [
        ("a", "b"),
        ("x", "a"),
        ("x", "b"),
        ("a", "y"),
        ("y", "b"),
        ("x", "y"),
    ]


def test_bars_stand_where_the_numbers_are():
    from stormlens.report import _comparison as page_of

    low, high = page_of._round_axis([0.612, 0.9, 0.507])
    assert (round(low, 9), round(high, 9)) == (0.5, 0.9)
    bar = page_of._bar({"value": 0.7, "low": 0.6, "high": 0.8}, low, high)
    assert bar == {"at": 50.0, "from": 25.0, "width": 50.0}
    assert page_of._bar({"value": None, "low": None, "high": None}, low, high) is None
    alone = page_of._bar({"value": 0.7, "low": None, "high": None}, low, high)
    assert alone == {"at": 50.0, "from": 50.0, "width": 0.0}
    assert math.isclose(page_of._round_axis([0.0])[1], 0.05)  # never without a width


@pytest.mark.slow
@pytest.mark.parametrize("time", ["2014-04-01T18:00", "NaT"])
def test_boxes_of_one_day_or_of_no_known_time_have_a_page(tmp_path, time):
    values, dataset = compared({"a": [0], "b": list(range(0, 60, 3))}, time=time, simulated=True)
    shown = write(tmp_path / "page.html", values, dataset)
    if time == "NaT":
        assert "When is which better?" not in shown.text
        assert "as none has a time" in shown.text
    else:
        assert "All come from one day, so no interval can be given." in shown.text
        assert "interval" not in report.comparison_headline(values)
