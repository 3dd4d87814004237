"""Where the seeds of `Tools/fuzz` are."""

from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent.parent
FIXTURES = TOP / "Tests"

# What stands in files for the folder that they will lie in.
FOLDER = b"@FOLDER@"
