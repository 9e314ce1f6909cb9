import dataclasses
import json
import shutil
import subprocess
import sys
import threading
import tracemalloc
import warnings

import jax
import numpy as np
import numpy.testing as npt
import pytest
import safetensors
from few_boxes import SIZE, boxes
from sklearn.utils.class_weight import compute_class_weight

from stormlens.augment import Augmentation
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.models._keras import import_keras
from stormlens.ops import Native
from stormlens.training import (
    Recipe,
    Split,
    Trainer,
    _checks,
    _cpu,
    _fit,
    _progress,
    fit,
    lock_run,
    read_checkpoint,
)
from stormlens.training._members import Members
from stormlens.training._step import balanced_weights

pytestmark = pytest.mark.usefixtures("fixed_start")

TINY = Recipe("tiny", "chapter-relu", learning_rate=1e-3, batch_size=8, epochs=3)


@pytest.fixture(scope="module")
def splits():
    return {"train": boxes(43, 1), "validation": boxes(17, 2)}


def own_model(*inner):
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            *inner,
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def weights_of(fitted):
    return fitted.classifier.model.get_weights()


def assert_same_bits(one, two):
    for a, b in zip(weights_of(one), weights_of(two), strict=True):
        npt.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def straight(splits):
    return fit(TINY, splits, progress=False)


@pytest.mark.slow
def test_one_seed_gives_one_result_and_another_seed_another(splits, straight):
    assert_same_bits(straight, fit(TINY, splits, progress=False))
    other = fit(TINY.with_changes(seed=1), splits, progress=False)
    assert not np.array_equal(weights_of(straight)[0], weights_of(other)[0])


def test_a_cpu_without_native_operations_is_noted_once_with_the_reason(splits, monkeypatch):
    slow = Native(False, reason="they were not built, as no C++ compiler was found; install one")
    monkeypatch.setattr(_cpu, "native", lambda: slow)
    short = TINY.with_changes(epochs=1)
    _cpu.note_if_portable.cache_clear()
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always", UserWarning)
        fit(short, splits, progress=False)
        fit(short, splits, progress=False)
    notes = [note for note in noted if "native" in str(note.message)]
    assert [str(note.message) for note in notes] == [
        "Training on the CPU without native operations, which takes several times as long: "
        "they were not built, as no C++ compiler was found; install one."
    ]
    assert notes[0].filename == __file__  # where fit was called
    _cpu.note_if_portable.cache_clear()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    _cpu.note_if_portable()  # an accelerator needs none of them


def test_it_learns(splits):
    fitted = fit(TINY.with_changes(epochs=12), splits, progress=False)
    assert fitted.history[-1]["val_accuracy"] > 0.9
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"]


def test_the_last_validation_row_is_what_the_classifier_scores(splits, straight):
    probability = straight.classifier.predict(splits["validation"])["probability"].values
    codes = splits["validation"]["mode"].values
    last = straight.history[-1]
    npt.assert_allclose(last["val_accuracy"], (probability.argmax(1) == codes).mean())
    cross_entropy = -np.log(probability[np.arange(len(codes)), codes]).mean()
    npt.assert_allclose(last["val_loss"], cross_entropy, rtol=1e-5)


@pytest.mark.slow
def test_loss_curve_follows_keras_with_the_same_weights_and_order(splits):
    """Three epochs of Keras's own train_on_batch, same start, same batches, no dropout."""
    keras = import_keras()
    layers = keras.layers

    def make():
        return own_model(
            layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(3), layers.Conv2D(2, 2)
        )

    ours, judge = make(), make()
    judge.set_weights(ours.get_weights())
    fitted = fit(TINY, splits, model=ours, progress=False)
    judge.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(1e-3))
    train = splits["train"]
    images = train["reflectivity"].values.astype(np.float32)[..., None]
    images = (images - images.min()) / (images.max() - images.min())
    codes = train["mode"].values
    for epoch, row in enumerate(fitted.history, start=1):
        key = jax.random.fold_in(jax.random.key(0), epoch)
        order = np.asarray(jax.random.permutation(jax.random.fold_in(key, 6), 43))
        sums = 0.0
        for start in range(0, 43, 8):
            batch = order[start : start + 8]
            judge.reset_metrics()
            sums += float(judge.train_on_batch(images[batch], codes[batch])) * len(batch)
        npt.assert_allclose(row["loss"], sums / 43, rtol=1e-4)
    for mine, theirs in zip(weights_of(fitted), judge.get_weights(), strict=True):
        npt.assert_allclose(mine, theirs, atol=1e-3)


def test_scaling_comes_from_the_training_split_alone(splits):
    brighter = splits["validation"].copy(deep=True)
    brighter["reflectivity"][0, 0, 0] = 80
    fitted = fit(TINY.with_changes(epochs=1), {**splits, "validation": brighter}, progress=False)
    train = splits["train"]["reflectivity"].values
    assert (fitted.classifier.minimum, fitted.classifier.maximum) == (train.min(), train.max())


@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_training_ends_in_the_same_bits(splits, straight, tmp_path, stop):
    fit(TINY.with_changes(epochs=stop), splits, tmp_path, progress=False)
    resumed = fit(TINY, splits, tmp_path, resume=True, progress=False)
    assert_same_bits(straight, resumed)
    same = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
    for one, two in zip(straight.history, resumed.history, strict=True):
        assert [one[k] for k in same] == [two[k] for k in same]
    npt.assert_array_equal(
        Classifier.load(tmp_path).predict(splits["validation"])["probability"],
        straight.classifier.predict(splits["validation"])["probability"],
    )


@pytest.mark.slow
def test_augmentation_resumes_to_the_same_bits_too(splits, tmp_path):
    recipe = TINY.with_changes(augmentation=Augmentation(rotation_range=40), epochs=2)
    straight = fit(recipe, splits, progress=False)
    fit(recipe.with_changes(epochs=1), splits, tmp_path, progress=False)
    assert_same_bits(straight, fit(recipe, splits, tmp_path, resume=True, progress=False))


EVERYTHING = TINY.with_changes(
    schedule="cosine",
    label_smoothing=0.1,
    mixup=0.3,
    average=0.8,
    weight_decay=0.1,
    augmentation=Augmentation(rotation_range=40),
)


def stop_after(monkeypatch, epochs):
    """Have Ctrl-C come at the end of an epoch."""

    def epoch(self, row, _):
        if row["epoch"] == epochs:
            raise KeyboardInterrupt

    monkeypatch.setattr(_progress.Silent, "epoch", epoch)


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_schedule_average_and_mixtures_resume_to_the_same_bits(
    splits, tmp_path, monkeypatch, optimiser
):
    recipe = EVERYTHING.with_changes(optimiser=optimiser)
    straight = fit(recipe, splits, progress=False)
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, splits, tmp_path, progress=False)
    assert_same_bits(straight, fit(recipe, splits, tmp_path, resume=True, progress=False))


def test_a_scheduled_training_resumes_with_its_own_number_of_epochs_alone(
    splits, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            fit(EVERYTHING, splits, tmp_path, progress=False)
    with pytest.raises(InputError, match=r"cosine schedule over 3 epochs, not 4.*--epochs 3"):
        fit(EVERYTHING.with_changes(epochs=4), splits, tmp_path, resume=True, progress=False)


@pytest.mark.slow
def test_the_averaged_weights_are_validated_kept_and_saved(splits, tmp_path):
    recipe = TINY.with_changes(average=0.9)
    fitted = fit(recipe, splits, tmp_path, progress=False)
    checkpoint = read_checkpoint(tmp_path)
    done, *average = checkpoint.group("average")
    assert done == 3 * 6
    for kept, averaged, last in zip(
        weights_of(fitted), average, checkpoint.group("weights"), strict=True
    ):
        npt.assert_array_equal(kept, averaged)
        assert not np.array_equal(averaged, last)
    probability = Classifier.load(tmp_path).predict(splits["validation"])["probability"].values
    codes = splits["validation"]["mode"].values
    cross_entropy = -np.log(probability[np.arange(len(codes)), codes]).mean()
    npt.assert_allclose(fitted.history[-1]["val_loss"], cross_entropy, rtol=1e-5)


def test_averaging_changes_nothing_of_how_the_weights_move(splits, straight, tmp_path):
    fit(TINY.with_changes(average=0.9), splits, tmp_path, progress=False)
    for moved, plain in zip(
        read_checkpoint(tmp_path).group("weights"), weights_of(straight), strict=True
    ):
        npt.assert_array_equal(moved, plain)


@pytest.mark.slow
def test_early_stopping_keeps_the_average_of_the_best_epoch(splits):
    recipe = TINY.with_changes(learning_rate=0.05, epochs=30, early_stopping=3, average=0.7)
    fitted = fit(recipe, splits, progress=False)
    probability = fitted.classifier.predict(splits["validation"])["probability"].values
    codes = splits["validation"]["mode"].values
    kept = -np.log(probability[np.arange(len(codes)), codes].clip(1e-7)).mean()
    lowest = min(row["val_loss"] for row in fitted.history)
    npt.assert_allclose(kept, lowest, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_a_checkpoint_of_before_these_settings_resumes(splits, straight, tmp_path):
    from stormlens.training._checkpoint import write_checkpoint

    fit(TINY.with_changes(epochs=1), splits, tmp_path, progress=False)
    before = read_checkpoint(tmp_path)
    groups = {name: before.group(name) for name in ("weights", "variables", "optimiser", "best")}
    new = ("schedule", "weight_decay", "label_smoothing", "mixup", "average", "orientations")
    recipe = {k: v for k, v in before.recipe.items() if k not in new}
    write_checkpoint(tmp_path, groups, history=before.history, recipe=recipe, data=before.data)
    assert_same_bits(straight, fit(TINY, splits, tmp_path, resume=True, progress=False))


def test_orientations_are_the_classifiers_and_change_no_weight(splits, straight, tmp_path):
    fit(TINY, splits, tmp_path, progress=False)
    eight = TINY.with_changes(orientations=8)
    again = fit(eight, splits, tmp_path, resume=True, progress=False)
    assert_same_bits(straight, again)
    assert (straight.classifier.orientations, again.classifier.orientations) == (1, 8)
    assert Classifier.load(tmp_path).orientations == 8


@pytest.mark.slow
def test_a_run_folder_is_claimed_once(splits, tmp_path):
    one_epoch = TINY.with_changes(epochs=1)
    fit(one_epoch, splits, tmp_path, progress=False)
    with pytest.raises(InputError, match="already holds a run"):
        fit(one_epoch, splits, tmp_path, progress=False)
    with pytest.raises(InputError, match=r"learning_rate = 0\.001, not 0\.5"):
        fit(TINY.with_changes(learning_rate=0.5), splits, tmp_path, resume=True, progress=False)
    other = {**splits, "train": boxes(43, 9)}
    with pytest.raises(InputError, match="trained on other data"):
        fit(one_epoch, other, tmp_path, resume=True, progress=False)
    longer = TINY.with_changes(epochs=2)
    fit(longer, splits, tmp_path, resume=True, progress=False)
    with pytest.raises(InputError, match="trained for 2 epochs, more than the 1 asked for"):
        fit(one_epoch, splits, tmp_path, resume=True, progress=False)
    with pytest.raises(InputError, match="trained with another network"):
        fit(longer, splits, tmp_path, model=own_model(), resume=True, progress=False)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match=r"checkpoint\.safetensors is damaged"):
        fit(longer, splits, tmp_path, resume=True, progress=False)
    before = (tmp_path / "weights.safetensors").read_bytes()
    (tmp_path / "checkpoint.safetensors").unlink()
    with pytest.raises(InputError, match="finished run without checkpoint"):
        fit(longer, splits, tmp_path, resume=True, progress=False)
    assert (tmp_path / "weights.safetensors").read_bytes() == before


@pytest.fixture(scope="module")
def one_epoch(splits, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "one"
    fit(TINY.with_changes(epochs=1), splits, run, progress=False)
    return run


def test_a_checkpoint_of_which_a_bit_was_flipped_is_not_resumed(one_epoch, tmp_path):
    whole = (one_epoch / "checkpoint.safetensors").read_bytes()
    rng = np.random.default_rng(0)
    for bit in rng.integers(0, 8 * len(whole), 50):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "checkpoint.safetensors").write_bytes(damaged)
        with pytest.raises(InputError, match=r"damaged .*; train again in a new folder\."):
            read_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("group", "change"),
    [
        ("weights", lambda array: array.astype(np.int8)),
        ("optimiser", lambda array: array.astype(np.float16)),
        ("optimiser", lambda array: array.reshape(1, *array.shape)),
        ("best", lambda array: array.astype(np.int8)),
    ],
)
def test_a_checkpoint_of_other_numbers_is_not_resumed(splits, one_epoch, tmp_path, group, change):
    from stormlens.training._checkpoint import write_checkpoint

    run = shutil.copytree(one_epoch, tmp_path / "run")
    checkpoint = read_checkpoint(run)
    groups = {name: checkpoint.group(name) for name in ("weights", "variables", "optimiser")}
    groups["best"] = list(groups["weights"])
    groups[group] = [*groups[group][:-1], change(groups[group][-1])]
    write_checkpoint(
        run, groups, history=checkpoint.history, recipe=checkpoint.recipe, data=checkpoint.data
    )
    with pytest.raises(InputError, match="was trained with another network"):
        fit(TINY, splits, run, resume=True, progress=False)


def changed(split, values=None, **attrs):
    split = split.copy(deep=True)
    if values is not None:
        split = split.assign(reflectivity=(split["reflectivity"].dims, values))
    split["reflectivity"].attrs.update({"units": "dBZ"} | attrs)
    return split


def test_splits_may_hold_any_kind_of_number(splits, straight):
    """What counts are the values: 44 dBZ is the same as int8, int64 and float."""
    images = {name: split["reflectivity"].values for name, split in splits.items()}
    for kinds in ((np.int8, np.float32), (np.float64, np.int64)):
        mixed = {
            name: changed(splits[name], images[name].astype(kind))
            for name, kind in zip(splits, kinds, strict=True)
        }
        fitted = fit(TINY, mixed, progress=False)
        assert_same_bits(straight, fitted)
        for row, due in zip(fitted.history, straight.history, strict=True):
            assert row | {"seconds": 0} == due | {"seconds": 0}


@pytest.mark.parametrize("name", ["train", "validation"])
def test_splits_that_no_reflectivity_can_be_are_refused(splits, name):
    split = splits[name]
    images = split["reflectivity"].values.astype(np.float32)
    broken = images.copy()
    broken[1, 2, 3] = np.nan
    labels = split["mode"].values
    for wrong, sentence in (
        (changed(split, images - 20), f"Split {name}: image .* is negative"),
        (changed(split, broken), f"Split {name}: image 1 has nan at row 2, column 3"),
        (changed(split, images + 40), f"Split {name}: .* above 80"),
        (changed(split, images > 3), f"Split {name}: values of type bool"),
        (split.assign(mode=("storm", labels * 1.0, split["mode"].attrs)), "mode is float64"),
        (split.assign(mode=("storm", labels.astype(int) - 1, split["mode"].attrs)), "label -1 of"),
        (split.drop_vars("reflectivity"), f"Split {name} has no reflectivity"),
        (split.transpose("y", "x", "storm"), f"Split {name} has no reflectivity with dim"),
    ):
        with pytest.raises(InputError, match=sentence):
            fit(TINY, {**splits, name: wrong}, progress=False)


def test_splits_of_two_kinds_are_refused(splits):
    small = splits["validation"].isel(x=slice(0, 12))
    with pytest.raises(InputError, match="validation has images of 14 x 12 pixels, split train im"):
        fit(TINY, {**splits, "validation": small}, progress=False)
    other = changed(splits["validation"], units="1")
    with pytest.raises(InputError, match="validation has values in 1, split train values in dBZ"):
        fit(TINY, {**splits, "validation": other}, progress=False)


@pytest.mark.slow
def test_a_training_that_diverges_says_so_and_leaves_nothing_to_resume(splits, tmp_path):
    layers = import_keras().layers
    model = own_model(*(layers.Dense(8, activation="exponential") for _ in range(3)))
    with pytest.raises(InputError, match=r"diverged in epoch 1: the loss .* rate \(it is 1\)\.$"):
        fit(TINY.with_changes(learning_rate=1.0), splits, tmp_path, model=model, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.toml"]


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("part", ["kernel", "moment"])
def test_what_the_loss_does_not_show_is_found_before_it_is_kept(
    splits, tmp_path, monkeypatch, part, members
):
    """A pool's maximum passes NaN over, so the loss of a network with NaN kernels stays finite."""
    recipe, losses = TINY.with_changes(epochs=2, members=members), []
    step = Members.step

    def spoil(self, key, order, number):
        step(self, key, order, number)
        if len(losses) == 1 and number == 0:
            state = self.states[-1]
            leaves, structure = jax.tree.flatten(state.optimiser)
            if part == "kernel":
                kernel = jax.numpy.full_like(state.weights[0], np.nan)
                self.states[-1] = state._replace(weights=[kernel, *state.weights[1:]])
            else:
                leaves[-1] = jax.numpy.full_like(leaves[-1], np.inf)
                self.states[-1] = state._replace(optimiser=jax.tree.unflatten(structure, leaves))
        if number + 1 == self.steps:
            losses.append(self.means()[0])

    monkeypatch.setattr(Members, "step", spoil)
    with pytest.raises(InputError, match=r"diverged in epoch 2: a weight, or .* as it was"):
        fit(recipe, splits, tmp_path / "run", progress=False)
    assert np.isfinite(losses).all()
    monkeypatch.undo()
    # What the first epoch left is as good as if there had been no second.
    kept = fit(recipe.with_changes(epochs=1), splits, tmp_path / "run", resume=True, progress=False)
    alone = fit(recipe.with_changes(epochs=1), splits, progress=False)
    for name, values in alone.classifier.network.tensors().items():
        npt.assert_array_equal(kept.classifier.network.tensors()[name], values)


def test_a_long_epoch_that_diverges_ends_before_its_last_step(splits, monkeypatch):
    monkeypatch.setattr("stormlens.training._trainer._SECONDS_A_LOOK", 0.0)
    monkeypatch.setattr(Members, "means", lambda _: (np.nan, 0.0))
    trainer = Trainer.begin(TINY, {"train": Split.of(splits["train"])})
    steps = []
    monkeypatch.setattr(Members, "step", lambda _, key, order, number: steps.append(number))
    with pytest.raises(InputError, match="diverged in epoch 1"):
        trainer.run_epoch()
    assert steps == [0]
    assert trainer.history == []


def test_validation_that_is_no_number_ends_a_training(splits, monkeypatch):
    monkeypatch.setattr(Members, "validate", lambda _: (np.nan, 0.5))
    fit(TINY.with_changes(epochs=1), {"train": splits["train"]}, progress=False)
    with pytest.raises(InputError, match="diverged in epoch 1: the validation loss"):
        fit(TINY, splits, progress=False)


def test_a_training_does_not_begin_with_weights_that_are_not_finite(splits, straight, tmp_path):
    start = dataclasses.replace(straight.classifier, network=straight.classifier.network.copy())
    kernel = start.network.model.trainable_variables[0]
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(InputError, match="to begin with holds weights that are not finite"):
        fit(TINY, splits, tmp_path / "run", start=start, progress=False)
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_is_not_finite_is_not_resumed(splits, tmp_path):
    from stormlens.training._checkpoint import write_checkpoint

    write_checkpoint(
        tmp_path,
        {"weights": [np.zeros(3)], "optimiser": [np.float32([0, np.nan])]},
        history=[],
        recipe=TINY.to_dict(),
        data="x",
    )
    sentence = r"checkpoint\.safetensors: tensor optimiser/000 holds values .* in a new folder"
    with pytest.raises(InputError, match=sentence):
        fit(TINY, splits, tmp_path, resume=True, progress=False)


def test_a_training_that_cannot_begin_claims_no_folder(splits, tmp_path):
    flat = splits["train"].copy(deep=True)
    flat["reflectivity"][:] = 7
    with pytest.raises(InputError, match="cannot be scaled"):
        fit(TINY, {"train": flat}, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


HOLD = """
import os, sys
from stormlens.training import lock_run
with lock_run(sys.argv[1]):
    sys.stdout.write("locked\\n"); sys.stdout.flush()
    sys.stdin.read()
"""


@pytest.mark.slow
def test_two_trainings_never_share_a_folder(splits, tmp_path, monkeypatch):
    monkeypatch.setattr(_checks, "_LOCK_SECONDS", 0.2)
    run, short = tmp_path / "run", TINY.with_changes(epochs=1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline().strip() == b"locked"
        for resume in (False, True):
            with pytest.raises(InputError, match=f"is training in {run} at the moment"):
                fit(short, splits, run, resume=resume, progress=False)
        assert [path.name for path in run.iterdir()] == [".lock"]
        other.kill()
        other.wait()
    fit(short, splits, run, progress=False)  # what a killed one left holds nobody up
    assert not (run / ".lock").exists()


def test_a_folder_that_was_made_to_be_held_goes_if_it_stays_empty(tmp_path):
    with lock_run(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with lock_run(tmp_path / "mine"), lock_run(tmp_path / "mine" / "run"):
        (tmp_path / "mine" / "run" / "kept").touch()
    assert [path.name for path in (tmp_path / "mine").rglob("*")] == ["run", "kept"]
    (tmp_path / "empty").mkdir()
    with lock_run(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()


@pytest.mark.slow
def test_what_calls_a_training_may_hold_its_folder(splits, tmp_path):
    short = TINY.with_changes(epochs=1)
    with lock_run(tmp_path / "run"), lock_run(tmp_path / "x" / ".." / "run"):
        fit(short, splits, tmp_path / "run", progress=False)
        refused = []
        thread = threading.Thread(
            target=lambda: refused.append(_refusal(lambda: fit(short, splits, tmp_path / "run")))
        )
        thread.start()
        thread.join()
    assert "is training in" in refused[0]


def _refusal(action):
    try:
        action()
    except InputError as error:
        return str(error)
    return ""


def test_the_run_holds_history_and_checkpoint(splits, tmp_path):
    fitted = fit(TINY.with_changes(epochs=2), splits, tmp_path, progress=False)
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,seconds,loss,accuracy,val_loss,val_accuracy"
    assert len(lines) == 3
    assert read_checkpoint(tmp_path).history == fitted.history
    assert Recipe.from_toml((tmp_path / "recipe.toml").read_text(), name="x").epochs == 2


def test_a_checkpoint_is_what_safetensors_reads_and_is_written_without_a_copy(tmp_path):
    from stormlens.training._checkpoint import write_checkpoint

    rng = np.random.default_rng(0)
    large = rng.normal(size=(1024, 1024)).astype(np.float32)
    small = [np.bool_([True, False]), np.uint32([[7, 2**31]]), np.int32(5), np.zeros((0, 3))]
    half = jax.numpy.asarray(large[:3, :5], jax.numpy.bfloat16)
    groups = {"weights": [large, half], "optimiser": small}
    tracemalloc.start()
    write_checkpoint(tmp_path, groups, history=[{"epoch": 1}], recipe={"name": "é"}, data="x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < large.nbytes / 4
    with safetensors.safe_open(tmp_path / "checkpoint.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["recipe"]) == {"name": "é"}
    found = read_checkpoint(tmp_path)
    for name, values in groups.items():
        for mine, theirs in zip(found.group(name), values, strict=True):
            npt.assert_array_equal(mine, np.asarray(theirs))
            assert mine.dtype == np.asarray(theirs).dtype
    assert (found.history, found.data) == ([{"epoch": 1}], "x")


@pytest.mark.slow
def test_a_training_holds_its_weights_once_beside_their_moments():
    train = Split.of(boxes(30, seed=1))
    recipe = Recipe("short", "chapter-relu", epochs=1, batch_size=8)
    elsewhere = jax.live_arrays()
    training = Trainer.begin(recipe, {"train": train})
    shape = max((w.shape for w in training.members.states[0].weights), key=np.prod)
    large = [array for array in jax.live_arrays() if array.shape == shape]
    assert len([array for array in large if all(array is not other for other in elsewhere)]) == 3


@pytest.mark.parametrize("is_set", [True, False])
def test_jax_computes_where_it_is_called_unless_a_user_says_otherwise(monkeypatch, is_set):
    if is_set:
        monkeypatch.setenv("JAX_CPU_ENABLE_ASYNC_DISPATCH", "true")
    before = jax.config.read("jax_cpu_enable_async_dispatch")
    try:
        jax.config.update("jax_cpu_enable_async_dispatch", True)
        _cpu.compute_in_this_thread()
        assert jax.config.read("jax_cpu_enable_async_dispatch") is is_set
    finally:
        jax.config.update("jax_cpu_enable_async_dispatch", before)


@pytest.mark.slow
def test_early_stopping_keeps_the_best_epoch(splits):
    # A rate this high makes later epochs worse than earlier ones.
    recipe = TINY.with_changes(learning_rate=0.05, epochs=30, early_stopping=3)
    fitted = fit(recipe, splits, progress=False)
    losses = [row["val_loss"] for row in fitted.history]
    assert len(losses) < 30
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    probability = fitted.classifier.predict(splits["validation"])["probability"].values
    codes = splits["validation"]["mode"].values
    kept = -np.log(probability[np.arange(len(codes)), codes].clip(1e-7)).mean()
    npt.assert_allclose(kept, min(losses), rtol=1e-3, atol=1e-6)


def test_class_weights_are_scikit_learns_balanced_ones():
    codes = np.array([0, 0, 0, 0, 2, 2, 3])
    ours = balanced_weights(codes, 5)
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=codes)
    npt.assert_allclose(ours[[0, 2, 3]], expected, rtol=1e-6)
    npt.assert_array_equal(ours[[1, 4]], 0)


@pytest.mark.slow
def test_a_recipe_that_continues_trains_the_first_one_first(splits, tmp_path, monkeypatch):
    first = TINY.with_changes(epochs=2)
    monkeypatch.setattr(_fit, "load_recipe", lambda name: {"tiny": first}[name])
    second = TINY.with_changes(name="second", continues="tiny", epochs=1, learning_rate=1e-5)
    fitted = fit(second, splits, tmp_path, progress=False)
    before = Classifier.load(tmp_path / "tiny").model.get_weights()
    moved = [np.abs(a - b).max() for a, b in zip(before, weights_of(fitted), strict=True)]
    # One epoch of six steps of Adam at 1e-5 moves no weight by more than about 6e-5.
    assert 0 < max(moved) < 1e-4


@pytest.mark.slow
def test_a_users_model_trains_and_returns_changed(splits):
    model = own_model(import_keras().layers.BatchNormalization())
    fitted = fit(TINY.with_changes(epochs=1), splits, model=model, progress=False)
    assert fitted.classifier.model is model
    assert fitted.classifier.architecture is None
    # The moving mean has left its initial zero.
    assert abs(model.layers[0].get_weights()[2]).max() > 0


@pytest.mark.slow
def test_a_range_under_one_degree_warns(splits):
    recipe = TINY.with_changes(epochs=1, augmentation=Augmentation(rotation_range=0.1))
    with pytest.warns(UserWarning, match="moves nothing that can be seen"):
        fit(recipe, splits, progress=False)


def test_what_does_not_fit_is_refused(splits):
    with pytest.raises(InputError, match="no split 'train'"):
        fit(TINY, {"validation": splits["validation"]}, progress=False)
    other = boxes(5, 3, classes=("A", "B", "C"))
    with pytest.raises(InputError, match="Split validation has other classes"):
        fit(TINY, {"train": splits["train"], "validation": other}, progress=False)
    with pytest.raises(InputError, match="early_stopping needs a validation split"):
        fit(TINY.with_changes(early_stopping=2), {"train": splits["train"]}, progress=False)
    one_class = splits["train"].isel(storm=splits["train"]["mode"].values == 1)
    with pytest.raises(InputError, match="of one class"):
        fit(TINY, {"train": one_class}, progress=False)
    with pytest.raises(InputError, match="Unknown recipe"):
        fit("chapterrelu", splits, progress=False)
    with pytest.raises(InputError, match="Unknown model"):
        fit(TINY.with_changes(model="chapterrelu"), splits, progress=False)


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_training(splits):
    recipe = TINY.with_changes(learning_rate=1.0, optimiser="sgd")
    model = own_model(*(import_keras().layers.Conv2D(4, 3) for _ in range(3)))
    with pytest.raises(InputError, match="Training diverged in epoch 1"):
        fit(recipe, splits, model=model, progress=False)


def test_progress_goes_to_stderr(splits, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(TINY.with_changes(epochs=1), splits)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "val. accuracy" in captured.err


@pytest.mark.slow
def test_a_classifier_that_is_continued_stays_as_it_is(splits):
    first = fit(TINY.with_changes(epochs=1), splits, progress=False).classifier
    before = first.model.get_weights()
    more = fit(TINY.with_changes(epochs=1), splits, start=first, progress=False)
    again = fit(TINY.with_changes(epochs=1), splits, start=first, progress=False)
    for now, expected in zip(first.model.get_weights(), before, strict=True):
        npt.assert_array_equal(now, expected)
    assert any((a != b).any() for a, b in zip(weights_of(more), before, strict=True))
    assert_same_bits(more, again)
