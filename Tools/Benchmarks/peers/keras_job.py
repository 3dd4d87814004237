#!/usr/bin/env python3
"""The whole job as a user of Keras on TensorFlow would write it well.

    python Tools/Benchmarks/peers/keras_job.py --threads 2

The same as pytorch_job.py: 60,000 examples through three teachers, the mean of their softmax, and 10 epochs of the row
student at batch 128 by Kullback-Leibler divergence plus cross-entropy, with Adam. Every step is one compiled function:
with XLA where Keras takes it by itself, as keras_peer.py found it fastest for the student, and without for the teachers.
Weights and pixels are random. One JSON object: seconds of each phase, compiling included, and the peak memory.
"""

import argparse
import json
import resource
import sys
import time

began = time.perf_counter()
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--examples", type=int, default=60_000)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--teacher-batch", type=int, default=128)
job = parser.parse_args()

sys.argv = [sys.argv[0], "--threads", str(job.threads)]
from keras_peer import BATCH, MODELS, keras, np, tf


def batches(x, size):
    return [x[start:start + size] for start in range(0, len(x), size)]


def label(x):
    teachers = [MODELS[name][0]() for name in ("conv", "bag-of-frames", "gru")]

    @tf.function(reduce_retracing=True)
    def ensemble(x):
        x = tf.cast(x, tf.float32) / 255
        conv, bag, gru = teachers
        return (tf.nn.softmax(conv(x[..., tf.newaxis], training=False)) + tf.nn.softmax(bag(x, training=False))
                + tf.nn.softmax(gru(x, training=False))) / 3

    return np.concatenate([ensemble(tf.constant(part)).numpy() for part in batches(x, job.teacher_batch)])


def distil(x, y, targets):
    student = MODELS["student"][0]()
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(student.trainable_variables)

    @tf.function(jit_compile=True)
    def step(x, y, q):
        with tf.GradientTape() as tape:
            z = student(tf.cast(x[..., tf.newaxis], tf.float32) / 255, training=True)
            logs = tf.nn.log_softmax(z)
            soft = tf.reduce_mean(tf.reduce_sum(q * (tf.math.log(q) - logs), axis=1))
            hard = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z))
            loss = 0.5 * soft + 0.5 * hard
        weights = student.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    random = np.random.default_rng(1)
    for _ in range(job.epochs):
        order = random.permutation(len(x))
        for chosen in batches(order, BATCH):
            loss = step(tf.constant(x[chosen]), tf.constant(y[chosen]), tf.constant(targets[chosen]))
    return float(loss)


def main():
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (job.examples, 28, 28), np.uint8)
    y = random.integers(0, 10, job.examples).astype(np.int32)
    started = time.perf_counter()
    targets = label(x)
    taught = time.perf_counter()
    distil(x, y, targets)
    ended = time.perf_counter()
    print(json.dumps({
        "peer": "keras", "seconds": {"start": round(started - began, 2), "teachers": round(taught - started, 2),
                                     "student": round(ended - taught, 2), "all": round(ended - began, 2)},
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
