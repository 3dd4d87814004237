"""Writes the numbers that training is checked against. Needs Keras 3 on TensorFlow.

    python Tools/reference/training_fixtures.py [NAME ...]

    optimizers.json         weights after each step, by the optimizers of Keras
    straight-through.json   weights after each step of Adam, where the network computes with rounded kernels
    losses.json             losses and their gradients, in float64
    NAME.h5                 a model before training
    NAME.gradients.h5       one batch (`input`, `labels`), its `loss`, `gradient_0`, ... in the order of
                            model.trainable_weights, and `moving_0`, ...: the non-trainable weights after the step
"""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np
import tensorflow as tf

import frame_models  # noqa: F401  finds the package
import compress_layers
from fixture_files import TESTS, randomize, seed
from fixture_models import masked, sequential, standard_normal

FOLDER = TESTS / "TrainingTests" / "Fixtures"


# Optimizers. Five weights in two variables, so that `clipnorm` (each variable by itself) and `global_clipnorm`
# (all together) differ.

STEP_COUNT = 10
VARIABLE_SIZES = [3, 2]

OPTIMIZERS = {
    "sgd": (keras.optimizers.SGD, {}),
    "sgd-momentum": (keras.optimizers.SGD, {"learning_rate": 0.05, "momentum": 0.9}),
    "sgd-nesterov": (keras.optimizers.SGD, {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True}),
    "sgd-clipnorm": (keras.optimizers.SGD, {"learning_rate": 0.1, "momentum": 0.9, "clipnorm": 0.5}),
    "sgd-global-clipnorm": (keras.optimizers.SGD, {"learning_rate": 0.1, "momentum": 0.9, "global_clipnorm": 0.5}),
    "sgd-weight-decay": (keras.optimizers.SGD, {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.05}),
    "adam": (keras.optimizers.Adam, {}),
    "adam-settings": (
        keras.optimizers.Adam,
        {"learning_rate": 0.05, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
    ),
    "adam-clipnorm": (keras.optimizers.Adam, {"learning_rate": 0.05, "epsilon": 0.1, "clipnorm": 0.5}),
    "adam-global-clipnorm": (keras.optimizers.Adam, {"learning_rate": 0.05, "epsilon": 0.1, "global_clipnorm": 0.5}),
    "adamw": (keras.optimizers.AdamW, {}),
    "adamw-settings": (
        keras.optimizers.AdamW,
        {"learning_rate": 0.05, "weight_decay": 0.1, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3},
    ),
    "adamw-global-clipnorm": (
        keras.optimizers.AdamW,
        {"learning_rate": 0.05, "weight_decay": 0.1, "epsilon": 0.1, "global_clipnorm": 0.5},
    ),
}

SETTINGS = (
    "learning_rate momentum nesterov beta_1 beta_2 epsilon weight_decay clipnorm global_clipnorm clipvalue".split()
)


def optimizers():
    generator = seed("optimizers")
    initial = generator.standard_normal(5).astype("float32")
    sizes = generator.uniform(0.1, 2, (STEP_COUNT, 1))
    gradients = (sizes * generator.standard_normal((STEP_COUNT, 5))).astype("float32")
    gradients[3, 1] = 0
    return {
        "keras": keras.__version__,
        "note": "the first three numbers are one variable, the other two another; `weights` are those after each step",
        "variables": VARIABLE_SIZES,
        "initial": initial.tolist(),
        "gradients": gradients.tolist(),
        "optimizers": [
            trajectory(name, kind(**settings), initial, gradients) for name, (kind, settings) in OPTIMIZERS.items()
        ],
    }


def trajectory(name, optimizer, initial, gradients):
    def split(values):
        return np.split(values, np.cumsum(VARIABLE_SIZES)[:-1])

    variables = [keras.Variable(part) for part in split(initial)]
    optimizer.build(variables)
    steps = []
    for gradient in gradients:
        optimizer.apply([tf.constant(part) for part in split(gradient)], variables)
        steps.append(np.concatenate([variable.numpy() for variable in variables]).tolist())
    config = optimizer.get_config()
    settings = {key: plain(config[key]) for key in SETTINGS if config.get(key) is not None}
    return {"name": name, "class": type(optimizer).__name__, "settings": settings, "weights": steps}


def plain(value):
    """The decimal that was meant, not its nearest float32."""
    return value if isinstance(value, bool) else float(f"{float(value):.6g}")


# Straight-through training: two dense layers whose kernels are rounded to multiples of a step in the forward and backward
# pass, while Adam moves those behind them.

STRAIGHT_THROUGH_STEP = 0.25


def straight_through():
    generator = seed("straight-through-estimator")
    x = generator.standard_normal((8, 4)).astype("float32")
    labels = generator.integers(0, 3, 8)
    shapes = [(4, 5), (5,), (5, 3), (3,)]
    initial = [(0.5 * generator.standard_normal(shape)).astype("float32") for shape in shapes]
    variables = [keras.Variable(values) for values in initial]
    optimizer = keras.optimizers.Adam(0.03)
    optimizer.build(variables)
    steps, moved = [], 0
    for _ in range(10):
        with tf.GradientTape() as tape:
            kernel, bias, last_kernel, last_bias = [variable.value for variable in variables]
            hidden = tf.nn.relu(x @ straight_through_rounded(kernel) + bias)
            logits = hidden @ straight_through_rounded(last_kernel) + last_bias
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        before = [np.round(variable.numpy() / STRAIGHT_THROUGH_STEP) for variable in variables]
        optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
        kernels = [variable.numpy() / STRAIGHT_THROUGH_STEP for variable in variables[::2]]
        # No weight may be so near to the middle between two numbers that its rounding is a matter of the last bit.
        assert min(np.abs(values - np.floor(values) - 0.5).min() for values in kernels) > 1e-4
        moved += sum((np.round(values) != old).sum() for values, old in zip(kernels, before[::2]))
        steps.append([float(value) for variable in variables for value in variable.numpy().ravel()])
    assert moved > 10
    return {
        "keras": keras.__version__,
        "step": STRAIGHT_THROUGH_STEP,
        "x": x.tolist(),
        "labels": labels.tolist(),
        "initial": [float(value) for values in initial for value in values.ravel()],
        "weights": steps,
    }


def straight_through_rounded(kernel):
    rounded = STRAIGHT_THROUGH_STEP * tf.round(kernel / STRAIGHT_THROUGH_STEP)
    return kernel + tf.stop_gradient(rounded - kernel)


# Losses, in float64. Every one is a sum over classes and a mean over the batch, but binary cross-entropy and Bernoulli
# divergence, which are means over classes too, as Keras has them.


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def sigmoid(z):
    return np.exp(-np.logaddexp(0, -z))


def entropy_terms(p):
    """p log p, which is 0 at 0."""
    return p * np.log(np.where(p > 0, p, 1))


def divergence(logits, teacher, temperature):
    """KL(teacher ‖ student_T) · T², for teacher probabilities that are already at temperature T."""
    rows = (entropy_terms(teacher) - teacher * log_softmax(logits / temperature)).sum(axis=-1)
    gradient = temperature * (softmax(logits / temperature) - teacher) / len(logits)
    return temperature**2 * rows.mean(), gradient


def cross_entropy(logits, labels):
    rows = -log_softmax(logits)[np.arange(len(labels)), labels]
    gradient = (softmax(logits) - np.eye(logits.shape[-1])[labels]) / len(labels)
    return rows.mean(), gradient


def binary_cross_entropy(logits, targets):
    terms = np.logaddexp(0, logits) - targets * logits
    return terms.mean(), (sigmoid(logits) - targets) / logits.size


def bernoulli_divergence(logits, teacher, temperature):
    """Σ over classes would be the divergence of independent tags; this is its mean over classes, times T²."""
    value, gradient = binary_cross_entropy(logits / temperature, teacher)
    value += (entropy_terms(teacher) + entropy_terms(1 - teacher)).mean()
    return temperature**2 * value, temperature * gradient


def loss_case(name, loss, logits, **arguments):
    logits = np.array(logits, "float64")
    value, gradient = loss(logits, **arguments)
    check_gradient(name, lambda logits: loss(logits, **arguments)[0], logits, gradient)
    listed = {key: np.asarray(argument).tolist() for key, argument in arguments.items()}
    return {"name": name, "logits": logits.tolist(), **listed, "loss": float(value), "gradient": gradient.tolist()}


def check_gradient(name, value, logits, gradient, step=1e-5):
    for position in np.ndindex(logits.shape):
        change = np.zeros_like(logits)
        change[position] = step
        slope = (value(logits + change) - value(logits - change)) / (2 * step)
        assert abs(slope - gradient[position]) < 1e-6, f"{name}: {slope} is not {gradient[position]} at {position}"


def losses():
    generator = seed("losses")
    logits = np.round(generator.normal(0, 2, (4, 4)), 3)
    teacher = np.round(generator.normal(0, 2, (4, 4)), 3)
    extreme = [[80, -80, 0, 1], [-90, -90, -90, -89], [100, 100, 0, 0]]
    labels = [2, 0, 3, 3]
    tags = [[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]]

    divergences = [
        loss_case(f"T = {t}", divergence, logits, teacher=softmax(teacher / t), temperature=t)
        for t in [0.5, 1.0, 2.0, 4.0, 20.0]
    ]
    divergences += [
        loss_case("the student is the teacher", divergence, teacher, teacher=softmax(teacher / 3), temperature=3.0),
        loss_case("the teacher is certain", divergence, logits, teacher=np.eye(4)[labels], temperature=2.0),
        loss_case("large logits", divergence, extreme, teacher=softmax(teacher[:3]), temperature=1.0),
        field_note(),
    ]
    return {
        "note": "batch means; `gradient` is the one with respect to the student's logits",
        "divergence": divergences,
        "crossEntropy": [
            loss_case("integer labels", cross_entropy, logits, labels=labels),
            loss_case("large logits", cross_entropy, extreme, labels=[1, 3, 0]),
        ],
        "binaryCrossEntropy": [
            loss_case("tags", binary_cross_entropy, logits, targets=tags),
            loss_case("soft targets", binary_cross_entropy, logits, targets=sigmoid(teacher)),
            loss_case("large logits", binary_cross_entropy, extreme, targets=tags[:3]),
        ],
        "bernoulliDivergence": [
            loss_case(f"T = {t}", bernoulli_divergence, logits, teacher=sigmoid(teacher / t), temperature=t)
            for t in [1.0, 3.0]
        ]
        + [loss_case("the teacher is certain", bernoulli_divergence, logits, teacher=np.array(tags), temperature=2.0)],
    }


def field_note():
    """As T grows, T² · KL tends to Σ(ẑ_t − ẑ_s)² / 2C, where ẑ are centred logits."""
    teacher, student = np.array([[3.0, 1, -2]]), np.array([[1.0, 0.5, 0.2]])
    case = loss_case("T = 100", divergence, student, teacher=softmax(teacher / 100), temperature=100.0)
    difference = (teacher - teacher.mean()) - (student - student.mean())
    case["limit"] = float((difference**2).sum() / (2 * teacher.size))
    assert abs(case["loss"] - 1.503) < 5e-4 and abs(case["limit"] - 1.510) < 5e-4, case
    return case


# Gradients of whole models


def dense_model(keras):
    layers = keras.layers
    return sequential(
        keras,
        (5,),
        layers.Dense(4, use_bias=False, name="hidden"),
        layers.BatchNormalization(name="normalization"),
        layers.ReLU(name="relu"),
        layers.Dense(4, activation="tanh", name="second"),
        layers.LayerNormalization(name="layer_normalization"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


def convolution_model(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 7, 2),
        layers.Conv2D(3, 3, strides=2, padding="same", use_bias=False, name="conv"),
        layers.BatchNormalization(name="normalization"),
        layers.ReLU(name="relu"),
        layers.DepthwiseConv2D(3, padding="same", activation="elu", name="depthwise"),
        layers.MaxPooling2D(2, strides=1, padding="same", name="max_pooling"),
        layers.Conv2D(4, (2, 1), activation="tanh", name="conv_2"),
        layers.AveragePooling2D(2, padding="same", name="average_pooling"),
        layers.Flatten(name="flatten"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


def recurrent_model(keras):
    layers = keras.layers
    return sequential(
        keras,
        (6, 3),
        layers.GRU(3, return_sequences=True, name="gru"),
        layers.LSTM(3, return_sequences=True, name="lstm"),
        layers.SimpleRNN(3, name="simple_rnn"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


def masked_model(keras):
    layers = keras.layers
    return sequential(
        keras,
        (8, 2),
        layers.Masking(0.0, name="masking"),
        layers.Bidirectional(layers.GRU(2, return_sequences=True, name="gru"), name="bidirectional"),
        layers.LSTM(3, return_sequences=True, name="lstm"),
        layers.TimeDistributed(layers.Dense(3, activation="tanh", name="dense"), name="frames"),
        layers.GlobalAveragePooling1D(name="mean"),
        layers.Dense(3, activation="softmax", name="classes"),
    )


def frames_model(keras):
    """Every layer of the package with weights, of sequences of which some frames are padding."""
    layers = keras.layers
    x = keras.Input((8, 4), name="input")
    frames = layers.Masking(0.0, name="masking")(x)
    pooled = [
        compress_layers.NetVLAD(3, name="vlad")(frames),
        compress_layers.NetFV(3, name="fisher")(frames),
        compress_layers.GatedDBoF(5, gate_units=3, name="words")(frames),
        compress_layers.NeXtVLAD(3, groups=2, name="next")(frames),
        compress_layers.FramePooling("max", name="max")(compress_layers.FeatureSlice(2, start=1, name="slice")(frames)),
    ]
    both = layers.Dense(4, activation="tanh", name="hidden")(layers.Concatenate(name="both")(pooled))
    gated = compress_layers.ContextGating(name="gating")(both)
    experts = compress_layers.MixtureOfExperts(4, probability_gating=True, name="experts")(both)
    known = layers.Concatenate(name="known")([both, gated, experts])
    return keras.Model(x, layers.Dense(3, activation="softmax", name="classes")(known), name="model")


MODELS = {
    "training-dense": (dense_model, standard_normal),
    "training-convolution": (convolution_model, standard_normal),
    "training-recurrent": (recurrent_model, standard_normal),
    "training-masked": (masked_model, masked(empty=False)),
    "training-frames": (frames_model, masked(empty=False)),
}


def write_gradients(name, build, make_inputs):
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    generator = seed(name)
    model = build(keras)
    randomize(model, generator)
    model.save(FOLDER / f"{name}.h5")
    [x] = make_inputs(generator, [model.input_shape[1:]])
    labels = generator.integers(0, 3, len(x))

    with tf.GradientTape() as tape:
        probabilities = model(x, training=True)
        loss = -tf.reduce_mean(tf.math.log(tf.gather(probabilities, labels, batch_dims=1)))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])

    with h5py.File(FOLDER / f"{name}.gradients.h5", "w") as file:
        file["input"] = x
        file["labels"] = labels.astype("int32")
        file["loss"] = np.float32(loss)
        for index, (weight, gradient) in enumerate(zip(model.trainable_weights, gradients, strict=True)):
            assert np.abs(gradient).max() > 1e-3, f"{name}: the gradient of {weight.path} is nearly zero"
            write_named(file, f"gradient_{index}", gradient.numpy(), weight)
        for index, weight in enumerate(model.non_trainable_weights):
            write_named(file, f"moving_{index}", weight.numpy(), weight)


def write_named(file, name, values, weight):
    file.create_dataset(name, data=values).attrs["weight"] = np.bytes_(weight.path)


def write_json(name, value):
    (FOLDER / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_json("losses.json", losses())
    write_json("optimizers.json", optimizers())
    write_json("straight-through.json", straight_through())
    for name, (build, make_inputs) in MODELS.items():
        if not sys.argv[1:] or name in sys.argv[1:]:
            write_gradients(name, build, make_inputs)
    print(f"wrote {', '.join(sorted(path.name for path in FOLDER.iterdir()))}")
