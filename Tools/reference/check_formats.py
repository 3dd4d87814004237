"""Checks every fixture in both formats, and in both directions, with Keras 3.

    python Tools/reference/check_formats.py COMPRESS FOLDER [--part 1/2] [NAME ...]

`compress convert` writes each fixture as .keras and as .h5; Keras loads both and must predict what the fixture says.
A few go on being trained. Then the other way round: Keras builds each recipe anew, saves it as .keras and as
.weights.h5 with model.to_json(), and `compress predict` must predict the same. FOLDER is for the files. With --part,
only the first or second half of the work is done, for another process to do the rest.

Prints a line for each file: `ok`, or `FAIL`, or `known` for what Keras itself cannot do, by the tables below. What is
in a table and works is a failure too. The exit code is 1 if anything failed.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

# TensorFlow runs a model without compiling it, which is most of the time of JAX for a few examples.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np

from check_export import check_equal, largest_difference, read_outputs
from fixture_files import MODELS, load_model, randomize, seed
from keras_fixtures import FIXTURES

FORMATS = [".keras", ".h5"]

# What Keras cannot do, with the files that we write: it is no fault of theirs.
AXES = "Keras 3 reads a list of axes from .h5 as one axis, or not at all"
KERAS2 = "Keras 2 has words of its own here, which Keras 3 does not read from .h5; .keras has Keras 3's"
APPLICATIONS = "Keras reads its own .h5 of these layers with custom_objects alone; .keras has their module"
BRACKETS = "Keras 3 does not read the ellipsis of its own GetItem from .h5"

KNOWN = {
    "application-layers-k2.h5": APPLICATIONS,
    "application-layers.h5": APPLICATIONS,
    "attention-axes-k2.h5": KERAS2,
    "attention-scores-k2.h5": KERAS2,
    "explicit-masks-k2.h5": KERAS2,
    "initial-state-k2.h5": KERAS2,
    "layer-normalization-axes-k2.h5": AXES,
    "layer-normalization-axes.h5": AXES,
    "locally-connected-forms-k2.h5": KERAS2,
    "locally-connected-k2.h5": KERAS2,
    "normalization-adapted-k2.h5": AXES,
    "normalization-adapted.h5": AXES,
    "normalization-given.h5": AXES,
    "operations-conditions-tensorflow-k2.h5": KERAS2,
    "operations-constants-k2.h5": KERAS2,
    "operations-functions-tensorflow-k2.h5": KERAS2,
    "operations-identities-k2.h5": KERAS2,
    "operations-masks-k2.h5": KERAS2,
    "operations-shapes-tensorflow-k2.h5": KERAS2,
    "operations-slices-k2.h5": KERAS2,
    "operations-slices.h5": BRACKETS,
    "preprocess-input-k2.h5": KERAS2,
    "preprocess-input.h5": BRACKETS,
    "rms-normalization.h5": AXES,
    "tensorflow-op-layers-k2.h5": KERAS2,
    "softmax-axes-k2.h5": AXES,
    "softmax-axes.h5": AXES,
    "unit-normalization-k2.h5": AXES,
    "unit-normalization.h5": AXES,
}

# Models of Keras 2 that Keras 3 has no words for, or means something else by; as .h5 they are for Keras 2.
REFUSED = {
    "attention-heads-k2",
    "attention-masks-k2",
    "hard-sigmoid-k2",
    "locally-connected-forms-k2",
    "locally-connected-k2",
    "masking-documents-k2",
    "masking-initial-state-k2",
    "masking-joined-k2",
    "masking-merge-k2",
    "masking-table-k2",
    "operations-tensorflow-k2",
    "recurrent-activations-k2",
    "resizing-k2",
    "separable-options-k2",
    "transformer-k2",
    "up-sampling-k2",
}

# Models of TensorFlow 2.0 to 2.3 that no other Keras 2 has words for.
REFUSED_HDF5 = {"tensorflow-einsum-k2"}

# These are trained for a step, to show that training can go on.
TRAINED = {
    "batch-normalization-conv",
    "bidirectional",
    "compiled",
    "conv2d-k2",
    "digits",
    "einsum-dense",
    "graph-shared",
    "gru-k2",
    "nested-partly-frozen",
    "rnn-cells",
    "separable-conv2d",
    "spectral-normalization",
    "time-distributed",
}

# What we do not read of Keras's own files.
KNOWN_SAVED = {}


def main():
    parser = argparse.ArgumentParser(description="Checks every fixture in both formats, and in both directions.")
    parser.add_argument("compress", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--part", default="1/1")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    part, count = (int(number) for number in arguments.part.split("/"))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    checks = Checks(arguments.compress.resolve(), arguments.folder)

    def mine(names):
        return [name for name in sorted(names) if not arguments.names or name in arguments.names][part - 1 :: count]

    for name in mine(path.stem for path in MODELS.glob("*.h5") if not path.stem.endswith(".io")):
        checks.convert(name)
    recipes = {fixture.name: fixture for fixture in FIXTURES if fixture.keras3 and not fixture.rewrite}
    for name in mine(recipes):
        checks.save(recipes[name])
    sys.exit(1 if checks.failed else 0)


class Checks:
    def __init__(self, compress, folder):
        self.compress = compress
        self.folder = folder
        self.failed = False

    def convert(self, name):
        """From a fixture to Keras."""
        for format in FORMATS:
            path = self.folder / (name + format)
            run = self.run("convert", MODELS / f"{name}.h5", "--output", path)
            if name in (REFUSED if format == ".keras" else REFUSED_HDF5):
                refused = run.returncode != 0 and "Keras" in run.stderr
                self.report(path.name, None if refused else "should be refused", "refused, " + run.stderr.strip())
            elif run.returncode != 0:
                self.report(path.name, run.stderr.strip())
            elif name not in REFUSED:
                self.verdict(path.name, KNOWN, lambda: load(path, name, trains=name in TRAINED))

    def save(self, fixture):
        """From Keras to us."""
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        stem = self.folder / f"{fixture.name}-saved"
        archive, weights, architecture = (Path(f"{stem}{end}") for end in (".keras", ".weights.h5", ".json"))

        def write():
            model = fixture.build(keras)
            randomize(model, seed(fixture.name))
            model.save(archive)
            model.save_weights(weights)
            # The text of Keras 3 does not name the version, whose rules for masks count.
            architecture.write_text(json.dumps({"keras_version": keras.__version__, **json.loads(model.to_json())}))
            return ""

        if self.verdict(stem.name, KNOWN_SAVED, write, quiet=True):
            self.verdict(archive.name, KNOWN_SAVED, lambda: self.predict(fixture.name, archive))
            self.verdict(
                weights.name, KNOWN_SAVED, lambda: self.predict(fixture.name, weights, "--architecture", architecture)
            )

    def predict(self, name, path, *options):
        output = path.with_suffix(".predictions.h5")
        inputs = [f"{MODELS / name}.io.h5:{input}" for input in input_names(name)]
        run = self.run("predict", path, "--inputs", *inputs, "--output", output, "--quiet", *options)
        if run.returncode != 0:
            raise ValueError(run.stderr.strip())
        return compare(read_outputs(f"{MODELS / name}.io.h5"), read_outputs(output))

    def run(self, *arguments):
        return subprocess.run([self.compress, *arguments], capture_output=True, text=True)

    def verdict(self, name, known, check, quiet=False):
        """Does a check, and prints what came of it; True if it went well."""
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                good, problem = check(), None
        except Exception as error:
            good, problem = None, f"{type(error).__name__}: {' '.join(str(error).split())[-400:]}"
        if name in known and problem:
            print(f"known {name}: {known[name]}", flush=True)
        elif name in known:
            self.report(name, "works now; take it out of the table")
        elif problem or not quiet:
            self.report(name, problem, good)
        return problem is None

    def report(self, name, problem, good=""):
        self.failed = self.failed or problem is not None
        print(f"ok   {name}: {good}" if problem is None else f"FAIL {name}: {problem}", flush=True)


def input_names(name):
    with h5py.File(MODELS / f"{name}.io.h5") as file:
        count = sum(dataset.startswith("input_") for dataset in file)
        return [f"input_{index}" for index in range(count)] or ["input"]


def load(path, name, trains):
    model = load_model(keras, path)
    with h5py.File(MODELS / f"{name}.io.h5") as file:
        inputs = [file[dataset][...] for dataset in input_names(name)]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    model.run_eagerly = True
    outputs = model.predict(inputs, verbose=0)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    said = compare(outputs, read_outputs(MODELS / f"{name}.io.h5"))
    return said + (train(model, inputs, outputs) if trains else "")


def compare(theirs, ours):
    if len(theirs) != len(ours):
        raise ValueError(f"{len(theirs)} outputs instead of {len(ours)}")
    for index, pair in enumerate(zip(theirs, ours)):
        check_equal(index, *pair)
    return f"{sum(output.size for output in ours)} numbers differ by at most {largest_difference(theirs, ours):.2g}"


def train(model, inputs, outputs):
    """A step of gradient descent must change every trainable weight that it can, and the loss stay a number."""
    before = [np.array(weight) for weight in model.trainable_weights]
    targets = [output + 1 for output in outputs]
    model.compile("sgd", ["mse"] * len(outputs) if len(outputs) > 1 else "mse", run_eagerly=True)
    loss = np.ravel(model.train_on_batch(inputs, targets if len(targets) > 1 else targets[0]))
    changed = sum(not np.array_equal(old, np.array(new)) for old, new in zip(before, model.trainable_weights))
    if not np.isfinite(loss).all() or changed == 0:
        raise ValueError(f"trained for a step, the loss is {loss} and {changed} of {len(before)} weights change")
    return f"; a step changes {changed} of {len(before)} weights"


if __name__ == "__main__":
    main()
