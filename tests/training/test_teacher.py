import shutil

import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from few_boxes import boxes
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.training import Recipe, _checkpoint, fit, read_checkpoint
from stormlens.training._loss import Mixture, Taught, divergence, losses

TINY = Recipe("tiny", "chapter-relu", learning_rate=1e-3, batch_size=8, epochs=2)


@pytest.fixture(scope="module")
def splits():
    return {"train": boxes(43, 1), "validation": boxes(17, 2)}


@pytest.fixture(scope="module")
def teacher(splits, tmp_path_factory):
    run = tmp_path_factory.mktemp("teacher") / "run"
    fit(TINY.with_changes(members=2, epochs=6), splits, run, progress=False)
    return run


def tensors_of(fitted):
    return fitted.classifier.network.tensors()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_the_divergence_is_kullback_leiblers_of_what_is_softened(temperature):
    rng = np.random.default_rng(0)
    said = softmax(rng.normal(0, 2, (5, 4)), axis=1)
    scores = rng.normal(0, 2, (5, 4))
    softened = [softmax(values / temperature, axis=1) for values in (np.log(said), scores)]
    due = temperature**2 * entropy(*softened, axis=1)
    found = divergence(jnp.asarray(log_softmax(scores, axis=1)), jnp.asarray(said), temperature)
    npt.assert_allclose(found, due, rtol=1e-4)
    npt.assert_allclose(divergence(jnp.log(said), jnp.asarray(said), temperature), 0, atol=1e-6)


@pytest.mark.slow
def test_a_teacher_that_is_sure_teaches_without_infinities():
    sure = jnp.array([[1.0, 0.0, 0.0]])
    gradient = jax.grad(lambda s: divergence(jax.nn.log_softmax(s), sure, 2.0).sum())
    assert np.isfinite(gradient(jnp.array([[-3.0, 40.0, 2.0]]))).all()


@pytest.mark.slow
def test_labels_and_teacher_have_their_shares_in_mixtures_too():
    rng = np.random.default_rng(3)
    log_p = jnp.asarray(log_softmax(rng.normal(0, 1, (3, 4)), axis=1))
    said = jnp.asarray(softmax(rng.normal(0, 1, (3, 4)), axis=1))
    codes, factors = jnp.array([0, 3, 1]), jnp.array([1.0, 2.0, 1.0, 0.5])
    taught = Taught(said, 2.0, 0.75)
    plain, weighted = losses(log_p, codes, factors, 0.0, None, taught)
    of_labels = -np.asarray(log_p)[np.arange(3), np.asarray(codes)]
    due = 0.25 * of_labels + 0.75 * np.asarray(divergence(log_p, said, 2.0))
    npt.assert_allclose(plain, due, rtol=1e-5)
    npt.assert_allclose(weighted, due * np.array([1.0, 0.5, 2.0]), rtol=1e-5)
    mixture = Mixture(jnp.array([1, 2, 0]), jnp.array([0.5, 0.6, 1.0]))
    mixed, _ = losses(log_p, codes, factors, 0.0, mixture, taught)
    order = mixture.partner
    theirs = taught._replace(probabilities=said[order])
    partner, _ = losses(log_p, codes[order], factors, 0.0, None, theirs)
    npt.assert_allclose(mixed, mixture.share * plain + (1 - mixture.share) * partner, rtol=1e-5)


@pytest.mark.slow
def test_a_pupil_comes_to_say_what_its_teacher_says(splits, teacher):
    said = Classifier.load(teacher).predict(splits["train"])["probability"].values
    recipe = TINY.with_changes(epochs=15, teacher=str(teacher), teacher_weight=1.0, seed=5)
    pupil = fit(recipe, splits, progress=False).classifier
    other = fit(recipe.with_changes(epochs=1), splits, progress=False).classifier
    distances = [
        entropy(said, one.predict(splits["train"])["probability"].values, axis=1).mean()
        for one in (pupil, other)
    ]
    assert distances[0] < 0.2 * distances[1]
    assert len(pupil.network.members) == 1
    known = pupil.provenance["teacher"]
    assert known["run"] == str(teacher)
    assert known["model"] == "chapter-relu, ensemble of 2"
    assert known["sha256"] == Classifier.load(teacher).provenance["sha256"]


def test_labels_count_for_nothing_where_the_teacher_has_all(splits, teacher):
    recipe = TINY.with_changes(teacher=str(teacher), teacher_weight=1.0)
    shuffled = splits["train"].copy(deep=True)
    shuffled["mode"].values[:] = shuffled["mode"].values[::-1]
    one = fit(recipe, splits, progress=False)
    two = fit(recipe, {**splits, "train": shuffled}, progress=False)
    for name, values in tensors_of(one).items():
        npt.assert_array_equal(tensors_of(two)[name], values)


@pytest.mark.slow
def test_a_killed_pupil_resumes_to_the_same_bits_without_its_teacher(
    splits, teacher, tmp_path, monkeypatch
):
    from stormlens.training import _progress

    own = shutil.copytree(teacher, tmp_path / "teacher")
    recipe = TINY.with_changes(teacher=str(own), members=2, mixup=0.2)
    straight = fit(recipe, splits, progress=False)
    with monkeypatch.context() as patch:

        def killed(*_):
            raise KeyboardInterrupt

        patch.setattr(_progress.Silent, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, splits, tmp_path / "run", progress=False)
    shutil.rmtree(own)
    resumed = fit(recipe, splits, tmp_path / "run", resume=True, progress=False)
    for name, values in tensors_of(straight).items():
        npt.assert_array_equal(tensors_of(resumed)[name], values)
    assert resumed.classifier.provenance["teacher"] == straight.classifier.provenance["teacher"]
    again = Classifier.load(tmp_path / "run")
    assert again.provenance["teacher"]["run"] == str(own)
    with pytest.raises(InputError, match="does not exist"):
        fit(recipe, splits, tmp_path / "anew", progress=False)
    assert not (tmp_path / "anew").exists()


@pytest.mark.slow
def test_the_first_of_taught_members_is_the_pupil_taught_alone(splits, teacher):
    recipe = TINY.with_changes(teacher=str(teacher), epochs=1)
    alone = fit(recipe, splits, progress=False)
    two = fit(recipe.with_changes(members=2), splits, progress=False)
    first = two.classifier.network.members[0]
    for name, values in tensors_of(alone).items():
        npt.assert_array_equal(first.tensors()[name], values)


def test_a_baseline_teaches_a_network(splits, tmp_path):
    fit("features-logistic", splits, tmp_path / "table", progress=False)
    recipe = TINY.with_changes(teacher=str(tmp_path / "table"), epochs=1)
    fitted = fit(recipe, splits, tmp_path / "run", progress=False)
    assert fitted.classifier.provenance["teacher"]["model"] == "features-logistic"


def test_a_baseline_is_taught_by_nobody(splits, teacher):
    from stormlens.training import load_recipe

    for changes in ({"teacher": str(teacher)}, {"members": 2}):
        with pytest.raises(InputError, match=f"{next(iter(changes))} is .*; leave it out"):
            fit(load_recipe("features-logistic").with_changes(**changes), splits, progress=False)


def test_what_a_simulator_taught_is_the_simulators(splits, teacher):
    real = {
        name: split.assign_attrs(simulated=0, source="a radar") for name, split in splits.items()
    }
    plain = fit(TINY.with_changes(epochs=1), real, progress=False)
    taught = fit(TINY.with_changes(epochs=1, teacher=str(teacher)), real, progress=False)
    assert not plain.classifier.trained_on_simulated
    assert taught.classifier.trained_on_simulated


def test_a_teacher_that_does_not_fit_is_refused(splits, teacher, tmp_path):
    recipe = TINY.with_changes(teacher=str(teacher))
    other = {"train": boxes(43, 1, ("Bright", "Lined", "Empty"))}
    with pytest.raises(InputError, match=r"tells Bright, Striped, Empty apart, the training data"):
        fit(recipe, other, tmp_path / "run", progress=False)
    small = {"train": splits["train"].isel(y=slice(0, 12))}
    with pytest.raises(InputError, match="takes images of 14 x 14 pixels, the data has 12 x 14"):
        fit(recipe, small, tmp_path / "run", progress=False)
    with pytest.raises(InputError, match="is no run folder"):
        fit(TINY.with_changes(teacher=str(tmp_path)), splits, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"teacher_weight": 0.0}, r"teacher_weight is 0.0, it must be in \(0, 1\]"),
        ({"teacher_weight": 1.1}, "teacher_weight is 1.1"),
        ({"teacher_temperature": 0.5}, r"teacher_temperature is 0.5, it must be in \[1, 100\]"),
        ({"teacher": 3}, "teacher is 3, it must be text"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, sentence):
    with pytest.raises(InputError, match=sentence):
        TINY.with_changes(**changes)


def test_a_checkpoint_that_lost_the_teachers_answers_is_refused(splits, teacher, tmp_path):
    recipe = TINY.with_changes(teacher=str(teacher))
    fit(recipe.with_changes(epochs=1), splits, tmp_path, progress=False)
    checkpoint = read_checkpoint(tmp_path)
    groups = {name: checkpoint.group(name) for name in ("weights", "variables", "optimiser")}
    for said in ([], [checkpoint.group("teacher")[0][:-1]]):
        _checkpoint.write_checkpoint(
            tmp_path,
            {**groups, "teacher": said},
            history=checkpoint.history,
            recipe=checkpoint.recipe,
            data=checkpoint.data,
            teacher=checkpoint.teacher,
        )
        with pytest.raises(InputError, match="lacks the teacher's answer for each image"):
            fit(recipe, splits, tmp_path, resume=True, progress=False)
