"""Writes models with masks, and what the version of Keras that is installed computes of them.

    pip install keras==3.3.3 && KERAS_BACKEND=tensorflow python Tools/reference/version_fixtures.py
    python Tools/reference/version_fixtures.py --keras2
    pip install 'tensorflow-cpu==2.9.3' 'protobuf<3.20' 'numpy<1.24' 'h5py<3.9' && python … --keras2    (Python 3.10)

The rules for masks changed in Keras 3.4, 3.8, 3.10 and 3.11: a fixture of a version with each set of them is in
Tests/ModelFilesTests/Fixtures/versions, `masks-3.3.keras` and so on, and of Keras 2 (tf_keras) `masks-2.21.h5` and
`masks-2.9.h5`: before 2.10 MultiHeadAttention reads no masks.
"""

import os
import sys
from unittest import mock

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

IS_KERAS3 = "--keras2" not in sys.argv
if IS_KERAS3:
    import keras
else:
    try:
        import tf_keras as keras
    except ImportError:
        # Before TensorFlow 2.16, Keras 2 is what it comes with.
        from tensorflow import keras

import h5py
import numpy as np

from fixture_files import TESTS, CompactFile, output_layers, randomize, seed, tolerance, write_arrays

FOLDER = TESTS / "ModelFilesTests" / "Fixtures" / "versions"
VERSION = tuple(int(part) for part in keras.__version__.split(".")[:2])
# From 3.4 to 3.11 what follows a joined mask fails in Keras itself, unless the batch has a fixed size.
CANNOT_JOIN = (3, 4) <= VERSION < (3, 12)
# Nor is there a mask of what Attention gives.
CANNOT_ATTEND = (3, 4) <= VERSION < (3, 8)
layers = keras.layers


def model():
    a, b, c = (keras.Input((4, 3), name=name) for name in "abc")
    given = keras.Input((4,), dtype="bool", name="given")
    first, second = (layers.Masking(name=f"masking_{tensor.name[0]}")(tensor) for tensor in (a, b))
    outputs = []

    def add(tensor):
        outputs.append(tensor)
        if len(tensor.shape) == 3:
            outputs.append(layers.GRU(2, name=f"after_{tensor._keras_history[0].name}")(tensor))

    for kind in (layers.Multiply, layers.Maximum, layers.Minimum):
        name = kind.__name__.lower()
        add(kind(name=f"{name}_masked")([first, second]))
        add(kind(name=f"{name}_behind")([c, second]))
        add(kind(name=f"{name}_before")([first, c]))
        add(kind(name=f"{name}_three")([second, first, c]))
        add(kind(name=f"{name}_all")([first, second, first]))
    add(layers.Add(name="add")([first, second]))
    add(layers.Average(name="average")([first, c]))
    if not CANNOT_JOIN:
        add(layers.Concatenate(name="features")([first, second]))
        add(layers.Concatenate(axis=1, name="in_time")([first, second]))
    if not CANNOT_ATTEND:
        add(layers.Attention(name="attention")([first, second]))
        add(layers.AdditiveAttention(name="additive")([second, first]))
    add(layers.LSTM(3, return_sequences=True, name="lstm")(c, mask=given))
    # Last, since they take masks off what they read.
    add(layers.MultiHeadAttention(2, 2, name="heads")(first, second))
    add(layers.MultiHeadAttention(2, 2, dropout=0.5, name="dropping")(*taken(first, second)))
    return keras.Model([a, b, c, given], outputs, name="masks")


def taken(*tensors):
    """The same with masks of their own, whatever becomes of those before."""
    return [layers.Masking(name=f"again_{index}")(tensor) for index, tensor in enumerate(tensors)]


def main():
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    masked, generator = model(), seed("masks")
    randomize(masked, generator)
    a, b, c = (generator.standard_normal((4, 4, 3)).astype("float32") for _ in range(3))
    # Padding at the end, in the middle, of both; an example of nothing else.
    a[0, 2:], a[1, 1], b[0, 3:], b[1, 1:3], b[2, 0] = 0, 0, 0, 0, 0
    b[3] = 0
    given = np.array([[1, 1, 0, 0], [1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 1]], bool)
    inputs = [a, b, c, given]
    # One by one: before Keras 3.12, Attention applies the masks of examples to other queries, not to other examples.
    alone = [masked([array[index : index + 1] for array in inputs], training=False) for index in range(len(a))]
    outputs = [np.concatenate([np.asarray(part) for part in parts]) for parts in zip(*alone)]
    FOLDER.mkdir(exist_ok=True)
    stem = FOLDER / f"masks-{VERSION[0]}.{VERSION[1]}"
    with mock.patch("h5py.File", CompactFile):
        masked.save(f"{stem}.keras" if IS_KERAS3 else f"{stem}.h5")
    with h5py.File(f"{stem}.io.h5", "w", libver="latest") as file:
        file.attrs["atol"] = tolerance(outputs)
        write_arrays(file, "input", inputs)
        for dataset, layer in zip(write_arrays(file, "output", outputs), output_layers(masked)):
            dataset.attrs["layer"] = np.bytes_(layer)
    print(stem.name, len(outputs))


if __name__ == "__main__":
    main()
