"""What `compare` and `job` share: where the peers live, and how programs are run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "Tools/Benchmarks/peers"
ENVIRONMENTS = ROOT / ".build/peers"


def add_python_options(parser):
    """The interpreters that have the peers: options, or else the environment, or else what --setup made."""
    for name, holds in (("torch", "PyTorch"), ("keras", "Keras on TensorFlow")):
        made = ENVIRONMENTS / name / "bin/python"
        default = os.environ.get(f"{name.upper()}_PYTHON") or (str(made) if made.exists() else None)
        parser.add_argument(f"--{name}-python", default=default, metavar="PATH",
                            help=f"a Python with {holds}; also {name.upper()}_PYTHON")
    parser.add_argument("--setup", action="store_true", help="first make environments for the peers in .build/peers")


def set_up(options):
    """Carries out --setup."""
    if not options.setup:
        return
    for name in ("torch", "keras"):
        folder = ENVIRONMENTS / name
        subprocess.run([ROOT / "Tools/python-environment", folder, PEERS / f"requirements-{name}.txt"], check=True)
        setattr(options, f"{name}_python", str(folder / "bin/python"))


def need_python(options, name):
    python = getattr(options, f"{name}_python")
    if python is None:
        sys.exit(f"no Python for {name}: pass --setup, --{name}-python or {name.upper()}_PYTHON")
    return python


def swift_build(package, *extra):
    """Builds a package in release, and returns the folder of its programs."""
    flags = subprocess.run([ROOT / "Tools/build-flags"], check=True, capture_output=True, text=True).stdout.split()
    scratch = ROOT / (".build" if package == ROOT else ".build-benchmark")
    command = ["swift", "build", "-c", "release", "--package-path", package, "--scratch-path", scratch, *flags, *extra]
    subprocess.run(command, check=True, stdout=sys.stderr)
    shown = subprocess.run([*command, "--show-bin-path"], check=True, capture_output=True, text=True)
    return Path(shown.stdout.strip())


def run(command, environment=None):
    """The standard output of a command, its seconds by the clock, and the most memory it had, in bytes."""
    print("$", " ".join(str(word) for word in command), file=sys.stderr, flush=True)
    began = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **(environment or {})})
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with exit code {process.returncode}")
    return output, seconds, usage.ru_maxrss * 1024


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def print_table(titles, rows):
    """Columns as wide as they need; numbers stand right."""
    cells = [titles] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    numeric = [all(row[column][:1] in "0123456789–" for row in cells[1:]) for column in range(len(titles))]
    for row in cells:
        print("  ".join(cell.rjust(width) if number else cell.ljust(width)
                        for cell, width, number in zip(row, widths, numeric)).rstrip())
