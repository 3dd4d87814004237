"""Small classifiers of Keras as its own export (by tf2onnx) writes them to ONNX, and what Keras computes for them.

    python Tools/reference/onnx_keras_fixtures.py

Needs keras, tensorflow, tf2onnx, onnx, onnxruntime and h5py. The files are as those of `onnx_fixtures.py`.
"""

import argparse
import os
import zlib
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

import keras
import onnxruntime
from keras import layers

from fixture_files import randomize

FOLDER = Path(__file__).parents[2] / "Tests" / "ModelFilesTests" / "Fixtures" / "onnx"
EXAMPLES = 2


def convolutional():
    x = picture = keras.Input((11, 10, 2))
    x = layers.Conv2D(4, 3, strides=2, padding="same")(x)
    x = layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same", activation="swish")(x)
    x = layers.Concatenate()([layers.Add()([x, y]), layers.Conv2D(2, 1)(x)])
    x = layers.MaxPooling2D(2)(layers.LeakyReLU(0.2)(x))
    x = layers.AveragePooling2D(2, padding="same")(layers.SeparableConv2D(4, 3, padding="same")(x))
    x = layers.Dense(5, activation="elu")(layers.Flatten()(x))
    return keras.Model(picture, layers.Dense(3, activation="softmax")(layers.LayerNormalization()(x)))


def recurrent():
    x = words = keras.Input((6,))
    x = layers.Embedding(9, 4)(x)
    x = layers.Conv1D(4, 2, padding="causal", activation="tanh")(x)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.LSTM(4, return_sequences=True)(x)
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(x), layers.GlobalAveragePooling1D()(x)])
    return keras.Model(words, layers.Dense(2, activation="sigmoid")(x))


def attentive():
    x = sequence = keras.Input((5, 6))
    x = layers.Add()([x, layers.MultiHeadAttention(2, 3)(x, x)])
    x = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.Dense(6)(layers.Dense(8, activation="relu")(x))])
    return keras.Model(sequence, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def normal(generator, shape):
    return generator.standard_normal((EXAMPLES, *shape)).astype("float32")


MODELS = {
    "tf-conv": (convolutional, normal),
    "tf-recurrent": (recurrent, lambda generator, shape: generator.integers(0, 9, (EXAMPLES, *shape)).astype("float32")),
    "tf-attention": (attentive, normal),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or MODELS:
        build, make = MODELS[name]
        generator = np.random.default_rng(zlib.crc32(name.encode()))
        model = build()
        randomize(model, generator)
        for weight in model.weights:
            if "embeddings" in weight.path:
                weight.assign(4 * weight)
        shape = model.inputs[0].shape[1:]
        inputs, path = make(generator, shape), arguments.folder / f"{name}.onnx"
        outputs = np.array(model(inputs, training=False))
        assert outputs.std(0).max() > 1e-3, (name, outputs)
        model.export(path, format="onnx", opset_version=17, verbose=False)
        session = onnxruntime.InferenceSession(path)
        found = session.run(None, {session.get_inputs()[0].name: inputs})[0]
        print(path.name, path.stat().st_size, np.abs(found - outputs).max())
        with h5py.File(arguments.folder / f"{name}.io.h5", "w") as file:
            file["input"], file["output"] = inputs, outputs
            file.attrs["atol"] = 1e-5


if __name__ == "__main__":
    main()
