"""Record files as TensorFlow writes them.

    python Tools/reference/record_fixtures.py

Needs TensorFlow. The records are of 0, 1, 7, 8, 9 and 1,000 bytes; byte i of the record of n bytes is (7 i + n) mod 256.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

FOLDER = Path(__file__).parents[2] / "Tests" / "RecordsTests" / "Fixtures"

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(FOLDER / "tensorflow.tfrecord")) as writer:
        for count in (0, 1, 7, 8, 9, 1000):
            writer.write(bytes((7 * index + count) % 256 for index in range(count)))
