"""Fixture models of operations that take parts, compare, normalize and convert, of constants with several axes, of layers
that one version of Keras has alone, of names that TensorFlow wrote, and of calls that name their arguments.

keras_fixtures.py and keras2_fixtures.py write them with the others of fixture_models.py.
"""

import base64
import json

import h5py
import numpy as np

from attention_models import inputs, positive
from fixture_files import EXAMPLE_COUNT, standard_normal
from fixture_models import FIXTURES, fixture, is_keras3


def change_layers(change):
    """A rewrite that changes every layer of the configuration, after Keras wrote it."""

    def rewrite(path):
        with h5py.File(path, "r+", libver="latest") as file:
            configuration = json.loads(file.attrs["model_config"])
            for layer in configuration["config"]["layers"]:
                change(layer)
            file.attrs["model_config"] = json.dumps(configuration)

    return rewrite


def pixels_and_rest(generator, shapes):
    """Pixels for inputs with three axes, and normal numbers for the others."""
    return [
        generator.integers(0, 256, (EXAMPLE_COUNT, *shape)).astype("float32") if len(shape) == 3 else array
        for shape, array in zip(shapes, standard_normal(generator, shapes))
    ]


# Parts of tensors


@fixture("numbers, slices, ellipses and new axes in brackets", keras2=True, reloads=False)
def operations_slices(keras):
    x, picture = inputs(keras, x=(6, 4), picture=(4, 5, 3))
    outputs = [
        x[:, -1], x[:, 0, :2], x[:, 1:5:2], x[..., ::-1], x[:, ::-1], x[..., 1:], x[:, None], x[:, 2:4, None],
        x[:, :, -3:-1], x[..., None], picture[..., ::-1], picture[:, ::-1, 1:3, 0], picture[..., 1, :],
        picture[..., None, 0], picture[:, -2],
    ]  # fmt: skip
    return keras.Model([x, picture], outputs, name="model")


@fixture("parts, stacks, repetitions, margins and other orders", reloads=False)
def operations_shapes(keras):
    ops = keras.ops
    x, picture, y = inputs(keras, x=(6, 4), picture=(4, 5, 3), y=(6, 4))
    outputs = [
        *ops.split(x, 3, axis=1), *ops.split(x, [1, 3], axis=-1), *ops.unstack(y, 6, axis=1),
        *ops.unstack(x, axis=-1), ops.stack([x, y], axis=1), ops.stack([x, y], axis=-1),
        ops.take(x, [0, 2, 2], axis=1), ops.take(x, 1, axis=-1), ops.flip(x, axis=1), ops.flip(picture, axis=(1, -1)),
        ops.roll(x, 2, axis=1), ops.repeat(x, 2, axis=-1), ops.tile(x, [1, 2, 3]),
        ops.pad(x, [[0, 0], [1, 2], [0, 0]]), ops.pad(x, [[0, 0], [0, 1], [2, 0]], constant_values=1.5),
        ops.pad(x, [[0, 0], [2, 1], [0, 0]], mode="reflect"), ops.pad(x, [[0, 0], [2, 1], [0, 3]], mode="symmetric"),
        ops.swapaxes(picture, 1, -1), ops.moveaxis(picture, -1, 1), ops.moveaxis(picture, (1, 3), (2, 1)),
        ops.einsum("btc,bsc->bts", x, y), ops.einsum("btc,bsd->bctds", x, y), ops.einsum("btc,btc->bt", x, y),
    ]  # fmt: skip
    return keras.Model([x, picture, y], outputs, name="model")


@fixture("parts, stacks, repetitions and margins by TensorFlow", keras2=True, keras3=False)
def operations_shapes_tensorflow(keras):
    import tensorflow as tf

    x, picture, y = inputs(keras, x=(6, 4), picture=(4, 5, 3), y=(6, 4))
    outputs = [
        *tf.split(x, 3, axis=1), *tf.split(x, [1, 3], axis=-1), *tf.unstack(y, axis=1), tf.stack([x, y], axis=1),
        tf.gather(x, [0, 2, 2], axis=1), tf.gather(x, 1, axis=-1), tf.reverse(picture, [1, 3]), tf.roll(x, 2, axis=1),
        tf.repeat(x, 2, axis=-1), tf.tile(x, [1, 2, 3]), tf.pad(x, [[0, 0], [1, 2], [0, 0]]),
        tf.pad(x, [[0, 0], [0, 1], [2, 0]], constant_values=1.5), tf.pad(x, [[0, 0], [2, 1], [0, 0]], mode="REFLECT"),
        tf.pad(x, [[0, 0], [2, 1], [0, 3]], mode="SYMMETRIC"),
    ]  # fmt: skip
    return keras.Model([x, picture, y], outputs, name="model")


# Conditions and functions


def words_and_numbers(generator, shapes):
    """Whole numbers from -1 to 3 for the first input."""
    return [generator.integers(-1, 4, (EXAMPLE_COUNT, *shapes[0])).astype("float32")] + standard_normal(
        generator, shapes[1:]
    )


@fixture("comparisons, choices, and one place of several", inputs=words_and_numbers, reloads=False)
def operations_conditions(keras):
    ops = keras.ops
    words, x, y = inputs(keras, words=(8,), x=(3, 4), y=(3, 4))
    number = lambda condition: ops.cast(condition, "float32")  # noqa: E731
    same = ops.equal(words, 2)
    outputs = [
        ops.where(x > 0, x, 0.1 * x), ops.where(ops.greater_equal(x, y), x, y), ops.where(x < y, 0.0, x),
        number(same) + words, number(ops.not_equal(words, 0)) + words, number(ops.less(x, 0.5)) + y, number(ops.less_equal(y, x)) + y,
        number(ops.logical_not(same)) + words, number(ops.logical_and(x > 0, y > 0)) + y, number(ops.logical_or(x > 0, y > 0)) + y,
        number(ops.any(x > 1, axis=1)) + y[:, 0], number(ops.all(x > -1, axis=-1, keepdims=True)) + y,
        ops.one_hot(ops.cast(words, "int32"), 3), ops.where(x > np.array([0.1, -0.2, 0.3, 0.0], "float32"), 1.0, y),
    ]  # fmt: skip
    return keras.Model([words, x, y], outputs, name="model")


@fixture("comparisons and choices by TensorFlow", inputs=words_and_numbers, keras2=True, keras3=False)
def operations_conditions_tensorflow(keras):
    import tensorflow as tf

    words, x, y = inputs(keras, words=(8,), x=(3, 4), y=(3, 4))
    number = lambda condition: tf.cast(condition, "float32")  # noqa: E731
    same = tf.equal(words, 2.0)
    outputs = [
        tf.where(x > 0, x, 0.1 * x), tf.where(tf.greater_equal(x, y), x, y), number(same) + words,
        number(tf.not_equal(words, 0.0)) + words, number(tf.less(x, 0.5)) + y, number(tf.less_equal(y, x)) + y,
        number(tf.logical_not(same)) + words, number(tf.logical_and(x > 0, y > 0)) + y,
        number(tf.logical_or(x > 0, y > 0)) + y, number(tf.reduce_any(x > 1, axis=1)) + y[:, 0],
        number(tf.reduce_all(x > -1, axis=-1, keepdims=True)) + y, tf.one_hot(tf.cast(words, "int32"), 3),
    ]  # fmt: skip
    return keras.Model([words, x, y], outputs, name="model")


@fixture("lengths, spreads and other functions", inputs=positive, reloads=False)
def operations_functions(keras):
    ops = keras.ops
    x, y = inputs(keras, x=(3, 4), y=(3, 4))
    outputs = [
        ops.normalize(x), ops.normalize(x, axis=1), ops.logsumexp(3 * x, axis=-1),
        ops.logsumexp(x, axis=(1, 2), keepdims=True), ops.var(x, axis=1), ops.std(x, axis=-1, keepdims=True),
        ops.norm(x, axis=-1), ops.sign(x - 1), ops.floor(3 * x), ops.sin(3 * x), ops.cos(x), ops.log1p(x), ops.erf(x),
        ops.hard_sigmoid(x - 1), ops.hard_silu(x - 1), x + ops.zeros_like(x), x * ops.ones_like(y), ops.amax(x, axis=1),
    ]  # fmt: skip
    return keras.Model([x, y], outputs + [x + y], name="model")


@fixture("lengths, spreads and other functions by TensorFlow", inputs=positive, keras2=True, keras3=False)
def operations_functions_tensorflow(keras):
    import tensorflow as tf

    x, y = inputs(keras, x=(3, 4), y=(3, 4))
    outputs = [
        tf.math.l2_normalize(x, axis=-1), keras.backend.l2_normalize(x, axis=1), tf.reduce_logsumexp(3 * x, axis=-1),
        tf.math.reduce_variance(x, axis=1), tf.math.reduce_std(x, axis=-1, keepdims=True), tf.norm(x, axis=-1),
        tf.sign(x - 1), tf.floor(3 * x), tf.sin(3 * x), tf.cos(x), tf.math.log1p(x), tf.math.erf(x), x + tf.zeros_like(x),
        x * tf.ones_like(y),
    ]  # fmt: skip
    return keras.Model([x, y], outputs + [x + y], name="model")


@fixture("casts and other operations that leave numbers as they are, one behind the softmax", keras2=True, reloads=False)
def operations_identities(keras):
    [x] = inputs(keras, x=(4,))
    if is_keras3(keras):
        ops = keras.ops
        hidden = keras.layers.Dense(5, activation="tanh", name="hidden")(ops.cast(x, "float32"))
        kept = ops.convert_to_tensor(ops.copy(ops.stop_gradient(hidden)))
        classes = keras.layers.Dense(3, activation="softmax", name="classes")(kept)
        return keras.Model(x, ops.cast(classes, "float32"), name="model")
    import tensorflow as tf

    hidden = keras.layers.Dense(5, activation="tanh", name="hidden")(tf.cast(x, "float32"))
    kept = tf.convert_to_tensor(tf.identity(tf.stop_gradient(hidden)))
    classes = keras.layers.Dense(3, activation="softmax", name="classes")(kept)
    return keras.Model(x, tf.cast(classes, "float32"), name="model")


@fixture("casts to whole numbers", inputs=lambda *rest: [3 * array for array in standard_normal(*rest)], reloads=False)
def operations_whole(keras):
    ops = keras.ops
    [x] = inputs(keras, x=(4,))
    whole = ops.cast(x, "int32")
    return keras.Model(x, [ops.cast(whole, "float32"), ops.cast(ops.cast(whole, "bool"), "float32") + x], name="model")


@fixture("constants with several axes, such as tables of positions", keras2=True, reloads=False)
def operations_constants(keras):
    x, picture = inputs(keras, x=(6, 4), picture=(4, 5, 3))
    place = np.arange(6)[:, None] / 10 ** (np.arange(4)[None] / 2)
    table = np.where(np.arange(4) % 2, np.cos(place), np.sin(place)).astype("float32")
    column = (np.arange(6, dtype="float32") + 1)[:, None]
    minus = keras.ops.subtract if is_keras3(keras) else lambda first, second: first - second
    outputs = [
        x + table, minus(table, x), x - table[None], x * table, x / (table + 2), x * column, x[:, :1] + table,
        picture * np.arange(1, 16, dtype="float32").reshape(5, 3), picture + np.ones((4, 1, 1), "float32"),
    ]  # fmt: skip
    if is_keras3(keras):
        outputs += [keras.ops.maximum(x, table), keras.ops.minimum(x, column)]
    return keras.Model([x, picture], outputs, name="model")


@fixture("preprocess_input of keras.applications, of all three kinds", inputs=pixels_and_rest, keras2=True, reloads=False)
def preprocess_input(keras):
    [picture] = inputs(keras, picture=(4, 5, 3))
    modules = [keras.applications.resnet50, keras.applications.mobilenet_v2, keras.applications.densenet]
    return keras.Model(picture, [module.preprocess_input(picture) for module in modules], name="model")


# Layers of one version, or of keras.applications


@fixture("convolutions with a kernel of their own at every place", keras2=True, keras3=False)
def locally_connected(keras):
    layers = keras.layers
    x, picture = inputs(keras, x=(7, 3), picture=(5, 6, 2))
    outputs = [
        layers.LocallyConnected1D(2, 3, name="one")(x),
        layers.LocallyConnected1D(3, 2, strides=2, use_bias=False, activation="tanh", name="strides")(x),
        layers.LocallyConnected2D(3, 2, name="two")(picture),
        layers.LocallyConnected2D(2, (3, 1), strides=(2, 3), activation="softmax", name="window")(picture),
    ]
    return keras.Model([x, picture], outputs, name="model")


@fixture("such convolutions whose kernels are stored in other forms", keras2=True, keras3=False)
def locally_connected_forms(keras):
    layers = keras.layers
    x, picture = inputs(keras, x=(7, 3), picture=(5, 6, 2))
    outputs = []
    for form in (2, 3):
        outputs += [
            layers.LocallyConnected1D(2, 3, implementation=form, name=f"one_{form}")(x),
            layers.LocallyConnected1D(
                3, 2, strides=2, use_bias=False, activation="tanh", implementation=form, name=f"strides_{form}")(x),
            layers.LocallyConnected2D(3, 2, implementation=form, name=f"two_{form}")(picture),
            layers.LocallyConnected2D(
                2, (3, 1), strides=(2, 3), activation="softmax", implementation=form, name=f"window_{form}")(picture),
        ]
    return keras.Model([x, picture], outputs, name="model")


@fixture("the layers of ConvNeXt and InceptionResNetV2 that are not in keras.layers", keras2=True, reloads=False)
def application_layers(keras):
    if is_keras3(keras):
        from keras.src.applications.convnext import LayerScale
        from keras.src.applications.inception_resnet_v2 import CustomScaleLayer
    else:
        from tf_keras.src.applications.convnext import LayerScale
        from tf_keras.src.applications.inception_resnet_v2 import CustomScaleLayer
    [picture] = inputs(keras, picture=(3, 4, 2))
    branch = keras.layers.Conv2D(2, 1, name="branch")(picture)
    scaled = LayerScale(0.5, 2, name="gamma")(branch)
    return keras.Model(picture, [scaled, CustomScaleLayer(0.17, name="scaled_sum")([picture, branch])], name="model")


# Names that TensorFlow wrote


@fixture("classes and activations by the names that versions of TensorFlow wrote", keras2=True, keras3=False, reloads=False)
def tensorflow_names(keras):
    layers = keras.layers
    [x] = inputs(keras, x=(4,))
    first = layers.BatchNormalization(name="first")(layers.Dense(5, activation="relu", name="hidden")(x))
    second = layers.BatchNormalization(name="second")(layers.Dense(4, activation="sigmoid", name="gate")(first))
    third = layers.BatchNormalization(name="third")(second)
    return keras.Model(x, layers.Dense(3, activation="softmax", name="classes")(third), name="model")


def old_names(layer):
    names = {"first": "BatchNormalizationV1", "second": "BatchNormalizationV2", "third": "SyncBatchNormalization"}
    layer["class_name"] = names.get(layer["config"]["name"], layer["class_name"])
    if layer["class_name"] == "Dense":
        layer["config"]["activation"] += "_v2"


FIXTURES[-1].rewrite = change_layers(old_names)


@fixture("operations as Keras of TensorFlow 2.0 to 2.3 wrote them", keras2=True, keras3=False, reloads=False)
def tensorflow_op_layers(keras):
    import tensorflow as tf

    [x] = inputs(keras, x=(3, 4))
    layers = keras.layers
    scaled = tf.multiply(layers.Dense(4, name="hidden")(x), 0.5, name="scaled")
    shifted = tf.add(scaled, [1.0, -1.0, 0.5, 2.0], name="shifted")
    mean = tf.reduce_mean(tf.nn.relu(shifted, name="rectified"), axis=1, name="mean")
    last = tf.math.subtract(1.0, shifted[:, -1], name="rest")
    both = tf.concat([mean, last], axis=1, name="both")
    return keras.Model(x, layers.Dense(3, activation="softmax", name="classes")(both), name="model")


def equation(text):
    return {"equation": {"s": base64.b64encode(text.encode()).decode()}}


MATRIX = [[1.0, -2.0], [0.5, 3.0], [0.25, -1.0], [2.0, 1.0]]


def as_op_layer(layer):
    """The node of a graph that such a layer of TFOpLambda stands for."""
    nodes = {
        "tf.linalg.matmul": ("Einsum", equation("bij,bjk->bik"), {}),
        "tf.linalg.matmul_1": ("Einsum", equation("bij, jk->bik"), {"1": MATRIX}),
        "tf.math.multiply": ("Mul", {}, {"1": 0.5}),
        "tf.math.add": ("AddV2", {}, {"1": [1.0, -1.0, 0.5, 2.0]}),
        "tf.nn.relu": ("Relu", {}, {}),
        "tf.math.reduce_mean": ("Mean", {"keep_dims": {"b": False}}, {"1": 1}),
        "tf.__operators__.getitem": (
            "StridedSlice",
            {"begin_mask": {"i": "1"}, "end_mask": {"i": "1"}, "shrink_axis_mask": {"i": "2"}},
            {"1": [0, -1], "2": [0, 0], "3": [1, 1]},
        ),
        "tf.math.subtract": ("Sub", {}, {"0": 1.0}),
        "tf.concat": ("ConcatV2", {"N": {"i": "2"}}, {"2": 1}),
    }
    if layer["class_name"] not in ("TFOpLambda", "SlicingOpLambda"):
        return
    op, attributes, constants = nodes[layer["config"]["name"]]
    layer["class_name"] = "TensorFlowOpLayer"
    definition = {"name": layer["name"], "op": op, "input": [], "attr": attributes}
    layer["config"] = {
        "name": layer["config"]["name"], "trainable": True, "dtype": "float32", "node_def": json.dumps(definition),
        "constants": constants,
    }  # fmt: skip
    [node] = layer["inbound_nodes"]
    tensors = []

    def collect(value):
        if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str) and value[0] != "_CONSTANT_VALUE":
            tensors.append([*value[:3], {}])
            collect(value[3:])
        elif isinstance(value, list):
            [collect(element) for element in value]
        elif isinstance(value, dict):
            [collect(element) for element in value.values()]

    collect(node)
    layer["inbound_nodes"] = [tensors]


FIXTURES[-1].rewrite = change_layers(as_op_layer)


@fixture("tf.einsum of two tensors and of a constant, as Keras of TensorFlow 2.0 to 2.3 wrote it", keras2=True,
         keras3=False, reloads=False)
def tensorflow_einsum(keras):
    import tensorflow as tf

    x, y = inputs(keras, x=(3, 4), y=(4, 5))
    hidden = keras.layers.Dense(4, name="hidden")(x)
    return keras.Model([x, y], [tf.matmul(hidden, y), tf.matmul(hidden, tf.constant(MATRIX))], name="model")


FIXTURES[-1].rewrite = change_layers(as_op_layer)


# Calls that name their arguments


def numbers_and_flags(generator, shapes):
    """Normal numbers, and for the second input 1 or 0 with at least one 1 in front."""
    numbers, flags, *others = standard_normal(generator, shapes)
    flags = (generator.uniform(size=flags.shape) < 0.6).astype("float32")
    flags[:, 0] = 1
    return [numbers, flags, *others]


@fixture("masks that are passed by name: an input, and one that is computed", inputs=numbers_and_flags, keras2=True,
         reloads=False)
def explicit_masks(keras):
    layers = keras.layers
    [x] = inputs(keras, x=(6, 3))
    given = keras.Input((6,), dtype="bool", name="given")
    if is_keras3(keras):
        computed = keras.ops.greater(keras.ops.sum(x, axis=-1), 0.0)
    else:
        import tensorflow as tf

        computed = tf.greater(tf.reduce_sum(x, -1), 0.0)
    outputs = [
        layers.LSTM(4, name="lstm")(x, mask=given),
        layers.GRU(3, return_sequences=True, name="gru")(x, mask=given),
        layers.Bidirectional(layers.LSTM(2), name="both")(x, mask=computed),
        layers.GlobalAveragePooling1D(name="mean")(x, mask=computed),
    ]
    # In Keras 2 such a mask goes on to what reads the result, in Keras 3 it does not.
    behind = layers.GlobalAveragePooling1D(name="behind")(outputs[1])
    return keras.Model([x, given], [*outputs, behind], name="model")


@fixture("first arguments that are passed by name", reloads=False)
def first_arguments(keras):
    layers = keras.layers
    [x] = inputs(keras, x=(6, 3))
    hidden = layers.Dense(4, activation="tanh", name="hidden")(inputs=x)
    recurrent = layers.LSTM(3, name="recurrent")(sequences=hidden)
    both = layers.Concatenate(name="concatenated")(inputs=[recurrent, layers.Flatten(name="flat")(inputs=x)])
    return keras.Model(x, layers.Dense(2, activation="softmax", name="classes")(inputs=both), name="model")


@fixture("LoRA on four kinds of layers: Keras keeps the factors apart in .h5", inputs=words_and_numbers, reloads=False)
def low_rank_adaptation(keras):
    layers = keras.layers
    words = keras.Input((5,), name="words")
    x = keras.Input((4,), name="x")
    adapted = [
        layers.Dense(5, name="dense"), layers.Embedding(4, 4, name="table"),
        layers.EinsumDense("abc,cd->abd", output_shape=(None, 3), name="einsum"), layers.Conv1D(3, 2, name="conv"),
    ]  # fmt: skip
    dense, table, einsum, conv = adapted
    outputs = [dense(x), conv(einsum(table(keras.ops.maximum(words, 0.0))))]
    for layer in adapted:
        layer.enable_lora(2, lora_alpha=3)
    return keras.Model([words, x], outputs, name="model")
