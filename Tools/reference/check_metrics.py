"""Does `compress evaluate` measure what numpy measures, at the challenge's size?

    python Tools/reference/check_metrics.py COMPRESS FOLDER

Makes up answers to 10,000 examples of 3,862 classes and their labels, and two models that pass them on, the second one at
half the logits. `evaluate` must find the metrics of `metric_fixtures.py` for each, and for both together, which rank as
each does. FOLDER is for the files. Prints `ok` or `FAIL` for each, and exits with 1 if anything failed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np

from metric_fixtures import LARGE, metrics

TOLERANCE = 1e-9


def write_data(path):
    """Logits are whole 256ths below 8, which float16 holds and float32's sigmoid keeps apart."""
    random = np.random.default_rng(8)
    examples, classes = LARGE
    labels = np.zeros(LARGE, np.uint8)
    labels[np.repeat(np.arange(examples), 3), random.integers(0, classes, 3 * examples)] = 1
    logits = random.standard_normal(LARGE, np.float32) * 1.5
    logits[labels > 0] += 4
    logits = np.clip(np.round(logits * 256) / 256, -7.99609375, 7.99609375).astype(np.float16)
    with h5py.File(path, "w") as file:
        for split, count in [("train", 32), ("test", examples)]:
            file[f"{split}/x"], file[f"{split}/y"] = logits[:count], labels[:count]
    return logits, labels


def write_models(folder):
    paths = [folder / "logits.h5", folder / "halves.h5"]
    for path, scale in zip(paths, [1, 0.5]):
        layers = [keras.layers.Rescaling(scale), keras.layers.Activation("sigmoid")]
        keras.Sequential([keras.Input(LARGE[1:]), *layers]).save(path)
    return paths


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: check_metrics.py COMPRESS FOLDER")
    program, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data.h5"
    logits, labels = write_data(data)
    # float32 holds the same numbers, and numpy is faster with them.
    expected = metrics(logits.astype(np.float32), labels.astype(int))
    models = write_models(folder)
    command = [program, "evaluate", *map(str, models), "--data", str(data), "--ensemble", "--json", "--quiet"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    data.unlink()
    failed = False
    for name, values in [*zip([path.name for path in models], found["models"]), ("both together", found["ensemble"])]:
        worst = max(abs(values[key] - value) for key, value in expected.items())
        failed = failed or not worst <= TOLERANCE
        figures = ", ".join(f"{key} {values[key]:.6f}" for key in expected)
        print(f"{'ok  ' if worst <= TOLERANCE else 'FAIL'} metrics of {name}: {figures}, at most {worst:.0e} off")
    sys.exit(failed)


if __name__ == "__main__":
    main()
