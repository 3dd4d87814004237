"""Small tables as pandas and Python's csv module write them, and what they become as data files.

    python Tools/reference/table_fixtures.py

Needs pandas and h5py. NAME.csv and NAME-test.csv are to become the datasets of NAME.h5: numbers as pandas reads them,
categories as pandas.get_dummies makes one-hot of them, classes as pandas numbers categories.
"""

import csv
import gzip
from pathlib import Path

import h5py
import numpy as np
import pandas

FOLDER = Path(__file__).parents[2] / "Tests" / "DatasetsTests" / "Fixtures" / "tables"
TEXTS = ["red", "light, green", 'so-called "blue"', "größer", "two\nlines", "日本"]


def table(rows, seed):
    generator = np.random.default_rng(seed)
    return pandas.DataFrame({
        "width": generator.normal(0, 10, rows).round(3),
        "color": [TEXTS[index] for index in [*range(len(TEXTS)), *generator.integers(0, len(TEXTS), rows - len(TEXTS))]],
        "count": generator.integers(-5, 1000, rows),
        "tiny": generator.normal(0, 1, rows) * 10.0 ** generator.integers(-30, 30, rows),
        "size": [["S", "M", "L"][index] for index in [0, 1, 2, *generator.integers(0, 3, rows - 3)]],
        "kind": [["setosa", "Versicolor", "virginica"][index] for index in [2, 0, 1, *generator.integers(0, 3, rows - 3)]],
    })  # fmt: skip


def encode(frames, label, one_hot=True, fill=None):
    """x and y of each frame, and the names of the classes."""
    train = frames[0]
    classes = sorted(set(pandas.concat(frames)[label]), key=lambda text: str(text).encode())
    results = []
    for frame in frames:
        columns = []
        for name in frame.columns.drop(label):
            column = frame[name]
            if not pandas.api.types.is_numeric_dtype(column):
                categories = sorted(set(pandas.concat(frames)[name].dropna()), key=lambda text: text.encode())
                category = pandas.Categorical(column, categories)
                columns += [pandas.get_dummies(category, dtype="float32").to_numpy()] if one_hot else [category.codes[:, None]]
            else:
                filled = column.fillna(train[name].mean() if fill == "mean" else 0)
                columns.append(filled.to_numpy("float32")[:, None])
        y = pandas.Categorical(frame[label], classes).codes.astype("int32")
        results.append((np.concatenate(columns, axis=1).astype("float32"), y))
    return results, classes


def expect(name, frames, label, names=True, **options):
    results, classes = encode(frames, label, **options)
    with h5py.File(FOLDER / f"{name}.h5", "w") as file:
        for split, (x, y) in zip(["train", "test"], results):
            file.create_dataset(f"{split}/x", data=x)
            file.create_dataset(f"{split}/y", data=y)
        if names:
            file.attrs["classes"] = [str(text) for text in classes]


def main():
    FOLDER.mkdir(exist_ok=True)
    train, test = table(40, 1), table(12, 2)

    # As pandas writes by itself.
    train.to_csv(FOLDER / "pandas.csv", index=False)
    test[["kind", "tiny", "size", "color", "count", "width"]].to_csv(FOLDER / "pandas-test.csv", index=False)
    expect("pandas", [train, test], "kind")
    expect("integers", [train, test], "kind", one_hot=False)

    # As Excel does: a byte order mark, CR LF, everything in quotes.
    for frame, name in [(train, "excel"), (test, "excel-test")]:
        with open(FOLDER / f"{name}.csv", "w", encoding="utf-8-sig", newline="") as file:
            writer = csv.writer(file, dialect="excel", quoting=csv.QUOTE_ALL)
            writer.writerow(frame.columns)
            writer.writerows(frame.itertuples(index=False))
    expect("excel", [train, test], "kind")

    # Semicolons in a gzip file, and no line end behind the last line.
    for frame, name in [(train, "semicolon"), (test, "semicolon-test")]:
        text = frame.to_csv(index=False, sep=";").rstrip("\n")
        (FOLDER / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    expect("semicolon", [train, test], "kind")

    # Missing values in numbers and categories.
    generator = np.random.default_rng(3)
    holes = []
    for frame in [train, test]:
        frame = frame.drop(columns="tiny")
        for name in ["width", "count", "size"]:
            frame[name] = frame[name].astype(object if name == "size" else "float64")
            frame.loc[generator.choice(len(frame), 5, replace=False), name] = None if name == "size" else np.nan
        holes.append(frame)
    holes[0].to_csv(FOLDER / "missing.csv", index=False)
    holes[1].to_csv(FOLDER / "missing-test.csv", index=False, na_rep="NA")
    expect("missing-mean", holes, "kind", fill="mean")
    expect("missing-zero", holes, "kind")

    # Classes from 1 on, and no header.
    numbers = [frame[["width", "count"]].assign(label=np.arange(len(frame)) % 3 + 1) for frame in [train, test]]
    for frame, name in [(numbers[0], "headless"), (numbers[1], "headless-test")]:
        frame.to_csv(FOLDER / f"{name}.csv", index=False, header=False, sep="\t")
    expect("headless", numbers, "label")


if __name__ == "__main__":
    main()
