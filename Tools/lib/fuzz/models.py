"""Damaged models: each goes through `compress convert`, which reads all of it and writes what it understood."""

import io
import json
import subprocess
import zipfile

from fuzz.mutations import BYTES, change_json
from fuzz.places import FIXTURES

MODELS = FIXTURES / "ModelFilesTests" / "Fixtures"


def change_archive(random, data):
    """Takes an archive apart, changes a member, and puts it together again."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = {name: bytearray(old.read(name)) for name in old.namelist()}
    choice = random.random()
    if choice < 0.6:
        members["config.json"] = json.dumps(change_json(random, json.loads(members["config.json"]))).encode()
    elif choice < 0.9:
        members["model.weights.h5"] = random.choice(BYTES)(random, members["model.weights.h5"])
    elif choice < 0.95:
        members.pop(random.choice(list(members)))
    else:
        members["../../outside"] = b"x"
        members["metadata.json"] = b'{"keras_version": "2.1.0"}'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as new:
        for name, content in members.items():
            new.writestr(zipfile.ZipInfo(name), bytes(content), new.compression)
    return bytearray(stream.getvalue())


def change_header(random, data):
    """Changes what the header of a safetensors file says, with its length to match."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(change_json(random, json.loads(data[8 : 8 + length]))).encode("utf-8", "surrogatepass")
    return bytearray(len(header).to_bytes(8, "little") + header + data[8 + length :])


class Models:
    """Models small enough to change often, and the architectures beside files of weights."""

    def __init__(self, program, folder):
        self.models = [path for folder in ("", "refused/", "storage/") for path in sorted(MODELS.glob(folder + "*.h5"))]
        self.models = [path for path in self.models if not path.name.endswith(".io.h5") and path.stat().st_size < 200_000]
        self.formats = [path for path in sorted((MODELS / "formats").iterdir()) if not path.name.endswith((".io.h5", ".json"))]
        self.formats.append(MODELS / "storage" / "small-floats.keras")
        for name in ["digits", "bidirectional"]:
            tensors = folder / f"{name}.safetensors"
            subprocess.run([program, "convert", MODELS / f"{name}.h5", "--output", tensors, "--quiet"], check=True, capture_output=True)
            self.formats += [tensors] * 4

    def mutant(self, chance):
        source = chance.choice(self.formats if chance.random() < 0.35 else self.models)
        data, architecture = bytearray(source.read_bytes()), None
        beside = source.with_name(source.name[:6] + ".json")
        isWeights = "weights" in source.name and beside.exists()
        if isWeights:
            architecture = beside.read_text()
        if isWeights and chance.random() < 0.5:
            architecture = json.dumps(change_json(chance, json.loads(architecture)))
        elif source.suffix == ".keras" and chance.random() < 0.7:
            data = change_archive(chance, data)
        elif source.suffix == ".safetensors" and chance.random() < 0.5:
            data = change_header(chance, data)
        else:
            data = chance.choice(BYTES)(chance, data)
        target = chance.choice(["out.h5", "out.h5", "out.keras", "out.onnx", "out.safetensors"])
        model = "mutant" + source.suffix
        files, command = {model: bytes(data)}, ["convert", model, "--output", target]
        if architecture is not None:
            files["architecture.json"] = architecture.encode("utf-8", "surrogatepass")
            command += ["--architecture", "architecture.json"]
        return Mutant(source.name, files, command, target, check=None if target == "out.onnx" else ["inspect", target])


class Mutant:
    """A damaged input, and what the program is asked to do with it.

    `files` are what lies in its folder, by names; `output` is what must not be there if the program refuses; `codes` are
    the exit codes that are right; `check` is a command that must succeed if the first one did, `expected` the bytes that
    the output must then have.
    """

    def __init__(self, source, files, command, output, codes=(0, 65, 66), check=None, expected=None):
        self.source, self.files, self.command, self.output = source, files, command, output
        self.codes, self.check, self.expected = codes, check, expected
