"""Whole models whose numbers are stored in unusual ways. The root dataset `weights` has them all as float32.

    python Tools/reference/storage_fixtures.py

Needs Keras 3.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import keras
import numpy as np

from fixture_files import MODELS, randomize, seed
from fixture_models import sequential
from refused_fixtures import FOLDER, RECIPES, readme
from small_floats import float_type, nearest_codes, write_codes

STORAGE = MODELS / "storage"
REFUSED = ["quantized.h5", "hashing.h5"]


def model(name, **policy):
    layers = keras.layers
    made = sequential(
        keras,
        (4,),
        layers.Dense(5, activation="relu", name="hidden", **policy),
        layers.Dense(2, name="output", **policy),
    )
    randomize(made, seed(name))
    return made


def note_weights(path, made):
    with h5py.File(path, "r+") as file:
        numbers = [np.asarray(weight, "float32").ravel() for weight in made.get_weights()]
        file["weights"] = np.concatenate(numbers)


def save(name, **policy):
    made = model(name, **policy)
    made.save(STORAGE / name)
    note_weights(STORAGE / name, made)


def weight_paths(root):
    """The datasets of floats below a group."""
    paths = []

    def visit(path, item):
        # Whatever is returned ends the visit.
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            paths.append(path)

    root.visititems(visit)
    return sorted(paths)


def save_again(name, dtype, **how):
    """Writes every weight anew, in another type or with a filter; Keras loads such files too."""
    made = model(name)
    made.save(STORAGE / name)
    with h5py.File(STORAGE / name, "r+") as file:
        for path in weight_paths(file["model_weights"]):
            values = file["model_weights"][path][...]
            del file["model_weights"][path]
            chunks = {"chunks": values.shape} if how else {}
            file["model_weights"].create_dataset(path, data=values.astype(dtype), **chunks, **how)
    note_weights(STORAGE / name, made)


# Exponent and mantissa bits, packed, compressed: one after another, from one weight to the next.
SMALL = [
    (2, 1, True, 0),
    (2, 2, True, 9),
    (2, 3, False, 0),
    (3, 4, False, 9),
    (2, 5, False, 0),
    (5, 10, False, 0),
    (8, 7, False, 0),
]


def store_small_floats(root):
    """Writes every weight below a group anew as a float of few bits."""
    for index, path in enumerate(weight_paths(root)):
        exponent, mantissa, packed, gzip = SMALL[index % len(SMALL)]
        values = root[path][...]
        # The largest number is a little larger than the largest weight.
        reach = (1 << exponent) - 2 - int(np.ceil(np.log2(np.abs(values).max() + 1e-9)))
        bias = max(1, reach) if exponent < 5 else 2 ** (exponent - 1) - 1
        codes = nearest_codes(values, exponent, mantissa, bias)
        del root[path]
        write_codes(root, path, codes, float_type(exponent, mantissa, bias), packed=packed, gzip=gzip)


def save_small_floats(name):
    """A model whose weights are floats of 4 to 16 bits, as .h5 and .keras, with what Keras makes of them."""
    layers = keras.layers
    made = sequential(
        keras,
        (6, 3),
        layers.Conv1D(4, 3, activation="relu", name="convolution"),
        layers.BatchNormalization(name="normalization"),
        layers.GRU(5, name="recurrent"),
        layers.Dense(7, activation="relu", name="hidden"),
        layers.Dense(4, activation="softmax", name="output"),
    )
    randomize(made, seed(name))
    examples = np.random.default_rng(seed(name)).normal(size=(5, 6, 3)).astype("float32")
    for suffix in [".h5", ".keras"]:
        path = STORAGE / (name + suffix)
        made.save(path)
        if suffix == ".h5":
            with h5py.File(path, "r+") as file:
                store_small_floats(file["model_weights"])
        else:
            rewrite_archive(path)
        loaded = keras.models.load_model(path, compile=False)
        with h5py.File(STORAGE / (name + suffix + ".io.h5"), "w") as file:
            file["weights"] = np.concatenate([np.asarray(weight, "float32").ravel() for weight in loaded.get_weights()])
            file["input"], file["output"] = examples, loaded.predict(examples, verbose=0)


def save_foreign_float(name):
    """A kernel of floats that HDF5 knows, and nobody here reads."""
    model(name).save(STORAGE / name)
    with h5py.File(STORAGE / name, "r+") as file:
        path = "model_weights/hidden/model/hidden/kernel"
        del file[path]
        write_codes(file, path, np.zeros((4, 5), "u4"), float_type(7, 16, 63, size=4))


def rewrite_archive(path):
    with TemporaryDirectory() as folder:
        weights = Path(folder) / "model.weights.h5"
        with zipfile.ZipFile(path) as archive:
            members = {member: archive.read(member) for member in archive.namelist()}
        weights.write_bytes(members[weights.name])
        with h5py.File(weights, "r+") as file:
            store_small_floats(file["layers"])
        members[weights.name] = weights.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)


if __name__ == "__main__":
    STORAGE.mkdir(parents=True, exist_ok=True)
    save("bfloat16.h5", dtype="bfloat16")
    save("mixed-bfloat16.h5", dtype="mixed_bfloat16")
    save("float16.h5", dtype="float16")
    save("float64.h5", dtype="float64")
    save_again("big-endian.h5", ">f4")
    save_again("big-endian-float64.h5", ">f8", compression="gzip", shuffle=True)
    save_again("lzf.h5", "<f4", compression="lzf", shuffle=True, fletcher32=True)
    save_small_floats("small-floats")
    save_foreign_float("foreign-float.h5")
    for name in REFUSED:
        keras.utils.set_random_seed(1)
        RECIPES[name][1](keras, FOLDER / name)
    (FOLDER / "README.md").write_text(readme())
