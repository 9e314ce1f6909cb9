"""
Models of a user's own, trained as Keras's `fit` trains them.

The oracle is Keras's own `train_on_batch`, with the same first weights and the same batches in the
same order, and for validation Keras's model called batch by batch.
"""

import warnings

import jax
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import fuse
from stormlens.models._keras import import_keras
from stormlens.models._trainable import fuse_for_training
from stormlens.training import Recipe, fit

pytestmark = pytest.mark.usefixtures("fixed_start")

keras = import_keras()
layers = keras.layers

SIZE, BATCH, TRAIN, VALIDATION = 10, 8, 19, 13  # the last batches are of 3 and 5 images
RECIPE = Recipe("own", "chapter-relu", learning_rate=1e-2, batch_size=BATCH, epochs=3)


def boxes(n, seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    images = rng.integers(0, 12, (n, SIZE, SIZE)) + 20 * codes[:, None, None]
    images[0, 0, :2] = 0, 60  # the scale's ends
    return make_dataset(images, codes, classes=("A", "B", "C"), source="test", simulated=True)


SPLITS = {"train": boxes(TRAIN, 1), "validation": boxes(VALIDATION, 2)}


@keras.saving.register_keras_serializable(package="tests")
class Adds(layers.Layer):
    """Adds to the loss what depends on the whole batch, and not linearly."""

    def call(self, inputs):
        self.add_loss(0.1 * keras.ops.square(keras.ops.mean(inputs)))
        self.add_loss(0.01 * keras.ops.mean(keras.ops.abs(inputs), axis=(1, 2)))
        return inputs


def chain(*inner, last=None):
    last = {} if last is None else last
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            *inner,
            layers.Flatten(),
            layers.Dense(3, activation="softmax", **last),
        ]
    )


def convolution(**options):
    return layers.Conv2D(4, 3, activation="relu", **options)


def branches():
    image = keras.Input((SIZE, SIZE, 1))
    one = convolution(kernel_regularizer="l2")(image)
    other = convolution(activity_regularizer=keras.regularizers.L1(1e-2))(image)
    values = layers.Dense(8, kernel_constraint="max_norm")(
        layers.Flatten()(layers.Add()([one, other]))
    )
    return keras.Model(image, layers.Dense(3, activation="softmax")(values))


def used_twice():
    again = convolution(padding="same", kernel_regularizer=keras.regularizers.L2(0.05))
    return chain(convolution(), again, layers.MaxPooling2D(2), again)


def partly_frozen():
    model = chain(
        convolution(kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.Conv2D(3, 3, use_bias=False),
        layers.BatchNormalization(momentum=0.7),
        last={"kernel_regularizer": "l2"},
    )
    model.layers[0].trainable = False
    model.layers[1].trainable = False
    return model


MODELS = {
    "weights": lambda: chain(
        convolution(
            kernel_regularizer=keras.regularizers.L1L2(1e-3, 1e-2),
            bias_constraint=keras.constraints.NonNeg(),
        ),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(
            6,
            kernel_regularizer=keras.regularizers.OrthogonalRegularizer(0.1),
            kernel_constraint="unit_norm",
        ),
        last={"kernel_regularizer": keras.regularizers.L2(0.1), "bias_regularizer": "l1"},
    ),
    "constraints alone": lambda: chain(
        convolution(kernel_constraint=keras.constraints.MaxNorm(0.5, axis=[0, 1, 2])),
        layers.MaxPooling2D(2),
        last={"kernel_constraint": keras.constraints.NonNeg()},
    ),
    "activities": lambda: chain(
        convolution(activity_regularizer=keras.regularizers.L2(1e-2)),
        layers.ActivityRegularization(l1=1e-3),
        Adds(),
    ),
    "branches": branches,
    "used twice": used_twice,
    "statistics of batches": partly_frozen,
}


def scaled(split):
    images = SPLITS[split]["reflectivity"].values.astype(np.float32)[..., None]
    return images / SPLITS["train"]["reflectivity"].values.max(), SPLITS[split]["mode"].values


def order_of(epoch):
    """The order that a training of seed 0 takes its images in."""
    key = jax.random.fold_in(jax.random.key(0), epoch)
    steps = -(-TRAIN // BATCH)
    return np.asarray(jax.random.permutation(jax.random.fold_in(key, steps), TRAIN))


def validation_loss(judge):
    """
    Mean over validation images of cross-entropy and what the model adds, in float64.

    Not by Keras's `evaluate`, which may lose what a layer adds: it knows a traced loss by the `id`
    of its array, which may be that of an array of an earlier trace.
    """
    images, codes = scaled("validation")
    total = 0.0
    for start in range(0, VALIDATION, BATCH):
        due = codes[start : start + BATCH]
        given = np.asarray(judge(images[start : start + BATCH], training=False), np.float64)
        added = sum(np.asarray(loss, np.float64).sum() for loss in judge.losses)
        of_truth = given[np.arange(len(due)), due] / given.sum(axis=1)
        total += -np.log(of_truth.clip(1e-7, 1 - 1e-7)).sum() + added * len(due)
    return total / VALIDATION


def keras_history(judge, optimiser):
    judge.compile(loss="sparse_categorical_crossentropy", optimizer=optimiser)
    images, codes = scaled("train")
    rows = []
    for epoch in range(1, RECIPE.epochs + 1):
        order, total = order_of(epoch), 0.0
        for start in range(0, TRAIN, BATCH):
            batch = order[start : start + BATCH]
            judge.reset_metrics()
            judge._clear_losses()  # of an earlier trace, or this one may lose some
            total += float(judge.train_on_batch(images[batch], codes[batch])) * len(batch)
        rows.append((total / TRAIN, validation_loss(judge)))
    return rows


OPTIMISERS = {
    "sgd": lambda: keras.optimizers.SGD(1e-2, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(1e-2),
}


# Keras's Adam adds epsilon elsewhere, so that small gradients take other steps.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "optimiser", "rtol", "atol"),
    [*((name, "sgd", 2e-5, 1e-5) for name in MODELS), ("constraints alone", "adam", 2e-3, 2e-2)],
)
def test_losses_and_weights_are_those_of_keras(name, optimiser, rtol, atol):
    ours = MODELS[name]()
    judge = keras.models.clone_model(ours)
    first = ours.get_weights()
    judge.set_weights(first)
    recipe = RECIPE.with_changes(optimiser=optimiser)
    fitted = fit(recipe, SPLITS, model=ours, progress=False)
    expected = keras_history(judge, OPTIMISERS[optimiser]())
    found = [(row["loss"], row["val_loss"]) for row in fitted.history]
    npt.assert_allclose(found, expected, rtol=rtol)
    for mine, due in zip(ours.get_weights(), judge.get_weights(), strict=True):
        npt.assert_allclose(mine, due, atol=atol)
    moved = [np.abs(a - b).max() for a, b in zip(first, ours.get_weights(), strict=True)]
    assert max(moved) > 0.03


class Reused(set):
    """Ids that a layer remembers of an earlier trace, each of which a new array has now."""

    is_old = True

    def __contains__(self, array_id):
        return self.is_old or super().__contains__(array_id)

    def clear(self):
        self.is_old = False
        super().clear()


@pytest.mark.slow
def test_a_loss_is_not_lost_to_an_array_of_an_earlier_trace():
    model = chain(
        convolution(activity_regularizer=keras.regularizers.L2(1e-2)), layers.Activation("linear")
    )
    images = np.random.default_rng(0).random((5, SIZE, SIZE, 1), np.float32)
    model(images)
    due = float(sum(np.sum(loss) for loss in model.losses))
    forward = fuse_for_training(model, (0.0, 1.0), 0)
    object.__setattr__(model.layers[1], "_loss_ids", Reused())  # past Keras, which would copy it
    _, _, added = forward.added(forward.weights, forward.state, images, jax.random.key(0), True)
    npt.assert_allclose(added, due, rtol=1e-6)


@pytest.mark.slow
def test_what_is_added_is_no_part_of_the_answers():
    model = MODELS["weights"]()
    fitted = fit(RECIPE.with_changes(epochs=1), SPLITS, model=model, progress=False)
    images, _ = scaled("validation")
    given = fitted.classifier.predict(SPLITS["validation"])["probability"].values
    npt.assert_allclose(given, model.predict(images, verbose=0), atol=1e-5)


@pytest.mark.slow
def test_a_training_with_penalties_resumes_to_the_same_bits(tmp_path):
    def run(out, epochs, resume, model):
        recipe = RECIPE.with_changes(epochs=epochs)
        return fit(recipe, SPLITS, out, model=model, resume=resume, progress=False)

    models = [chain(layers.Dropout(0.3), convolution(), Adds()) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    whole = run(tmp_path / "whole", 2, False, models[0])
    run(tmp_path / "parts", 1, False, models[1])
    parts = run(tmp_path / "parts", 2, True, models[1])
    for one, other in zip(
        whole.classifier.model.get_weights(), parts.classifier.model.get_weights(), strict=True
    ):
        npt.assert_array_equal(one, other)


class Inside(layers.Layer):
    """A layer that does not ask whether it is trained, but holds one that does."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dropout = layers.Dropout(0.9)

    def call(self, inputs):
        return self.dropout(inputs)


def masked():
    image = keras.Input((SIZE, SIZE, 1))
    rows = layers.Masking(0.0)(layers.Reshape((SIZE, SIZE))(image))
    values = layers.GlobalAveragePooling1D()(layers.Dense(4)(rows))
    return keras.Model(image, layers.Dense(3, activation="softmax")(values))


def same_names():
    """Two layers of one path: each was alone when it was built."""
    given = keras.Input((6,))
    parts = [keras.Model(given, layers.Dense(6, name="d")(given)) for _ in range(2)]
    image = keras.Input((SIZE, SIZE, 1))
    values = layers.Dense(6)(layers.Flatten()(image))
    return keras.Model(image, layers.Dense(3, activation="softmax")(parts[1](parts[0](values))))


def half_precision():
    return chain(
        layers.Conv2D(4, 3, activation="relu", dtype="mixed_bfloat16"),
        layers.MaxPooling2D(2, dtype="mixed_bfloat16"),
        last={"dtype": "mixed_bfloat16"},
    )


@pytest.mark.slow
@pytest.mark.parametrize("make", [masked, same_names, half_precision])
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_around_a_layers_own_computation_counts(make, training):
    model = make()
    forward = fuse(model)
    images = np.random.default_rng(0).random((5, SIZE, SIZE, 1), np.float32)
    images[:, 4:] = 0
    given = forward.weights, forward.state, images
    key = jax.random.key(0)
    found, _ = jax.jit(lambda w, s, i: forward.apply(w, s, i, key, training))(*given)
    due, _ = jax.jit(lambda *a: model.stateless_call(*a, training=training))(*given)
    due = np.asarray(due, np.float32)
    atol = 1e-6 if due.dtype == np.float32 and make is not half_precision else 1e-2
    npt.assert_allclose(np.exp(found), due / due.sum(1, keepdims=True), atol=atol)


def test_half_precision_is_computed_in_half_precision():
    model = half_precision()
    forward = fuse(model)
    images = np.random.default_rng(0).random((5, SIZE, SIZE, 1), np.float32)
    program = str(
        jax.make_jaxpr(
            lambda w: forward.apply(w, forward.state, images, jax.random.key(0), False)[0]
        )(forward.weights)
    )
    assert "bf16[3,3,1,4]" in program


@pytest.mark.slow
def test_a_layer_inside_of_another_knows_that_it_is_trained():
    model = chain(Inside())
    forward = fuse(model)
    images = np.ones((5, SIZE, SIZE, 1), np.float32)

    def run(training):
        key = jax.random.key(0)
        return np.asarray(forward.apply(forward.weights, forward.state, images, key, training)[0])

    trained, at_rest = run(True), run(False)
    npt.assert_allclose(at_rest, np.log(model.predict(images, verbose=0)), atol=1e-5)
    assert np.abs(trained - at_rest).max() > 0.1
    assert np.ptp(trained, axis=0).max() > 0.1  # each image has lost other values


def quantised():
    model = chain(convolution())
    with warnings.catch_warnings(action="ignore"):  # of layers that have nothing to quantise
        model.quantize("int8")
    return model


class OwnStep(keras.Model):
    def train_step(self, *arrays):
        return super().train_step(*arrays)


def own_step():
    image = keras.Input((SIZE, SIZE, 1))
    return OwnStep(image, layers.Dense(3, activation="softmax")(layers.Flatten()(image)))


def all_frozen():
    model = chain()
    model.trainable = False
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (quantised, r"Layer .dense\w*. of model .* is quantised \(int8\)"),
        (own_step, r"has a train_step of its own \(OwnStep\)"),
        (lambda: chain(last={"dtype": "mixed_float16"}), "computes in float16"),
        (lambda: chain(last={"dtype": "bfloat16"}), r"dense\w*/kernel .* is bfloat16"),
        (all_frozen, "has no weight to train"),
    ],
)
def test_what_only_keras_does_is_refused_by_name(make, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        fit(RECIPE, SPLITS, tmp_path / "run", model=make(), progress=False)
