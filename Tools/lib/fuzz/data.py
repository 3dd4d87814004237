"""Damaged data: files of every form, archives, records and run directories, and the commands that read each."""

import gzip
import re
import signal
import subprocess
import time

from fuzz.models import MODELS, Mutant
from fuzz.mutations import BYTES, change_bytes, change_number, change_structure, cut, move_block
from fuzz.places import FIXTURES, FOLDER

DATA = FIXTURES / "DatasetsTests" / "Fixtures"
PLAIN = [change_bytes, change_bytes, change_number, move_block, cut]
PICTURES = """name: pictures
input: [12, 12]
layers:
  - Flatten: {}
  - Dense: {units: classes, activation: softmax}
"""
VIDEOS = """name: videos
input: [6, 4]
layers:
  - GlobalAveragePooling1D: {}
  - Dense: {units: classes, activation: softmax}
"""


def train(data, *more):
    """The shortest training."""
    return ["train", "--architecture", "student.yaml", "--data", data, "--epochs", "1", "--batch-size", "8", "--threads",
            "1", "--output", "out.h5", *more]  # fmt: skip


def distill(data, *more):
    return ["--teachers", "digits.h5", "--data", data, "--student", "student.yaml", "--budget", "60kB", "--epochs", "2",
            "--batch-size", "8", "--threads", "1", "--output", "out.h5", *more]  # fmt: skip


class DataFiles:
    """HDF5 in every form: contiguous, chunked, compressed, compact; of several types, with lengths, names and scales."""

    def __init__(self, program, folder):
        self.sources = sorted((DATA / "forms").glob("*.h5"))
        self.model = (MODELS / "digits.h5").read_bytes()

    def mutant(self, chance):
        source = chance.choice(self.sources)
        data = chance.choice([*BYTES, change_structure])(chance, bytearray(source.read_bytes()))
        areVideos = source.name.startswith("videos")
        student = VIDEOS if areVideos else PICTURES
        commands = [train("mutant.h5"), ["evaluate", "digits.h5", "--data", "mutant.h5"],
                    ["predict", "digits.h5", "--inputs", "mutant.h5:test/x", "--output", "out.h5"], distill("mutant.h5")]  # fmt: skip
        command = train("mutant.h5") if areVideos else chance.choice(commands)
        files = {"mutant.h5": bytes(data), "digits.h5": self.model, "student.yaml": student.encode()}
        # Another label may be one of more classes than a student within the budget has.
        codes = (0, 1, 65, 66) if "--budget" in command else (0, 65, 66)
        return Mutant(source.name, files, command, "out.h5", codes=codes)


class Predictions:
    """Predictions in the place of a teacher."""

    def __init__(self, program, folder):
        self.predictions = sorted(path for path in (DATA / "predictions").iterdir() if path.name != "data.h5")
        self.predicted = (DATA / "predictions" / "data.h5").read_bytes()

    def mutant(self, chance):
        source = chance.choice(self.predictions)
        data = chance.choice([*PLAIN, change_structure] if source.suffix == ".h5" else PLAIN)
        name = "mutant" + source.suffix
        files = {name: bytes(data(chance, bytearray(source.read_bytes()))), "d.h5": self.predicted}
        command = ["--teachers", chance.choice(["", "", "t="]) + name + chance.choice(["", "", ":train", ":probs"]), "--data",
                   "d.h5", "--student", "mlp", "--budget", "60kB", "--epochs", "1", "--threads", "1", "--output",
                   "out.h5"]  # fmt: skip
        return Mutant(source.name, files, command, "out.h5")


class Archives:
    """Archives of numpy's."""

    def __init__(self, program, folder):
        self.archives = sorted(path for path in DATA.glob("*.npz") if path.stat().st_size < 10_000)
        self.model = (MODELS / "digits.h5").read_bytes()

    def mutant(self, chance):
        source = chance.choice(self.archives)
        data = chance.choice(PLAIN)(chance, bytearray(source.read_bytes()))
        files = {"x.npz": bytes(data), "digits.h5": self.model}
        command = chance.choice(
            [["import", "npz", "x.npz", "--output", "out.h5"], ["evaluate", "digits.h5", "--data", "x.npz"],
             ["predict", "digits.h5", "--inputs", "x.npz:x_test", "--output", "out.h5"]])  # fmt: skip
        return Mutant(source.name, files, command, "out.h5")


class Imports:
    """Other people's data files: IDX, CIFAR's binaries, TFRecords plain and in gzip files."""

    def __init__(self, program, folder):
        self.records = sorted(DATA.glob("*.tfrecord*"))

    def mutant(self, chance):
        return chance.choice([self.idx, self.cifar, self.record, self.record])(chance)

    def idx(self, chance):
        images = b"\0\0\x08\x03\0\0\0\x06\0\0\0\x03\0\0\0\x03" + bytes(range(54))
        labels = b"\0\0\x08\x01\0\0\0\x06" + bytes([0, 1, 2, 0, 1, 2])
        return self.several(chance, "idx", [images, labels, images, labels])

    def cifar(self, chance):
        record = lambda label: bytes([label]) + bytes(range(256)) * 12
        return self.several(chance, "cifar10", [record(index) + record(index + 1) for index in range(6)])

    def several(self, chance, kind, contents):
        """One of some files is damaged, perhaps inside a gzip file."""
        damaged = chance.randrange(len(contents))
        data = bytearray(contents[damaged])
        isZipped = chance.random() < 0.4
        if isZipped and chance.random() < 0.5:
            data = chance.choice(PLAIN)(chance, bytearray(gzip.compress(data, mtime=0)))
        else:
            data = chance.choice(PLAIN)(chance, data)
            data = gzip.compress(data, mtime=0) if isZipped else data
        contents = [bytes(data) if index == damaged else content for index, content in enumerate(contents)]
        files = {f"file{index}": content for index, content in enumerate(contents)}
        return Mutant(kind, files, ["import", kind, *files, "--output", "out.h5"], "out.h5")

    def record(self, chance):
        source = chance.choice(self.records)
        data = bytearray(source.read_bytes())
        isZipped = source.suffix == ".gz"
        if isZipped and chance.random() < 0.6:
            data = bytearray(gzip.decompress(data))
            data = bytearray(gzip.compress(self.change_record(chance, data), mtime=0))
        elif not isZipped:
            data = self.change_record(chance, data)
        else:
            data = chance.choice(PLAIN)(chance, data)
        good = source.read_bytes()
        files = {"mutant" + source.suffix: bytes(data), "good" + source.suffix: good}
        command = ["import", "youtube8m", "--train", "mutant" + source.suffix, "--test", "good" + source.suffix, "--classes",
                   "10", "--output", "out.h5"]  # fmt: skip
        return Mutant(source.name, files, command, "out.h5")

    def change_record(self, chance, data):
        """Changes a record and gives it the right checksums, or damages the file itself."""
        if chance.random() < 0.3:
            return chance.choice(PLAIN)(chance, data)
        records, place = [], 0
        while place + 16 <= len(data):
            length = int.from_bytes(data[place : place + 8], "little")
            records.append(bytearray(data[place + 12 : place + 12 + length]))
            place += 16 + length
        index = chance.randrange(len(records))
        records[index] = chance.choice(PLAIN)(chance, records[index])
        made = bytearray()
        for record in records:
            length = len(record).to_bytes(8, "little")
            made += length + masked(length) + record + masked(record)
        return made


def masked(data):
    """The checksum of TFRecords."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest = TABLE[(rest ^ byte) & 0xFF] ^ rest >> 8
    rest ^= 0xFFFFFFFF
    return (((rest >> 15 | rest << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


def table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        yield value


TABLE = list(table())


class RunDirectories:
    """Directories of stopped runs, one file of which is damaged; `--resume` goes on from them.

    What is kept beside the configuration is verified by the program: it is refused or made anew, or it leads to the same
    bytes as an undisturbed run. The configuration may be changed to another one that is just as good.
    """

    def __init__(self, program, folder):
        self.runs = [self.stopped(program, folder / f"seed{index}", *more) for index, more in enumerate(
            [("--soft-targets", "float32", "--no-baseline"), ("--soft-targets", "top:3", "--no-baseline"), ("--baseline",)])]  # fmt: skip

    def stopped(self, program, folder, *more):
        """A directory of a run that was stopped after a checkpoint, and the student that the run ends with."""
        folder.mkdir()
        inputs = {"digits.h5": (MODELS / "digits.h5").read_bytes(), "student.yaml": PICTURES.encode(),
                  "d.h5": (DATA / "forms" / "contiguous.h5").read_bytes()}  # fmt: skip
        for name, content in inputs.items():
            (folder / name).write_bytes(content)
        command = distill("d.h5", "--run-directory", "run", *more)
        command[command.index("--epochs") + 1] = "60"
        process = subprocess.Popen([program, *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while process.poll() is None and not list(folder.glob("run/*-checkpoint.h5")):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
        if process.returncode != 130:
            raise SystemExit(f"a run that was to be stopped ended with {process.returncode}: {errors.decode()}")
        names = [path.relative_to(folder) for path in sorted((folder / "run").rglob("*")) if path.is_file()]
        place = str(folder).encode()
        run = {str(name): (folder / name).read_bytes().replace(place, FOLDER) for name in names}
        subprocess.run([program, "--resume", "run", "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return inputs, run, (folder / "out.h5").read_bytes()

    def mutant(self, chance):
        inputs, run, student = chance.choice(self.runs)
        name = chance.choice([name for name in run if "tensorboard" not in name])
        data = bytearray(run[name])
        isText = re.search(r"\.(yaml|json|jsonl)$", name) is not None
        data = chance.choice(PLAIN if isText else BYTES)(chance, data) if data else data
        files = {**inputs, **run, name: bytes(data)}
        isConfiguration = name.endswith("configuration.yaml")
        # What has the name of a lock without its text is another program's, and is left alone.
        locked = (73,) if name.endswith(".lock") else ()
        return Mutant(
            name, files, ["--resume", "run"], "out.h5", codes=(0, 64, 65, 66) + locked,
            expected=None if isConfiguration else student)  # fmt: skip
