"""The model files that must be refused: each small, and each wrong in one way.

keras_fixtures.py and keras2_fixtures.py write them, and the README.md beside them.
"""

import json
import zipfile

import h5py
import numpy as np

from fixture_files import MODELS, randomize, remove_others, seed
from fixture_models import sequential

FOLDER = MODELS / "refused"
RECIPES = {}


def refused(name, why):
    """Registers a function (keras, path) that writes the file. Names in -k2 are for Keras 2."""

    def register(make):
        RECIPES[name] = (why, make)
        return make

    return register


def write_refused(keras, suffix):
    FOLDER.mkdir(parents=True, exist_ok=True)
    remove_others(FOLDER, {name.split(".")[0] for name in RECIPES}, suffix)
    for name, (_, make) in RECIPES.items():
        if is_keras2(name) == (suffix == "-k2"):
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            make(keras, FOLDER / name)
            print(f"refused/{name}", flush=True)
    (FOLDER / "README.md").write_text(readme())


def is_keras2(name):
    return name.split(".")[0].endswith("-k2")


def readme():
    rows = [f"| `{name}` | {why} |" for name, (why, _) in sorted(RECIPES.items())]
    return "\n".join(
        [
            "# Files that must be refused",
            "",
            "Written by `Tools/reference/keras_fixtures.py`, and those that end in `-k2` by `keras2_fixtures.py`.",
            "",
            "| file | what is wrong |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def save(keras, path, *layers, shape=(4,)):
    model = sequential(keras, shape, *layers)
    randomize(model, seed(path.name))
    model.save(path)


def save_good(keras, path):
    save(keras, path, keras.layers.Dense(3, activation="relu", name="hidden"), keras.layers.Dense(2, name="output"))


def good_weights(file, layer, weight):
    """The path of a weight of `save_good`; Keras 3 puts the name of the model into it."""
    group = file["model_weights"][layer]
    [name] = [name for name in group.attrs["weight_names"] if name.split("/")[-1].split(":")[0] == weight]
    return f"/model_weights/{layer}/{name}"


def change_configuration(path, change):
    with h5py.File(path, "r+") as file:
        configuration = json.loads(file.attrs["model_config"])
        change({layer["config"]["name"]: layer for layer in configuration["config"]["layers"]})
        file.attrs["model_config"] = json.dumps(configuration)


# What no reader of ours can run


@refused("lambda.h5", "A Lambda layer: it holds Python bytecode, which must not be interpreted.")
def lambda_layer(keras, path):
    # Compiled by itself, since bytecode remembers the file that it comes from.
    function = eval(compile("lambda x: x * 2", "twice.py", "eval"))
    save(keras, path, keras.layers.Dense(3, name="hidden"), keras.layers.Lambda(function, name="twice"))


@refused("lambda-k2.h5", "A Lambda layer as Keras 2 spells it.")
def lambda_layer_keras2(keras, path):
    lambda_layer(keras, path)


@refused("conv3d.h5", "Conv3D, which is not supported.")
def conv3d(keras, path):
    save(keras, path, keras.layers.Conv3D(2, 2, name="conv"), shape=(3, 3, 3, 1))


@refused("quantized.h5", "Layer `hidden` was quantized to 8 bits.")
def quantized(keras, path):
    layers = keras.layers
    model = sequential(keras, (4,), layers.Dense(3, name="hidden"), layers.Dense(2, name="output"))
    randomize(model, seed(path.name))
    model.quantize("int8")
    model.save(path)


@refused("hashing.h5", "Hashing, which belongs to the data.")
def hashing(keras, path):
    input = keras.Input((4,), dtype="int32", name="input")
    keras.Model(input, keras.layers.Hashing(3, name="hash")(input), name="model").save(path)


@refused("custom-layer.h5", "A layer of the user's own, registered as `Fixtures>Shift`.")
def custom_layer(keras, path):
    class Shift(keras.layers.Layer):
        def call(self, inputs):
            return inputs + 1

    keras.saving.register_keras_serializable(package="Fixtures")(Shift)
    save(keras, path, keras.layers.Dense(3, name="hidden"), Shift(name="shift"))


@refused("custom-activation.h5", "An activation of the user's own, registered as `Fixtures>wobble`.")
def custom_activation(keras, path):
    def wobble(x):
        return x * x

    keras.saving.register_keras_serializable(package="Fixtures")(wobble)
    save(keras, path, keras.layers.Dense(3, activation=wobble, name="hidden"))


@refused("unknown-activation.h5", "Layer `hidden` has the activation `wobble`, which does not exist.")
def unknown_activation(keras, path):
    save_good(keras, path)
    change_configuration(path, lambda layers: layers["hidden"]["config"].update(activation="wobble"))


# What is not a whole model


@refused("weights-only.weights.h5", "Only weights, by `save_weights`: no configuration.")
def weights_only(keras, path):
    model = sequential(keras, (4,), keras.layers.Dense(3, name="hidden"))
    randomize(model, seed(path.name))
    model.save_weights(path)


@refused("weights-only-k2.h5", "Only weights, by `save_weights` of Keras 2: no configuration.")
def weights_only_keras2(keras, path):
    weights_only(keras, path)


@refused("keras-archive.h5", "A `.keras` archive (zip) under the wrong name.")
def keras_archive(keras, path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("metadata.json"), json.dumps({"keras_version": keras.__version__}))
        archive.writestr(zipfile.ZipInfo("config.json"), json.dumps({"class_name": "Sequential", "config": {}}))


@refused("truncated.h5", "The first half of a good file.")
def truncated(keras, path):
    save_good(keras, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@refused("two-masks.h5", "A masked sequence for a model that joins masked and plain ones: Keras takes two masks for `last`.")
def two_masks(keras, path):
    layers = keras.layers
    x, y = keras.Input((4, 3), name="x"), keras.Input((4, 3), name="y")
    joined = layers.Concatenate(name="joined")([layers.Masking(name="own")(y), layers.Dense(3, name="plain")(y)])
    inner = keras.Model(y, layers.GRU(2, name="last")(joined), name="inner")
    keras.Model(x, inner(layers.Masking(mask_value=1.0, name="outer")(x)), name="model").save(path)


# What contradicts itself


@refused("nan-in-weights.h5", "One NaN in the kernel of layer `output`.")
def nan_in_weights(keras, path):
    save_good(keras, path)
    with h5py.File(path, "r+") as file:
        file[good_weights(file, "output", "kernel")][1, 0] = np.nan


@refused("infinity-in-weights.h5", "One infinity in the bias of layer `hidden`.")
def infinity_in_weights(keras, path):
    save_good(keras, path)
    with h5py.File(path, "r+") as file:
        file[good_weights(file, "hidden", "bias")][2] = -np.inf


@refused("negative-variance.h5", "A moving variance below zero in layer `normalization`.")
def negative_variance(keras, path):
    save(keras, path, keras.layers.BatchNormalization(name="normalization"))
    with h5py.File(path, "r+") as file:
        file[good_weights(file, "normalization", "moving_variance")][3] = -0.5


@refused("wrong-shape.h5", "Layer `hidden` has 5 units in the configuration, 3 in its weights.")
def wrong_shape(keras, path):
    save_good(keras, path)
    change_configuration(path, lambda layers: layers["hidden"]["config"].update(units=5))


@refused("missing-weight.h5", "`weight_names` of layer `output` lists a bias that is not there.")
def missing_weight(keras, path):
    save_good(keras, path)
    with h5py.File(path, "r+") as file:
        del file[good_weights(file, "output", "bias")]


@refused("missing-layer.h5", "Layer `output` is in the configuration, but has no weights in the file.")
def missing_layer(keras, path):
    save_good(keras, path)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = ["hidden"]
        del file["model_weights/output"]


@refused("not-json.h5", "`model_config` breaks off in the middle.")
def not_json(keras, path):
    save_good(keras, path)
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"][:300]
