"""Checks exported students with Keras: does it load them, and does it predict what we predict?

    python Tools/reference/check_export.py STUDENT.h5 INPUT.h5:DATASET PREDICTIONS.h5
    python Tools/reference/check_export.py [--keras2] --list FILE

FILE is a JSON list of such triples; one start of Keras then serves them all. Names in it are relative to its folder.
A model with several inputs takes INPUT.h5:DATASET,DATASET in the order of its inputs. PREDICTIONS.h5 holds `output`,
or `output_0`, `output_1`, ... for several outputs. KERAS_BACKEND is tensorflow unless the environment has another. With --keras2
it is Keras 2 (tf_keras) that is asked.

Prints one line per student. The exit code is 0 if all of them agree within 1e-5, absolute or relative, and 1 if not.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

if "--keras2" in sys.argv:
    import tf_keras as keras
else:
    import keras

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "keras"))

    import compress_layers  # noqa: F401  Keras then knows its layers

TOLERANCE = 1e-5


def main():
    failures = [triple for triple in triples() if not report(*triple)]
    sys.exit(1 if failures else 0)


def triples():
    parser = argparse.ArgumentParser(description="Checks exported students with Keras.")
    parser.add_argument("triple", nargs="*", metavar="STUDENT.h5 INPUT.h5:DATASET PREDICTIONS.h5")
    parser.add_argument("--keras2", action="store_true", help="ask Keras 2 (tf_keras)")
    parser.add_argument("--list", type=Path, metavar="FILE", help="a JSON list of triples")
    arguments = parser.parse_args()
    if arguments.list is None:
        if len(arguments.triple) != 3:
            parser.error(f"a student, its input and its predictions are needed, found {len(arguments.triple)} names")
        return [arguments.triple]
    if arguments.triple:
        parser.error("give a triple or --list, not both")
    listed = json.loads(arguments.list.read_text())
    if not listed or any(len(triple) != 3 for triple in listed):
        parser.error(f"{arguments.list} should be a list of triples, not empty")
    return [[str(arguments.list.parent / name) for name in triple] for triple in listed]


def report(student, examples, predictions):
    """Prints the verdict in one line. One bad student must not hide the verdict on the next."""
    try:
        difference, count = compare(student, examples, predictions)
    except Exception as error:
        print(f"FAIL {student}: {type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        return False
    print(f"ok   {student}: {count} numbers differ by at most {difference:.2g}", flush=True)
    return True


def compare(student, examples, predictions):
    model = keras.models.load_model(student, compile=False)
    inputs = read_inputs(examples)
    expected = read_outputs(predictions)
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if len(outputs) != len(expected):
        raise ValueError(f"Keras computes {len(outputs)} outputs, the predictions have {len(expected)}")
    for index, (theirs, ours) in enumerate(zip(outputs, expected)):
        check_equal(index, np.asarray(theirs), ours)
    return largest_difference(outputs, expected), sum(output.size for output in outputs)


def check_equal(index, theirs, ours):
    if theirs.shape != ours.shape:
        raise ValueError(f"output {index} has the shape {theirs.shape}, the predictions {ours.shape}")
    wrong = ~(np.abs(theirs - ours) <= TOLERANCE * np.maximum(1, np.abs(theirs)))  # not finite is wrong too
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise ValueError(
            f"{wrong.sum()} of {wrong.size} numbers of output {index} differ, the first at {place}: "
            f"Keras {theirs[place]:.7g}, predicted {ours[place]:.7g}; "
            f"largest difference {largest_difference([theirs], [ours]):.2g}"
        )


def largest_difference(left, right):
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right))


def read_inputs(examples):
    path, _, names = examples.rpartition(":")
    if not path:
        raise ValueError(f"'{examples}' should be INPUT.h5:DATASET")
    with h5py.File(path) as file:
        return [file[name][...] for name in names.split(",")]


def read_outputs(predictions):
    with h5py.File(predictions) as file:
        if "output" in file:
            return [file["output"][...]]
        count = sum(name.startswith("output_") for name in file)
        if count == 0:
            raise ValueError(f"{predictions} has no dataset 'output'")
        return [file[f"output_{index}"][...] for index in range(count)]


if __name__ == "__main__":
    main()
