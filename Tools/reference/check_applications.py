"""Checks that networks of keras.applications are read and predicted as Keras predicts them.

    python Tools/reference/check_applications.py COMPRESS FOLDER [--keras2] [--all] [NAME ...]

Each network is built at the smallest size that it takes, with random but seeded weights, and with statistics of
BatchNormalization that a batch leaves behind, so that activations neither vanish nor explode. `compress predict` must
say the same of the file as Keras of the model, within 1e-4 of the largest output: .keras of Keras 3, .h5 of Keras 2
(tf_keras, with --keras2). By default
the smallest network of each family is checked, with --all every one, which takes some 20 GB of disk one after another
and about an hour; NAMEs choose. Prints a line for each, and the exit code is 1 if any disagrees or is refused.
"""

import argparse
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

# The smallest of each family.
SMALL = [
    "ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionResNetV2", "InceptionV3", "MobileNet",
    "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50", "ResNet50V2", "VGG16", "Xception",
]  # fmt: skip
SIZES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
CLASSES = 10
TOLERANCE = 1e-4
# Examples in the batch that leaves statistics behind, and the least variance of a channel, relative to the mean of a layer's.
BATCH, LEAST_VARIANCE = 32, 0.3


def main():
    parser = argparse.ArgumentParser(description="Checks networks of keras.applications.")
    parser.add_argument("compress", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keras2", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_intermixed_args()
    if arguments.keras2:
        import tf_keras as keras
    else:
        import keras
    arguments.folder.mkdir(parents=True, exist_ok=True)
    every = [name for name in dir(keras.applications) if name[0].isupper()]
    names = arguments.names or (every if arguments.all else [name for name in SMALL if name in every])
    suffix = ".h5" if arguments.keras2 else ".keras"
    results = [check(keras, arguments.compress.resolve(), arguments.folder, name, suffix) for name in names]
    print(f"{sum(results)} of {len(results)} networks of Keras {keras.__version__} agree")
    sys.exit(0 if all(results) else 1)


def check(keras, compress, folder, name, suffix):
    start = time.time()
    keras.backend.clear_session()
    size = SIZES.get(name, 32)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(size, size, 3), classes=CLASSES, classifier_activation=None
    )
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    randomize(keras, model, generator, size)
    pixels = generator.uniform(0, 255, (4, size, size, 3)).astype("float32")
    expected = np.asarray(model(pixels, training=False))
    path, examples, output = folder / (name + suffix), folder / "examples.h5", folder / "predictions.h5"
    model.save(path)
    with h5py.File(examples, "w") as file:
        file["x"] = pixels
    output.unlink(missing_ok=True)
    run = subprocess.run(
        [compress, "predict", path, "--inputs", f"{examples}:x", "--output", output, "--quiet"],
        capture_output=True, text=True,
    )  # fmt: skip
    line = f"{name}, {model.count_params():,} parameters, {size} × {size}"
    path.unlink()
    if run.returncode != 0:
        print(f"FAIL {line}: {run.stderr.strip()}", flush=True)
        return False
    with h5py.File(output) as file:
        found = file["output"][()]
    scale = np.abs(expected).max()
    difference = np.abs(found - expected).max() / scale
    varies = np.isfinite(scale) and expected.std(axis=0).max() > 1e-3 * scale
    agrees = difference < TOLERANCE and varies
    verdict = "ok  " if agrees else "FAIL"
    print(
        f"{verdict} {line}: differs by {difference:.1e} of {scale:.3g}" + ("" if varies else ", hardly varies")
        + f" ({time.time() - start:.0f} s)",
        flush=True,
    )  # fmt: skip
    return agrees


def randomize(keras, model, generator, size):
    """Weights of He's scale, and the statistics that a batch leaves behind, each a little off.

    A channel that hardly varies within the batch has a variance as if it did: divided by its own, rounding would grow from
    layer to layer, and deep networks would disagree with themselves.
    """
    layers = list(flatten(model))
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization):
            continue
        for weight in layer.weights:
            weight.assign(random_weight(weight.name.split("/")[-1].split(":")[0], tuple(weight.shape), generator))
    normalizations = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalizations:
        layer.momentum = 0.0
    if normalizations:
        model(generator.uniform(0, 255, (BATCH, size, size, 3)).astype("float32"), training=True)
    for layer in normalizations:
        layer.momentum = 0.99
        mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
        layer.moving_mean.assign((mean + 1e-3) * generator.uniform(0.9, 1.1, mean.shape))
        variance = np.maximum(variance, LEAST_VARIANCE * variance.mean()) + 1e-3
        layer.moving_variance.assign(variance * generator.uniform(0.8, 1.25, variance.shape))


def flatten(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flatten(layer)
        else:
            yield layer


def random_weight(role, shape, generator):
    if role == "gamma":
        # Small, so that what a block adds is small beside what goes past it: rounding would grow from block to block.
        values = generator.uniform(0.05, 0.25, shape)
    elif "variance" in role:
        values = generator.uniform(0.5, 1.5, shape)
    elif role in ("beta", "bias") or "mean" in role:
        values = generator.uniform(-0.2, 0.2, shape)
    else:
        # The kernel of a depthwise convolution has one place of each channel as its fan in.
        fan_in = np.prod(shape[:2]) if "depthwise" in role else np.prod(shape[:-1])
        values = generator.standard_normal(shape) * np.sqrt(2 / max(fan_in, 1))
    return values.astype("float32")


if __name__ == "__main__":
    main()
