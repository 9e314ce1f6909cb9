import jax
import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.models import Network, _fuse, build, fuse, list_models
from stormlens.models._keras import import_keras

pytestmark = pytest.mark.usefixtures("fixed_start")

keras = import_keras()
layers = keras.layers


def chain(*inner):
    return keras.Sequential(
        [keras.Input((21, 23, 1)), *inner, layers.Flatten(), layers.Dense(4, activation="softmax")]
    )


def functional():
    image = keras.Input((21, 23, 1))
    left = layers.MaxPooling2D(3)(layers.Conv2D(2, 3, activation="relu")(image))
    right = layers.AveragePooling2D(3)(layers.Conv2D(2, 3, activation="tanh")(image))
    both = layers.Flatten()(layers.Concatenate()([left, right]))
    return keras.Model(image, layers.Dense(4, activation="softmax")(both))


def functional_chain():
    image = keras.Input((21, 23, 1))
    values = layers.MaxPooling2D(3)(layers.Conv2D(3, 3, activation="relu")(image))
    values = layers.MaxPooling2D(2)(layers.Conv2D(4, 2)(values))
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(values)))


def nested():
    inner = keras.Sequential([layers.Conv2D(3, 3, activation="relu")])
    return chain(keras.Sequential([inner, layers.MaxPooling2D(2)]), layers.MaxPooling2D(2))


def used_twice():
    again = layers.Dense(12, activation="tanh")
    return chain(
        layers.Conv2D(3, 3),
        layers.MaxPooling2D(6),
        layers.Flatten(),
        layers.Dense(12),
        again,
        again,
    )


def convolution_used_twice():
    again = layers.Conv2D(2, 3, padding="same", activation="relu")
    return chain(layers.Conv2D(2, 3), again, layers.MaxPooling2D(2), again, layers.MaxPooling2D(2))


def zoo(name):
    return lambda: build(name, input_shape=(64, 64, 1), n_classes=4)


# Every model that must compute as Keras does: fused runs, near misses of them, and the zoo.
MODELS = {
    "relu run": lambda: chain(layers.Conv2D(3, 3, activation="relu"), layers.MaxPooling2D(3)),
    "apart": lambda: chain(
        layers.Conv2D(3, 5),
        layers.ReLU(),
        layers.SpatialDropout2D(0.4),
        layers.MaxPooling2D(2),
    ),
    "softmax is not fused": lambda: chain(
        layers.Conv2D(3, 3, activation="softmax"), layers.MaxPooling2D(2)
    ),
    "overlapping pool": lambda: chain(layers.Conv2D(3, 3), layers.MaxPooling2D(3, strides=2)),
    "padded pool": lambda: chain(layers.Conv2D(3, 3), layers.MaxPooling2D(2, padding="same")),
    "no bias": lambda: chain(layers.Conv2D(3, 3, use_bias=False), layers.MaxPooling2D(2)),
    "capped relu": lambda: chain(
        layers.Conv2D(3, 3), layers.ReLU(max_value=0.1), layers.MaxPooling2D(2)
    ),
    "convolution last": lambda: chain(layers.MaxPooling2D(2), layers.Conv2D(3, 3)),
    "batch normalisation": lambda: chain(layers.BatchNormalization(), layers.Conv2D(2, 3)),
    "same padding": lambda: chain(
        layers.Conv2D(3, (4, 3), padding="same", activation="relu"), layers.MaxPooling2D(2)
    ),
    "functional": functional,
    "functional chain": functional_chain,
    "nested": nested,
    "used twice": used_twice,
    "convolution used twice": convolution_used_twice,
    "tanh": lambda: chain(
        layers.Conv2D(3, 3, activation="tanh"),
        layers.SpatialDropout2D(0.4),
        layers.MaxPooling2D(2),
    ),
    **{
        name: zoo(name)
        for name in ("chapter-linear", "chapter-relu", "svrimg-3conv", "storm-residual", "lenet5")
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_and_gradients_equal_keras(name):
    model = MODELS[name]()
    forward = fuse(model)
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.random((3, *model.input_shape[1:])), jnp.float32)
    codes = np.array([0, 2, 3])

    def ours(weights):
        log_p, _ = forward.apply(weights, forward.state, images, jax.random.key(0), False)
        return -log_p[np.arange(3), codes].mean()

    def theirs(weights):
        p, _ = model.stateless_call(weights, forward.state, images, training=False)
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(codes, p))

    mine, my_gradient = jax.jit(jax.value_and_grad(ours))(forward.weights)
    judge, judge_gradient = jax.jit(jax.value_and_grad(theirs))(forward.weights)
    npt.assert_allclose(mine, judge, rtol=1e-5)
    for a, b in zip(my_gradient, judge_gradient, strict=True):
        npt.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [model.name for model in list_models() if model.is_network])
@pytest.mark.parametrize("training", [True, False])
def test_networks_known_by_name_equal_their_keras_models_to_the_bit(name, training):
    sizes = {"input_shape": (64, 64, 1), "n_classes": 4}
    judge = fuse(build(name, **sizes, seed=7), (5.0, 70.0))
    network = Network.untrained(name, (64, 64, 1), 4, seed=7)
    mine = network.forward((5.0, 70.0), seed=0)
    assert not network.is_loaded
    assert mine.dense == judge.dense
    images = jnp.asarray(np.random.default_rng(0).integers(0, 75, (3, 64, 64)), jnp.uint8)[
        ..., None
    ]

    def run(forward):
        def loss(weights):
            key = jax.random.key(3)
            log_p, _ = forward.apply(weights, forward.state, images, key, training)
            return (log_p * jnp.arange(4)).sum(), log_p

        return jax.tree.leaves(jax.jit(jax.grad(loss, has_aux=True))(forward.weights))

    for one, two in zip(run(mine), run(judge), strict=True):
        npt.assert_array_equal(one, two)


@pytest.mark.slow
def test_residual_and_global_pooling_equal_kerass_own_layers_put_together():
    from stormlens.models._layers import GlobalMeanMax, Residual

    image = keras.Input((21, 23, 1))
    stem = layers.Conv2D(5, 3, activation="tanh")
    first, second = (layers.Conv2D(5, 3, padding="same") for _ in range(2))
    dense = layers.Dense(4, activation="softmax")
    values = stem(image)
    values = layers.ReLU()(layers.Add()([values, second(layers.ReLU()(first(values)))]))
    means, largest = layers.GlobalAveragePooling2D()(values), layers.GlobalMaxPooling2D()(values)
    judge = keras.Model(image, dense(layers.Concatenate()([means, largest])))
    model = keras.Sequential([keras.Input((21, 23, 1)), stem, Residual(), GlobalMeanMax(), dense])
    forward = fuse(model)
    rng = np.random.default_rng(0)
    weights = [jnp.asarray(rng.normal(0, 0.3, w.shape), jnp.float32) for w in forward.weights]
    images = jnp.asarray(rng.random((3, 21, 23, 1)), jnp.float32)
    codes = np.array([0, 2, 3])

    def ours(weights):
        log_p, _ = forward.apply(weights, forward.state, images, jax.random.key(0), True)
        return -log_p[np.arange(3), codes].mean()

    def theirs(weights):
        p, _ = judge.stateless_call(weights, [], images)
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(codes, p))

    mine, my_gradient = jax.jit(jax.value_and_grad(ours))(weights)
    expected, expected_gradient = jax.jit(jax.value_and_grad(theirs))(weights)
    npt.assert_allclose(mine, expected, rtol=1e-5)
    for a, b in zip(my_gradient, expected_gradient, strict=True):
        assert np.abs(b).max() > 1e-3
        npt.assert_allclose(a, b, rtol=1e-3, atol=2e-5)


@pytest.mark.slow
def test_spatial_dropout_drops_whole_channels_and_keeps_the_mean():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(64, 1, kernel_initializer="ones"),
            layers.SpatialDropout2D(0.3),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
        ]
    )
    forward = fuse(model)
    images = jnp.ones((200, 8, 8, 1))
    log_p, _ = forward.apply(forward.weights, forward.state, images, jax.random.key(1), True)
    dropped = np.asarray(log_p) < np.log(2e-7)  # zero, clipped
    npt.assert_allclose(dropped.mean(), 0.3, atol=0.02)
    # Kept channels of one image are all alike: a channel is dropped whole or not at all.
    kept = np.where(dropped, np.nan, np.asarray(log_p))
    assert np.nanmax(np.nanstd(kept, axis=1)) < 1e-5


@pytest.mark.slow
def test_dropout_follows_the_key_and_only_while_training():
    forward = fuse(build("chapter-relu", input_shape=(12, 12, 1)))
    images = jnp.ones((2, 12, 12, 1))

    def run(key, training):
        return np.asarray(forward.apply(forward.weights, forward.state, images, key, training)[0])

    npt.assert_array_equal(run(jax.random.key(1), True), run(jax.random.key(1), True))
    assert not np.array_equal(run(jax.random.key(1), True), run(jax.random.key(2), True))
    npt.assert_array_equal(run(jax.random.key(1), False), run(jax.random.key(2), False))


def test_batch_normalisation_moves_its_averages_in_training_only():
    model = MODELS["batch normalisation"]()
    forward = fuse(model)
    images = jnp.full((2, 21, 23, 1), 5.0)
    _, trained = forward.apply(forward.weights, forward.state, images, jax.random.key(0), True)
    _, at_rest = forward.apply(forward.weights, forward.state, images, jax.random.key(0), False)
    npt.assert_allclose(trained[0], 0.99 * 0 + 0.01 * 5)  # Keras's momentum 0.99
    npt.assert_array_equal(at_rest[0], forward.state[0])


# How many convolutions with their pools become one operation.
FUSED = {
    "relu run": 1,
    "apart": 1,
    "same padding": 1,
    "functional chain": 2,
    "nested": 1,
    "convolution used twice": 2,
    "tanh": 1,
    "no bias": 1,
    "svrimg-3conv": 3,
    "storm-residual": 4,
    "softmax is not fused": 0,
    "overlapping pool": 0,
    "padded pool": 0,
    "capped relu": 0,
    "functional": 0,
    "convolution last": 0,
}


@pytest.mark.parametrize("name", FUSED)
def test_runs_become_one_operation_and_near_misses_do_not(name, monkeypatch):
    calls, operation = [], _fuse.conv_pool

    def counted(*arrays, **options):
        calls.append(arrays[0].shape)
        return operation(*arrays, **options)

    monkeypatch.setattr(_fuse, "conv_pool", counted)
    model = MODELS[name]()
    forward = fuse(model)
    images = jax.ShapeDtypeStruct((2, *model.input_shape[1:]), jnp.float32)
    key = jax.random.key(0)
    jax.eval_shape(
        lambda w, i: forward.apply(w, forward.state, i, key, True), forward.weights, images
    )
    assert len(calls) == FUSED[name]


@pytest.mark.parametrize("frozen", [0, 3])
def test_a_frozen_layer_keeps_its_weights_and_computes(frozen):
    model = MODELS["relu run"]()
    expected = model.predict(np.ones((2, 21, 23, 1)), verbose=0)
    model.layers[frozen].trainable = False
    forward = fuse(model)
    assert len(forward.weights) == 2
    key = jax.random.key(0)
    log_p, _ = forward.apply(forward.weights, forward.state, jnp.ones((2, 21, 23, 1)), key, False)
    npt.assert_allclose(np.exp(log_p), expected, atol=1e-6)


@pytest.mark.slow
def test_a_model_may_end_in_a_convolution():
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(3, 4)])
    forward = fuse(model)
    given = jnp.ones((2, 4, 4, 1))
    log_p, _ = forward.apply(forward.weights, forward.state, given, jax.random.key(0), False)
    assert log_p.shape == (2, 1, 1, 3)


def test_a_kernel_used_twice_takes_no_fused_step():
    # Its gradient is a sum of two products.
    forward = fuse(used_twice())
    kernels = [w.shape for i, w in enumerate(forward.weights) if i in forward.dense]
    assert kernels == [(27, 12), (12, 4)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu run", "tanh", "convolution last", "functional", "nested"])
def test_bytes_equal_scaled_reals(name):
    model = MODELS[name]()
    forward = fuse(model, bounds=(5.0, 70.0))
    images = np.random.default_rng(0).integers(0, 75, (3, *model.input_shape[1:])).astype(np.uint8)
    scaled = (images.astype(np.float32) - 5) / 65

    @jax.jit
    def run(images):
        def loss(weights):
            log_p, _ = forward.apply(weights, forward.state, images, jax.random.key(0), True)
            return (log_p * jnp.arange(4)).sum(), log_p

        return jax.grad(loss, has_aux=True)(forward.weights)

    found, expected = jax.tree.leaves(run(images)), jax.tree.leaves(run(scaled))
    for a, b in zip(found, expected, strict=True):
        npt.assert_allclose(a, b, rtol=0, atol=2e-5 * max(np.abs(b).max(), 1))


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "sigmoid", "leaky_relu"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_dropout_beside_an_activation_keeps_its_place(activation, place, monkeypatch):
    dropout, curve = layers.SpatialDropout2D(0.5), layers.Activation(activation)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(6, 1, kernel_initializer="ones"),
            *([dropout, curve] if place == "before" else [curve, dropout]),
            layers.MaxPooling2D(2),
            layers.GlobalAveragePooling2D(),
        ]
    )
    factors = jnp.array([[0.0, 2, 2, 0, 2, 2]])
    monkeypatch.setattr(_fuse, "_channel_factors", lambda *_: factors)
    forward = fuse(model)
    bias = jnp.linspace(0.1, 2, 6)
    weights = [forward.weights[0], bias]
    log_p, _ = forward.apply(
        weights, forward.state, jnp.ones((1, 4, 4, 1)), jax.random.key(0), True
    )
    function = keras.activations.get(activation)
    values = function(factors * (1 + bias)) if place == "before" else factors * function(1 + bias)
    npt.assert_allclose(np.exp(log_p), values / values.sum(), rtol=1e-5, atol=2e-7)
