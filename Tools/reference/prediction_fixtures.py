#!/usr/bin/env python3
"""Writes files of predictions as people have them, by numpy, h5py and csv.

    python Tools/reference/prediction_fixtures.py

Needs h5py. All have the same numbers: row r of six training rows, column c of three, is VALUES[r][c]; the test rows are the first
two in reverse. data.h5 has these rows.
"""

import csv
from pathlib import Path

import h5py
import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "Tests/DatasetsTests/Fixtures/predictions"
VALUES = np.array([[8, 1, 1], [2, 4, 4], [1, 1, 8], [5, 3, 2], [0, 10, 0], [3, 3, 4]]) / 10
NAMES = ["cat", "café", "a dog"]


def main():
    FOLDER.mkdir(exist_ok=True)
    test = VALUES[1::-1]
    np.save(FOLDER / "alone.npy", np.asfortranarray(VALUES))
    np.savez(FOLDER / "named.npz", oof=VALUES.astype("f2"), test=test.astype("f2"), classes=np.array(NAMES),
             ids=np.array([b"a", b"bc"]))  # fmt: skip
    np.savez_compressed(FOLDER / "kinds.npz", train_logits=VALUES.astype(">f4"), test_logits=test.astype(">f4"),
                        train_embedding=np.zeros((6, 4)))  # fmt: skip
    with h5py.File(FOLDER / "groups.h5", "w", libver="latest") as file:
        file["train/probs"] = VALUES
        file["test/probs"] = test.astype("f4")
        file["train/y"] = np.arange(6)
        file.attrs["classes"] = NAMES
    with h5py.File(FOLDER / "data.h5", "w", libver="latest") as file:
        for split, count in [("train", 6), ("test", 2)]:
            file[f"{split}/x"] = np.arange(4 * count, dtype="u1").reshape(count, 4)
            file[f"{split}/y"] = np.arange(count, dtype="u1") % 3
    with open(FOLDER / "table.csv", "w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow(["", "split", *NAMES[:2], 'a "dog", big'])
        for index, row in enumerate(VALUES):
            table.writerow([index, "train", *row])
        for index, row in enumerate(test):
            table.writerow([index, "test", *row])


main()
