#!/usr/bin/env python3
"""Times Keras on TensorFlow on the benchmark's models.

    python Tools/Benchmarks/peers/keras_peer.py --threads 2

One JSON object a line. Every model at batch 128, two passes: `forward`
(inference) and `train` (forward, softmax cross-entropy, backward, Adam step).
Each is a single compiled function of tensors that are already in memory, so
neither input handling nor the per-call work of `fit` and `predict` is timed.
Peer `keras` is Keras's own choice (jit_compile="auto", which takes XLA
wherever the model allows it); `keras-graph` is the same without XLA, which on
a CPU is often the faster of the two. The better one is the one to beat.
"""

import argparse
import json
import os
import statistics
import time

BATCH = 128


def parse():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--models", help="a comma-separated list; all when left out")
    arguments.add_argument("--seconds", type=float, default=3, help="timed for each row")
    arguments.add_argument("--variants", default="keras,keras-graph")
    return arguments.parse_args()


options = parse()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ[variable] = str(options.threads)
os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)

import keras
import numpy as np
from keras import layers


def convolutions(shape, dense):
    # 477,418 parameters (and 1,250,858 for cifar) need the first convolution
    # of each block padded "same" and the second "valid": 28, 26, 13, 11, 5,
    # so that 5 x 5 x 64 = 1600 features are flattened.
    return [keras.Input(shape),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="valid", activation="relu"),
            layers.MaxPooling2D(2), layers.Dropout(0.25),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="valid", activation="relu"),
            layers.MaxPooling2D(2), layers.Dropout(0.25),
            layers.Flatten(), layers.Dense(dense, activation="relu"), layers.Dense(10)]


def bag_of_frames():
    frames = keras.Input((28, 28))
    x = layers.Dense(256, activation="relu")(frames)
    x = layers.Dense(256, activation="relu")(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x),
                              layers.GlobalMaxPooling1D()(x)])
    x = layers.Dense(256, activation="relu")(x)
    return keras.Model(frames, layers.Dense(10)(x))


def student():
    return [keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(10)]


MODELS = {
    "conv": (lambda: keras.Sequential(convolutions((28, 28, 1), 256)), 477_418),
    "bag-of-frames": (bag_of_frames, 207_114),
    # Two bias vectors: reset_after=True, the default and PyTorch's only layout.
    "gru": (lambda: keras.Sequential(
        [keras.Input((28, 28)), layers.GRU(128, reset_after=True), layers.Dense(10)]), 61_962),
    # One bias vector, as Keras has it; PyTorch's two make 21,514.
    "simple-rnn": (lambda: keras.Sequential(
        [keras.Input((28, 28)), layers.SimpleRNN(128), layers.Dense(10)]), 21_386),
    "student": (lambda: keras.Sequential(student()), 105_866),
    "cifar": (lambda: keras.Sequential(convolutions((32, 32, 3), 512)), 1_250_858),
}


def rate(step, seconds):
    """Examples per second: the median of timed chunks, after warming up."""
    step()
    once = time.perf_counter()
    step()
    once = time.perf_counter() - once
    for _ in range(max(2, min(50, int(0.3 / once)))):
        step()
    chunk = max(1, int(seconds / 7 / once))
    rates = []
    began = time.perf_counter()
    while len(rates) < 3 or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        for _ in range(chunk):
            last = step()
        np.asarray(last)
        rates.append(chunk * BATCH / (time.perf_counter() - started))
    return statistics.median(rates)


def passes(build, jit):
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(optimizer=keras.optimizers.Adam(1e-3), jit_compile=jit,
                  loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    xla = model.jit_compile
    x = tf.random.uniform((BATCH,) + model.input_shape[1:])
    y = tf.random.uniform((BATCH,), 0, 10, tf.int32)
    model.optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=xla)
    def forward(x):
        return model(x, training=False)

    @tf.function(jit_compile=xla)
    def train(x, y):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x, y, model(x, training=True))
        weights = model.trainable_weights
        model.optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return model.count_params(), {"forward": lambda: forward(x),
                                  "train": lambda: train(x, y)}


def main():
    for name in options.models.split(",") if options.models else MODELS:
        build, expected = MODELS[name]
        for variant in options.variants.split(","):
            parameters, steps = passes(build, "auto" if variant == "keras" else False)
            assert parameters == expected, (name, parameters, expected)
            for kind, step in steps.items():
                print(json.dumps({"peer": variant, "model": name, "pass": kind,
                                  "examples_per_second": round(rate(step, options.seconds), 1),
                                  "parameters": parameters}), flush=True)


if __name__ == "__main__":
    main()
