"""Runs what `compress` writes as ONNX with ONNX Runtime, and compares with what Keras says.

    python Tools/reference/check_onnx.py COMPRESS FOLDER [NAME ...]

Every fixture of ModelFilesTests is converted, checked by onnx.checker, and must predict what Keras wrote beside it, within
1e-5. Those in REFUSED must be refused by name, and no others. Then students of every family, trained by `compress` on a little
made-up data and written in every precision: ONNX Runtime makes as many errors with them as `compress` says, and those with int8
weights predict what the same graph does with the numbers that these stand for. (ONNX Runtime likes to compute with fewer bits
where int8 meets a matrix product: MatMulNBits.) FOLDER is for the files. Prints a line for what is wrong, and how many went
well; the exit code is 1 if anything failed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import onnx
import onnxruntime

MODELS = Path(__file__).parent.parent.parent / "Tests/ModelFilesTests/Fixtures"
TOLERANCE = 1e-5

# Fixtures that cannot be said in ONNX: name to a part of the message.
REFUSED = {}

# Students, by what they read.
STUDENTS = {
    "vectors": ["mlp"],
    "images": ["conv", "vgg"],
    "sequences": ["rnn", "crnn", "bag-of-frames"],
    "lengths": ["rnn", "crnn", "bag-of-frames"],
}
SHAPES = {"vectors": (20,), "images": (12, 12, 2), "sequences": (9, 5), "lengths": (9, 5)}
PRECISIONS = ["float32", "float16", "int8", "auto", "10"]


def main():
    parser = argparse.ArgumentParser(description="Runs what compress writes as ONNX, and compares with Keras.")
    parser.add_argument("compress", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    onnxruntime.set_default_logger_severity(3)
    checks = Checks(arguments.compress.resolve(), arguments.folder)
    for name in arguments.names or sorted(path.stem for path in MODELS.glob("*.h5") if not path.stem.endswith(".io")):
        checks.fixture(name)
    print(f"fixtures in ONNX Runtime: {checks.agreed} agree within {TOLERANCE:g}, {checks.refused} refused by name")
    if not arguments.names:
        for kind, families in STUDENTS.items():
            checks.students(kind, families)
        print(f"students in ONNX Runtime: {checks.measured} files predict as reported, {checks.whole} of them with int8 weights")
    sys.exit(1 if checks.failed else 0)


class Checks:
    def __init__(self, compress, folder):
        self.compress = compress
        self.folder = folder
        self.agreed = self.whole = self.refused = self.measured = 0
        self.failed = False

    def run(self, *arguments):
        return subprocess.run([self.compress, *arguments], capture_output=True, text=True)

    def fail(self, name, problem):
        self.failed = True
        print(f"FAIL {name}: {' '.join(str(problem).split())[-400:]}", flush=True)

    def fixture(self, name):
        path = self.folder / f"{name}.onnx"
        run = self.run("convert", MODELS / f"{name}.h5", "--output", path, "--quiet")
        if name in REFUSED:
            if run.returncode == 65 and REFUSED[name] in run.stderr:
                self.refused += 1
            else:
                self.fail(name, f"should be refused with '{REFUSED[name]}', found {run.returncode}: {run.stderr}")
            return
        if run.returncode != 0:
            return self.fail(name, run.stderr)
        try:
            with h5py.File(MODELS / f"{name}.io.h5") as file:
                inputs, outputs = arrays(file, "input"), arrays(file, "output")
            difference = largest_difference(predict(path, inputs), outputs)
            if not difference <= TOLERANCE:
                return self.fail(name, f"differs by {difference:.2g}")
            self.agreed += 1
        except Exception as error:
            self.fail(name, f"{type(error).__name__}: {error}")

    def students(self, kind, families):
        data, inputs, labels = self.data(kind)
        teacher = self.folder / f"{kind}.h5"
        run = self.run(
            "train", "--architecture", families[0], "--data", data, "--epochs", "2", "--output", teacher, "--quiet"
        )
        if run.returncode != 0:
            return self.fail(teacher.name, run.stderr)
        for family in families:
            for precision in PRECISIONS:
                self.student(f"{kind}-{family}-{precision}", teacher, data, family, precision, inputs, labels)

    def student(self, name, teacher, data, family, precision, inputs, labels):
        path = self.folder / f"{name}.onnx"
        options = ["--student", family, "--precision", precision, "--budget", "30kB", "--epochs", "2", "--no-baseline", "--force"]
        run = self.run("--teachers", teacher, "--data", data, *options, "--output", path, "--json", "--quiet")
        if run.returncode != 0:
            return self.fail(name, run.stderr or run.stdout)
        student = json.loads(run.stdout)["student"]
        errors = int((predict(path, [inputs])[0].argmax(-1) != labels).sum())
        size, predicted = path.stat().st_size, student["predicted_bytes"]
        # With encodings that depend on the weights, the prediction is a limit.
        isKept = size <= predicted if precision in ["auto", "10"] else size == predicted
        if not isKept or size != student["bytes"] or size > 30_000:
            return self.fail(name, f"takes {size} bytes, reported were {student['bytes']}, predicted {predicted}")
        if errors != student["errors"]:
            return self.fail(name, f"makes {errors} errors, reported were {student['errors']}")
        self.measured += 1
        model = onnx.load(path)
        if any(node.op_type == "DequantizeLinear" for node in model.graph.node):
            difference = largest_difference(predict(path, [inputs]), predict(dequantized(model), [inputs]))
            if not difference <= TOLERANCE:
                return self.fail(name, f"differs by {difference:.2g} from the same graph with float32 weights")
            self.whole += 1

    def data(self, kind):
        """Examples of four classes, each around a center of its own; with lengths, zeros behind the real frames."""
        random, shape, path = np.random.default_rng(0), SHAPES[kind], self.folder / f"{kind}.npz"
        centers, arrays = random.normal(size=(4, *shape)), {}
        for split, count in (("train", 400), ("test", 200)):
            labels = random.integers(0, 4, count)
            examples = (centers[labels] + 1.5 * random.normal(size=(count, *shape))).astype(np.float32)
            if kind == "lengths":
                lengths = arrays[f"length_{split}"] = random.integers(1, shape[0] + 1, count)
                for example, length in zip(examples, lengths):
                    example[length:] = 0
            arrays[f"x_{split}"], arrays[f"y_{split}"] = examples, labels
        np.savez(path, **arrays)
        return path, arrays["x_test"], arrays["y_test"]


def arrays(file, name):
    """A dataset, or those that are counted."""
    if name in file:
        return [file[name][...]]
    count = sum(dataset.startswith(f"{name}_") for dataset in file)
    return [file[f"{name}_{index}"][...] for index in range(count)]


def dequantized(model):
    """The bytes of a model with the numbers that its int8 weights stand for in their place."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "DequantizeLinear"]:
        whole, scale = (onnx.numpy_helper.to_array(tensors[name]) for name in node.input)
        tensor = onnx.numpy_helper.from_array(whole.astype(np.float32) * scale, node.output[0])
        model.graph.initializer.append(tensor)
        model.graph.node.remove(node)
    return model.SerializeToString()


def predict(path, inputs):
    model = path if isinstance(path, bytes) else str(path)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [input.name for input in session.get_inputs()]
    return session.run(None, {name: input.astype(np.float32) for name, input in zip(names, inputs, strict=True)})


def largest_difference(found, expected):
    """Relative where numbers are larger than 1; NaN equals NaN."""
    largest = 0
    for ours, theirs in zip(found, expected, strict=True):
        theirs = theirs.astype(np.float32)
        if ours.shape != theirs.shape:
            raise ValueError(f"has the shape {ours.shape}, expected {theirs.shape}")
        differences = np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))
        differences[np.isnan(ours) & np.isnan(theirs)] = 0
        largest = max(largest, np.nan_to_num(differences, nan=np.inf).max(initial=0))
    return largest


if __name__ == "__main__":
    main()
