"""More fixture models: every option of the layers that scale, activate, shape and resize.

They register themselves with those of `fixture_models.py`. Where an option lists several axes, Keras 3 does not load its
own .h5: its reader drops such lists.
"""

from fixture_models import fixture, is_keras3, masked, side_by_side, spread

# Normalization


@fixture("GroupNormalization: groups, one per channel, other axes, no gamma, no beta", keras2=True)
def group_normalization(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 2, 6),
        layers.GroupNormalization(groups=2, name="two"),
        layers.GroupNormalization(groups=6, epsilon=0.1, name="all"),
        layers.GroupNormalization(groups=-1, name="each_channel"),
        layers.GroupNormalization(groups=1, center=False, name="no_beta"),
        layers.GroupNormalization(groups=3, scale=False, name="no_gamma"),
        layers.GroupNormalization(groups=3, axis=1, name="first_axis"),
        layers.GroupNormalization(groups=2, axis=2, name="second_axis"),
    )


@fixture("UnitNormalization over one axis and over several", keras2=True, reloads=False)
def unit_normalization(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 2, 4),
        layers.UnitNormalization(name="default"),
        layers.UnitNormalization(axis=1, name="first_axis"),
        layers.UnitNormalization(axis=[1, 2], name="two_axes"),
        layers.UnitNormalization(axis=[-1, 1], name="outer_axes"),
    )


@fixture("RMSNormalization over the last axes", reloads=False)
def rms_normalization(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 2, 4),
        layers.RMSNormalization(name="default"),
        layers.RMSNormalization(epsilon=0.1, name="epsilon"),
        layers.RMSNormalization(axis=[-2, -1], name="two_axes"),
    )


@fixture("LayerNormalization over several axes", keras2=True, reloads=False)
def layer_normalization_axes(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 2, 4),
        layers.LayerNormalization(axis=[2, 3], name="last_two"),
        layers.LayerNormalization(axis=[1, 2], epsilon=0.1, name="first_two"),
        layers.LayerNormalization(axis=[1, 3], center=False, name="outer"),
        layers.LayerNormalization(axis=[1, 2, 3], scale=False, name="all"),
        layers.LayerNormalization(axis=2, name="middle"),
    )


@fixture("LayerNormalization with rms_scaling, which divides by the deviation and does not center")
def layer_normalization_rms(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 4),
        layers.LayerNormalization(rms_scaling=True, name="last"),
        layers.LayerNormalization(rms_scaling=True, axis=1, epsilon=0.1, name="first"),
    )


@fixture("BatchNormalization along each axis", keras2=True)
def batch_normalization_axes(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 2, 4),
        layers.BatchNormalization(axis=1, name="first"),
        layers.BatchNormalization(axis=2, center=False, name="second"),
        layers.BatchNormalization(axis=-1, scale=False, name="last"),
    )


@fixture("normalizations of a sequence with a mask, which goes on to the pooling", inputs=masked(empty=False), suffix="-opnodes", reloads=False)
def masking_normalization(keras):
    layers = keras.layers
    branches = [
        layers.BatchNormalization(name="batch"),
        layers.BatchNormalization(axis=1, name="batch_over_time"),
        layers.LayerNormalization(name="layer"),
        layers.LayerNormalization(axis=1, name="layer_over_time"),
        layers.GroupNormalization(groups=3, name="group"),
        layers.UnitNormalization(axis=1, name="unit"),
        layers.RMSNormalization(name="rms"),
        layers.Activation("glu" if is_keras3(keras) else "tanh", name="activation"),
    ]
    input = keras.Input((8, 6), name="input")
    sequence = layers.Masking(name="masking")(input)
    outputs = [
        layers.GlobalAveragePooling1D(name=f"{layer.name}_mean")(layer(sequence)) for layer in branches
    ]
    return keras.Model(input, outputs, name="model")


@fixture("Normalization with numbers given: axes, none, several, inverted", keras2=True, reloads=False)
def normalization_given(keras):
    layers = keras.layers
    numbers = [[0.1, -0.2, 0.3, 0.4], [0.5, 0.6, -0.7, 0.8], [0.9, 1.0, 1.1, -1.2]]
    squares = [[0.1 + abs(number) for number in row] for row in numbers]
    branches = [
        layers.Normalization(mean=[0.1, 0.2, -0.3, 0.4], variance=[1.5, 2.0, 0.5, 0.25], name="last"),
        layers.Normalization(axis=1, mean=[0.5, 0.0, -1.0], variance=[2.0, 3.0, 0.25], name="first"),
        layers.Normalization(axis=None, mean=0.5, variance=4.0, name="whole"),
        layers.Normalization(mean=[0.1, 0.2, -0.3, 0.4], variance=[1.5, 2.0, 0.5, 1.0], invert=True, name="inverted"),
        layers.Normalization(axis=None, mean=0.5, variance=4.0, invert=True, name="whole_inverted"),
    ]
    if is_keras3(keras):
        branches += [
            layers.Normalization(axis=(1, -1), mean=numbers, variance=squares, name="outer"),
            layers.Normalization(axis=(1, 2), mean=[0.25, -0.75], variance=[2.0, 0.5], name="spread_over_first"),
        ]
    return side_by_side(keras, (3, 2, 4), *branches)


@fixture("Normalization adapted to data: axes, none, several, inverted", keras2=True, reloads=False)
def normalization_adapted(keras):
    import numpy as np

    layers = keras.layers
    data = np.random.default_rng(3).normal(0.5, 2, (20, 3, 2, 4)).astype("float32")
    branches = [
        layers.Normalization(name="last"),
        layers.Normalization(axis=1, name="first"),
        layers.Normalization(axis=None, name="whole"),
        layers.Normalization(axis=(1, -1), name="outer"),
        layers.Normalization(invert=True, name="inverted"),
        layers.Normalization(axis=(2, 3), invert=True, name="two_inverted"),
    ]
    for layer in branches:
        layer.adapt(data)
    return side_by_side(keras, (3, 2, 4), *branches)


# Keras 2 does not know the layer by name when it loads its own .h5.
@fixture("SpectralNormalization around layers with a kernel", keras2=True, reloads=False)
def spectral_normalization(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 5, 3),
        layers.SpectralNormalization(layers.Dense(2, activation="tanh", name="dense"), name="around_dense"),
        layers.SpectralNormalization(
            layers.Conv2D(2, 3, activation="relu", use_bias=False, name="conv"), power_iterations=3, name="around_conv"
        ),
    )


# Activations


@fixture("Softmax over any axis and over several; Activation of any rank", inputs=spread, keras2=True, reloads=False)
def softmax_axes(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (3, 2, 4),
        layers.Softmax(axis=1, name="first"),
        layers.Softmax(axis=2, name="second"),
        layers.Softmax(axis=[1, 2], name="first_two"),
        layers.Softmax(axis=[-1, 1], name="outer"),
        layers.Softmax(axis=[1, 2, 3], name="all"),
        layers.Softmax(axis=[-1], name="list_of_one"),
        layers.Activation("softmax", name="activation"),
    )


REST = "glu sparsemax sparse_plus sparse_sigmoid soft_shrink hard_shrink tanh_shrink".split()


@fixture("the remaining activations of Keras 3, as layers", inputs=spread)
def activation_rest(keras):
    layers = keras.layers
    return side_by_side(keras, (3, 6), *[layers.Activation(name, name=name) for name in REST])


@fixture("the remaining activations of Keras 3, inside layers")
def activation_rest_inside(keras):
    layers = keras.layers
    names = [name for name in REST if name != "sparsemax"]  # which hardly notices a bias
    branches = [layers.Dense(6, activation=name, name=f"dense_{name}") for name in names]
    branches += [layers.Conv1D(4, 2, activation=name, name=f"conv_{name}") for name in names]
    return side_by_side(keras, (3, 4), *branches)


@fixture("activations that are layers, also inside TimeDistributed", inputs=spread, keras2=True)
def activation_objects(keras):
    layers = keras.layers
    slope = "negative_slope" if is_keras3(keras) else "alpha"
    return side_by_side(
        keras,
        (3, 4),
        layers.Dense(3, activation=layers.LeakyReLU(**{slope: 0.15}), name="leaky_relu"),
        layers.Dense(3, activation=layers.ReLU(max_value=1.0, negative_slope=0.1), name="relu"),
        layers.Conv1D(3, 2, activation=layers.ELU(alpha=0.5), name="elu"),
        layers.Dense(3, use_bias=False, activation=layers.Softmax(axis=1), name="softmax"),
        layers.Activation(layers.LeakyReLU(**{slope: 0.15}), name="activation"),
        layers.TimeDistributed(layers.Dense(3, activation=layers.LeakyReLU(), name="inner"), name="time_distributed"),
    )


@fixture("ThresholdedReLU, which Keras 3 has no more", inputs=spread, keras2=True, keras3=False)
def thresholded_relu(keras):
    layers = keras.layers
    return side_by_side(
        keras, (4, 3), layers.ThresholdedReLU(name="default"), layers.ThresholdedReLU(theta=0.4, name="theta")
    )


def steps(generator, shapes):
    """Halves, so that thresholds are met exactly."""
    return [(generator.integers(-6, 7, (4, *shape)) / 2).astype("float32") for shape in shapes]


@fixture("ReLU where an input equals its threshold or its maximum", inputs=steps, keras2=True)
def relu_at_threshold(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 3),
        layers.ReLU(threshold=1.0, name="threshold"),
        layers.ReLU(threshold=1.0, negative_slope=0.5, name="slope"),
        layers.ReLU(max_value=1.5, threshold=0.5, negative_slope=0.25, name="all"),
    )


# Channels first. No sequence or row is as long as there are channels: Keras on TensorFlow then adds biases along it.


@fixture("convolutions whose channels come first")
def channels_first_convolutions(keras):
    layers = keras.layers
    first = {"data_format": "channels_first"}
    sequence, image = keras.Input((4, 9), name="sequence"), keras.Input((4, 6, 5), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.Conv1D(2, 3, padding="same", **first, name="conv1d")),
            (sequence, layers.SeparableConv1D(2, 3, activation="silu", **first, name="separable_conv1d")),
            (sequence, layers.DepthwiseConv1D(2, strides=3, **first, name="depthwise_conv1d")),
            (sequence, layers.Conv1DTranspose(2, 3, strides=2, **first, name="conv1d_transpose")),
            (image, layers.Conv2D(3, (3, 2), strides=(2, 1), activation="relu", **first, name="conv2d")),
            (image, layers.Conv2D(2, 1, use_bias=False, activation="softmax", **first, name="conv2d_softmax")),
            (image, layers.SeparableConv2D(2, 3, padding="same", **first, name="separable_conv2d")),
            (image, layers.DepthwiseConv2D(2, depth_multiplier=2, **first, name="depthwise_conv2d")),
            (image, layers.Conv2DTranspose(3, (2, 3), strides=2, padding="same", **first, name="conv2d_transpose")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


@fixture("pooling and shapes whose channels come first")
def channels_first_shapes(keras):
    layers = keras.layers
    first = {"data_format": "channels_first"}
    sequence, image = keras.Input((4, 7), name="sequence"), keras.Input((3, 4, 6), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.MaxPooling1D(2, **first, name="max_1d")),
            (sequence, layers.AveragePooling1D(3, strides=2, padding="same", **first, name="average_1d")),
            (sequence, layers.GlobalMaxPooling1D(**first, name="global_max_1d")),
            (sequence, layers.GlobalAveragePooling1D(keepdims=True, **first, name="global_average_1d")),
            (sequence, layers.ZeroPadding1D((1, 2), **first, name="zero_padding_1d")),
            (image, layers.MaxPooling2D((2, 3), **first, name="max_2d")),
            (image, layers.AveragePooling2D(2, padding="same", **first, name="average_2d")),
            (image, layers.GlobalMaxPooling2D(keepdims=True, **first, name="global_max_2d")),
            (image, layers.GlobalAveragePooling2D(**first, name="global_average_2d")),
            (image, layers.ZeroPadding2D(((1, 0), (2, 1)), **first, name="zero_padding_2d")),
            (image, layers.Cropping2D(((1, 0), (2, 1)), **first, name="cropping_2d")),
            (image, layers.UpSampling2D((2, 1), **first, name="up_sampling_2d")),
            (image, layers.UpSampling2D(2, interpolation="bilinear", **first, name="up_sampling_2d_bilinear")),
            (image, layers.SpatialDropout2D(0.5, **first, name="spatial_dropout_2d")),
            (image, layers.Flatten(**first, name="flatten")),
            (image, layers.CenterCrop(2, 3, **first, name="center_crop")),
            (image, layers.Resizing(5, 3, **first, name="resizing")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


# Transposed convolutions


@fixture("Conv1DTranspose and Conv2DTranspose with output_padding", keras2=True)
def transpose_output_padding(keras):
    layers = keras.layers
    sequence, image = keras.Input((4, 2), name="sequence"), keras.Input((3, 2, 2), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.Conv1DTranspose(3, 3, strides=2, output_padding=1, name="valid_1d")),
            (sequence, layers.Conv1DTranspose(3, 3, strides=3, output_padding=2, padding="same", name="same_1d")),
            (image, layers.Conv2DTranspose(2, 3, strides=2, output_padding=1, name="valid_2d")),
            (image, layers.Conv2DTranspose(2, 3, strides=2, output_padding=0, padding="same", name="none_2d")),
            (image, layers.Conv2DTranspose(2, (3, 5), 3, "same", output_padding=(1, 2), name="same_2d")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


@fixture("Conv1DTranspose and Conv2DTranspose with dilation", keras2=True)
def transpose_dilation(keras):
    layers = keras.layers
    sequence, image = keras.Input((4, 2), name="sequence"), keras.Input((4, 3, 2), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.Conv1DTranspose(3, 3, dilation_rate=2, name="valid_1d")),
            (sequence, layers.Conv1DTranspose(3, 4, dilation_rate=3, padding="same", name="same_1d")),
            (image, layers.Conv2DTranspose(2, (3, 2), dilation_rate=2, name="valid_2d")),
            (image, layers.Conv2DTranspose(2, (2, 3), dilation_rate=3, padding="same", name="same_2d")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


@fixture("separable and depthwise convolutions with their less common options", keras2=True)
def separable_options(keras):
    layers = keras.layers
    causal = "same" if is_keras3(keras) else "causal"
    sequence, image = keras.Input((9, 2), name="sequence"), keras.Input((7, 6, 2), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.SeparableConv1D(3, 3, dilation_rate=2, depth_multiplier=2, name="separable_1d")),
            (sequence, layers.SeparableConv1D(3, 3, padding=causal, activation="gelu", name="causal_1d")),
            (sequence, layers.DepthwiseConv1D(3, dilation_rate=2, padding="same", name="depthwise_1d")),
            (sequence, layers.DepthwiseConv1D(2, strides=3, depth_multiplier=3, use_bias=False, name="strides_1d")),
            (image, layers.SeparableConv2D(3, (3, 2), dilation_rate=2, padding="same", name="separable_2d")),
            (image, layers.DepthwiseConv2D(3, dilation_rate=2, depth_multiplier=2, name="depthwise_2d")),
            (image, layers.DepthwiseConv2D(2, use_bias=False, activation="softmax", name="softmax_2d")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


# Resizing


@fixture("adaptive pooling of sequences and pictures")
def adaptive_pooling(keras):
    layers = keras.layers
    sequence, image = keras.Input((7, 2), name="sequence"), keras.Input((5, 7, 2), name="image")
    outputs = [
        layer(tensor)
        for tensor, layer in [
            (sequence, layers.AdaptiveAveragePooling1D(3, name="average_1d")),
            (sequence, layers.AdaptiveMaxPooling1D(3, name="max_1d")),
            (image, layers.AdaptiveAveragePooling2D((2, 3), name="average_2d")),
            (image, layers.AdaptiveMaxPooling2D((2, 3), name="max_2d")),
        ]
    ]
    return keras.Model([sequence, image], outputs, name="model")


@fixture("UpSampling2D by interpolation", keras2=True)
def up_sampling(keras):
    layers = keras.layers
    names = "nearest bilinear bicubic lanczos3 lanczos5".split()
    names += [] if is_keras3(keras) else "area gaussian mitchellcubic".split()
    return side_by_side(
        keras, (3, 4, 2), *[layers.UpSampling2D((2, 3), interpolation=name, name=name) for name in names]
    )


def resized(keras, shape):
    layers = keras.layers
    names = "nearest bilinear bicubic lanczos3 lanczos5".split()
    branches = [layers.Resizing(5, 3, interpolation=name, name=f"{name}_down") for name in names]
    branches += [layers.Resizing(9, 11, interpolation=name, name=f"{name}_up") for name in names]
    branches += [
        layers.Resizing(4, 4, crop_to_aspect_ratio=True, name="crop"),
        layers.Resizing(9, 5, "nearest", crop_to_aspect_ratio=True, name="crop_tall"),
        layers.CenterCrop(4, 3, name="center_crop"),
        layers.CenterCrop(9, 4, name="center_crop_of_smaller"),
    ]
    if is_keras3(keras):
        branches += [
            layers.Resizing(3, 3, antialias=True, name="antialias_bilinear"),
            layers.Resizing(3, 3, "bicubic", antialias=True, name="antialias_bicubic"),
            layers.Resizing(3, 3, "lanczos3", antialias=True, name="antialias_lanczos3"),
            layers.Resizing(6, 6, pad_to_aspect_ratio=True, name="pad"),
            layers.Resizing(5, 9, pad_to_aspect_ratio=True, fill_value=0.7, name="pad_wide"),
        ]
    else:
        names = "area gaussian mitchellcubic".split()
        branches += [layers.Resizing(5, 3, interpolation=name, name=f"{name}_down") for name in names]
    return side_by_side(keras, shape, *branches)


@fixture("Resizing and CenterCrop of a wide picture", keras2=True)
def resizing(keras):
    return resized(keras, (6, 8, 2))


@fixture("Resizing and CenterCrop of a tall picture")
def resizing_tall(keras):
    return resized(keras, (7, 4, 1))


@fixture("Dropout, AlphaDropout and others with all options, and layers that only training knows")
def regularization_options(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 4, 3),
        layers.Dropout(0.5, noise_shape=(None, 1, 1, 3), seed=1, name="dropout"),
        layers.AlphaDropout(0.5, noise_shape=(None, 4, 1, 1), seed=1, name="alpha_dropout"),
        layers.GaussianNoise(0.5, seed=1, name="gaussian_noise"),
        layers.GaussianDropout(0.5, seed=1, name="gaussian_dropout"),
        layers.ActivityRegularization(0.1, 0.2, name="activity_regularization"),
        layers.RandomErasing(name="random_erasing"),
        layers.RandomShear(name="random_shear"),
        layers.MixUp(name="mix_up"),
    )


# Categories


@fixture("Discretization with boundaries, in every form", keras2=True)
def discretization(keras):
    layers = keras.layers
    modes = "int one_hot multi_hot count".split()
    if not is_keras3(keras):
        modes.remove("one_hot")  # which is for one number at a time
    return side_by_side(
        keras, (3,), *[layers.Discretization([-0.5, 0.0, 0.75], output_mode=mode, name=mode) for mode in modes]
    )


def tokens(generator, shapes):
    return [generator.integers(0, 5, (4, *shape)).astype("float32") for shape in shapes]


@fixture("CategoryEncoding in every form", inputs=tokens, keras2=True)
def category_encoding(keras):
    layers = keras.layers
    several, one = keras.Input((3,), name="several"), keras.Input((1,), name="one")
    modes = "one_hot multi_hot count".split()
    # Keras 2 encodes one number at a time.
    pairs = [(several, mode) for mode in modes if is_keras3(keras) or mode != "one_hot"]
    pairs += [(one, mode) for mode in modes]
    outputs = [
        layers.CategoryEncoding(5, output_mode=mode, name=f"{input.name.split(':')[0]}_{mode}")(input)
        for input, mode in pairs
    ]
    return keras.Model([several, one], outputs, name="model")


@fixture("Embedding, and Keras 3's that also goes back", inputs=tokens, keras2=True, reloads=False)
def embeddings(keras):
    layers = keras.layers
    tokens = keras.Input((4,), name="tokens")
    outputs = [
        layers.Embedding(5, 3, name="plain")(tokens),
        layers.LSTM(2, name="after_masked")(layers.Embedding(5, 3, mask_zero=True, name="masked")(tokens)),
    ]
    if is_keras3(keras):
        reversible = layers.ReversibleEmbedding(5, 2, mask_zero=True, name="reversible")
        outputs.append(layers.LSTM(2, name="after_reversible")(reversible(tokens)))
    return keras.Model(tokens, outputs, name="model")
