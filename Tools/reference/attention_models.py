"""Fixture models of layers with several inputs: merging with repeated axes, products, attention, and operations.

keras_fixtures.py and keras2_fixtures.py write them with the others of fixture_models.py.
"""

import numpy as np

from fixture_files import EXAMPLE_COUNT, standard_normal
from fixture_models import fixture, masked


def inputs(keras, **shapes):
    return [keras.Input(shape, name=name) for name, shape in shapes.items()]


@fixture("merge layers whose inputs have axes of 1, or fewer axes", keras2=True)
def merge_broadcast(keras):
    layers = keras.layers
    image, squeezed, rows, vector = inputs(keras, image=(3, 2, 4), squeezed=(1, 1, 4), rows=(3, 1, 1), vector=(4,))
    classes = [layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum]
    outputs = [layer(name=layer.__name__)([image, squeezed, rows]) for layer in classes]
    outputs += [layer(name=layer.__name__ + "_rank")([vector, image]) for layer in classes]
    outputs += [layers.Subtract(name="subtract")([squeezed, image]), layers.Subtract(name="both")([squeezed, rows])]
    return keras.Model([image, squeezed, rows, vector], outputs, name="model")


@fixture("squeeze and excite: channels scaled by what is seen of all of them", keras2=True)
def squeeze_and_excite(keras):
    layers = keras.layers
    [image] = inputs(keras, image=(4, 4, 3))
    seen = layers.GlobalAveragePooling2D(keepdims=True, name="seen")(image)
    scale = layers.Dense(3, activation="sigmoid", name="scale")(layers.Dense(2, activation="tanh", name="narrow")(seen))
    pooled = layers.GlobalMaxPooling2D(name="pooled")(layers.Multiply(name="scaled")([image, scale]))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="classes")(pooled), name="model")


@fixture("Dot along every pair of axes, with and without normalisation", keras2=True)
def dot_axes(keras):
    layers = keras.layers
    x, y, v, z = inputs(keras, x=(3, 4), y=(2, 4), v=(4,), z=(2, 4, 3))
    outputs = [
        layers.Dot(-1, name="last")([x, y]),
        layers.Dot((2, 2), normalize=True, name="cosine")([x, y]),
        layers.Dot((1, 3), name="first_last")([x, z]),
        layers.Dot((1, 1), normalize=True, name="vectors")([v, layers.Dense(4, name="dense")(v)]),
        layers.Dot((2, 1), name="vector")([x, v]),
        layers.Dot((2, 2), normalize=True, name="middle")([z, x]),
    ]
    return keras.Model([x, y, v, z], outputs, name="model")


def mha(keras, name, heads=2, key_dim=3, **options):
    return keras.layers.MultiHeadAttention(heads, key_dim, name=name, **options)


def zeros_and_ones(generator, shapes):
    """The last input is read as a mask."""
    arrays = standard_normal(generator, shapes)
    return arrays[:-1] + [(arrays[-1] > -0.3).astype("float32")]


@fixture("MultiHeadAttention with each option", inputs=zeros_and_ones, keras2=True)
def attention_heads(keras):
    q, v, k, m = inputs(keras, q=(4, 6), v=(5, 3), k=(5, 7), m=(4, 5))
    outputs = [
        mha(keras, "self")(q, q),
        mha(keras, "key", value_dim=2)(q, v, k),
        mha(keras, "by_name", use_bias=False)(query=q, value=v, key=k),
        mha(keras, "output", output_shape=(5,), dropout=0.2)(q, v),
        mha(keras, "outputs", heads=1, output_shape=(2, 3), dropout=0.2)(q, v),
        mha(keras, "causal")(q, v, use_causal_mask=True),
        mha(keras, "mask", heads=1)(q, v, attention_mask=m),
        mha(keras, "mask_and_key")(q, v, key=k, attention_mask=m, use_causal_mask=True),
        mha(keras, "mask_dropout", dropout=0.1)(q, v, attention_mask=m),
    ]
    return keras.Model([q, v, k, m], outputs, name="model")


@fixture("MultiHeadAttention that returns its scores", keras2=True)
def attention_scores(keras):
    q, v = inputs(keras, q=(4, 6), v=(4, 3))
    found, scores = mha(keras, "attention")(q, v, return_attention_scores=True, use_causal_mask=True)
    flat = keras.layers.Flatten(name="flat")(scores)
    means, weights = keras.layers.AdditiveAttention(name="additive")([v, v], return_attention_scores=True)
    return keras.Model([q, v], [found, keras.layers.Dense(2, name="dense")(flat), means, weights], name="model")


@fixture("MultiHeadAttention along several axes, and along one of several", keras2=True)
def attention_axes(keras):
    q, v, w = inputs(keras, q=(2, 3, 4), v=(3, 2, 4), w=(2, 5, 4))
    padded = keras.layers.ZeroPadding2D(((0, 0), (0, 1)), name="padded")(v)
    outputs = [
        mha(keras, "all")(q, v),
        mha(keras, "self")(q, q),
        mha(keras, "second", attention_axes=(2,))(q, w),
        mha(keras, "first", attention_axes=(1,))(q, padded),
        mha(keras, "both", attention_axes=(1, 2), value_dim=2, use_bias=False)(q, v),
    ]
    return keras.Model([q, v, w], outputs, name="model")


@fixture("attention to sequences with gaps: the masks of query, value and key", inputs=masked(), keras2=True,
         reloads=False)
def attention_masks(keras):
    layers = keras.layers
    [x] = inputs(keras, x=(8, 4))
    known = layers.Masking(name="masking")(x)
    wide = layers.Dense(3, activation="tanh", name="wide")(known)
    outputs = [
        mha(keras, "self")(known, known),
        mha(keras, "value")(x, known),
        mha(keras, "query")(known, x),
        mha(keras, "key")(x, x, wide),
        mha(keras, "all", dropout=0.1)(known, known, wide, use_causal_mask=True),
        layers.Attention(name="dense")([known, known]),
        layers.Attention(name="dense_value")([x, known], use_causal_mask=True),
        layers.AdditiveAttention(name="additive")([known, known, known]),
    ]
    return keras.Model(x, outputs, name="model")


@fixture("a block of a transformer over words, some of them padding, and a sum of inputs", keras2=True, reloads=False,
         inputs=lambda generator, shapes: [generator.integers(0, 5, (EXAMPLE_COUNT, 6)).astype("float32")])
def transformer(keras):
    layers = keras.layers
    [words] = inputs(keras, words=(6,))
    x = layers.Embedding(5, 4, mask_zero=True, name="embedding")(words)
    for block in range(2):
        found = mha(keras, f"attention_{block}")(x, x)
        x = layers.LayerNormalization(name=f"normalization_{block}")(layers.Add(name=f"add_{block}")([x, found]))
        dense = layers.Dense(4, name=f"narrow_{block}")(layers.Dense(6, activation="relu", name=f"wide_{block}")(x))
        x = layers.Add(name=f"sum_{block}")([x, dense])
    pooled = layers.GlobalAveragePooling1D(name="pooled")(x)
    return keras.Model(words, layers.Dense(3, activation="softmax", name="classes")(pooled), name="model")


@fixture("GroupedQueryAttention with each option")
def attention_groups(keras):
    layers = keras.layers
    q, v, k = inputs(keras, q=(4, 6), v=(5, 6), k=(5, 6))
    outputs = [
        layers.GroupQueryAttention(3, 4, 2, name="groups")(q, v),
        layers.GroupQueryAttention(2, 4, 1, use_bias=False, name="one")(q, v, k),
        layers.GroupQueryAttention(3, 2, 2, use_gate=True, name="gate")(q, v, use_causal_mask=True),
        layers.GroupQueryAttention(3, 4, 2, sliding_window=2, dropout=0.1, name="window")(q, v),
        mha(keras, "gated_heads", use_gate=True, sliding_window=2)(q, v, use_causal_mask=True),
    ]
    return keras.Model([q, v, k], outputs, name="model")


@fixture("Attention and AdditiveAttention with each option", keras2=True, reloads=False)
def attention_dense(keras):
    layers = keras.layers
    q, v, k = inputs(keras, q=(4, 3), v=(5, 3), k=(5, 3))
    w = layers.Dense(2, name="narrow")(v)
    outputs = [
        layers.Attention(name="dot")([q, v]),
        layers.Attention(use_scale=True, dropout=0.1, name="scaled")([q, w, k]),
        layers.Attention(score_mode="concat", name="concat")([q, v]),
        layers.Attention(score_mode="concat", use_scale=True, name="concat_scaled")([q, w, k]),
        layers.Attention(name="causal")([q, v], use_causal_mask=True),
        layers.AdditiveAttention(name="additive")([q, v]),
        layers.AdditiveAttention(use_scale=False, name="additive_plain")([q, v, k], use_causal_mask=True),
    ]
    return keras.Model([q, v, k], outputs, name="model")


@fixture("EinsumDense with equations of every kind", keras2=True)
def einsum_dense(keras):
    layers = keras.layers
    x, image = inputs(keras, x=(3, 4), image=(2, 3, 4))

    def einsum(name, equation, shape, bias=None, activation=None):
        return layers.EinsumDense(equation, shape, bias_axes=bias, activation=activation, name=name)

    outputs = [
        einsum("plain", "abc,cd->abd", (None, 5))(x),
        einsum("bias", "abc,cd->abd", (3, 5), "d", "relu")(x),
        einsum("heads", "abc,cde->abde", (None, 2, 3), "de")(x),
        einsum("sum", "abc,bcd->ad", 5, "d", "softmax")(x),
        einsum("each", "abc,bcd->abd", (3, 5), "bd")(x),
        einsum("turned", "abc,cd->adb", (5, None), "d", "tanh")(x),
        einsum("dots", "...x,xy->...y", 5, "y", "gelu")(image),
        einsum("dots_behind", "ab...,bc->ac...", 5)(image),
        einsum("picture", "abcd,cde->abe", (2, 5), "be")(image),
    ]
    return keras.Model([x, image], outputs, name="model")


def positive(generator, shapes):
    return [np.abs(array) + 0.5 for array in standard_normal(generator, shapes)]


@fixture("operations with numbers, on tensors and over axes", inputs=positive, reloads=False)
def operations(keras):
    ops = keras.ops
    x, y = inputs(keras, x=(3, 4), y=(3, 4))
    outputs = [
        x + y, x - y, x * y, x / y, x + 2, 2 - x, x - 0.5, x * 3, x / 2, 2 / x, -x, x**2, x**1.5, ops.power(2.0, x),
        x + np.array([1, 2, 3, 4], "float32"), x * ops.mean(y, axis=-1, keepdims=True),
        ops.maximum(x, y), ops.minimum(x, y), ops.maximum(x, 1.0), ops.minimum(1.2, x), ops.clip(x, 0.8, 1.5),
        ops.mean(x, axis=1), ops.sum(x, axis=-1), ops.max(x, axis=(1, 2), keepdims=True), ops.min(x, axis=1),
        ops.reshape(x, (-1, 2, 6)), ops.transpose(x, (0, 2, 1)), ops.squeeze(ops.expand_dims(x, 1), axis=1),
        ops.expand_dims(x, -1), ops.concatenate([x, y], axis=1), ops.matmul(x, ops.transpose(y, (0, 2, 1))),
        ops.relu(x - 1), ops.sigmoid(x), ops.tanh(x), ops.softmax(x), ops.softmax(x, axis=1), ops.log_softmax(x),
        ops.exp(x), ops.log(x), ops.sqrt(x), ops.rsqrt(x), ops.square(x), ops.abs(x - 1), ops.reciprocal(x),
        ops.silu(x), ops.gelu(x), ops.gelu(x, approximate=False), ops.elu(x - 1), ops.selu(x - 1),
        ops.leaky_relu(x - 1), ops.relu6(8 * x), ops.softplus(x), ops.softsign(x),
    ]  # fmt: skip
    return keras.Model([x, y], outputs, name="model")


@fixture("operations of TensorFlow with numbers, on tensors and over axes", inputs=positive, keras2=True, keras3=False)
def operations_tensorflow(keras):
    import tensorflow as tf

    x, y = inputs(keras, x=(3, 4), y=(3, 4))
    outputs = [
        x + y, x - y, x * y, x / y, x + 2, 2 - x, x - 0.5, 3 * x, x / 2, 2 / x, -x, x**2, tf.pow(x, 1.5),
        tf.add(x, 1.0), tf.divide(x, y), x + tf.constant([1.0, 2.0, 3.0, 4.0]),
        tf.maximum(x, y), tf.minimum(x, y), tf.maximum(x, 1.0), tf.clip_by_value(x, 0.8, 1.5),
        tf.reduce_mean(x, axis=1), tf.reduce_sum(x, -1), tf.reduce_max(x, [1, 2], keepdims=True), tf.reduce_min(x, 1),
        tf.reshape(x, (-1, 2, 6)), tf.transpose(x, (0, 2, 1)), tf.squeeze(tf.expand_dims(x, 1), 1),
        tf.expand_dims(x, -1), tf.concat([x, y], 1), tf.matmul(x, y, transpose_b=True),
        x @ tf.transpose(y, (0, 2, 1)), tf.nn.relu(x - 1.0), tf.sigmoid(x), tf.tanh(x), tf.nn.softmax(x),
        tf.nn.softmax(x, axis=1), tf.nn.log_softmax(x), tf.exp(x), tf.math.log(x), tf.sqrt(x), tf.math.rsqrt(x),
        tf.square(x), tf.abs(x - 1.0), tf.nn.silu(x), tf.nn.gelu(x), tf.nn.elu(x - 1.0), tf.nn.selu(x - 1.0),
        tf.nn.leaky_relu(x - 1.0), tf.nn.relu6(8 * x), tf.nn.softplus(x), tf.nn.softsign(x),
    ]  # fmt: skip
    return keras.Model([x, y], outputs, name="model")


@fixture("operations lose masks, and a network that ends in one", inputs=masked(empty=False), keras2=True,
         reloads=False)
def operations_masks(keras):
    layers = keras.layers
    [x] = inputs(keras, x=(8, 4))
    known = layers.Masking(name="masking")(x)
    doubled = known * 2.0
    recurrent = [layers.LSTM(3, name="operation")(doubled), layers.LSTM(3, name="sum")(known + known)]
    return keras.Model(x, keras.activations.softmax(layers.Concatenate(name="both")(recurrent)), name="model")
