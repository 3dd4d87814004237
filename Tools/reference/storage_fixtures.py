"""Whole models whose numbers are stored in unusual ways. The root dataset `weights` has them all as float32.

    python Tools/reference/storage_fixtures.py

Needs Keras 3.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np

from fixture_files import MODELS, randomize, seed
from fixture_models import sequential
from refused_fixtures import FOLDER, RECIPES, readme

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


def save_again(name, dtype, **how):
    """Writes every weight anew, in another type or with a filter; Keras loads such files too."""
    made = model(name)
    made.save(STORAGE / name)
    with h5py.File(STORAGE / name, "r+") as file:
        paths = []
        file["model_weights"].visititems(lambda path, item: isinstance(item, h5py.Dataset) and paths.append(path))
        for path in paths:
            values = file["model_weights"][path][...]
            del file["model_weights"][path]
            chunks = {"chunks": values.shape} if how else {}
            file["model_weights"].create_dataset(path, data=values.astype(dtype), **chunks, **how)
    note_weights(STORAGE / name, made)


if __name__ == "__main__":
    STORAGE.mkdir(parents=True, exist_ok=True)
    save("bfloat16.h5", dtype="bfloat16")
    save("mixed-bfloat16.h5", dtype="mixed_bfloat16")
    save("float16.h5", dtype="float16")
    save("float64.h5", dtype="float64")
    save_again("big-endian.h5", ">f4")
    save_again("big-endian-float64.h5", ">f8", compression="gzip", shuffle=True)
    save_again("lzf.h5", "<f4", compression="lzf", shuffle=True, fletcher32=True)
    for name in REFUSED:
        keras.utils.set_random_seed(1)
        RECIPES[name][1](keras, FOLDER / name)
    (FOLDER / "README.md").write_text(readme())
