"""Writes what Tools/Benchmarks/job reads: three teachers with random weights, and random pixels.

    python Tools/Benchmarks/peers/job_files.py --output FOLDER --examples 60000

The teachers are the rows of keras_peer.py, with the scaling of pixels before and a softmax behind.
"""

import argparse
import sys
from pathlib import Path

arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
arguments.add_argument("--output", type=Path, required=True)
arguments.add_argument("--examples", type=int, default=60_000)
options = arguments.parse_args()

# keras_peer reads the command line when it is imported, as threads have to be set before TensorFlow is.
sys.argv = sys.argv[:1]
sys.path.insert(0, str(Path(__file__).resolve().parent))
import h5py
import keras
import numpy as np

from keras_peer import MODELS


def teacher(name):
    build, parameters = MODELS[name]
    model = build()
    assert model.count_params() == parameters, (name, model.count_params(), parameters)
    pixels = keras.Input(model.input_shape[1:])
    x = keras.layers.Rescaling(1 / 255)(pixels)
    for layer in model.layers if isinstance(model, keras.Sequential) else [model]:
        x = layer(x)
    return keras.Model(pixels, keras.layers.Softmax()(x), name=name)


def main():
    options.output.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(("conv", "bag-of-frames", "gru")):
        keras.utils.set_random_seed(seed)
        teacher(name).save(options.output / f"{name}.h5", include_optimizer=False)
    random = np.random.default_rng(1)
    path = options.output / f"pixels-{options.examples}.h5"
    partial = path.with_suffix(".partial")
    with h5py.File(partial, "w") as file:
        # Held-out and test examples are few: the peer has none.
        for split, count in (("train", options.examples), ("validation", 128), ("test", 128)):
            file[f"{split}/x"] = random.integers(0, 256, (count, 28, 28, 1), np.uint8)
            file[f"{split}/y"] = np.concatenate([np.arange(10), random.integers(0, 10, count - 10)]).astype(np.uint8)
    partial.rename(path)


if __name__ == "__main__":
    main()
