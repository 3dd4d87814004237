"""Writes what teachers that do not match their data are checked against. Needs Keras 3 on TensorFlow.

    python Tools/reference/teacher_fixtures.py

    input-rules.h5          examples `x_0`, ..., and `y_0`, ...: what numpy and Keras make of them by the rules that
                            the attribute `rules` has
    pictures.h5             a model of two classes with one sigmoid unit, for color pictures (8, 6, 3) from 0 to 1
    pictures-data.h5        gray pictures (5, 4) of bytes, and `expected`: what Keras says of them, resized and in color
    streams.h5              a model of four labels with two inputs, rgb (3, 6) and audio (3, 2)
    streams-data.h5         both in train/x side by side, and by themselves in train/rgb and train/audio; `expected`
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np

from fixture_files import TESTS, randomize

FOLDER = TESTS / "ModelsTests" / "Fixtures"


def resize(height, width, interpolation="bilinear"):
    return lambda x: np.asarray(keras.layers.Resizing(height, width, interpolation)(x))


def gray(function):
    """For pictures without an axis of colors."""
    return lambda x: function(x[..., None])[..., 0]


def frames(function):
    return lambda x: np.stack([function(frame) for frame in np.swapaxes(x, 0, 1)], 1)


# The shape of an example, the rules, and the same in numpy and Keras.
RULES = [
    ((4, 3), "scale:0.00392157,offset:-0.5", lambda x: x * np.float32(0.00392157) + np.float32(-0.5)),
    ((4, 3), "scale:2/0.5/-1", lambda x: x * np.float32([2, 0.5, -1])),
    ((2, 2, 3), "offset:-103.939/-116.779/-123.68", lambda x: x + np.float32([-103.939, -116.779, -123.68])),
    ((5, 7, 3), "channels:2-1-0", lambda x: x[..., ::-1]),
    ((5, 7, 1), "channels:0-0-0", lambda x: np.repeat(x, 3, -1)),
    ((5, 7, 3), "transpose:2-0-1", lambda x: x.transpose(0, 3, 1, 2)),
    ((3, 5, 7), "transpose:1-2-0", lambda x: x.transpose(0, 2, 3, 1)),
    ((4, 6), "transpose:1-0", lambda x: x.transpose(0, 2, 1)),
    ((2, 3, 4, 5), "transpose:3-1-0-2", lambda x: x.transpose(0, 4, 2, 1, 3)),
    ((6, 4), "reshape:3x4x2", lambda x: x.reshape(-1, 3, 4, 2)),
    ((5, 7, 2), "resize:10x14", resize(10, 14)),
    ((5, 7, 2), "resize:8x3", resize(8, 3)),
    ((9, 7, 3), "resize:4x4", resize(4, 4)),
    ((5, 7, 2), "resize:8x3:nearest", resize(8, 3, "nearest")),
    ((5, 7, 2), "resize:12x15:nearest", resize(12, 15, "nearest")),
    ((10, 9, 1), "resize:3x6:nearest", resize(3, 6, "nearest")),
    ((6, 5), "resize:9x9", gray(resize(9, 9))),
    ((3, 5, 4, 2), "resize:7x7", frames(resize(7, 7))),
    ((1, 1, 2), "resize:3x2", resize(3, 2)),
    ((4, 10), "x[3..7]", lambda x: x[..., 3:7]),
    ((4, 10), "x[..3],scale:2", lambda x: x[..., :3] * 2),
    ((10,), "scale:3,x[6..],offset:1", lambda x: (x * 3)[..., 6:] + 1),
    (
        (5, 4),
        "scale:0.00392157,reshape:5x4x1,resize:8x6,channels:0-0-0,transpose:2-0-1",
        lambda x: np.repeat(resize(8, 6)((x * np.float32(0.00392157))[..., None]), 3, -1).transpose(0, 3, 1, 2),
    ),
    ((4, 4, 3), "offset:1,scale:2,offset:1", lambda x: (x + 1) * 2 + 1),
]


def write_rules(random):
    with h5py.File(FOLDER / "input-rules.h5", "w") as file:
        for index, (shape, rules, function) in enumerate(RULES):
            x = random.uniform(0, 255, (2, *shape)).round(1).astype("float32")
            write(file, f"x_{index}", x)
            write(file, f"y_{index}", np.asarray(function(x), "float32"))
            file[f"y_{index}"].attrs["rules"] = np.bytes_(rules)


def write(file, name, values):
    """Without the time, so that a second run writes the same bytes."""
    file.create_dataset(name, data=values, track_times=False)


def save(model, name, random):
    randomize(model, random)
    model.save(FOLDER / name)


def write_data(name, inputs, labels, expected, **attributes):
    with h5py.File(FOLDER / name, "w") as file:
        for split in ("train", "validation", "test"):
            for key, values in inputs.items():
                write(file, f"{split}/{key}", values)
            write(file, f"{split}/y", labels)
        write(file, "expected", expected)
        for key, value in attributes.items():
            file.attrs[key] = value


def write_pictures(random):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 6, 3), name="picture"),
            layers.Conv2D(4, 3, activation="tanh", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(1, activation="sigmoid", name="answer"),
        ],
        name="pictures",
    )
    save(model, "pictures.h5", random)
    x = random.integers(0, 256, (12, 5, 4)).astype("uint8")
    scaled = x[..., None].astype("float32") * np.float32(0.00392157)
    expected = model.predict(np.repeat(resize(8, 6)(scaled), 3, -1), verbose=0)
    assert expected.std() > 0.02, "the model says the same of all pictures"
    write_data("pictures-data.h5", {"x": x}, (np.arange(12) % 2).astype("uint8"), expected, classes=["no", "yes"])


def write_streams(random):
    layers = keras.layers
    rgb, audio = keras.Input((3, 6), name="rgb"), keras.Input((3, 2), name="audio")
    seen = layers.GlobalAveragePooling1D(name="seen")(layers.Dense(5, activation="tanh", name="eye")(rgb))
    heard = layers.GlobalMaxPooling1D(name="heard")(layers.Dense(3, activation="tanh", name="ear")(audio))
    both = layers.Concatenate(name="both")([seen, heard])
    # The inputs are in another order than their names, and than they lie in x.
    model = keras.Model([audio, rgb], layers.Dense(4, activation="sigmoid", name="answer")(both), name="streams")
    save(model, "streams.h5", random)
    x = random.standard_normal((12, 3, 8)).astype("float32")
    expected = model.predict([x[..., 6:], x[..., :6]], verbose=0)
    assert expected.std(0).min() > 0.02, "the model says the same of all examples"
    inputs = {"x": x, "rgb": x[..., :6], "audio": x[..., 6:]}
    write_data("streams-data.h5", inputs, (random.random((12, 4)) < 0.4).astype("uint8"), expected)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(11)
    write_rules(generator)
    write_pictures(generator)
    write_streams(generator)
    print(f"wrote {', '.join(sorted(path.name for path in FOLDER.iterdir()))}")
