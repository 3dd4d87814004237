"""Writes a data file of YouTube-8M's shape: made-up videos, of as many examples as wanted, with something to learn.

    python Tools/reference/youtube8m_data.py DATA.h5 [--train 512] [--validation 64] [--test 128] [--seed 0]

Examples are what `compress import youtube8m` would make of the challenge's files: x (300, 1152) uint8 with `scale` and
`offset`, y of 3,862 classes, `length` from 120 to 300, and zeros behind it.

A class is a direction in a space of 64 topics, and a few of its own. A video is about one topic: most of its labels, 1 to
8 and 3 in the mean, are classes of that topic, common ones more often. Each scene shows one label; each frame is that
label's direction, the video's own look, and noise, in 1,152 features whose variances fall as those of principal
components do.

An example is a function of seed, split and place, so that a longer file begins as a shorter one does. Examples are made
64 at a time: the memory does not depend on how many there are.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np

FRAMES, FEATURES, CLASSES = 300, 1152, 3862
TOPICS, CLASSES_OF_A_VIDEO = 64, 8
BLOCK, ROWS_OF_A_CHUNK = 64, 3
SPLITS = ["train", "validation", "test"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--train", type=int, default=512, help="examples")
    parser.add_argument("--validation", type=int, default=64)
    parser.add_argument("--test", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    world = World(options.seed)
    with h5py.File(options.output, "w") as file:
        for number, split in enumerate(SPLITS):
            if getattr(options, split):
                write(file.create_group(split), world, number, getattr(options, split))


class World:
    """What all videos have in common."""

    def __init__(self, seed):
        self.seed = seed
        random = np.random.default_rng([seed])
        self.topic = random.integers(0, TOPICS, CLASSES)
        # The first classes are the common ones, as in the challenge's vocabulary.
        self.weight = 1 / np.arange(1, CLASSES + 1) ** 0.8
        topics = random.standard_normal((TOPICS, FEATURES))
        own = random.standard_normal((CLASSES, FEATURES))
        # Pictures and sound are principal components: the first ones vary most.
        spread = np.concatenate([1 / np.sqrt(1 + np.arange(size) / 32) for size in (1024, 128)])
        self.spread = spread.astype(np.float32)
        self.directions = ((0.6 * topics[self.topic] + 0.4 * own) * spread).astype(np.float32)
        self.members = [np.flatnonzero(self.topic == topic) for topic in range(TOPICS)]
        self.topic_weight = np.array([self.weight[members].sum() for members in self.members])
        self.topic_weight /= self.topic_weight.sum()

    def labels(self, random):
        """The classes of a video: 1 and a Poisson number of others, mostly of its topic."""
        topic = random.choice(TOPICS, p=self.topic_weight)
        count = min(1 + random.poisson(2), CLASSES_OF_A_VIDEO)
        found = []
        while len(found) < count:
            candidates = self.members[topic] if random.random() < 0.9 else np.arange(CLASSES)
            weights = self.weight[candidates]
            label = int(random.choice(candidates, p=weights / weights.sum()))
            if label not in found:
                found.append(label)
        return found

    def video(self, random):
        """The bytes of the frames, how many there are, and the labels."""
        labels = self.labels(random)
        length = int(random.integers(120, FRAMES + 1))
        # A new scene every 20 frames or so.
        scenes = np.cumsum(random.random(length) < 0.05)
        shown = random.choice(labels, scenes[-1] + 1)[scenes]
        look = random.standard_normal(FEATURES, np.float32) * self.spread
        noise = random.standard_normal((length, FEATURES), np.float32) * self.spread
        features = 0.5 * self.directions[shown] + 0.3 * look + 0.4 * noise
        frames = np.zeros((FRAMES, FEATURES), np.uint8)
        frames[:length] = np.round((np.clip(features, -2, 2) + 2) * (255 / 4))
        return frames, length, labels


def write(group, world, split, count):
    x = group.create_dataset("x", (count, FRAMES, FEATURES), "u1", chunks=(min(ROWS_OF_A_CHUNK, count), FRAMES, FEATURES))
    x.attrs["scale"], x.attrs["offset"] = 4 / 255, 4 / 512 - 2
    y = group.create_dataset("y", (count, CLASSES), "u1", chunks=(min(BLOCK, count), CLASSES), compression="gzip",
                             compression_opts=1)
    lengths = group.create_dataset("length", (count,), "i4")
    for start in range(0, count, BLOCK):
        places = range(start, min(start + BLOCK, count))
        frames = np.zeros((len(places), FRAMES, FEATURES), np.uint8)
        labels = np.zeros((len(places), CLASSES), np.uint8)
        for row, place in enumerate(places):
            frames[row], lengths[place], found = world.video(np.random.default_rng([world.seed, split, place]))
            labels[row, found] = 1
        x[places.start:places.stop], y[places.start:places.stop] = frames, labels


if __name__ == "__main__":
    main()
