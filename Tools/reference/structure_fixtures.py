"""Writes models whose tensors are nested, to Tests/ModelFilesTests/Fixtures/structures.

    python Tools/reference/structure_fixtures.py             with Keras 3 (TensorFlow or JAX)
    python Tools/reference/structure_fixtures.py --keras2    with tf_keras; names of models choose some

    NAME-VERSION.keras, .h5, .weights.h5      one model, in every format of the Keras that runs this
    NAME-VERSION.json                         its architecture by to_json, for the weights
    NAME-VERSION.io.h5                        inputs and outputs, in the order of model.inputs and of the flattened outputs

VERSION is k3 or k2. What Keras flattens here has its keys in another order than sorted, and what could be mixed up has one
shape, so that only the numbers tell. The outputs are those of the model that was saved.
"""

import json
import os
import sys
from pathlib import Path
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

if "--keras2" in sys.argv:
    import tf_keras as keras
    from tensorflow import nest
else:
    import keras
    from keras import tree as nest

import h5py
import numpy as np

from fixture_files import MODELS, CompactFile, randomize, seed, standard_normal, write_arrays

FOLDER = MODELS / "structures"
SUFFIX = "k3" if keras.__version__.startswith("3") else "k2"
RECIPES = []
layers = keras.layers


def model(build):
    RECIPES.append((build.__name__.replace("_", "-"), build))


def dense(name, **options):
    return layers.Dense(3, activation="tanh", name=name, **options)


def vectors(*names):
    return [keras.Input((3,), name=name) for name in names]


@model
def keywords():
    """Attention by keyword: Keras 3 flattens key, query, value; Keras 2 takes the first argument out, query, key, value."""
    x = keras.Input((4, 3), name="x")
    q, v, k = dense("q")(x), dense("v")(x), dense("k")(x)
    attention = layers.MultiHeadAttention(num_heads=2, key_dim=2, name="attention")
    return keras.Model(x, attention(query=q, value=v, key=k), name="model")


@model
def positions():
    """Attention by position, which Keras 2 writes by keyword: the model that it loads has its layers in another order."""
    x = keras.Input((4, 3), name="x")
    q, v, k = dense("q")(x), dense("v")(x), dense("k")(x)
    attention = layers.MultiHeadAttention(num_heads=1, key_dim=2, name="attention")
    return keras.Model(x, attention(q, v, k), name="model")


@model
def keyword_order():
    """Two calls by keyword in two orders: Keras 2 keeps the order of a call, Keras 3 sorts."""
    x = keras.Input((4, 3), name="x")
    q, v, k, w, l, p = (dense(name)(x) for name in "qvkwlp")
    first = layers.MultiHeadAttention(num_heads=1, key_dim=2, name="first")(q, value=v, key=k)
    second = layers.MultiHeadAttention(num_heads=1, key_dim=2, name="second")(key=l, query=w, value=p)
    return keras.Model(x, layers.Add(name="joined")([first, second]), name="model")


@model
def explicit_mask():
    """Recurrent layers whose calls pass a mask, which is an input of its own or made of one; the sequence goes without."""
    x, given = keras.Input((4, 3), name="x"), keras.Input((4,), dtype="bool", name="given")
    sequence = dense("before")(x)
    inner = layers.LSTM(3, return_sequences=True, name="inner")(sequence, mask=given)
    last = layers.GRU(3, name="last")(dense("between")(inner), mask=given)
    plain = layers.LSTM(3, name="plain")(sequence)
    return keras.Model([x, given], layers.Concatenate(name="joined")([last, plain]), name="model")


@model
def mask_behind_model():
    """Keras 3 does not know that the output of a model has a mask when it notes that of what is joined with it: none of the
    steps are masked then. Steps without anything above 0 are, where Keras 2 computes the masks of all."""
    x, y = keras.Input((4, 3), name="x"), keras.Input((4, 3), name="y")
    masked = layers.Masking(0.0, name="masking")(layers.ReLU(name="relu")(x))
    inner = keras.Model(y, dense("inner_dense")(y), name="inner")
    joined = layers.Concatenate(name="joined")([inner(masked), masked])
    return keras.Model(x, layers.GlobalAveragePooling1D(name="mean")(dense("last")(joined)), name="model")


@model
def dict_outputs():
    x = keras.Input((3,), name="x")
    outputs = {"small": dense("a")(x), "large": dense("b")(x), "Medium": dense("c")(x)}
    return keras.Model(x, outputs, name="model")


@model
def dict_inputs():
    a, b, c = vectors("a", "b", "c")
    joined = layers.Concatenate(name="joined")([dense("first")(c), dense("second")(a), dense("third")(b)])
    return keras.Model({"c": c, "a": a, "b": b}, joined, name="model")


def difference(name, inputs):
    """A model of two inputs, which are not alike to it."""
    left, right = inputs.values() if isinstance(inputs, dict) else inputs
    result = layers.Subtract(name=name + "_difference")([dense(name + "_left")(left), right])
    return keras.Model(inputs, {"z": dense(name + "_z")(result), "y": dense(name + "_y")(result)}, name=name)


@model
def by_name():
    """Models inside that take their inputs by name: from a dict, and from the names of a list."""
    a, b = vectors("a", "b")
    right, left = vectors("right", "left")
    of_dict = difference("of_dict", {"right": right, "left": left})
    of_list = difference("of_list", vectors("zeta", "alpha"))
    first, second = of_dict({"right": a, "left": b}), of_list({"alpha": b, "zeta": a})
    again = of_list([first["z"], second["y"]])
    joined = layers.Concatenate(name="joined")([first["y"], second["z"], again["z"], again["y"]])
    return keras.Model([a, b], joined, name="model")


@model
def lists_of_dicts():
    a, b, c = vectors("a", "b", "c")
    p, q, r = vectors("p", "q", "r")
    joined = layers.Concatenate(name="joined")([dense("first")(r), dense("second")(p), q])
    inner = keras.Model([{"n": p, "m": q}, {"k": r}], [{"w": dense("w")(joined), "v": dense("v")(joined)}], name="inner")
    results = inner([{"m": a, "n": b}, {"k": c}])
    results = results[0] if isinstance(results, list) else results
    return keras.Model([a, b, c], {"list": [results["w"], results["v"]], "dict": {"y": a, "x": results["v"]}}, name="model")


@model
def calls():
    """A model inside that is called three times, whose second call is an output and read by another."""
    (x,), (y,) = vectors("x"), vectors("y")
    inner = keras.Model(y, layers.Dense(3, name="inner_dense")(y), name="inner")
    first = inner(x)
    second = inner(dense("between")(first))
    third = inner(dense("behind")(second))
    return keras.Model(x, [second, third], name="model")


@model
def shared():
    """A model in two others and beside them, and a layer in two models: an archive has their weights once, where Keras came
    to them first."""
    (x,), (y,), (z,) = vectors("x"), vectors("y"), vectors("z")
    core = keras.Sequential([keras.Input((3,), name="w"), dense("one"), dense("two")], name="core")
    layer = dense("layer")
    first = keras.Model(y, layer(core(y)), name="first")
    second = keras.Model(z, dense("own")(core(layer(z))), name="second")
    return keras.Model(x, layers.Concatenate(name="joined")([first(x), second(x), core(x)]), name="model")


def synchronized():
    """A class that is another one here, among layers of that: its folders of weights are called after the class that it has."""
    (x,) = vectors("x")
    synchronized = layers.experimental.SyncBatchNormalization
    first = synchronized(name="second_of_all")(layers.BatchNormalization(name="first_of_all")(dense("one")(x)))
    second = layers.BatchNormalization(name="fourth_of_all")(synchronized(name="third_of_all")(dense("two")(first)))
    return keras.Model(x, second, name="model")


if SUFFIX == "k2":
    model(synchronized)


def write(name, build):
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model, generator = build(), seed(name)
    randomize(model, generator)
    inputs = standard_normal(generator, [tuple(tensor.shape)[1:] for tensor in model.inputs])
    # A mask: real is what is above 0.
    inputs = [array > 0 if tensor.dtype == "bool" else array for array, tensor in zip(inputs, model.inputs)]
    struct = model.input
    argument = {key: inputs[index] for index, key in enumerate(sorted(struct))} if isinstance(struct, dict) else inputs
    outputs = nest.flatten(model(argument if len(inputs) > 1 else inputs[0], training=False))
    stem = FOLDER / f"{name}-{SUFFIX}"
    with mock.patch("h5py.File", CompactFile):
        model.save(f"{stem}.h5")
        model.save(f"{stem}.keras")
        model.save_weights(f"{stem}.weights.h5")
    # The text of Keras 3 does not name the version, whose rules for masks count.
    text = {**json.loads(model.to_json()), "keras_version": keras.__version__}
    Path(f"{stem}.json").write_text(json.dumps(text))
    with h5py.File(f"{stem}.io.h5", "w", libver="latest") as file:
        file.attrs["atol"] = 1e-5
        write_arrays(file, "input", inputs)
        write_arrays(file, "output", [np.asarray(output) for output in outputs])


def main():
    FOLDER.mkdir(exist_ok=True)
    chosen = [name for name in sys.argv[1:] if not name.startswith("-")]
    for name, build in RECIPES:
        if chosen and name not in chosen:
            continue
        write(name, build)
        print(f"{name}-{SUFFIX}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
