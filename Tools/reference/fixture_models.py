"""The fixture models: small, and each about one kind of layer.

A builder takes the `keras` module (Keras 3 or tf_keras), so that one recipe serves both. Where a recipe tries several
options of one layer, each option has its own output, named after it: a wrong number says which option is at fault.
"""

import numpy as np

from fixture_files import EXAMPLE_COUNT, Fixture, standard_normal

FIXTURES = []


def fixture(note, inputs=standard_normal, keras2=False, keras3=True, suffix="", reloads=True, compact=True):
    """Registers a builder; its name with dashes is the name of the fixture."""

    def register(build):
        name = build.__name__.strip("_").replace("_", "-") + suffix
        FIXTURES.append(Fixture(name, note, build, inputs, keras2, keras3, reloads, compact))
        return build

    return register


def sequential(keras, shape, *layers, name="model"):
    return keras.Sequential([keras.Input(shape, name="input"), *layers], name=name)


def side_by_side(keras, shape, *layers, before=None):
    """A model that applies every layer to the same input, with one output each."""
    input = keras.Input(shape, name="input")
    tensor = before(input) if before else input
    return keras.Model(input, [layer(tensor) for layer in layers], name="model")


def is_keras3(keras):
    return keras.__version__.startswith("3")


# Inputs


def pixels(generator, shapes):
    return [generator.integers(0, 256, (EXAMPLE_COUNT, *shape)).astype("float32") for shape in shapes]


def spread(generator, shapes):
    """Wide enough to reach the flat parts of an activation."""
    return [3 * array for array in standard_normal(generator, shapes)]


def masked(mask_value=0, empty=True):
    """Sequences with every kind of gap. A step is masked if all its features are `mask_value`."""

    def mask(x):
        x[1, 5:] = mask_value  # the end
        x[2, :3] = mask_value  # the beginning
        x[3, [1, 2, 5]] = mask_value  # holes
        x[4, [0, 3, 7]] = mask_value  # all three
        x[5, :4] = mask_value  # all but one step
        x[5, 5:] = mask_value
        x[0, 2, 0] = mask_value  # one feature only: not masked
        if empty:
            x[6] = mask_value
        return x

    count = 7 if empty else 6
    return lambda generator, shapes: [mask(array) for array in standard_normal(generator, shapes, count)]


def two_masks(generator, shapes):
    a, b = masked()(generator, shapes)
    return [a, b[[1, 4, 0, 3, 2, 5, 6]]]


# Dense and activations

ACTIVATIONS = "linear relu tanh sigmoid softmax elu selu gelu swish softplus softsign exponential".split()
MORE_ACTIVATIONS = "leaky_relu relu6 mish log_softmax silu".split()
KERAS3_ACTIVATIONS = "hard_silu hard_swish log_sigmoid hard_tanh celu squareplus".split()


def dense_with(keras, activations):
    layers = [keras.layers.Dense(3, activation=activation, name=activation) for activation in activations]
    return side_by_side(keras, (5,), *layers)


@fixture("Dense with each common activation, one output each", keras2=True)
def dense_activations(keras):
    return dense_with(keras, ACTIVATIONS)


@fixture("Dense with each less common activation, one output each")
def dense_more_activations(keras):
    return dense_with(keras, MORE_ACTIVATIONS)


@fixture("Dense with the activations that only Keras 3 has, one output each")
def dense_keras3_activations(keras):
    return dense_with(keras, KERAS3_ACTIVATIONS)


@fixture("hard_sigmoid, whose formula depends on keras_version: in Dense, LSTM and GRU", inputs=spread, keras2=True)
def hard_sigmoid(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 3),
        layers.Dense(3, activation="hard_sigmoid", name="dense"),
        layers.LSTM(3, recurrent_activation="hard_sigmoid", name="lstm"),
        layers.GRU(3, recurrent_activation="hard_sigmoid", name="gru"),
    )


@fixture("Dense without bias, then with; softmax", keras2=True)
def dense(keras):
    layers = keras.layers
    return sequential(
        keras,
        (6,),
        layers.Dense(5, activation="tanh", use_bias=False, name="no_bias"),
        layers.Dense(4, activation="relu", name="hidden"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


@fixture("Dense on inputs of rank 3 and 4 (with the batch axis)")
def dense_higher_rank(keras):
    layers = keras.layers
    sequence, image = keras.Input((4, 3), name="sequence"), keras.Input((2, 3, 4), name="image")
    outputs = [
        layers.Dense(2, activation="relu", name="rank_3")(sequence),
        layers.Dense(3, activation="softmax", name="rank_4")(image),
    ]
    return keras.Model([sequence, image], outputs, name="model")


@fixture("activation layers with options, on (time, features)", inputs=spread, keras2=True)
def activation_layers(keras):
    layers = keras.layers
    slope = "negative_slope" if is_keras3(keras) else "alpha"
    return side_by_side(
        keras,
        (4, 3),
        layers.ReLU(name="relu"),
        layers.ReLU(max_value=1.5, name="relu_max_value"),
        layers.ReLU(negative_slope=0.1, name="relu_negative_slope"),
        layers.ReLU(threshold=0.7, name="relu_threshold"),
        layers.ReLU(max_value=2, negative_slope=0.2, threshold=0.5, name="relu_all"),
        layers.LeakyReLU(name="leaky_relu"),
        layers.LeakyReLU(**{slope: 0.15}, name="leaky_relu_slope"),
        layers.ELU(name="elu"),
        layers.ELU(alpha=0.7, name="elu_alpha"),
        layers.Softmax(name="softmax"),
        layers.Softmax(axis=1, name="softmax_over_time"),
        layers.Activation("tanh", name="activation"),
        layers.Activation("softmax", name="activation_softmax"),
    )


@fixture("PReLU: a slope per element, shared over space, shared over channels")
def prelu(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 4, 2),
        layers.PReLU(name="per_element"),
        layers.PReLU(shared_axes=[1, 2], name="per_channel"),
        layers.PReLU(shared_axes=[3], name="per_pixel"),
    )


@fixture("pixels to -1...1", inputs=pixels)
def rescaling(keras):
    layers = keras.layers
    return sequential(
        keras,
        (4, 3, 2),
        layers.Rescaling(1 / 127.5, offset=-1, name="rescaling"),
        layers.Flatten(name="flatten"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


@fixture("Rescaling with a list of scales and offsets, one per channel", inputs=pixels)
def rescaling_per_channel(keras):
    return sequential(
        keras, (3, 2, 3), keras.layers.Rescaling([0.01, 0.02, 0.005], offset=[-1.0, 0.5, 0.1], name="rescaling")
    )


# Convolutions


@fixture("Conv1D: paddings, strides, dilation, groups", keras2=True)
def conv1d(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (11, 4),
        layers.Conv1D(2, 3, padding="same", name="same"),
        layers.Conv1D(2, 4, padding="same", activation="relu", name="same_even_kernel"),
        layers.Conv1D(2, 3, padding="valid", name="valid"),
        layers.Conv1D(2, 3, padding="causal", name="causal"),
        layers.Conv1D(2, 3, strides=2, padding="same", name="same_strides"),
        layers.Conv1D(2, 3, strides=3, padding="valid", name="valid_strides"),
        layers.Conv1D(2, 3, strides=2, padding="causal", name="causal_strides"),
        layers.Conv1D(2, 3, dilation_rate=2, padding="causal", name="causal_dilation"),
        layers.Conv1D(2, 3, dilation_rate=3, padding="same", name="same_dilation"),
        layers.Conv1D(2, 3, dilation_rate=2, padding="valid", name="valid_dilation"),
        layers.Conv1D(4, 3, groups=2, padding="same", use_bias=False, name="groups"),
    )


@fixture("Conv2D without strides: paddings, kernel shapes, no bias", keras2=True)
def conv2d(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (6, 5, 3),
        layers.Conv2D(2, 3, padding="same", activation="relu", name="same"),
        layers.Conv2D(2, 3, padding="valid", name="valid"),
        layers.Conv2D(2, (3, 1), padding="same", name="tall"),
        layers.Conv2D(2, (1, 4), padding="same", name="wide"),
        layers.Conv2D(2, (2, 3), padding="valid", name="valid_rectangle"),
        layers.Conv2D(2, 2, padding="same", name="even_kernel"),
        layers.Conv2D(2, 1, name="pointwise"),
        layers.Conv2D(2, 3, padding="same", use_bias=False, name="no_bias"),
    )


def strided(keras, size):
    layers = keras.layers
    return side_by_side(
        keras,
        size,
        layers.Conv2D(2, 3, strides=2, padding="same", name="same"),
        layers.Conv2D(2, 3, strides=2, padding="valid", name="valid"),
        layers.Conv2D(2, 5, strides=2, padding="same", name="same_5"),
        layers.Conv2D(2, 2, strides=2, padding="same", name="same_2"),
        layers.Conv2D(2, 2, strides=3, padding="same", name="kernel_below_strides"),
        layers.Conv2D(2, (4, 3), strides=(1, 2), padding="same", name="rectangle"),
    )


@fixture("Conv2D with strides on even sizes: SAME pads only after", keras2=True)
def conv2d_strides_even(keras):
    return strided(keras, (8, 6, 2))


@fixture("Conv2D with strides on odd sizes")
def conv2d_strides_odd(keras):
    return strided(keras, (7, 9, 2))


@fixture("Conv2D with dilation and with groups")
def conv2d_dilation_groups(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (7, 6, 4),
        layers.Conv2D(2, 3, dilation_rate=2, padding="same", name="same_dilation"),
        layers.Conv2D(2, 3, dilation_rate=2, padding="valid", name="valid_dilation"),
        layers.Conv2D(2, 3, dilation_rate=(1, 2), padding="same", name="rectangular_dilation"),
        layers.Conv2D(4, 3, groups=2, padding="same", name="groups_2"),
        layers.Conv2D(8, (3, 2), groups=4, strides=2, padding="same", name="groups_4_strides"),
    )


@fixture("DepthwiseConv2D: multiplier, strides on an even size, dilation, no bias", keras2=True)
def depthwise_conv2d(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 6, 3),
        layers.DepthwiseConv2D(3, padding="same", activation="relu", name="same"),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="valid", name="multiplier"),
        layers.DepthwiseConv2D(3, strides=2, padding="same", name="strides"),
        layers.DepthwiseConv2D((2, 3), strides=2, depth_multiplier=2, padding="same", name="multiplier_strides"),
        layers.DepthwiseConv2D(2, dilation_rate=2, padding="same", name="dilation"),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="no_bias"),
    )


@fixture("SeparableConv2D: multiplier, strides, no bias", keras2=True)
def separable_conv2d(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (6, 7, 3),
        layers.SeparableConv2D(2, 3, padding="same", activation="relu", name="same"),
        layers.SeparableConv2D(2, 3, depth_multiplier=2, padding="valid", name="multiplier"),
        layers.SeparableConv2D(2, 3, strides=2, padding="same", name="strides"),
        layers.SeparableConv2D(4, (3, 2), padding="same", use_bias=False, name="no_bias"),
    )


@fixture("SeparableConv1D: multiplier, strides")
def separable_conv1d(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (8, 3),
        layers.SeparableConv1D(2, 3, padding="same", activation="relu", name="same"),
        layers.SeparableConv1D(2, 3, depth_multiplier=2, padding="valid", name="multiplier"),
        layers.SeparableConv1D(2, 3, strides=2, padding="same", name="strides"),
    )


@fixture("Conv2DTranspose: kernels larger and smaller than the strides", keras2=True)
def conv2d_transpose(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (2, 3, 2),
        layers.Conv2DTranspose(2, 3, strides=2, padding="same", name="same"),
        layers.Conv2DTranspose(2, 3, strides=2, padding="valid", name="valid"),
        layers.Conv2DTranspose(2, 4, strides=2, padding="same", activation="relu", name="same_even_kernel"),
        layers.Conv2DTranspose(2, (3, 2), strides=1, padding="same", name="no_strides"),
        layers.Conv2DTranspose(2, 2, strides=3, padding="same", name="kernel_below_strides"),
        layers.Conv2DTranspose(2, 3, strides=(1, 2), padding="valid", use_bias=False, name="no_bias"),
    )


@fixture("Conv1DTranspose")
def conv1d_transpose(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (5, 2),
        layers.Conv1DTranspose(3, 3, strides=2, padding="same", name="same"),
        layers.Conv1DTranspose(3, 4, strides=2, padding="valid", name="valid"),
    )


# Pooling


@fixture("MaxPooling1D and AveragePooling1D: paddings, strides other than the window")
def pooling1d(keras):
    layers = keras.layers
    branches = [
        branch
        for kind, pooling in [("max", layers.MaxPooling1D), ("average", layers.AveragePooling1D)]
        for branch in [
            pooling(2, name=f"{kind}_default"),
            pooling(3, strides=2, padding="same", name=f"{kind}_same"),
            pooling(4, strides=1, padding="same", name=f"{kind}_same_uneven"),
            pooling(3, strides=1, padding="valid", name=f"{kind}_valid"),
            pooling(2, strides=3, padding="valid", name=f"{kind}_window_below_strides"),
        ]
    ]
    return side_by_side(keras, (9, 2), *branches)


@fixture("MaxPooling2D and AveragePooling2D: paddings, strides other than the window, rectangles", keras2=True)
def pooling2d(keras):
    layers = keras.layers
    branches = [
        branch
        for kind, pooling in [("max", layers.MaxPooling2D), ("average", layers.AveragePooling2D)]
        for branch in [
            pooling(2, name=f"{kind}_default"),
            pooling(3, strides=2, padding="same", name=f"{kind}_same"),
            pooling(2, padding="same", name=f"{kind}_same_uneven"),
            pooling((2, 3), strides=1, padding="same", name=f"{kind}_same_rectangle"),
            pooling(3, strides=(1, 2), padding="valid", name=f"{kind}_valid"),
        ]
    ]
    return side_by_side(keras, (7, 6, 2), *branches)


@fixture("global pooling over time and over space, with and without keepdims")
def global_pooling(keras):
    layers = keras.layers
    sequence, image = keras.Input((4, 3), name="sequence"), keras.Input((3, 5, 2), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.GlobalMaxPooling1D(name="max_1d")),
            (sequence, layers.GlobalAveragePooling1D(name="average_1d")),
            (sequence, layers.GlobalMaxPooling1D(keepdims=True, name="max_1d_keepdims")),
            (sequence, layers.GlobalAveragePooling1D(keepdims=True, name="average_1d_keepdims")),
            (image, layers.GlobalMaxPooling2D(name="max_2d")),
            (image, layers.GlobalAveragePooling2D(name="average_2d")),
            (image, layers.GlobalMaxPooling2D(keepdims=True, name="max_2d_keepdims")),
            (image, layers.GlobalAveragePooling2D(keepdims=True, name="average_2d_keepdims")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


# Shapes


@fixture("Flatten, Reshape, Permute, RepeatVector, padding, cropping, upsampling; no weights at all", keras2=True)
def shapes(keras):
    layers = keras.layers
    vector, sequence, image = (
        keras.Input(shape, name=name)
        for name, shape in [("vector", (6,)), ("sequence", (5, 2)), ("image", (2, 3, 2))]
    )
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (vector, layers.RepeatVector(3, name="repeat_vector")),
            (vector, layers.Reshape((2, 3), name="reshape")),
            (image, layers.Reshape((-1, 4), name="reshape_inferred")),
            (image, layers.Flatten(name="flatten")),
            (sequence, layers.Permute((2, 1), name="permute")),
            (image, layers.Permute((3, 1, 2), name="permute_image")),
            (sequence, layers.ZeroPadding1D(1, name="zero_padding_1d")),
            (sequence, layers.ZeroPadding1D((0, 2), name="zero_padding_1d_after")),
            (image, layers.ZeroPadding2D(1, name="zero_padding_2d")),
            (image, layers.ZeroPadding2D((1, 2), name="zero_padding_2d_symmetric")),
            (image, layers.ZeroPadding2D(((0, 1), (2, 0)), name="zero_padding_2d_sides")),
            (sequence, layers.Cropping1D((1, 2), name="cropping_1d")),
            (image, layers.Cropping2D(((1, 0), (0, 2)), name="cropping_2d")),
            (sequence, layers.UpSampling1D(2, name="up_sampling_1d")),
            (image, layers.UpSampling2D((2, 3), name="up_sampling_2d")),
        ]
    ]
    return keras.Model([vector, sequence, image], outputs, name="model")


# Layers that only train


@fixture("dropout, noise and activity regularization: the identity at inference", keras2=True)
def noise(keras):
    layers = keras.layers
    return sequential(
        keras,
        (5, 3),
        layers.GaussianNoise(0.5, name="gaussian_noise"),
        layers.Dense(4, activation="tanh", activity_regularizer="l2", kernel_regularizer="l1", name="hidden"),
        layers.Dropout(0.5, name="dropout"),
        layers.SpatialDropout1D(0.3, name="spatial_dropout"),
        layers.GaussianDropout(0.4, name="gaussian_dropout"),
        layers.AlphaDropout(0.2, name="alpha_dropout"),
        layers.ActivityRegularization(l1=0.1, l2=0.2, name="activity_regularization"),
        layers.Dropout(0.2, noise_shape=(None, 1, 4), seed=3, name="dropout_noise_shape"),
        layers.Dense(2, kernel_constraint="max_norm", bias_regularizer="l2", name="output"),
    )


@fixture("SpatialDropout2D")
def spatial_dropout2d(keras):
    layers = keras.layers
    return sequential(
        keras,
        (5, 4, 2),
        layers.Conv2D(3, 2, name="conv"),
        layers.SpatialDropout2D(0.4, name="spatial_dropout"),
        layers.GlobalMaxPooling2D(name="pooling"),
    )


# Normalization


@fixture("BatchNormalization: with and without scale and center, other epsilon, axis 1", keras2=True)
def batch_normalization(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 3),
        layers.BatchNormalization(name="default"),
        layers.BatchNormalization(scale=False, name="no_scale"),
        layers.BatchNormalization(center=False, name="no_center"),
        layers.BatchNormalization(scale=False, center=False, name="neither"),
        layers.BatchNormalization(epsilon=0.1, momentum=0.9, name="epsilon"),
        layers.BatchNormalization(axis=1, name="axis_1"),
    )


@fixture("BatchNormalization after Dense")
def batch_normalization_dense(keras):
    layers = keras.layers
    return sequential(
        keras,
        (5,),
        layers.Dense(4, use_bias=False, name="hidden"),
        layers.BatchNormalization(name="normalization"),
        layers.ReLU(name="relu"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


@fixture("BatchNormalization after Conv2D and DepthwiseConv2D (foldable), and on axis 1 (not foldable)", keras2=True)
def batch_normalization_conv(keras):
    layers = keras.layers
    return sequential(
        keras,
        (6, 6, 2),
        layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False, name="conv"),
        layers.BatchNormalization(name="after_conv"),
        layers.Activation("relu6" if is_keras3(keras) else "relu", name="activation"),
        layers.DepthwiseConv2D(2, name="depthwise"),
        layers.BatchNormalization(scale=False, name="after_depthwise"),
        layers.Conv2D(2, 1, name="pointwise"),
        layers.BatchNormalization(axis=1, name="axis_1"),
        layers.Flatten(name="flatten"),
        layers.Dense(3, name="output"),
    )


@fixture("LayerNormalization on (time, features): with and without scale and center, other epsilon", keras2=True)
def layer_normalization(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 5),
        layers.LayerNormalization(name="default"),
        layers.LayerNormalization(axis=[-1], name="axis_list"),
        layers.LayerNormalization(scale=False, name="no_scale"),
        layers.LayerNormalization(center=False, name="no_center"),
        layers.LayerNormalization(scale=False, center=False, name="neither"),
        layers.LayerNormalization(epsilon=0.1, name="epsilon"),
    )


# Recurrent layers


def recurrent_options(keras, layer, **options):
    options = {"last": {}, "sequences": {"return_sequences": True}, "no_bias": {"use_bias": False}, **options}
    return side_by_side(keras, (6, 3), *[layer(2, **values, name=name) for name, values in options.items()])


BACKWARDS = {"go_backwards": True, "return_sequences": True}
OTHER_ACTIVATIONS = {"activation": "softsign", "recurrent_activation": "tanh"}


@fixture("SimpleRNN and its options", keras2=True)
def simple_rnn(keras):
    return recurrent_options(
        keras,
        keras.layers.SimpleRNN,
        backwards={"go_backwards": True},
        backwards_sequences=BACKWARDS,
        relu={"activation": "relu"},
        unroll={"unroll": True},
        dropout={"dropout": 0.2, "recurrent_dropout": 0.3},
    )


@fixture("LSTM and its options", keras2=True)
def lstm(keras):
    return recurrent_options(
        keras,
        keras.layers.LSTM,
        backwards_sequences=BACKWARDS,
        other_activations=OTHER_ACTIVATIONS,
        unroll={"unroll": True, "unit_forget_bias": False},
    )


@fixture("GRU with reset_after (two rows of bias) and its options", keras2=True)
def gru(keras):
    return recurrent_options(
        keras,
        keras.layers.GRU,
        backwards_sequences=BACKWARDS,
        other_activations=OTHER_ACTIVATIONS,
        unroll={"unroll": True},
    )


@fixture("GRU without reset_after (one row of bias) and its options", keras2=True)
def gru_reset_before(keras):
    def layer(units, **options):
        return keras.layers.GRU(units, reset_after=False, **options)

    return recurrent_options(keras, layer, backwards_sequences=BACKWARDS, other_activations=OTHER_ACTIVATIONS)


@fixture("SimpleRNN, GRU and LSTM on top of each other")
def recurrent_stack(keras):
    layers = keras.layers
    return sequential(
        keras,
        (7, 4),
        layers.SimpleRNN(3, return_sequences=True, name="simple_rnn"),
        layers.GRU(4, return_sequences=True, name="gru"),
        layers.LSTM(3, name="lstm"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


@fixture("Bidirectional: every merge mode, of last outputs or of sequences", keras2=True)
def bidirectional(keras):
    layers = keras.layers

    def both(layer, merge_mode, sequences):
        kind = "sequences" if sequences else "last"
        return layers.Bidirectional(layer, merge_mode=merge_mode, name=f"{merge_mode}_{kind}")

    return side_by_side(
        keras,
        (5, 2),
        both(layers.LSTM(2, name="lstm"), "concat", False),
        both(layers.GRU(2, return_sequences=True, name="gru"), "concat", True),
        both(layers.SimpleRNN(2, return_sequences=True, name="a"), "sum", True),
        both(layers.SimpleRNN(2, name="b"), "mul", False),
        both(layers.SimpleRNN(2, return_sequences=True, name="c"), "ave", True),
    )


@fixture("Bidirectional with a backward layer of its own")
def bidirectional_backward_layer(keras):
    layers = keras.layers
    return sequential(
        keras,
        (5, 2),
        layers.Bidirectional(
            layers.LSTM(2, return_sequences=True, name="ahead"),
            backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True, name="back"),
            name="bidirectional",
        ),
    )


@fixture("TimeDistributed Conv2D, pooling, Flatten and Dense", keras2=True)
def time_distributed(keras):
    layers = keras.layers
    return sequential(
        keras,
        (3, 5, 4, 2),
        layers.TimeDistributed(layers.Conv2D(3, 3, padding="same", activation="relu", name="a"), name="conv"),
        layers.TimeDistributed(layers.MaxPooling2D(2, name="b"), name="pooling"),
        layers.TimeDistributed(layers.Flatten(name="c"), name="flatten"),
        layers.TimeDistributed(layers.Dense(2, activation="tanh", name="d"), name="dense"),
    )


@fixture("TimeDistributed model with BatchNormalization: trainable weights first, then the others")
def time_distributed_model(keras):
    layers = keras.layers
    frame = sequential(
        keras,
        (4,),
        layers.Dense(3, name="first"),
        layers.BatchNormalization(name="first_normalization"),
        layers.Dense(3, activation="relu", name="second"),
        layers.BatchNormalization(name="second_normalization"),
        name="frame",
    )
    return sequential(
        keras,
        (3, 4),
        layers.TimeDistributed(frame, name="frames"),
        layers.GlobalAveragePooling1D(name="pooling"),
    )


# Masks. Sequential, because a mask in a functional model of Keras 3 leaves op nodes in the file.


@fixture("Masking(0), SimpleRNN sequences: a masked step repeats the output before it", inputs=masked())
def masking_simple_rnn(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.SimpleRNN(3, return_sequences=True, name="simple_rnn"),
    )


@fixture("Masking(0), LSTM sequences, LSTM", inputs=masked(), keras2=True)
def masking_lstm(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.LSTM(3, return_sequences=True, name="sequences"),
        layers.LSTM(2, name="last"),
    )


@fixture("Masking(-1), GRU sequences, Dense, GRU without reset_after", inputs=masked(-1))
def masking_gru(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(-1.0, name="masking"),
        layers.GRU(3, return_sequences=True, name="sequences"),
        layers.Dense(3, activation="tanh", name="dense"),
        layers.GRU(2, reset_after=False, name="last"),
    )


@fixture("Masking(0), GRU backwards: it reverses the mask for itself, but not for the layer after it", inputs=masked())
def masking_backwards(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.GRU(3, return_sequences=True, go_backwards=True, name="backwards"),
        layers.SimpleRNN(2, return_sequences=True, name="forwards"),
    )


@fixture("Masking(0), SimpleRNN with zero_output_for_mask", inputs=masked())
def masking_zero_output(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.SimpleRNN(3, return_sequences=True, zero_output_for_mask=True, name="zeros"),
    )


@fixture("Masking(0), unrolled GRU and LSTM", inputs=masked())
def masking_unroll(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.GRU(3, return_sequences=True, unroll=True, name="gru"),
        layers.LSTM(2, unroll=True, name="lstm"),
    )


@fixture("Masking(0), Bidirectional GRU sequences: masked steps are zero", inputs=masked(), keras2=True)
def masking_bidirectional(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.Bidirectional(layers.GRU(2, return_sequences=True, name="gru"), name="bidirectional"),
    )


@fixture("Masking(0), Bidirectional LSTM (sum, sequences), Bidirectional SimpleRNN (concat)", inputs=masked())
def masking_bidirectional_stack(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.Bidirectional(layers.LSTM(2, return_sequences=True, name="lstm"), merge_mode="sum", name="sequences"),
        layers.Bidirectional(layers.SimpleRNN(2, name="simple_rnn"), name="last"),
    )


@fixture("Masking(0), TimeDistributed Dense, masked mean over time", inputs=masked(empty=False), keras2=True)
def masking_time_distributed(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.TimeDistributed(layers.Dense(3, activation="tanh", name="dense"), name="frames"),
        layers.GlobalAveragePooling1D(name="mean"),
    )


@fixture("Masking(0), layers that pass the mask on, masked mean over time", inputs=masked(empty=False))
def masking_passed_on(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.Dense(3, name="dense"),
        layers.BatchNormalization(name="batch_normalization"),
        layers.Activation("tanh", name="activation"),
        layers.LayerNormalization(name="layer_normalization"),
        layers.Dropout(0.5, name="dropout"),
        layers.SpatialDropout1D(0.5, name="spatial_dropout"),
        layers.GaussianNoise(0.5, name="noise"),
        layers.LeakyReLU(name="leaky_relu"),
        layers.PReLU(shared_axes=[1], name="prelu"),
        layers.GlobalAveragePooling1D(name="mean"),
    )


@fixture("Masking(0), Conv1D, which drops the mask, LSTM", inputs=masked())
def masking_dropped(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.Conv1D(3, 3, padding="same", name="conv"),
        layers.LSTM(2, name="lstm"),
    )


@fixture("Masking(0), GlobalMaxPooling1D, which ignores the mask", inputs=masked())
def masking_global_max(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.Dense(3, name="dense"),
        layers.GlobalMaxPooling1D(name="maximum"),
    )


def masked_graph(keras):
    layers = keras.layers
    sequence = keras.Input((8, 2), name="sequence")
    present = layers.Masking(0.0, name="masking")(sequence)
    frames = layers.Dense(3, activation="tanh", name="frames")(present)
    outputs = [
        layers.GRU(2, name="gru")(present),
        layers.GlobalAveragePooling1D(name="mean")(frames),
        layers.LSTM(2, return_sequences=True, name="lstm")(frames),
    ]
    return keras.Model(sequence, outputs, name="model")


@fixture("a mask in a graph, which Keras 2 leaves to the layers", inputs=masked(empty=False), keras2=True, keras3=False)
def masking_graph(keras):
    return masked_graph(keras)


@fixture(
    "a mask in a graph, which Keras 3 spells out as NotEqual and Any nodes and then cannot load",
    inputs=masked(empty=False),
    suffix="-opnodes",
    reloads=False,
)
def masking_graph_(keras):
    return masked_graph(keras)


def merged_masks(keras):
    layers = keras.layers
    a, b = keras.Input((8, 2), name="a"), keras.Input((8, 2), name="b")
    left, right = layers.Masking(0.0, name="left")(a), layers.Masking(0.0, name="right")(b)
    both = layers.Add(name="both")([left, right])
    return keras.Model([a, b], layers.SimpleRNN(3, return_sequences=True, name="simple_rnn")(both), name="model")


@fixture("Add of two masks: Keras 2 keeps a step that both have", inputs=two_masks, keras2=True, keras3=False)
def masking_merge(keras):
    return merged_masks(keras)


@fixture(
    "Add of two masks: Keras 3 keeps a step that either has", inputs=two_masks, suffix="-opnodes", reloads=False
)
def masking_merge_(keras):
    return merged_masks(keras)


# Graphs


@fixture("merge layers of two and three inputs, one output each", keras2=True)
def merge(keras):
    layers = keras.layers
    a, b, c = (keras.Input((4,), name=name) for name in "abc")
    layer_kinds = {
        "add": layers.Add,
        "subtract": layers.Subtract,
        "multiply": layers.Multiply,
        "average": layers.Average,
        "maximum": layers.Maximum,
        "minimum": layers.Minimum,
        "concatenate": layers.Concatenate,
    }
    outputs = [kind(name=name)([a, b]) for name, kind in layer_kinds.items()]
    outputs += [
        kind(name=f"{name}_three")([a, b, c]) for name, kind in layer_kinds.items() if name != "subtract"
    ]
    return keras.Model([a, b, c], outputs, name="model")


@fixture("Concatenate over time, over rows and over channels")
def concatenate(keras):
    layers = keras.layers
    short, long, image = (
        keras.Input(shape, name=name)
        for name, shape in [("short", (2, 3)), ("long", (4, 3)), ("image", (3, 2, 2))]
    )
    rows = layers.Conv2D(2, (2, 1), name="rows")(image)
    channels = layers.Conv2D(3, 1, name="channels")(image)
    outputs = [
        layers.Concatenate(axis=1, name="over_time")([short, long, short]),
        layers.Concatenate(axis=1, name="over_rows")([image, rows]),
        layers.Concatenate(axis=-1, name="over_channels")([channels, image]),
        layers.Concatenate(axis=3, name="over_axis_3")([image, channels]),
    ]
    return keras.Model([short, long, image], outputs, name="model")


@fixture("Dot: vectors, normalized, and matrices")
def dot(keras):
    layers = keras.layers
    a, b, m, n = (
        keras.Input(shape, name=name) for name, shape in [("a", (4,)), ("b", (4,)), ("m", (3, 4)), ("n", (2, 4))]
    )
    outputs = [
        layers.Dot(axes=1, name="dot")([a, b]),
        layers.Dot(axes=1, normalize=True, name="cosine")([a, b]),
        layers.Dot(axes=2, name="matrices")([m, n]),
        layers.Dot(axes=(2, 1), name="matrix_vector")([m, a]),
    ]
    return keras.Model([a, b, m, n], outputs, name="model")


@fixture("one Dense called three times, one nested model called twice", keras2=True, compact=False)
def graph_shared(keras):
    layers = keras.layers
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(4, activation="tanh", name="shared")
    twice = sequential(
        keras, (4,), layers.Dense(3, name="inner"), layers.BatchNormalization(name="inner_normalization"), name="twice"
    )
    a, b = shared(left), shared(right)
    outputs = [
        layers.Multiply(name="product")([twice(a), twice(b)]),
        layers.Concatenate(name="together")([shared(a), b]),
    ]
    return keras.Model([left, right], outputs, name="model")


@fixture("inputs and outputs in another order than the layers; an output that is also used inside", keras2=True)
def graph_inputs_outputs(keras):
    layers = keras.layers
    a, b, c = (keras.Input((size,), name=name) for name, size in [("a", 2), ("b", 3), ("c", 4)])
    first = layers.Dense(3, activation="relu", name="first")(b)
    second = layers.Dense(3, activation="tanh", name="second")(a)
    both = layers.Add(name="both")([second, first])
    third = layers.Dense(2, name="third")(layers.Concatenate(name="all")([both, c]))
    return keras.Model([c, a, b], [third, first, both], name="model")


@fixture("a residual block and an inception-like block")
def graph_blocks(keras):
    layers = keras.layers
    image = keras.Input((6, 6, 2), name="image")
    x = layers.Conv2D(3, 3, padding="same", name="conv")(image)
    y = layers.BatchNormalization(name="normalization")(x)
    y = layers.ReLU(name="relu")(y)
    y = layers.Conv2D(3, 3, padding="same", name="residual")(y)
    x = layers.Add(name="add")([x, y])
    branches = [
        layers.Conv2D(2, 1, name="pointwise")(x),
        layers.Conv2D(2, 3, padding="same", name="square")(x),
        layers.AveragePooling2D(3, strides=1, padding="same", name="average")(x),
    ]
    x = layers.Concatenate(name="inception")(branches)
    x = layers.GlobalAveragePooling2D(name="pooling")(x)
    return keras.Model(image, layers.Dense(3, name="output")(x), name="model")


def two_blocks(keras, name):
    layers = keras.layers
    return sequential(
        keras,
        (4,),
        layers.Dense(3, name="dense_1"),
        layers.BatchNormalization(name="normalization_1"),
        layers.Dense(3, activation="tanh", name="dense_2"),
        layers.BatchNormalization(name="normalization_2"),
        name=name,
    )


def around(keras, nested):
    input = keras.Input((4,), name="input")
    output = keras.layers.Dense(2, name="output")(nested(input))
    return keras.Model(input, output, name="model")


@fixture("nested Sequential in a graph; trainable weights first", keras2=True)
def nested(keras):
    return around(keras, two_blocks(keras, "nested"))


@fixture("nested Sequential in a Sequential")
def nested_in_sequential(keras):
    return sequential(keras, (4,), two_blocks(keras, "nested"), keras.layers.Dense(2, name="output"))


@fixture("nested Sequential, all of it frozen: its weights in layer order")
def nested_frozen(keras):
    nested = two_blocks(keras, "nested")
    nested.trainable = False
    return around(keras, nested)


@fixture("nested Sequential with frozen BatchNormalization")
def nested_frozen_normalization(keras):
    nested = two_blocks(keras, "nested")
    nested.get_layer("normalization_1").trainable = False
    nested.get_layer("normalization_2").trainable = False
    return around(keras, nested)


@fixture("nested Sequential, partly frozen, two levels deep", keras2=True)
def nested_partly_frozen(keras):
    layers = keras.layers
    inner = two_blocks(keras, "inner")
    inner.get_layer("dense_1").trainable = False
    inner.get_layer("normalization_1").trainable = False
    outer = sequential(keras, (4,), layers.Dense(4, name="before"), inner, layers.Dense(3, name="after"), name="outer")
    outer.get_layer("after").trainable = False
    return around(keras, outer)


@fixture("nested graph with two inputs and two outputs")
def nested_graph(keras):
    layers = keras.layers
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    joined = layers.Concatenate(name="joined")([b, a])
    inner = keras.Model(
        [a, b], [layers.Dense(3, name="wide")(joined), layers.Dense(2, name="narrow")(joined)], name="inner"
    )
    x, y = keras.Input((2,), name="x"), keras.Input((3,), name="y")
    wide, narrow = inner([y, x])
    outputs = [layers.Dense(2, activation="tanh", name="from_narrow")(narrow), layers.Add(name="sum")([wide, y])]
    return keras.Model([x, y], outputs, name="model")


@fixture("frozen layers at the top level: the order of their weights does not change")
def frozen(keras):
    layers = keras.layers
    model = sequential(
        keras,
        (5, 5, 2),
        layers.Conv2D(3, 3, name="conv"),
        layers.BatchNormalization(name="normalization"),
        layers.GlobalAveragePooling2D(name="pooling"),
        layers.Dense(3, activation="softmax", name="classes"),
    )
    model.get_layer("conv").trainable = False
    model.get_layer("normalization").trainable = False
    return model


@fixture("compiled with Adam, so that the file holds training_config and optimizer_weights", keras2=True, compact=False)
def compiled(keras):
    layers = keras.layers
    model = sequential(keras, (4,), layers.Dense(3, activation="relu", name="hidden"), layers.Dense(2, name="output"))
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(np.ones((2, 4)), np.ones((2, 2)), verbose=0)
    return model


@fixture("a small image classifier, like a teacher for handwritten digits", inputs=pixels, keras2=True, compact=False)
def digits(keras):
    layers = keras.layers
    return sequential(
        keras,
        (12, 12, 1),
        layers.Rescaling(1 / 255, name="rescaling"),
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_1"),
        layers.MaxPooling2D(2, name="pooling_1"),
        layers.Conv2D(6, 3, activation="relu", name="conv_2"),
        layers.MaxPooling2D(2, name="pooling_2"),
        layers.Flatten(name="flatten"),
        layers.Dropout(0.5, name="dropout"),
        layers.Dense(10, activation="softmax", name="classes"),
    )


# Recipes in files of their own

import recurrent_models  # noqa: E402, F401
