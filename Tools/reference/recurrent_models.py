"""Fixture models of recurrent layers: states, cells, both directions, and what becomes of masks.

Like those of fixture_models.py, which imports this file at its end.
"""


from fixture_models import fixture, is_keras3, masked, side_by_side, standard_normal


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
