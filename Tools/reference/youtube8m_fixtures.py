"""Files of records of the two forms of YouTube-8M, as TensorFlow writes them, plain and compressed.

    python Tools/reference/youtube8m_fixtures.py

Needs TensorFlow. frame.tfrecord has four examples n = 0 ... 3 of 3, 1, 5 and 2 frames t: byte i of `rgb` is
(40 n + 8 t + i) mod 256, i < 6, and byte i of `audio` is (250 - 40 n - 8 t - i) mod 256, i < 2. Labels are 0 and 4 of the first, n of the others.
video.tfrecord has three: number i of `mean_rgb` is n + i / 8, i < 3, and of `mean_audio` -n - i / 8, i < 2; label 4 - n.
frame.tfrecord calls an example by `id`, video.tfrecord by `video_id`, both "vid" and n.
"""

import gzip
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

FOLDER = Path(__file__).parents[2] / "Tests" / "DatasetsTests" / "Fixtures"


def strings(*values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def integers(*values):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def floats(*values):
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def frame_level(n, length):
    def frames(values):
        return tf.train.FeatureList(feature=[strings(bytes(value % 256 for value in values(t))) for t in range(length)])

    return tf.train.SequenceExample(
        context=tf.train.Features(
            feature={
                "id": strings(f"vid{n}".encode()),
                "labels": integers(*sorted({n} if n else {0, 4})),
                "start_time_seconds": floats(0.5),
            }
        ),
        feature_lists=tf.train.FeatureLists(
            feature_list={
                "audio": frames(lambda t: [250 - 40 * n - 8 * t - i for i in range(2)]),
                "rgb": frames(lambda t: [40 * n + 8 * t + i for i in range(6)]),
            }
        ),
    )


def video_level(n):
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "video_id": strings(f"vid{n}".encode()),
                "labels": integers(4 - n),
                "mean_rgb": floats(*(n + i / 8 for i in range(3))),
                "mean_audio": floats(*(-n - i / 8 for i in range(2))),
                "seconds": floats(1.5),
            }
        )
    )


def write(name, examples):
    with tf.io.TFRecordWriter(str(FOLDER / f"{name}.tfrecord")) as writer:
        for example in examples:
            # Maps in the order of their keys, so that a second run changes no file.
            writer.write(example.SerializeToString(deterministic=True))
    data = (FOLDER / f"{name}.tfrecord").read_bytes()
    (FOLDER / f"{name}.tfrecord.gz").write_bytes(gzip.compress(data, mtime=0))


if __name__ == "__main__":
    write("frame", [frame_level(n, length) for n, length in enumerate([3, 1, 5, 2])])
    write("video", [video_level(n) for n in range(3)])
