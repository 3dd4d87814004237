"""A process for each call of the program under test, and what became of it.

Each loads the program anew, which is most of its time. One that is forked from a loaded program has the thread number of its
parent in the cache of Swift's runtime, and waits for ever when two of its threads initialize a type at the same time: some of
10,000 do.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path


def run(command, folder, seconds):
    """The exit code, or "slow", standard error, and the largest memory of the process. Of a slow one, standard error ends with
    what its threads were doing."""
    states = []
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors, stdin=subprocess.DEVNULL)  # fmt: skip

        def kill():
            states.extend(threads(process.pid))
            os.kill(process.pid, signal.SIGKILL)

        timer = threading.Timer(seconds, kill)
        timer.start()
        began = time.monotonic()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        timer.cancel()
        errors.seek(0)
        text = errors.read().decode(errors="replace") + "".join(line + "\n" for line in states)
        is_slow = time.monotonic() - began >= seconds
        return ("slow" if is_slow else process.returncode), text, usage.ru_maxrss * 1024


def threads(process):
    """The threads of a process and of its children, one line each: who sleeps, waits; who runs, computes or gets no processor."""
    lines, ticks = [], os.sysconf("SC_CLK_TCK")
    for task in Path(f"/proc/{process}/task").glob("*"):
        try:
            fields = (task / "stat").read_text().rpartition(") ")[2].split()
            used, place = (int(fields[11]) + int(fields[12])) / ticks, (task / "wchan").read_text()
            lines.append(f"thread {task.name} of {process}: state {fields[0]}, {used:.2f} s of CPU, in {place}")
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            lines += threads(int(child))
    return lines
