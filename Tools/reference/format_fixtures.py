"""Writes one model in every format of the Keras that runs this, to Tests/ModelFilesTests/Fixtures/formats.

    python Tools/reference/format_fixtures.py             with Keras 3 (TensorFlow or JAX) or with tf_keras

    VERSION.keras                   an archive as Keras writes it, its members stored
    VERSION-deflated.keras          the same, deflated, without metadata.json
    VERSION.weights.h5              weights by save_weights; VERSION.json is their architecture by to_json
    VERSION-save-weights.h5         the same in the form of Keras 2 (keras2 alone)
    VERSION.io.h5                   input and output, as beside the other fixtures

VERSION is keras3 or keras2. The model has what tells the forms apart: classes that occur twice, a nested model, wrapped
and recurrent layers, a frozen BatchNormalization, and an optimizer with its state.
"""

import os
import sys
import zipfile

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import keras
except ImportError:
    import tf_keras as keras

import h5py
import numpy as np

from fixture_files import MODELS, randomize, seed, standard_normal

FOLDER = MODELS / "formats"
VERSION = "keras3" if keras.__version__.startswith("3") else "keras2"


def build():
    layers = keras.layers
    input = keras.Input((6, 3), name="frames")
    x = layers.Masking()(input)
    x = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(3))(x)
    inner = keras.Sequential(
        [
            keras.Input((6, 3)),
            layers.Conv1D(2, 2),
            layers.BatchNormalization(trainable=False),
            layers.Conv1D(3, 2, activation="relu"),
        ],
        name="inner",
    )
    x = layers.GRU(3)(inner(x))
    x = layers.Concatenate()([layers.Dense(2, name="b")(x), layers.Dense(2, name="a")(x)])
    return keras.Model(input, layers.Dense(2, activation="softmax", name="classes")(x), name="model")


def main():
    FOLDER.mkdir(exist_ok=True)
    model = build()
    generator = seed("formats")
    model.compile("sgd", "categorical_crossentropy")
    model.fit(np.zeros((4, 6, 3), "float32"), np.eye(2)[[0, 1, 0, 1]], verbose=0)
    randomize(model, generator)
    [inputs] = standard_normal(generator, [(6, 3)])
    inputs[1, 4:] = 0
    with h5py.File(FOLDER / f"{VERSION}.io.h5", "w", libver="latest") as file:
        file["input"] = inputs
        file["output"] = model.predict(inputs, verbose=0)
        file.attrs["atol"] = 1e-5
    archive = FOLDER / f"{VERSION}.keras"
    model.save(archive)
    deflate(archive, FOLDER / f"{VERSION}-deflated.keras")
    model.save_weights(FOLDER / f"{VERSION}.weights.h5")
    (FOLDER / f"{VERSION}.json").write_text(model.to_json())
    if VERSION == "keras2":
        model.save_weights(FOLDER / "keras2-save-weights.h5")


def deflate(source, target):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != "metadata.json":
                new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    sys.exit(main())
