"""Writes small data files in every form that HDF5 has for numbers, which `Tools/fuzz` damages.

    python -m pip install h5py
    python Tools/reference/data_fixtures.py Tests/DatasetsTests/Fixtures/forms

Most suit the model fixture digits.h5: pictures of 12 x 12, ten classes. `videos` and `videos-labels` have frames.
"""

import pathlib
import sys

import h5py
import numpy as np

CLASSES = 10


def pictures(count, dtype="u1"):
    chance = np.random.default_rng(count)
    return chance.integers(0, 100, (count, 12, 12)).astype(dtype)


def write(path, x, y, length=False, how=None, libver="earliest", scale=False, names=False, compact=False):
    """x(count) and y(count) make the arrays of a split; `how` is how x is stored."""
    with h5py.File(path, "w", libver=libver) as file:
        for split, count in (("train", 12), ("test", 5)):
            data = x(count)
            if compact:
                properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                properties.set_layout(h5py.h5d.COMPACT)
                space, kind = h5py.h5s.create_simple(data.shape), h5py.h5t.py_create(data.dtype)
                group = file.require_group(split)
                h5py.h5d.create(group.id, b"x", kind, space, dcpl=properties).write(h5py.h5s.ALL, h5py.h5s.ALL, data)
            else:
                file.create_dataset(f"{split}/x", data=data, **(how or {}))
            file[f"{split}/y"] = y(count)
            if length:
                file[f"{split}/length"] = np.arange(count, dtype="i4") % 6 + 1
            if scale:
                file[f"{split}/x"].attrs["scale"], file[f"{split}/x"].attrs["offset"] = 1 / 255, -0.5
        if names:
            file.attrs["classes"] = [f"class {index}" for index in range(CLASSES)]


def numbers(dtype):
    return lambda count: (np.arange(count) % CLASSES).astype(dtype)


def several(count):
    rows = np.zeros((count, CLASSES), "u1")
    rows[np.arange(count), np.arange(count) % CLASSES] = 1
    rows[::2, 3] = 1
    return rows


def one_hot(count):
    return np.eye(CLASSES, dtype="i8")[np.arange(count) % CLASSES]


def videos(count):
    return np.random.default_rng(count).standard_normal((count, 6, 4)).astype("f4")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "contiguous.h5", pictures, numbers("u1"), scale=True, names=True)
    write(folder / "chunked.h5", pictures, numbers("i8"), how={"chunks": (4, 12, 12)})
    write(folder / "cut.h5", lambda n: pictures(n, "i4"), numbers("i4"), how={"chunks": (5, 7, 12)})
    write(folder / "gzip.h5", lambda n: pictures(n, "f4"), numbers("i8"),
          how={"chunks": (4, 12, 12), "compression": "gzip", "shuffle": True, "fletcher32": True})
    write(folder / "lzf.h5", lambda n: pictures(n, "f2"), one_hot, how={"chunks": (4, 12, 12), "compression": "lzf"})
    write(folder / "compact.h5", lambda n: pictures(n, "i2"), numbers("u2"), compact=True)
    write(folder / "latest.h5", lambda n: pictures(n, ">f8"), numbers(">i4"),
          how={"chunks": (3, 12, 12), "compression": "gzip"}, libver=("v110", "v110"))
    write(folder / "growing.h5", pictures, lambda n: numbers("u1")(n).reshape(n, 1),
          how={"chunks": (4, 12, 12), "maxshape": (None, 12, 12)}, libver=("v110", "v110"))
    write(folder / "several.h5", pictures, several, how={"chunks": (5, 12, 12), "compression": "gzip"}, names=True)
    write(folder / "videos.h5", videos, numbers("i4"), length=True)
    write(folder / "videos-labels.h5", lambda n: (videos(n) * 20 + 100).clip(0, 255).astype("u1"), several, length=True,
          scale=True, how={"chunks": (2, 6, 4)})


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
