from functools import cache

import numpy as np
import numpy.testing as npt
import pytest
from few_boxes import SIZE, boxes

from stormlens.augment import Augmentation
from stormlens.errors import InputError
from stormlens.models import Classifier, Network
from stormlens.models._keras import import_keras
from stormlens.training import Recipe, _members, _progress, fit

TINY = Recipe("tiny", "chapter-relu", learning_rate=1e-3, batch_size=8, epochs=2)
THREE = TINY.with_changes(members=3)
EVERYTHING = TINY.with_changes(
    members=2,
    schedule="cosine",
    class_weights=True,
    label_smoothing=0.1,
    mixup=0.3,
    average=0.8,
    weight_decay=0.1,
    orientations=8,
    augmentation=Augmentation(rotation_range=40),
)


@pytest.fixture(scope="module")
def splits():
    return {"train": boxes(43, 1), "validation": boxes(17, 2)}


@pytest.fixture(scope="module")
def trained(splits):
    """What a recipe gives; each is trained once."""
    return cache(lambda recipe: fit(recipe, splits, progress=False))


@pytest.fixture(scope="module")
def three(trained):
    return trained(THREE)


def tensors_of(fitted):
    return fitted.classifier.network.tensors()


def assert_same(one, two, **tolerance):
    one, two = tensors_of(one), tensors_of(two)
    assert one.keys() == two.keys()
    for name in one:
        npt.assert_allclose(one[name], two[name], err_msg=name, **(tolerance or {"rtol": 0}))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [THREE, EVERYTHING])
def test_the_first_member_is_the_network_trained_alone(splits, trained, recipe):
    alone = fit(recipe.with_changes(members=1), splits, progress=False)
    first = trained(recipe).classifier.network.members[0].tensors()
    for name, values in tensors_of(alone).items():
        npt.assert_array_equal(first[name], values)


@pytest.mark.slow
def test_members_share_the_order_and_differ_in_weights_and_dropout(splits):
    """Without dropout, member 1 is what its first weights become in member 0's order."""
    recipe = TINY.with_changes(model="chapter-linear", members=2)
    together = fit(recipe, splits, progress=False).classifier.network.members
    values = splits["train"]["reflectivity"].values
    start = Classifier(
        Network.untrained("chapter-linear", (SIZE, SIZE, 1), 3, recipe.seed + 1),
        "chapter-linear",
        ("Bright", "Striped", "Empty"),
        float(values.min()),
        float(values.max()),
    )
    one = fit(recipe.with_changes(members=1), splits, start=start, progress=False)
    for name, values in tensors_of(one).items():
        npt.assert_array_equal(together[1].tensors()[name], values)
    assert not np.array_equal(
        together[0].tensors()["000.kernel"], together[1].tensors()["000.kernel"]
    )


def test_members_that_begin_alike_part_by_their_dropout(splits, monkeypatch):
    def alike(name, shape, n_classes, _seed, untrained=Network.untrained):
        return untrained(name, shape, n_classes, 0)

    monkeypatch.setattr(Network, "untrained", alike)
    dropping, plain = (
        fit(TINY.with_changes(members=2, model=model), splits, progress=False)
        for model in ("chapter-relu", "chapter-linear")
    )
    for fitted, same in ((dropping, False), (plain, True)):
        kernels = [m.tensors()["002.kernel"] for m in fitted.classifier.network.members]
        assert np.array_equal(*kernels) is same


def test_validation_is_of_the_mean_probability(splits, three):
    codes = splits["validation"]["mode"].values
    probability = three.classifier.predict(splits["validation"])["probability"].values
    last = three.history[-1]
    cross_entropy = -np.log(probability[np.arange(len(codes)), codes]).mean()
    npt.assert_allclose(last["val_loss"], cross_entropy, rtol=1e-5)
    npt.assert_allclose(last["val_accuracy"], (probability.argmax(1) == codes).mean())


def test_training_figures_are_means_over_the_members(splits, three):
    alone = fit(TINY, splits, progress=False)
    assert three.history[0]["loss"] != alone.history[0]["loss"]
    assert 0 <= three.history[0]["accuracy"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [THREE.with_changes(optimiser="sgd", early_stopping=2), EVERYTHING]
)
def test_a_killed_ensemble_resumes_to_the_same_bits(splits, trained, tmp_path, monkeypatch, recipe):
    straight = trained(recipe)

    def killed(self, row, _):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_progress.Silent, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, splits, tmp_path, progress=False)
    resumed = fit(recipe, splits, tmp_path, resume=True, progress=False)
    assert_same(straight, resumed)
    again = Classifier.load(tmp_path)
    npt.assert_array_equal(
        again.predict(splits["validation"])["probability"],
        straight.classifier.predict(splits["validation"])["probability"],
    )
    with pytest.raises(InputError, match=rf"members = {recipe.members}, not 4"):
        fit(recipe.with_changes(members=4), splits, tmp_path, resume=True, progress=False)


@pytest.mark.slow
def test_early_stopping_keeps_the_members_of_the_best_epoch_of_the_mean(splits):
    recipe = THREE.with_changes(learning_rate=0.05, epochs=30, early_stopping=3)
    fitted = fit(recipe, splits, progress=False)
    assert len(fitted.history) < 30
    codes = splits["validation"]["mode"].values
    probability = fitted.classifier.predict(splits["validation"])["probability"].values
    kept = -np.log(probability[np.arange(len(codes)), codes].clip(1e-7)).mean()
    lowest = min(row["val_loss"] for row in fitted.history)
    npt.assert_allclose(kept, lowest, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [THREE, EVERYTHING])
def test_all_members_in_one_program_learn_the_same(splits, trained, tmp_path, monkeypatch, recipe):
    """As on an accelerator, whose sums are taken in another order."""
    in_turn = trained(recipe)
    monkeypatch.setattr(_members, "_is_accelerated", lambda: True)
    together = fit(recipe, splits, tmp_path / "straight", progress=False)
    assert_same(in_turn, together, atol=2e-4)
    for one, two in zip(in_turn.history, together.history, strict=True):
        npt.assert_allclose(one["val_loss"], two["val_loss"], rtol=1e-3)
        npt.assert_allclose(one["loss"], two["loss"], rtol=1e-3)
    if recipe is THREE:
        fit(recipe.with_changes(epochs=1), splits, tmp_path / "run", progress=False)
        assert_same(together, fit(recipe, splits, tmp_path / "run", resume=True, progress=False))


@pytest.mark.slow
def test_a_recipe_that_continues_another_continues_each_member(splits, tmp_path):
    recipe = TINY.with_changes(members=2, continues="chapter-relu", epochs=1)
    fitted = fit(recipe, splits, tmp_path, progress=False)
    first = Classifier.load(tmp_path / "chapter-relu")
    assert len(first.network.members) == len(fitted.classifier.network.members) == 2
    for before, after in zip(first.network.members, fitted.classifier.network.members, strict=True):
        assert not np.array_equal(before.tensors()["000.kernel"], after.tensors()["000.kernel"])
        npt.assert_allclose(
            before.tensors()["000.kernel"], after.tensors()["000.kernel"], atol=0.05
        )
    for members, start in ((1, first), (2, fit(TINY, splits, progress=False).classifier)):
        with pytest.raises(InputError, match=f"members is {members}, but it continues"):
            fit(TINY.with_changes(members=members), splits, start=start, progress=False)


def test_a_model_of_the_users_own_has_no_members(splits, tmp_path):
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    with pytest.raises(InputError, match="members is 3, but networks of your own model"):
        fit(THREE, splits, tmp_path / "run", model=model, progress=False)
    model.save(tmp_path / "own.keras")
    recipe = THREE.with_changes(model=str(tmp_path / "own.keras"))
    with pytest.raises(InputError, match="members is 3, but networks of your own model"):
        fit(recipe, splits, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("members", [0, -1, 65, 1000, 2.0, True, "3"])
def test_a_number_of_members_that_cannot_be_is_refused(members):
    with pytest.raises(InputError, match=r"recipe tiny: members is .* from 1 to 64"):
        TINY.with_changes(members=members)


def test_every_member_has_a_seed():
    with pytest.raises(InputError, match="seed is 2147483647, it must be 2147483645 or less"):
        THREE.with_changes(seed=2**31 - 1)
    assert THREE.with_changes(seed=2**31 - 3).seed == 2**31 - 3


def test_a_recipe_with_members_is_written_and_read():
    assert Recipe.from_toml(THREE.to_toml(), name="again") == THREE
