"""Writes a small data file that suits an architecture: random, but with something to learn.

    python Tools/reference/tiny_data.py Architectures/students/conv.yaml DATA.h5 [--labels several]

Axes that the architecture leaves open get a few elements. Inputs of three axes are pictures, 0 to 255.
Of every other sequence of frames the last ones are padding, zeros.
"""

import argparse
import re
from pathlib import Path

import h5py
import numpy as np

CLASSES = 5
EXAMPLES = {"train": 512, "validation": 64, "test": 64}
OPEN_AXIS = {"height": 14, "width": 13, "channels": 2, "time": 20, "features": 12, "frames": 6}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("architecture", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--labels", choices=["one", "several"], default="one")
    arguments = parser.parse_args()
    shape = input_shape(arguments.architecture)
    random = np.random.default_rng(1)
    prototypes = random.normal(size=(CLASSES, *shape))
    with h5py.File(arguments.output, "w") as file:
        for split, count in EXAMPLES.items():
            labels = make_labels(random, count, arguments.labels)
            x = random.normal(size=(count, *shape)) + np.tensordot(labels, prototypes, 1)
            if "frames" in arguments.architecture.read_text().split("layers:")[0]:
                x[1::2, shape[0] // 2 :] = 0
            file[f"{split}/x"] = as_pixels(x) if len(shape) == 3 else x.astype(np.float32)
            file[f"{split}/y"] = labels if arguments.labels == "several" else labels.argmax(1).astype(np.uint8)


def input_shape(architecture):
    found = re.search(r"^input: *\[(.*)\]", architecture.read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"{architecture} has no line 'input: [...]'")
    axes = [axis.strip() for axis in found[1].split(",")]
    return tuple(int(axis) if axis.isdigit() else OPEN_AXIS[axis] for axis in axes)


def make_labels(random, count, kind):
    if kind == "several":
        return (random.random((count, CLASSES)) < 0.3).astype(np.uint8)
    return np.eye(CLASSES, dtype=np.uint8)[random.integers(0, CLASSES, count)]


def as_pixels(x):
    return np.clip(x * 40 + 128, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
