"""Writes the fixtures that Keras 3 makes: all of them, or those named on the command line.

    python Tools/reference/keras_fixtures.py [NAME ...]
"""

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import attention_models  # noqa: F401 (registers its fixtures)
import frame_models  # noqa: F401  registers its models
from fixture_files import write_all
from fixture_models import FIXTURES
from refused_fixtures import write_refused
import operation_models  # noqa: F401  registers its models
import shaping_models  # noqa: F401  registers its models

assert keras.__version__.startswith("3"), f"Keras 3 is needed, found {keras.__version__}"

if __name__ == "__main__":
    write_all([fixture for fixture in FIXTURES if fixture.keras3], keras, suffix="")
    if not sys.argv[1:]:
        write_refused(keras, suffix="")
