#!/usr/bin/env python3
"""Trains the three Fashion-MNIST teachers and saves them as Keras HDF5 files.

    python Tools/teachers/train.py --data DIR --output Weights/fashion-mnist

DIR holds the four IDX files of Fashion-MNIST, gzipped or not. Each teacher
takes the raw pixels 0..255 in shape (28, 28, 1) and answers with a softmax
over the ten classes. `--only conv` trains one of them; the ensemble is
measured over whichever files are then in the output folder.

The last 5,000 examples of the training split are held out for validation,
and every choice was made on them. The test split is read once, at the end.

No label smoothing: a teacher trained on smoothed labels forgets which wrong
classes resemble which examples, and that is what a student is to learn.
"""

import argparse
import gzip
import hashlib
import json
import os
import struct
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers

TEACHERS = ["conv", "bag-of-frames", "rnn"]
HELD_OUT = 5000


# ---------------------------------------------------------------- data

def read_idx(folder, name):
    for path, opener in ((name + ".gz", gzip.open), (name, open)):
        path = os.path.join(folder, path)
        if os.path.exists(path):
            with opener(path, "rb") as file:
                data = file.read()
            rank = data[3]
            shape = struct.unpack(">%dI" % rank, data[4:4 + 4 * rank])
            return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    sys.exit("no %s or %s.gz in %s" % (name, name, folder))


def read_split(folder, prefix):
    x = read_idx(folder, prefix + "-images-idx3-ubyte")[..., np.newaxis]
    return x, read_idx(folder, prefix + "-labels-idx1-ubyte").astype(np.int32)


class Augmented(keras.utils.PyDataset):
    """Shuffled batches, half of the images mirrored and each shifted by up to
    `shift` pixels either way. Of a share `erased` of them a rectangle, 4 to 12
    pixels a side, is filled with noise."""

    def __init__(self, x, y, batch, shift, erased, seed):
        super().__init__(workers=1)
        self.x, self.y, self.batch = x, y, batch
        self.shift, self.erased = shift, erased
        self.random = np.random.default_rng(seed)
        self.order = self.random.permutation(len(x))

    def __len__(self):
        return len(self.x) // self.batch

    def on_epoch_end(self):
        self.order = self.random.permutation(len(self.x))

    def __getitem__(self, index):
        chosen = self.order[index * self.batch:(index + 1) * self.batch]
        x, n, s = self.x[chosen, :, :, 0], len(chosen), self.shift
        x = np.pad(x, ((0, 0), (s, s), (s, s)))
        rows = self.random.integers(0, 2 * s + 1, (n, 1)) + np.arange(28)
        columns = self.random.integers(0, 2 * s + 1, (n, 1)) + np.arange(28)
        mirrored = self.random.random(n) < 0.5
        columns[mirrored] = columns[mirrored, ::-1]
        x = x[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
        if self.erased:
            self.erase(x)
        return x[..., np.newaxis].astype(np.float32), self.y[chosen]

    def erase(self, x):
        for image in np.flatnonzero(self.random.random(len(x)) < self.erased):
            height, width = self.random.integers(4, 13, 2)
            top, left = self.random.integers(0, 29 - height), self.random.integers(0, 29 - width)
            x[image, top:top + height, left:left + width] = self.random.integers(
                0, 256, (height, width))


# ---------------------------------------------------------------- models

def conv():
    """Four 3x3 convolutions, each batch-normalised, and a dense head."""
    def block(width):
        return [layers.Conv2D(width, 3, padding="same", use_bias=False),
                layers.BatchNormalization(), layers.Activation("relu")]
    return keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Rescaling(1 / 255)]
        + block(32) + [layers.MaxPooling2D()]
        + block(64) + block(64) + [layers.MaxPooling2D(), layers.Dropout(0.1)]
        + block(128) + [layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.3),
                        layers.Dense(128, activation="relu"), layers.Dropout(0.3),
                        layers.Dense(10, activation="softmax")],
        name="conv")


def by_position(x):
    """A learned gain and offset for each feature at each position: batch
    normalisation over the flattened (position, feature) axis. It is all that
    tells a frame where in the picture it stands."""
    shape = x.shape[1:]
    x = layers.Flatten()(x)
    x = layers.BatchNormalization()(x)
    return layers.Reshape(shape)(x)


def bag_of_frames():
    """An MLP with one residual step over each of the overlapping bands of 4, of
    7 and of 12 rows, with their position and with weights of their own for each
    height; pooled over all bands by mean and over the upper, the middle and the
    lower third of them by maximum. The same over bands of columns; then an MLP
    over what was pooled."""
    width = 128
    pixels = keras.Input((28, 28, 1))
    picture = layers.Reshape((28, 28))(layers.Rescaling(1 / 255)(pixels))
    pooled = []
    for bands in (picture, layers.Permute((2, 1))(picture)):
        for height in (4, 7, 12):
            x = layers.Conv1D(width, height, strides=2, use_bias=False)(bands)
            x = layers.Activation("relu")(by_position(x))
            y = layers.Dense(width, use_bias=False)(x)
            y = layers.Activation("relu")(by_position(y))
            y = layers.BatchNormalization()(layers.Dense(width, use_bias=False)(y))
            x = layers.Activation("relu")(layers.Add()([x, y]))
            thirds = layers.MaxPooling1D(x.shape[1] // 3)(x)
            pooled += [layers.GlobalAveragePooling1D()(x), layers.Flatten()(thirds)]
    x = layers.Dropout(0.3)(layers.Concatenate()(pooled))
    x = layers.Dense(80, use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.Dropout(0.3)(x)
    return keras.Model(pixels, layers.Dense(10, activation="softmax")(x),
                       name="bag-of-frames")


def rnn():
    """Two bidirectional GRUs over 12 overlapping bands of 6 rows, each band
    seen through filters that slide along its columns; the end state and the
    mean over the bands, then an MLP."""
    pixels = keras.Input((28, 28, 1))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(40, (6, 5), strides=(2, 1), use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D((1, 2))(x)
    x = layers.Conv2D(64, (1, 3), padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.MaxPooling2D((1, 2))(x)
    x = layers.Reshape((12, 6 * 64))(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Bidirectional(layers.GRU(96, return_sequences=True))(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Concatenate()([layers.Bidirectional(layers.GRU(64))(x),
                              layers.GlobalAveragePooling1D()(x)])
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(pixels, layers.Dense(10, activation="softmax")(x), name="rnn")


# Model, cycles of (epochs, peak rate, share erased), batch, shift, seed. A second, lower cycle
# brought the two weaker teachers nearer to the convolutions, which an ensemble
# by uniform mean needs more than it needs one teacher far ahead.
RECIPES = {
    "conv": (conv, [(16, 3e-3, 0)], 128, 2, 1),
    "bag-of-frames": (bag_of_frames, [(34, 2e-3, 0.2), (12, 1.2e-3, 0)], 128, 1, 2),
    "rnn": (rnn, [(20, 2e-3, 0), (9, 1.2e-3, 0)], 128, 2, 3),
}


# ---------------------------------------------------------------- training

@keras.saving.register_keras_serializable("teachers")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise over the first tenth of the steps, then cosine to nought."""

    def __init__(self, peak, steps):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        at = keras.ops.cast(step, "float32") / self.steps
        rise = at / 0.1
        fall = 0.5 * (1 + keras.ops.cos(np.pi * (at - 0.1) / 0.9))
        return self.peak * keras.ops.minimum(keras.ops.where(at < 0.1, rise, fall), 1.0)

    def get_config(self):
        return {"peak": self.peak, "steps": self.steps}


def save(model, path):
    """Writes an uncompiled copy, so that the file is weights and shape only."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    partial = path[:-len(".h5")] + ".new.h5"
    copy.save(partial, include_optimizer=False)
    os.replace(partial, path)


def train(name, x, y, output, epochs=None, examples=None):
    build, cycles, batch, shift, seed = RECIPES[name]
    if epochs:
        cycles = [(epochs, peak, erased) for _, peak, erased in cycles]
    keras.utils.set_random_seed(seed)
    train_x, train_y = x[:-HELD_OUT][:examples], y[:-HELD_OUT][:examples]
    held_x, held_y = x[-HELD_OUT:].astype(np.float32), y[-HELD_OUT:]
    model = build()
    print("%s: %d parameters" % (name, model.count_params()), flush=True)
    path = os.path.join(output, name + ".h5")
    started = time.time()
    for cycle, (epochs, peak, erased) in enumerate(cycles):
        run_cycle(model, Augmented(train_x, train_y, batch, shift, erased, seed + 100 * cycle),
                  (held_x, held_y), epochs, peak, path)
    return {"cycles": [{"epochs": e, "peak_learning_rate": p, "erased": r} for e, p, r in cycles],
            "epochs": sum(e for e, _, _ in cycles), "batch": batch, "shift": shift, "seed": seed,
            "seconds": round(time.time() - started),
            "keras": keras.__version__, "backend": keras.backend.backend()}


def run_cycle(model, data, held_out, epochs, peak, path):
    model.compile(
        optimizer=keras.optimizers.AdamW(OneCycle(peak, epochs * len(data)), weight_decay=1e-3),
        loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    started = time.time()

    def report(epoch, logs):
        save(model, path)
        print("%s: epoch %d of %d, train %.4f, held out %.4f (loss %.4f), %.0f s" % (
            model.name, epoch + 1, epochs, logs["accuracy"], logs["val_accuracy"],
            logs["val_loss"], time.time() - started), flush=True)

    model.fit(data, epochs=epochs, validation_data=held_out, validation_batch_size=500,
              verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=report)])


# ---------------------------------------------------------------- measuring

def measure(probabilities, y):
    right = probabilities.argmax(1) == y
    loss = -np.log(np.maximum(probabilities[np.arange(len(y)), y], 1e-9)).mean()
    sure = probabilities.max(1)
    bins = np.minimum((sure * 15).astype(int), 14)
    gap = sum(abs(right[bins == b].sum() - sure[bins == b].sum()) for b in range(15))
    return {"accuracy": round(float(right.mean()), 4), "cross_entropy": round(float(loss), 4),
            "calibration_error": round(float(gap / len(y)), 4)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", required=True, help="folder of the IDX files")
    arguments.add_argument("--output", required=True, help="folder for the HDF5 files")
    arguments.add_argument("--only", choices=TEACHERS, help="train this teacher alone")
    arguments.add_argument("--measure", action="store_true", help="train none, measure the files")
    arguments.add_argument("--no-test", action="store_true", help="leave the test split unread")
    arguments.add_argument("--epochs", type=int, help="instead of each recipe's own")
    arguments.add_argument("--examples", type=int, help="train on the first N only (a trial)")
    options = arguments.parse_args()

    os.makedirs(options.output, exist_ok=True)
    cards_path = os.path.join(options.output, "cards.json")
    cards = {}
    if os.path.exists(cards_path):
        with open(cards_path) as file:
            cards = json.load(file)

    def store():
        with open(cards_path, "w") as file:
            json.dump(cards, file, indent=2)
            file.write("\n")

    x, y = read_split(options.data, "train")
    for name in [] if options.measure else [options.only] if options.only else TEACHERS:
        cards[name] = train(name, x, y, options.output, options.epochs, options.examples)
        store()

    splits = {"validation": (x[-HELD_OUT:], y[-HELD_OUT:])}
    if not options.no_test:
        splits["test"] = read_split(options.data, "t10k")
    present = [n for n in TEACHERS if os.path.exists(os.path.join(options.output, n + ".h5"))]
    sums = {split: 0 for split in splits}
    for name in present:
        path = os.path.join(options.output, name + ".h5")
        model = keras.models.load_model(path, compile=False)
        with open(path, "rb") as file:
            data = file.read()
        card = cards.setdefault(name, {})
        card.update(file=name + ".h5", bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
                    parameters=model.count_params())
        for split, (images, labels) in splits.items():
            p = model.predict(images.astype(np.float32), batch_size=500, verbose=0)
            sums[split] = sums[split] + p.astype(np.float64)
            card[split] = measure(p, labels)
            print("%s, %s: %s" % (name, split, card[split]), flush=True)
    cards["ensemble"] = {"of": present, "by": "uniform mean of the probabilities"}
    for split, (_, labels) in splits.items():
        card = cards["ensemble"][split] = measure(sums[split] / len(present), labels)
        best = max(cards[n][split]["accuracy"] for n in present)
        card["above_best_teacher"] = round(card["accuracy"] - best, 4)
        print("ensemble, %s: %s" % (split, card), flush=True)
    store()


if __name__ == "__main__":
    main()
