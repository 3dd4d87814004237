"""Writes model files that are made to do harm, to Tests/EndToEndTests/Hostile.

    python Tools/reference/hostile_fixtures.py

They are variations of a small model in HDF5, and of an archive. Files that `Tools/fuzz` found are beside them, in
`found-*`, and are not made here.
"""

import io
import json
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "EndToEndTests" / "Hostile"

LAYERS = [
    {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "name": "x"}},
    {"class_name": "Dense", "config": {"name": "d", "units": 2}},
]
MODEL = {"class_name": "Sequential", "config": {"name": "m", "layers": LAYERS}}


def whole(name, kernel, config=json.dumps(MODEL), after=None, libver="earliest"):
    """A model whose kernel is made by `kernel(group)`."""
    path = FOLDER / name
    with h5py.File(path, "w", libver=libver) as file:
        file.attrs["model_config"] = config
        file.attrs["keras_version"] = "3.0.0"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = ["d"]
        layer = weights.create_group("d")
        layer.attrs["weight_names"] = ["kernel", "bias"]
        kernel(layer)
        layer["bias"] = np.zeros(2, "f4")
    if after:
        path.write_bytes(after(bytearray(path.read_bytes())))


def good(layer):
    layer["kernel"] = np.ones((3, 2), "f4")


def external_storage(layer):
    layer.create_dataset("kernel", (3, 2), "f4", external=[("/etc/hostname", 0, 24)])


def virtual(layer):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "kernel", (3, 2))
    layer.create_virtual_dataset("kernel", layout)


def declared(layer):
    layer.create_dataset("kernel", (1 << 40, 2), "f4")


def bomb(layer):
    """Four gigabytes in a few kilobytes of chunks."""
    layer.create_dataset("kernel", (1 << 15, 1 << 15), "f4", chunks=(1 << 12, 1 << 12), compression=9)
    layer["kernel"][0, 0] = 1


def own_child(data):
    """The index of a group has the group's index as its child."""
    tree = data.find(b"TREE")
    data[tree + 5] = 1
    data[tree + 32 : tree + 40] = tree.to_bytes(8, "little")
    return data


def archive(name, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(FOLDER / name, "w", compression) as file:
        for member, content in members:
            file.writestr(zipfile.ZipInfo(member), content, compression)


def weights(build):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)
    return stream.getvalue()


def store(file):
    file["layers/dense/vars/0"] = np.ones((3, 2), "f4")
    file["layers/dense/vars/1"] = np.zeros(2, "f4")


def circle(file):
    """A group that is its own grandchild, many times over."""
    group = file.create_group("layers/a")
    for index in range(8):
        group[f"b{index}"] = file["layers"]


def main():
    FOLDER.mkdir(exist_ok=True)
    whole("external-link.h5", lambda layer: layer.__setitem__("kernel", h5py.ExternalLink("other.h5", "/kernel")))
    whole("soft-link-circle.h5", lambda layer: layer.__setitem__("kernel", h5py.SoftLink("/model_weights/d/kernel")))
    whole("external-storage.h5", external_storage)
    whole("virtual-dataset.h5", virtual, libver="latest")
    whole("declared-terabytes.h5", declared)
    whole("chunks-of-zeros.h5", bomb)
    whole("own-child.h5", good, after=own_child)
    whole("deep-json.h5", good, config="[" * 5000 + "]" * 5000)
    huge = json.loads(json.dumps(MODEL).replace('"units": 2', '"units": 16000000').replace("[null, 3]", "[null, 16000000]"))
    whole("huge-layer.h5", good, config=json.dumps(huge))
    config = json.dumps(MODEL)
    archive("climbs-out.keras", [("../../config.json", config), ("/model.weights.h5", weights(store))])
    archive("many-members.keras", [(f"{index}", b"") for index in range(1_001)], zipfile.ZIP_STORED)
    archive("bomb.keras", [("config.json", b" " * (65 << 20)), ("model.weights.h5", weights(store))])
    archive("circle.keras", [("config.json", config), ("model.weights.h5", weights(circle))])
    archive("no-weights.keras", [("config.json", config), ("model.weights.npz", b"")])
    archive("lies.keras", [("config.json", config), ("model.weights.h5", weights(store))])
    lies(FOLDER / "lies.keras")


def lies(path):
    """Declares a terabyte for the weights, in the directory's field for large sizes."""
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    length, extra = struct.unpack_from("<HH", data, entry + 28)
    data[entry + 24 : entry + 28] = b"\xff\xff\xff\xff"
    data[entry + 30 : entry + 32] = struct.pack("<H", extra + 12)
    place = entry + 46 + length
    data[place:place] = struct.pack("<HHQ", 1, 8, 1 << 40)
    end = data.rfind(b"PK\x05\x06")
    size = struct.unpack_from("<I", data, end + 12)[0]
    data[end + 12 : end + 16] = struct.pack("<I", size + 12)
    path.write_bytes(data)


if __name__ == "__main__":
    main()
