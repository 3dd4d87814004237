"""Writes the fixtures that Keras 2 (tf_keras) makes: all of them, or those named on the command line.

    python Tools/reference/keras2_fixtures.py [NAME ...]
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tf_keras

import attention_models  # noqa: F401 (registers its fixtures)
from fixture_files import write_all
from fixture_models import FIXTURES
from refused_fixtures import write_refused
import operation_models  # noqa: F401  registers its models
import shaping_models  # noqa: F401  registers its models

assert tf_keras.__version__.startswith("2"), f"Keras 2 is needed, found {tf_keras.__version__}"

if __name__ == "__main__":
    write_all([fixture for fixture in FIXTURES if fixture.keras2], tf_keras, suffix="-k2")
    if not sys.argv[1:]:
        write_refused(tf_keras, suffix="-k2")
