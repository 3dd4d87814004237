"""Fixture models of recurrent layers: states, cells, both directions, and what becomes of masks.

Like those of fixture_models.py, which imports this file at its end.
"""

import json

import h5py
import numpy as np

from fixture_models import FIXTURES, fixture, is_keras3, masked, side_by_side, standard_normal


def flattened(values):
    """Results in the order of their numbers: Keras gives the states of a stack in lists of their own."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from flattened(value)
        else:
            yield value


def results(*calls):
    """The outputs of calls that return one tensor or several."""
    return list(flattened(calls))


# States


def recurrent_layers(keras):
    layers = keras.layers
    return {"rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


@fixture("return_state, with and without sequences, and backwards", keras2=True)
def return_state(keras):
    x = keras.Input((5, 2), name="input")
    outputs = []
    for name, layer in recurrent_layers(keras).items():
        outputs += results(
            layer(2, return_state=True, name=name)(x),
            layer(2, return_state=True, return_sequences=True, go_backwards=True, name=f"{name}_sequences")(x),
        )
    return keras.Model(x, outputs, name="model")


def encoder_decoder(keras, steps, before=lambda tensor: tensor):
    """The states of an encoder begin decoders, in the ways of Keras 2 and 3 to say so."""
    layers = keras.layers
    source, target = keras.Input((steps, 2), name="source"), keras.Input((steps, 3), name="target")
    state = keras.Input((2,), name="state")
    x, y = before(source), before(target)
    _, h, c = layers.LSTM(2, return_state=True, name="encoder")(x)
    sequence, _, c2 = layers.LSTM(2, return_sequences=True, return_state=True, name="decoder")(y, initial_state=[h, c])
    outputs = [
        layers.Dense(3, activation="tanh", name="classes")(sequence),
        layers.LSTM(2, name="decoder_list")(*([y, [h, c]] if is_keras3(keras) else [[y, h, c]])),
        layers.GRU(2, name="decoder_one")(y, initial_state=h),
        layers.GRU(2, return_sequences=True, reset_after=False, name="decoder_input")(y, initial_state=[state]),
        layers.SimpleRNN(2, return_sequences=True, go_backwards=True, name="decoder_backwards")(y, initial_state=c2),
        layers.Bidirectional(layers.LSTM(2, return_sequences=True), name="decoder_both")(
            y, initial_state=[h, c, c2, state]
        ),
    ]
    return keras.Model([source, target, state], outputs, name="model")


@fixture("initial_state: tensors of other layers and an input, by keyword and by position", keras2=True)
def initial_state(keras):
    return encoder_decoder(keras, 4)


def masked_sequences(generator, shapes):
    source, target = masked()(generator, shapes[:2])
    return [source, target[[1, 4, 0, 3, 2, 5, 6]], *standard_normal(generator, shapes[2:], len(source))]


def masked_encoder_decoder(keras):
    return encoder_decoder(keras, 8, lambda tensor: keras.layers.Masking(name=f"masking_{tensor.shape[2]}")(tensor))


@fixture(
    "initial_state under masks: before the first real step the output is zero",
    inputs=masked_sequences, keras2=True, keras3=False,
)
def masking_initial_state(keras):
    return masked_encoder_decoder(keras)


@fixture(
    "initial_state under masks, which Keras 3 then forgets", inputs=masked_sequences, suffix="-opnodes", reloads=False,
)
def masking_initial_state_(keras):
    return masked_encoder_decoder(keras)


# Cells


@fixture("RNN over cells, stacks of cells, stacks in stacks, and lists", keras2=True)
def rnn_cells(keras):
    layers = keras.layers
    x = keras.Input((5, 2), name="input")

    def stack():
        return layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(3, reset_after=False)])

    outputs = results(
        layers.RNN(layers.SimpleRNNCell(2, activation="relu", use_bias=False), name="simple")(x),
        layers.RNN(layers.LSTMCell(2), return_sequences=True, name="lstm")(x),
        layers.RNN(layers.GRUCell(2), go_backwards=True, return_state=True, name="gru")(x),
        layers.RNN(stack(), name="stack")(x),
        layers.RNN(stack(), return_sequences=True, go_backwards=True, name="stack_backwards")(x),
        layers.RNN([layers.SimpleRNNCell(3), layers.LSTMCell(2)], return_state=True, name="list")(x),
        layers.Bidirectional(layers.RNN(stack(), return_sequences=True), name="both")(x),
    )
    nested = layers.StackedRNNCells([layers.SimpleRNNCell(2), stack()])
    if not is_keras3(keras):
        outputs.append(layers.RNN(nested, name="nested")(x))
    return keras.Model(x, outputs, name="model")


@fixture("Masking(0), a stack of cells, backwards too, with states", inputs=masked(), keras2=True, keras3=False)
def masking_cells(keras):
    return masked_cells(keras)


@fixture("Masking(0), a stack of cells, backwards too, with states", inputs=masked(), suffix="-opnodes", reloads=False)
def masking_cells_(keras):
    return masked_cells(keras)


def masked_cells(keras):
    layers = keras.layers
    x = keras.Input((8, 2), name="input")
    masked = layers.Masking(name="masking")(x)

    def stack():
        return [layers.LSTMCell(2), layers.GRUCell(3)]

    return keras.Model(
        x,
        results(
            layers.RNN(stack(), return_sequences=True, return_state=True, name="stack")(masked),
            layers.RNN(stack(), return_sequences=True, go_backwards=True, name="backwards")(masked),
            layers.RNN(stack(), zero_output_for_mask=True, return_sequences=True, name="zeroing")(masked),
            layers.Bidirectional(layers.RNN(stack(), return_sequences=True), name="both")(masked),
        ),
        name="model",
    )


# Both directions


@fixture("Bidirectional: two results, states, initial states, a backward layer of its own", keras2=True)
def bidirectional_results(keras):
    layers = keras.layers
    x = keras.Input((4, 2), name="input")
    both = layers.Bidirectional
    sequences = {"return_sequences": True}
    states = {"return_state": True}
    outputs = results(
        both(layers.LSTM(2), merge_mode=None, name="two")(x),
        both(layers.GRU(2, **sequences), merge_mode=None, name="two_sequences")(x),
        both(layers.LSTM(2, **states), merge_mode="sum", name="states")(x),
        both(layers.GRU(2, **sequences, **states), merge_mode=None, name="two_and_states")(x),
        both(
            layers.LSTM(2, **sequences), name="other", merge_mode="concat",
            backward_layer=layers.LSTM(3, go_backwards=True, activation="relu", **sequences),
        )(x),
    )
    if not is_keras3(keras):
        outputs.append(both(layers.SimpleRNN(2, go_backwards=True, **sequences), merge_mode="mul", name="backwards")(x))
    return keras.Model(x, outputs, name="model")


# Activations and options of cells


@fixture("activations inside recurrent cells that are not Keras's defaults", keras2=True)
def recurrent_activations(keras):
    layers = keras.layers
    names = "softmax gelu swish softplus softsign elu selu linear hard_sigmoid".split()
    if is_keras3(keras):
        names += "leaky_relu log_softmax mish hard_silu log_sigmoid hard_tanh squareplus".split()
    branches = [layers.LSTM(3, activation=name, name=f"lstm_{name}") for name in names]
    branches += [layers.GRU(3, activation=name, name=f"gru_{name}") for name in names]
    branches += [
        layers.SimpleRNN(3, activation="softmax", name="rnn_softmax"),
        layers.LSTM(3, recurrent_activation="softmax", name="lstm_gates"),
        layers.GRU(3, recurrent_activation="softmax", name="gru_gates"),
        layers.GRU(2, recurrent_activation="swish", activation="gelu", reset_after=False, name="gru_before"),
    ]
    return side_by_side(keras, (4, 2), *branches)


@fixture("options that change nothing at inference: dropout, unroll, implementation", keras2=True)
def recurrent_dropout(keras):
    layers = keras.layers
    options = {"dropout": 0.3, "recurrent_dropout": 0.2}
    branches = [layer(2, name=name, **options) for name, layer in recurrent_layers(keras).items()]
    branches += [
        layers.LSTM(2, dropout=0.3, implementation=1, name="implementation"),
        layers.GRU(2, unroll=True, name="unroll"),
        layers.RNN(layers.LSTMCell(2, **options), name="cell"),
    ]
    return side_by_side(keras, (3, 2), *branches)


@fixture("stateful layers, fresh: the first batch begins at zero", keras2=True)
def stateful(keras):
    layers = keras.layers
    x = keras.Input(batch_shape=(4, 3, 2), name="input")
    outputs = [layer(2, stateful=True, name=name)(x) for name, layer in recurrent_layers(keras).items()]
    return keras.Model(x, outputs, name="model")


# CuDNN


def in_cudnn_layout(path):
    """The weights as CuDNNLSTM and CuDNNGRU store them, by Keras 2's own conversion."""
    from tf_keras.src.saving.legacy.hdf5_format import _convert_rnn_weights

    with h5py.File(path, "r+") as file:
        for group in file["model_weights"].values():
            names = [name for name in group.attrs.get("weight_names", [])]
            for start in range(0, len(names), 3):
                datasets = [group[name] for name in names[start : start + 3]]
                weights = [dataset[()] for dataset in datasets]
                kind = "CuDNNLSTM" if weights[1].shape[1] == 4 * weights[1].shape[0] else "CuDNNGRU"
                converted = _convert_rnn_weights(type(kind, (), {})(), weights)
                for name, value in zip(names[start : start + 3], converted):
                    del group[name]
                    group[name] = np.asarray(value, "float32")


def of_cudnn_classes(path):
    """The same, in layers of those classes with the options that they have."""
    in_cudnn_layout(path)
    kept = "name trainable dtype units return_sequences return_state go_backwards stateful".split()

    def convert(layer):
        if layer["class_name"] in ("LSTM", "GRU"):
            layer["class_name"] = "CuDNN" + layer["class_name"]
            layer["config"] = {key: layer["config"][key] for key in kept}
        elif "layer" in layer["config"]:
            convert(layer["config"]["layer"])

    with h5py.File(path, "r+") as file:
        configuration = json.loads(file.attrs["model_config"])
        for layer in configuration["config"]["layers"]:
            convert(layer)
        file.attrs["model_config"] = json.dumps(configuration)


def cudnn_shaped(keras):
    layers = keras.layers
    return side_by_side(
        keras,
        (4, 2),
        layers.LSTM(3, name="lstm"),
        layers.GRU(3, return_sequences=True, go_backwards=True, name="gru"),
        layers.Bidirectional(layers.LSTM(2), name="both"),
    )


@fixture("LSTM and GRU with weights in CuDNN's layout", keras2=True, keras3=False, compact=False)
def cudnn_weights(keras):
    return cudnn_shaped(keras)


FIXTURES[-1].rewrite = in_cudnn_layout


@fixture("CuDNNLSTM and CuDNNGRU", keras2=True, keras3=False, reloads=False, compact=False)
def cudnn_layers(keras):
    return cudnn_shaped(keras)


FIXTURES[-1].rewrite = of_cudnn_classes


# TimeDistributed


@fixture("TimeDistributed recurrent layers, models, and TimeDistributed in itself", keras2=True)
def time_distributed_recurrent(keras):
    layers = keras.layers
    x = keras.Input((2, 3, 4, 2), name="input")
    distributed = layers.TimeDistributed

    def model(name):
        inner = keras.Input((4, 2))
        sequence = layers.GRU(2, return_sequences=True, name=f"{name}_gru")(inner)
        both = layers.Bidirectional(layers.LSTM(2), name=f"{name}_both")(sequence)
        return keras.Model(inner, both, name=name)

    first = distributed(distributed(layers.LSTM(3)), name="lstm")(x)
    outputs = [
        first,
        distributed(distributed(layers.Dense(2, activation="tanh")), name="dense")(x),
        distributed(distributed(model("inner")), name="model")(x),
        distributed(distributed(layers.Bidirectional(layers.GRU(2, return_sequences=True))), name="both")(x),
        distributed(layers.RNN([layers.LSTMCell(2), layers.GRUCell(3)]), name="stack")(first),
    ]
    return keras.Model(x, outputs, name="model")


def documents(generator, shapes):
    """Sentences of words: 0 is no word, and the last sentences of some documents are empty."""
    x = generator.integers(1, 7, (6, *shapes[0])).astype("float32")
    for document, sentence, words in [(0, 1, 2), (1, 0, 3), (2, 2, 0), (3, 1, 0), (3, 2, 0), (4, 0, 1)]:
        x[document, sentence, words:] = 0
    full = x.copy()
    full[..., 0] = 1
    return [x, full]


@fixture("masks of words and of sentences, each stopping its own LSTM", inputs=documents, keras2=True, keras3=False)
def masking_documents(keras):
    layers = keras.layers
    x, full = keras.Input((3, 4), name="input"), keras.Input((3, 4), name="full")
    words = layers.Embedding(7, 3, mask_zero=True, name="embedding")(x)
    sentences = layers.TimeDistributed(layers.LSTM(3), name="sentences")(words)
    inner = layers.TimeDistributed(layers.Embedding(7, 3, mask_zero=True), name="inner")(full)
    means = layers.TimeDistributed(layers.GlobalAveragePooling1D(), name="means")(
        layers.TimeDistributed(layers.GRU(2, return_sequences=True), name="states")(inner)
    )
    return keras.Model([x, full], [sentences, layers.GRU(2, name="documents")(sentences), means], name="model")


# What becomes of masks: a layer of each class, then a GRU that sees the mask or does not.


def probes(keras):
    """Each layer with the class it stands for; what they give is (8, 2)."""
    layers = keras.layers
    passing = [
        layers.Activation("tanh"), layers.ActivityRegularization(l2=0.1), layers.AlphaDropout(0.1),
        layers.BatchNormalization(), layers.Dense(2), layers.Dropout(0.1), layers.ELU(), layers.GaussianDropout(0.1),
        layers.GaussianNoise(0.1), layers.LayerNormalization(), layers.LeakyReLU(), layers.PReLU(), layers.ReLU(),
        layers.SpatialDropout1D(0.1), layers.TimeDistributed(layers.Dense(2)),
        layers.LSTM(2, return_sequences=True), layers.Bidirectional(layers.GRU(1, return_sequences=True)),
        layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)], return_sequences=True),
        layers.Rescaling(0.5), layers.Identity(),
    ]
    dropping = [
        layers.Conv1D(2, 3, padding="same"), layers.MaxPooling1D(3, strides=1, padding="same"),
        layers.AveragePooling1D(3, strides=1, padding="same"), layers.Reshape((8, 2)), layers.UpSampling1D(1),
        layers.ZeroPadding1D((0, 0)), layers.Cropping1D((0, 0)), layers.SeparableConv1D(2, 3, padding="same"),
    ]
    return passing + dropping


def mask_table(keras):
    layers = keras.layers
    x = keras.Input((8, 2), name="input")
    tensor = layers.Masking(name="masking")(x)
    outputs = []
    for layer in probes(keras):
        gru = layers.GRU(1, return_sequences=True, name=f"after_{layer.name}")
        outputs.append(gru(layer(tensor)))
    turned = layers.Permute((2, 1), name="turned_back")(layers.Permute((2, 1), name="turned")(tensor))
    outputs.append(layers.GRU(1, return_sequences=True, name="after_permute")(turned))
    flat = layers.RepeatVector(3, name="repeat_vector")(layers.Flatten(name="flatten")(tensor))
    outputs.append(layers.GRU(1, return_sequences=True, name="after_repeat_vector")(flat))
    outputs.append(layers.GlobalAveragePooling1D(keepdims=True, name="mean")(tensor))
    return keras.Model(x, outputs, name="model")


@fixture("which layers pass a mask on", inputs=masked(empty=False), keras2=True, keras3=False)
def masking_table(keras):
    return mask_table(keras)


@fixture("which layers pass a mask on", inputs=masked(empty=False), suffix="-opnodes", reloads=False)
def masking_table_(keras):
    return mask_table(keras)


def joined_masks(keras):
    """Concatenate in time and along features; the second input may have no mask where that is possible."""
    layers = keras.layers
    a, b, c = (keras.Input((8, 2), name=name) for name in "abc")
    masks = [layers.Masking(name=f"masking_{name}")(tensor) for name, tensor in [("a", a), ("b", b)]]
    gru = layers.GRU(2, return_sequences=True, name="gru")
    outputs = [
        gru(layers.Concatenate(axis=1, name="in_time")(masks)),
        layers.GRU(2, return_sequences=True, name="features")(layers.Concatenate(name="along_features")(masks)),
        layers.GRU(2, return_sequences=True, name="some")(layers.Concatenate(name="with_unmasked")([masks[0], c])),
        layers.GlobalAveragePooling1D(name="mean")(layers.Concatenate(axis=1, name="to_average")(masks)),
        layers.GRU(2, return_sequences=True, name="added")(layers.Add(name="add")([masks[1], c])),
    ]
    if is_keras3(keras):
        outputs.append(
            layers.GRU(2, return_sequences=True, name="in_time_some")(
                layers.Concatenate(axis=1, name="unmasked_in_time")([masks[0], c])
            )
        )
    return keras.Model([a, b, c], outputs, name="model")


def three_masks(generator, shapes):
    a, b, c = masked(empty=False)(generator, shapes)
    return [a, b[[1, 4, 0, 3, 2, 5]], c[[2, 0, 1, 5, 4, 3]]]


@fixture("Concatenate of masks, in time and along features", inputs=three_masks, keras2=True, keras3=False)
def masking_joined(keras):
    return joined_masks(keras)


@fixture("Concatenate of masks, in time and along features", inputs=three_masks, suffix="-opnodes", reloads=False)
def masking_joined_(keras):
    return joined_masks(keras)
