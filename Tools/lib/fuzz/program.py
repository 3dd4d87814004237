"""The program under test: a new process for each call, and what became of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from fuzz.places import TOP

# A server is started again after so many calls, so that all that is chosen at random while a program is loaded varies.
CALLS = 100


def build_server(folder):
    """The library that forks processes from a loaded program."""
    compiler = shutil.which("clang") or shutil.which("cc")
    if not compiler:
        sys.exit("found neither clang nor cc; leave --fork-server out")
    library = folder / "fork-server.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, TOP / "Tools/lib/fork-server.c", "-ldl"], check=True)
    return library


def threads(process):
    """What the threads of a process and of its children do, one line each: who waits hangs, who runs has too much to do or too
    little of a processor."""
    lines, ticks = [], os.sysconf("SC_CLK_TCK")
    for task in Path(f"/proc/{process}/task").glob("*"):
        try:
            fields = (task / "stat").read_text().rpartition(") ")[2].split()
            used = (int(fields[11]) + int(fields[12])) / ticks
            lines.append(f"thread {task.name} of {process}: state {fields[0]}, {used:.2f} s of CPU, in {(task / 'wchan').read_text()}")
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            lines += threads(int(child))
    return lines


class Program:
    """Runs for one thread. `errors` is a file of its own for standard error; without a library, each call loads the program."""

    def __init__(self, path, errors, library=None):
        self.path, self.errors, self.library = path, errors, library
        self.server = self.channel = None
        self.calls = 0

    def run(self, command, folder, seconds):
        """The exit code, or "slow", standard error, and the largest memory of the process."""
        began, states = time.monotonic(), []
        process, end = self.fork(command, folder) if self.library else self.start(command, folder)

        def kill():
            states.extend(threads(process))
            os.kill(process, signal.SIGKILL)

        timer = threading.Timer(seconds, kill)
        timer.start()
        status, kilobytes = end()
        timer.cancel()
        code = "slow" if time.monotonic() - began >= seconds else os.waitstatus_to_exitcode(status)
        said = self.errors.read_text(errors="replace") + "".join(line + "\n" for line in states)
        return code, said, kilobytes * 1024

    def start(self, command, folder):
        with open(self.errors, "wb") as errors:
            started = subprocess.Popen([self.path, *command], cwd=folder, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=errors)  # fmt: skip

        def end():
            _, status, usage = os.wait4(started.pid, 0)
            started.returncode = os.waitstatus_to_exitcode(status)
            return status, usage.ru_maxrss

        return started.pid, end

    def fork(self, command, folder):
        if self.server is None or self.calls == CALLS:
            self.stop()
            self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            environment = dict(os.environ, LD_PRELOAD=str(self.library), FORK_SERVER=str(theirs.fileno()))
            self.server = subprocess.Popen([self.path], env=environment, pass_fds=[theirs.fileno()],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
            theirs.close()
            self.calls = 0
        self.calls += 1
        self.channel.send(b"".join(os.fsencode(part) + b"\0" for part in [folder, self.errors, *command]))
        return self.numbers(1)[0], lambda: self.numbers(2)

    def numbers(self, count):
        answer = self.channel.recv(100).split()
        if len(answer) != count:
            sys.exit(f"the server of {self.path} ended with {self.server.wait()}; leave --fork-server out")
        return [int(number) for number in answer]

    def stop(self):
        """Ends the server, if there is one."""
        if self.server is not None:
            self.channel.close()
            self.server.wait()
