"""How far a classifier can be trusted: temperature, sets of modes and novelty, by oracles."""

import hashlib
import json
import shutil
import warnings
from dataclasses import replace

import numpy as np
import numpy.testing as npt
import pytest
import safetensors.numpy
import xarray as xr
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import Classifier, _novelty, build, calibrate
from stormlens.models._confidence import _best_temperature, _lowest_plausible, temper
from stormlens.models._novelty import NOVELTY_OF_BLANK, Novelty, fit_novelty
from stormlens.stormbox import MODES

pytestmark = pytest.mark.usefixtures("fixed_start")

SIZE = 30


def storms(n, seed=0, size=SIZE):
    """Smooth blobs of echo in clear air, as whole dBZ."""
    from scipy.ndimage import gaussian_filter

    noise = np.random.default_rng(seed).standard_normal((n, size, size))
    smooth = gaussian_filter(noise, (0, 2, 2)) * 100
    return np.clip(smooth + 10, 0, 75).astype(np.uint8)


def labelled(n, seed=0, **options):
    modes = np.random.default_rng(seed).integers(0, 6, n)
    return make_dataset(storms(n, seed), modes, source="test", **options)


@pytest.fixture(scope="module")
def plain():
    model = build("chapter-linear", input_shape=(SIZE, SIZE, 1), seed=3)
    for variable in model.trainable_variables:  # answers that are far from even
        variable.assign(np.asarray(variable.value) * 1.5)
    return Classifier(model, "chapter-linear", MODES, 0.0, 80.0, {"training_simulated": True})


@pytest.fixture(scope="module")
def boxes(plain):
    """Boxes for which the classifier is right three times in four."""
    rng = np.random.default_rng(1)
    answers = plain.probabilities(storms(120)).argmax(1)
    modes = np.where(rng.random(120) < 0.75, answers, rng.integers(0, 6, 120))
    return make_dataset(storms(120), modes, source="test")


@pytest.fixture(scope="module")
def confidence(plain, boxes):
    return calibrate(plain, boxes)


@pytest.fixture(scope="module")
def trusted(plain, confidence):
    return replace(plain, confidence=confidence)


def drawn(n, sharpness, seed=0):
    """Labels that follow probabilities, and what a network gives that is too sure of them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 6))
    truth = (softmax(logits, 1).cumsum(1) > rng.random((n, 1))).argmax(1)
    return softmax(sharpness * logits, 1).astype(np.float32), truth


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_is_what_sharpened_the_probabilities(sharpness):
    probability, truth = drawn(6000, sharpness)
    found = _best_temperature(probability, truth)
    assert found == pytest.approx(sharpness, rel=0.05)
    # scikit-learn's log loss on a grid knows no lower place.
    grid = found * np.array([0.97, 0.99, 1.0, 1.01, 1.03])
    losses = [log_loss(truth, softmax(np.log(probability) / t, 1)) for t in grid]
    assert np.argmin(losses) == 2


def test_tempering_is_a_power_and_keeps_the_order():
    npt.assert_allclose(temper(np.array([[0.64, 0.36]]), 2.0), [[0.8 / 1.4, 0.6 / 1.4]], rtol=1e-6)
    probability, _ = drawn(50, 1.0)
    expected = np.exp(log_softmax(np.log(probability) / 3, 1))
    npt.assert_allclose(temper(probability, 3.0), expected, rtol=1e-5)
    npt.assert_array_equal(temper(probability, 3.0).argmax(1), probability.argmax(1))
    npt.assert_allclose(temper(np.array([1.0, 0.0]), 20.0).sum(), 1, rtol=1e-6)  # 0 has no log


def test_the_quantile_of_a_small_calibration_by_hand():
    # Of 19 boxes, ceil(20 * 0.9) = 18 must be covered: the second lowest probability stays out
    # of no set, the lowest one does.
    of_truth = np.linspace(0.05, 0.95, 19, dtype=np.float32)
    assert _lowest_plausible(of_truth, 0.9) == of_truth[1]
    assert _lowest_plausible(of_truth, 0.95) == of_truth[0]
    assert _lowest_plausible(of_truth, 0.96) == 0.0  # 19 boxes cannot promise as much
    assert _lowest_plausible(np.ones(99, np.float32), 0.9) == 1.0


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_sets_hold_the_truth_as_often_as_was_asked(level):
    covered = []
    for seed in range(300):
        probability, truth = drawn(120, 2.0, seed)
        of_truth = temper(probability, 2.0)[np.arange(120), truth]
        lowest = _lowest_plausible(of_truth[:60], level)
        covered.append((of_truth[60:] >= lowest).mean())
    # Split conformal sets promise a mean of at least the level, and at most 1 / 61 more.
    assert level - 0.006 < np.mean(covered) < level + 1 / 61 + 0.006


def test_a_calibration_is_that_of_the_probabilities_that_are_given(plain, boxes, confidence):
    probability = plain.probabilities(boxes["reflectivity"].values)
    truth = boxes["mode"].values
    assert confidence.temperature == pytest.approx(_best_temperature(probability, truth), rel=1e-4)
    tempered = confidence.temper(probability)
    assert log_loss(truth, tempered) < log_loss(truth, probability) - 0.01
    kept = confidence.plausible(tempered)[np.arange(120), truth]
    assert kept.sum() == 109  # ceil(121 * 0.9)


def test_a_confidence_is_not_calibrated_twice(trusted, boxes, confidence):
    again = calibrate(trusted, boxes)
    assert again.temperature == confidence.temperature
    assert again.plausible_from == confidence.plausible_from


def test_predictions_say_what_is_plausible_and_new(plain, trusted, confidence):
    boxes = labelled(70, seed=5).assign_coords(coverage=("storm", np.ones(70)))
    predictions, raw = trusted.predict(boxes), plain.predict(boxes)
    assert set(raw.data_vars) == {"probability"}
    npt.assert_array_equal(predictions["probability"], confidence.temper(raw["probability"].values))
    npt.assert_allclose(predictions["probability"].sum("mode"), 1, rtol=1e-6)
    assert predictions["plausible"].dtype == bool
    assert predictions["plausible"].dims == ("storm", "mode")
    npt.assert_array_equal(
        predictions["plausible"], predictions["probability"] >= confidence.plausible_from
    )
    assert predictions["novelty"].dtype == np.float32
    npt.assert_array_equal(
        predictions["novelty"], confidence.novelty.score(boxes["reflectivity"].values)
    )
    assert predictions.attrs["level"] == 0.9
    assert predictions.attrs["plausible_from"] == confidence.plausible_from
    assert "coverage" in predictions.coords


def test_predictions_of_no_box_have_all_their_parts(trusted):
    predictions = trusted.predict(labelled(3).isel(storm=[]))
    assert predictions["plausible"].shape == (0, 6)
    assert predictions["novelty"].shape == (0,)


def test_known_boxes_need_no_label_and_change_the_novelty_alone(plain, boxes, confidence):
    known = labelled(60, seed=9).drop_vars("mode")
    wider = calibrate(plain, boxes, known=known)
    assert wider.temperature == confidence.temperature
    assert not np.array_equal(wider.novelty.mean, confidence.novelty.mean)


def test_arguments_of_a_calibration_are_checked(plain):
    boxes = labelled(40)
    other = labelled(40, classes=("a", "b", "c", "d", "e", "f"))
    blank = boxes.assign(reflectivity=xr.zeros_like(boxes["reflectivity"]))
    for wrong, options, sentence in (
        (boxes, {"level": 1.0}, "level is 1.0; it must lie above 0 and below 1"),
        (boxes, {"level": True}, "level is True"),
        (boxes, {"level": "0.9"}, "level is '0.9'"),
        (boxes.drop_vars("mode"), {}, "have no labels"),
        (boxes["reflectivity"], {}, "have no labels"),
        (other, {}, "labelled a, b, c, d, e, f; the classifier gives Cellular"),
        (boxes.isel(storm=slice(19)), {}, "19 boxes are too few; give 20 or more"),
        (blank, {}, "0 boxes hold a pixel at 5 dBZ or more; at least 20 must"),
        (boxes, {"level": 10**400}, "level is 1000"),
        (boxes, {"level": np.float32("nan")}, "level is np.float32"),
        (boxes, {"known": boxes["mode"]}, "no container of reflectivity"),
        (boxes, {"known": boxes.isel(storm=[])}, "there are no known boxes; give some, or leave"),
        (boxes, {"known": boxes.isel(storm=0)}, "known boxes has dimensions"),
        (boxes, {"known": make_dataset(storms(2, size=40), source="x")}, "40 x 40 pixels; 30 x 30"),
    ):
        with pytest.raises(InputError, match=sentence):
            calibrate(plain, wrong, **options)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({3: 6}, "label 6.0 of box 3 is no class code; codes run from 0 to 5"),
        ({3: -1}, "label -1.0 of box 3"),
        ({4: np.nan, 7: 9}, "label nan of box 4"),
        ({4: 1.5}, "label 1.5 of box 4"),
        (dict.fromkeys(range(40), 2), "all boxes are labelled Tropical; give boxes of two modes"),
    ],
)
def test_labels_of_a_calibration_are_checked(plain, changed, sentence):
    boxes = labelled(40)
    codes = boxes["mode"].values.astype(float)
    codes[list(changed)] = list(changed.values())
    with pytest.raises(InputError, match=sentence):
        calibrate(plain, boxes.assign(mode=("storm", codes, boxes["mode"].attrs)))


def test_labels_without_names_or_of_other_dimensions_are_refused(plain):
    boxes = labelled(40)
    for wrong in (
        boxes.assign(mode=("storm", boxes["mode"].values)),
        boxes.assign(mode=boxes["mode"].expand_dims(y=SIZE)),
        boxes.isel(storm=0),
    ):
        with pytest.raises(InputError, match="not one code a storm, with attribute flag_meanings"):
            calibrate(plain, wrong)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, float])
def test_levels_of_any_kind_of_float_are_what_their_decimals_say(plain, kind):
    # Of 99 boxes 80 are covered; 0.8 as a float32 is above 0.8 and would ask for 81.
    boxes = labelled(99)
    found = calibrate(plain, boxes, kind(0.8))
    assert type(found.level) is float
    assert found.level == 0.8
    covered = found.plausible(found.temper(plain.probabilities(boxes["reflectivity"].values)))
    assert covered[np.arange(99), boxes["mode"].values].sum() == 80


def test_images_too_small_for_a_score_are_refused():
    with pytest.raises(InputError, match="15 x 15 pixels are too small; 16 x 16 are needed"):
        fit_novelty(storms(30, size=15))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"temperature": 0.0}, "temperature is 0.0; it must be 0.001 to 1000"),
        ({"temperature": 5e-324}, "temperature is 5e-324"),
        ({"temperature": 1e300}, "temperature is 1e.300"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"level": 1.0}, "level is 1.0; it must be above 0 and below 1"),
        ({"plausible_from": 1.5}, "plausible_from is 1.5; it must be 0 to 1"),
    ],
)
def test_numbers_of_a_confidence_are_checked(confidence, changed, sentence):
    with pytest.raises(InputError, match=sentence):
        replace(confidence, **changed)


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("mean", lambda a: a[:-1], r"mean of the novelty score is float32 of shape \(40,\)"),
        ("usual", lambda a: a.astype(np.float64), "usual of the novelty score is float64"),
        ("centres", lambda a: a[:, :-1], "centres of the novelty score"),
        ("whitening", lambda a: a[0], "centres of the novelty score"),
        ("whitening", lambda a: a[:0], "whitening of the novelty score"),
        ("whitening", lambda a: a * np.float32("nan"), "whitening .* are not finite"),
        ("usual", lambda a: a * 0, "usual shares that are none"),
        ("deviation", lambda a: -a, "a deviation that is not above 0"),
    ],
)
def test_arrays_of_a_novelty_score_are_checked(confidence, name, change, sentence):
    arrays = {**vars(confidence.novelty), name: change(getattr(confidence.novelty, name))}
    with pytest.raises(InputError, match=sentence):
        Novelty(**arrays)


def test_a_saved_confidence_loads_to_the_same_bits(trusted, tmp_path):
    trusted.save(tmp_path)
    boxes = labelled(20, seed=4)
    loaded = Classifier.load(tmp_path)
    xr.testing.assert_identical(loaded.predict(boxes), trusted.predict(boxes))
    replace(trusted, confidence=None).save(tmp_path)
    assert not (tmp_path / "confidence.safetensors").exists()
    assert Classifier.load(tmp_path).confidence is None


@pytest.mark.parametrize("name", ["usual", "mean", "deviation", "centres", "whitening"])
def test_a_confidence_that_is_not_finite_is_not_written(name, trusted, tmp_path):
    arrays = {key: np.array(held) for key, held in vars(trusted.confidence.novelty).items()}
    confidence = replace(trusted.confidence, novelty=Novelty(**arrays))
    arrays[name].flat[-1] = np.nan
    broken = replace(trusted, confidence=confidence)
    with pytest.raises(InputError, match=f"tensor {name} holds values that are not finite; noth"):
        broken.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_runs_from_before_there_was_a_confidence_still_load(plain, tmp_path):
    plain.save(tmp_path)
    card = tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    del fields["confidence"], fields["orientations"], fields["provenance"]["sha256"]
    del fields["card_sha256"]
    card.write_text(json.dumps(fields))
    loaded = Classifier.load(tmp_path)
    assert (loaded.confidence, loaded.orientations) == (None, 1)


def test_a_confidence_of_another_time_than_the_card_is_refused(trusted, tmp_path):
    trusted.save(tmp_path)
    path, card = tmp_path / "confidence.safetensors", tmp_path / "classifier.json"
    fields = json.loads(card.read_text())
    assert fields["confidence"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    arrays = safetensors.numpy.load_file(path)
    path.write_bytes(safetensors.numpy.save({**arrays, "mean": arrays["mean"] + 1}))
    sentence = r"confidence\.safetensors is not the file that classifier\.json was written with; "
    with pytest.raises(InputError, match=sentence + "train again"):
        Classifier.load(tmp_path)
    # Runs that recorded none are read as they are.
    del fields["confidence"]["sha256"], fields["card_sha256"]
    card.write_text(json.dumps(fields))
    assert Classifier.load(tmp_path).confidence is not None


@pytest.mark.parametrize("written", [1, 2])
def test_a_save_that_is_killed_between_two_files_is_noticed(trusted, tmp_path, written):
    names = ("weights.safetensors", "confidence.safetensors", "classifier.json")
    run, other = tmp_path / "run", tmp_path / "other"
    trusted.save(run)
    novelty = replace(trusted.confidence.novelty, mean=trusted.confidence.novelty.mean + 1)
    changed = Classifier(build("chapter-linear", input_shape=(SIZE, SIZE, 1)), "chapter-linear")
    changed.confidence = replace(trusted.confidence, novelty=novelty)
    changed.save(other)
    for name in names[:written]:
        shutil.copy(other / name, run / name)
    with pytest.raises(InputError, match=r"is not the file that classifier\.json was written with"):
        Classifier.load(run)
    # The same weights calibrated again.
    shutil.copy(tmp_path / "other" / names[1], trusted.save(run) / names[1])
    with pytest.raises(InputError, match=r"confidence\.safetensors is not the file"):
        Classifier.load(run)


def test_the_card_is_written_last(trusted, tmp_path, monkeypatch):
    from stormlens.models import _classifier

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_classifier, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        trusted.save(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["confidence.safetensors", "weights.safetensors"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], r"classifier\.json is damaged: confidence is \[\]"),
        ({"temperature": 1.0}, "confidence is {'temperature': 1.0}"),
        ({"temperature": "1", "level": 0.9, "plausible_from": 0.1}, "confidence is "),
        ({"temperature": -2.0, "level": 0.9, "plausible_from": 0.1}, "temperature is -2.0; it"),
        ({"temperature": float("nan"), "level": 0.9, "plausible_from": 0.1}, "confidence is "),
        ({"temperature": 10**400, "level": 0.9, "plausible_from": 0.1}, "confidence is "),
        ({"temperature": 1.0, "level": 0.9, "plausible_from": -(10**400)}, "confidence is "),
        ({"temperature": 5e-324, "level": 0.9, "plausible_from": 0.1}, "temperature is 5e-324; it"),
        ({"temperature": 1, "level": 0.9, "plausible_from": 0.1, "sha256": 5}, "confidence is "),
        ({"temperature": 1.0, "level": 0.9, "plausible_from": 3}, "plausible_from is 3; it must"),
    ],
)
def test_a_damaged_confidence_in_the_card_is_named(trusted, tmp_path, value, sentence):
    trusted.save(tmp_path)
    card = tmp_path / "classifier.json"
    card.write_text(json.dumps({**json.loads(card.read_text()), "confidence": value}))
    with pytest.raises(InputError, match=sentence) as caught:
        Classifier.load(tmp_path)
    assert "classifier.json" in str(caught.value)
    assert "train again" in str(caught.value)


def test_damaged_arrays_of_a_confidence_are_named(trusted, tmp_path):
    trusted.save(tmp_path)
    path = tmp_path / "confidence.safetensors"
    whole = path.read_bytes()
    arrays = safetensors.numpy.load(whole)
    infinite = {**arrays, "mean": np.full_like(arrays["mean"], np.inf)}
    short = {**arrays, "mean": arrays["mean"][:-1]}
    fewer = {name: values for name, values in arrays.items() if name != "mean"}
    for content, sentence in (
        (whole[:100], "is damaged"),
        (b"", "is damaged"),
        (safetensors.numpy.save(infinite), "tensor mean holds values that are not finite"),
        (safetensors.numpy.save(short), r"is damaged: mean of the novelty score"),
        (safetensors.numpy.save(fewer), "holds centres, deviation, usual, whitening, not"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=sentence) as caught:
            Classifier.load(tmp_path)
        assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(InputError, match=r"confidence\.safetensors is missing; train again"):
        Classifier.load(tmp_path)


class Counted:
    """Every statistic by loops over pixels, in the words of its name."""

    def __init__(self, image):
        self.values = image.astype(int)
        self.held = dict.fromkeys(_novelty._NAMES, 0)
        self.of = dict.fromkeys(_novelty._NAMES, 0)
        self.pixels()
        for lag in (1, 4, 8):
            for low, high, _ in self.pairs(lag):
                self.pair(lag, low, high)
        for low, high, line in self.pairs(1):
            self.neighbours(low, high, line)
        self.still_lines()
        for lag in (3, 6):
            self.triples(lag, self.values)
            self.triples(lag, self.values.T)

    def count(self, name, is_one, among=True):
        self.held[name] += bool(is_one and among)
        self.of[name] += bool(among)

    def pixels(self):
        for v in self.values.ravel():
            self.count("echo", v >= 5)
            self.count("at the highest", v == self.values.max(), v >= 5)
            for level in (20, 30, 40, 50, 60):
                self.count(f"from {level}", v >= level, v >= 5)

    def pairs(self, lag):
        rows, columns = self.values.shape
        for y, x in np.ndindex(rows, columns):
            if y + lag < rows:
                yield *sorted((self.values[y, x], self.values[y + lag, x])), ("still rows", y)
            if x + lag < columns:
                yield *sorted((self.values[y, x], self.values[y, x + lag])), ("still columns", x)

    def pair(self, lag, low, high):
        self.count(f"pair {lag}", low >= 5, high >= 5)
        for least in (0, 2, 5, 10, 20):
            self.count(f"step {lag} over {least}", high - low > least, low >= 5)
        for level in (20, 35, 50) if lag <= 4 else ():
            self.count(f"contour {lag} at {level}", low >= level, high >= level)

    def neighbours(self, low, high, line):
        for level in (10, 20, 30):
            self.count(f"cliff {level}", high >= level, low < 5 <= high)
        self.count("columns", line[0] == "still rows", low >= 5 and high - low > 2)

    def still_lines(self):
        moving = {line for low, high, line in self.pairs(1) if high > low >= 5}
        for low, _, line in self.pairs(1):
            self.count(line[0], line not in moving, low >= 5)

    def triples(self, lag, values):
        for y, x in np.ndindex(values.shape[0] - 2 * lag, values.shape[1]):
            first, middle, last = values[[y, y + lag, y + 2 * lag], x]
            bend, echo = first // 2 + last // 2 - middle, min(first, middle, last) >= 5
            self.count(f"valleys {lag}", bend > 3, echo and abs(bend) > 3)
            self.count(f"bends {lag}", abs(bend) > 3, echo)


def test_statistics_count_what_their_names_say():
    for image in (storms(1, size=24)[0], storms(1, 8, 24)[0].T.copy()):
        image[5:9] = image[5]  # rows that are alike
        plainly = Counted(image)
        expected = [(plainly.held[name], plainly.of[name]) for name in _novelty._NAMES]
        npt.assert_array_equal(_novelty._count(image[np.newaxis])[0], expected)


def test_bytes_above_any_reflectivity_do_not_wrap_round():
    bright = np.full((1, 20, 20), 200, np.uint8)
    bright[0, 10] = 90
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = dict(zip(_novelty._NAMES, _novelty._count(bright)[0], strict=True))
    npt.assert_array_equal(counts["echo"], (400, 400))
    npt.assert_array_equal(counts["step 1 over 20"], (40, 760))


def test_a_score_is_the_distance_from_the_nearest_distribution():
    size = len(_novelty._NAMES)
    zeros, eye = np.zeros(size, np.float32), np.eye(size, dtype=np.float32)
    novelty = Novelty(
        zeros + 0.5, zeros, zeros + 1, np.stack([zeros + 1, zeros + 2]), np.stack([eye, 3 * eye])
    )
    balance, signs = _novelty._NAMES.index("columns"), set()
    for image in (storms(1, 3), storms(1, 3).transpose(0, 2, 1)):
        held, of = _novelty._count(image)[0].T
        odds = np.log((held + 50) / (of - held + 50))
        signs.add(np.sign(odds[balance]))
        odds[balance] = abs(odds[balance])  # which of the two directions is rougher says nothing
        expected = min(np.sqrt(((odds - 1) ** 2).sum()), 3 * np.sqrt(((odds - 2) ** 2).sum()))
        npt.assert_allclose(novelty.score(image), [expected], rtol=1e-5)
    assert signs == {-1, 1}


@pytest.mark.slow
def test_about_1_in_100_boxes_of_the_kind_are_new_and_other_images_are():
    novelty = fit_novelty(storms(1500))
    assert 0.002 < (novelty.score(storms(1500, seed=1)) > 1).mean() < 0.02
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 75, (20, SIZE, SIZE)).astype(np.uint8)
    assert (novelty.score(noise) > 1).all()
    assert (novelty.score(storms(20, 2) // 5) > 1).mean() > 0.9


@pytest.mark.long(8)
@pytest.mark.parametrize("known", [300, 500])
def test_few_boxes_of_the_kind_are_new_where_few_boxes_were_known(known):
    fresh = storms(2000, 99)
    new = [(fit_novelty(storms(known, seed)).score(fresh) > 1).mean() for seed in range(4)]
    assert np.mean(new) < 0.02


@pytest.mark.slow
def test_parts_of_the_boxes_are_fitted_as_the_whole_is(monkeypatch):
    # Fewer distributions of fewer boxes would find a limit that is not that of the whole.
    fit, fitted = _novelty._fit, []

    def counted(counts, kinds, seed):
        fitted.append((len(counts), kinds))
        return fit(counts, kinds, seed)

    monkeypatch.setattr(_novelty, "_fit", counted)
    fit_novelty(storms(500))
    rows, kinds = zip(*fitted, strict=True)
    assert rows[:4] == (max(rows),) * 4  # four seeds for the whole, then its four parts
    assert len(rows) == 8
    assert max(rows[4:]) < max(rows)
    assert set(kinds) == {max(rows) // 250}


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda dbz: np.where(dbz > 0, dbz + 5, 0),
        lambda dbz: dbz // 5 * 5,
        lambda dbz: np.where(dbz >= 20, dbz, 0),
        lambda dbz: np.minimum(dbz, 53),
    ],
    ids=["hotter", "in steps", "above 20 dBZ", "capped"],
)
def test_known_boxes_are_known_in_another_product_too(change):
    novelty = fit_novelty(storms(800))
    changed = change(storms(300, 1).astype(int)).astype(np.uint8)
    changed = changed[(changed >= 5).any((1, 2))]
    assert (novelty.score(changed) > 1).mean() < 0.05


def test_a_blank_box_is_no_storm_whatever_was_known():
    novelty = fit_novelty(np.concatenate([storms(60), np.zeros((60, SIZE, SIZE), np.uint8)]))
    blank = np.zeros((2, SIZE, SIZE), np.uint8)
    blank[1] = 4
    npt.assert_array_equal(novelty.score(blank), [NOVELTY_OF_BLANK] * 2)
    assert np.isfinite(NOVELTY_OF_BLANK)  # JSON has no infinity


def test_boxes_that_are_all_the_same_have_a_score_too():
    same = np.repeat(storms(1, 7), 40, axis=0)
    novelty = fit_novelty(same)
    assert novelty.score(storms(1, 8))[0] > 1


def test_the_same_boxes_give_the_same_score(plain, boxes, confidence):
    again = calibrate(plain, boxes)
    for name, values in vars(confidence.novelty).items():
        npt.assert_array_equal(values, getattr(again.novelty, name), err_msg=name)
