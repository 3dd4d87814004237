"""Has the library of safetensors read what `compress` writes, and the other way around.

    python Tools/reference/check_safetensors.py COMPRESS FOLDER

A few fixtures of ModelFilesTests are converted to .safetensors: `safetensors` must find in it the arrays that the .h5 has,
under Keras's names. Then `safetensors` saves them anew, in its own order and without the architecture, and `compress` must
predict with these and --architecture what Keras says. FOLDER is for the files. The exit code is 1 if anything failed.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

MODELS = Path(__file__).parent.parent.parent / "Tests/ModelFilesTests/Fixtures"
NAMES = ["digits", "conv2d", "separable-conv2d", "batch-normalization-conv", "bidirectional", "lstm", "gru-k2", "transformer"]


def main():
    parser = argparse.ArgumentParser(description="Has the library of safetensors read what compress writes, and back.")
    parser.add_argument("compress", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    failed = False
    for name in NAMES:
        try:
            check(arguments.compress.resolve(), arguments.folder, name)
        except Exception as error:
            failed = True
            print(f"FAIL {name}.safetensors: {type(error).__name__}: {' '.join(str(error).split())[-400:]}", flush=True)
    if not failed:
        print(f"ok   safetensors reads {len(NAMES)} models, and is read")
    sys.exit(1 if failed else 0)


def check(compress, folder, name):
    path, other, saved = folder / f"{name}.safetensors", folder / f"{name}.h5", folder / f"{name}-saved.safetensors"
    for output in (path, other):
        run(compress, "convert", MODELS / f"{name}.h5", "--output", output, "--quiet")
    arrays, expected = load_file(path), weights(other)
    if set(arrays) != set(expected):
        raise ValueError(f"has {sorted(arrays)}, expected {sorted(expected)}")
    for key, array in arrays.items():
        if not np.array_equal(array, expected[key]):
            raise ValueError(f"{key} differs")
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    architecture = folder / f"{name}.json"
    architecture.write_text(json.dumps({"keras_version": metadata["keras_version"], **json.loads(metadata["config"])}))
    save_file(arrays, saved)
    predictions = folder / f"{name}.predictions.h5"
    inputs = f"{MODELS / name}.io.h5"
    options = ["--architecture", architecture, "--inputs", f"{inputs}:input", "--output", predictions, "--quiet"]
    run(compress, "predict", saved, *options)
    with h5py.File(inputs) as keras, h5py.File(predictions) as ours:
        for output in ours:
            np.testing.assert_allclose(ours[output][...], keras[output][...], rtol=1e-4, atol=1e-5)


def weights(path):
    """The arrays of an .h5 of `compress`, by layer and name."""
    with h5py.File(path) as file:
        layers = file["model_weights"]
        return {f"{layer}/{name}": layers[layer][name][...] for layer in layers for name in names(layers[layer])}


def names(layer):
    found = []
    layer.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def run(*arguments):
    result = subprocess.run(arguments, capture_output=True, text=True)
    if result.returncode != 0:
        raise ValueError(result.stderr)


if __name__ == "__main__":
    main()
