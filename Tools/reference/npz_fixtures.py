"""Small archives of numpy's, in the ways numpy writes them, and what they hold as data files.

    python Tools/reference/npz_fixtures.py

Needs h5py. NAME.npz is to become the datasets of NAME.h5.
"""

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

FOLDER = Path(__file__).parents[2] / "Tests" / "DatasetsTests" / "Fixtures"
DATE = (1980, 1, 1, 0, 0, 0)


def array_bytes(array, version):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def write(name, arrays, expected, version=(1, 0), compression=zipfile.ZIP_STORED):
    """As np.savez does (with Zip64 sizes before each member), but without the time of day."""
    with zipfile.ZipFile(FOLDER / f"{name}.npz", "w") as archive:
        for key, array in arrays.items():
            info = zipfile.ZipInfo(f"{key}.npy", DATE)
            info.compress_type = compression
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(array_bytes(array, version))
    with np.load(FOLDER / f"{name}.npz") as loaded:
        assert all(np.array_equal(loaded[key], array) for key, array in arrays.items())
    with h5py.File(FOLDER / f"{name}.h5", "w") as file:
        for key, array in expected.items():
            file.create_dataset(key, data=array)


def splits(x_train, y_train, x_test, y_test):
    return {"train/x": x_train, "train/y": y_train, "test/x": x_test, "test/y": y_test}


def main():
    FOLDER.mkdir(exist_ok=True)
    generator = np.random.default_rng(1)

    x, y = generator.integers(0, 256, (8, 5, 4), "uint8"), np.arange(8, dtype="uint8") % 3
    write(
        "keras",
        {"x_train": x[:6], "y_train": y[:6], "x_test": x[6:], "y_test": y[6:]},
        splits(x[:6, ..., None], y[:6], x[6:, ..., None], y[6:]),
    )

    x, y = generator.standard_normal((9, 7)).astype("float32"), np.arange(9) % 4
    one_hot = np.eye(4)[y]
    write(
        "one-hot",
        {"train/x": x[:5].astype(">f4"), "train/y": one_hot[:5], "test/x": x[5:].astype(">f4"), "test/y": one_hot[5:]},
        splits(x[:5], one_hot[:5].astype("uint8"), x[5:], one_hot[5:].astype("uint8")),
        version=(2, 0),
        compression=zipfile.ZIP_DEFLATED,
    )

    x, y = generator.standard_normal((7, 2, 3)).astype("float16"), generator.integers(0, 2, (7, 5)).astype("bool")
    y[0] = True
    write(
        "many-labels",
        {"train_x": x[:4], "train_y": y[:4], "test_x": x[4:], "test_y": y[4:]},
        splits(x[:4], y[:4].astype("uint8"), x[4:], y[4:].astype("uint8")),
        version=(3, 0),
        compression=zipfile.ZIP_DEFLATED,
    )

    # As MedMNIST has them: a column of class numbers, and validation examples.
    x, y = generator.standard_normal((9, 3)), (np.arange(9) % 2).astype(">i8")[:, None]
    write(
        "validation",
        {
            **{"train_images": x[:4], "train_labels": y[:4], "val_images": x[4:7], "val_labels": y[4:7]},
            **{"test_images": x[7:], "test_labels": y[7:]},
        },
        {**splits(x[:4], y[:4, 0], x[7:], y[7:, 0]), "validation/x": x[4:7], "validation/y": y[4:7, 0]},
    )

    # More than is read or decompressed at once.
    x = np.tile(np.arange(251, dtype="float64"), (1500, 1)) + np.arange(1500)[:, None]
    y = (np.arange(1500) % 10).astype("int16")
    arrays = {"x_train": x[:1400], "y_train": y[:1400], "x_test": x[1400:], "y_test": y[1400:]}
    write("large", arrays, {"sum": x[:1400].sum(axis=1)}, compression=zipfile.ZIP_DEFLATED)

    transposed = {"x_train": np.asfortranarray(x[:4]), "y_train": y[:4], "x_test": x[4:6], "y_test": y[4:6]}
    write("fortran", transposed, splits(x[:4], y[:4], x[4:6], y[4:6]))


if __name__ == "__main__":
    main()
