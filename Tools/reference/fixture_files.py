"""Writes fixture models and what Keras computes for them.

Works with Keras 3 and with Keras 2: every function takes the `keras` module it is to use.

    NAME.h5      the whole model, by `model.save`
    NAME.io.h5   `input` (or `input_0`, `input_1`, in the order of the model's inputs) and `output`
                 (or `output_0`, ...), float32, from `model.predict`. The attribute `atol` is the
                 tolerance to compare with; the attribute `layer` of an output is the layer that made it.
"""

import json
import math
import sys
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable
from unittest import mock

import h5py
import numpy as np

EXAMPLE_COUNT = 4
TESTS = Path(__file__).resolve().parents[2] / "Tests"
MODELS = TESTS / "ModelFilesTests" / "Fixtures"
MANIFEST = MODELS / "MANIFEST.json"


@dataclass
class Fixture:
    """A recipe for one model."""

    name: str
    note: str
    build: Callable  # (keras) -> model
    inputs: Callable  # (generator, shapes without the batch axis) -> list of arrays
    keras2: bool
    keras3: bool
    reloads: bool  # whether Keras can load its own file
    compact: bool  # whether the HDF5 layout may be a smaller one than Keras chooses
    rewrite: Callable = None  # (path) -> None, changes the file after Keras wrote it


@dataclass
class Entry:
    """What MANIFEST.json says about one fixture. `reloads`: Keras can load its own file."""

    name: str
    framework: str
    version: str
    layers: list
    params: int
    inputs: list
    outputs: list
    note: str
    atol: float
    reloads: bool
    compact: bool


def standard_normal(generator, shapes, count=EXAMPLE_COUNT):
    return [generator.standard_normal((count, *shape)).astype("float32") for shape in shapes]


# Weights and inputs


def seed(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


def load_model(keras, path):
    """What Keras loads of a file, uncompiled."""
    try:
        return keras.models.load_model(path, compile=False)
    except ValueError as error:
        # Keras 3 knows shared layers by addresses, of which one may be free and taken again while it loads.
        if "different `go_backwards` value" not in str(error):
            raise
        return keras.models.load_model(path, compile=False)


def randomize(model, generator):
    """Gives every weight a value far from its initial one."""
    for weight in model.weights:
        if "seed_generator" not in getattr(weight, "path", ""):
            weight.assign(random_weight(role(weight), tuple(weight.shape), generator))
    take_over(model)


def take_over(model):
    """Normalization computes with copies of its weights."""
    for layer in getattr(model, "layers", []):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def role(weight):
    return weight.name.split("/")[-1].split(":")[0]


def random_weight(role, shape, generator):
    if role in ("gamma", "gate_gamma", "moving_variance", "gate_moving_variance", "variance", "covariances"):
        values = generator.uniform(0.4, 1.8, shape)
    elif role == "alpha":
        values = generator.uniform(0.1, 0.6, shape)
    elif role in ("beta", "bias", "moving_mean"):
        values = generator.uniform(0.1, 0.7, shape) * generator.choice([-1, 1], shape)
    else:
        fan_in = max(1, int(np.prod(shape[:-1])))
        values = generator.standard_normal(shape) * max(0.5, 1.2 / np.sqrt(fan_in))
    return values.astype("float32")


# Predictions


def predict(model, inputs):
    return as_list(model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0))


def call(model, inputs):
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return [np.array(output) for output in as_list(outputs)]


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def tolerance(outputs):
    """1e-5, more only where the outputs themselves are large."""
    largest = max(float(np.abs(output).max()) for output in outputs)
    return max(1, math.ceil(largest)) / 100_000


def largest_difference(left, right):
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


# Writing


def write(fixture, keras, suffix, folder=MODELS):
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    generator = seed(fixture.name)
    model = fixture.build(keras)
    randomize(model, generator)
    inputs = fixture.inputs(generator, [tuple(tensor.shape)[1:] for tensor in as_list(model.inputs)])
    outputs = predict(model, inputs)
    atol = tolerance(outputs)
    name = fixture.name + suffix

    check_outputs(name, outputs)
    check_every_weight_matters(name, model, inputs, atol)
    save(model, folder / f"{name}.h5", CompactFile if fixture.compact else h5py.File, fixture.rewrite)
    write_examples(folder / f"{name}.io.h5", inputs, outputs, output_layers(model), atol)
    if fixture.reloads:
        check_reload(keras, folder / f"{name}.h5", inputs, outputs, atol)

    return Entry(
        name=name,
        framework="keras3" if keras.__version__.startswith("3") else "keras2",
        version=keras.__version__,
        layers=sorted(set(layer_classes(model))),
        params=model.count_params(),
        inputs=[list(array.shape) for array in inputs],
        outputs=[list(array.shape) for array in outputs],
        note=fixture.note,
        atol=atol,
        reloads=fixture.reloads,
        compact=fixture.compact,
    )


class CompactFile(h5py.File):
    """A file in HDF5's newer layout, in which the many small groups of a model take half the room."""

    def __init__(self, path, mode):
        super().__init__(path, mode, libver="latest", meta_block_size=512)


def save(model, path, file_class, rewrite=None):
    """The newer layout notes the time in every group; a file that differs in nothing else is left as it is."""
    new = path.with_suffix(".new.h5")
    with mock.patch("h5py.File", file_class):
        model.save(new)
    if rewrite:
        rewrite(new)
    if path.exists() and contents(path) == contents(new):
        new.unlink()
    else:
        new.replace(path)


def contents(path):
    def attributes(item):
        return {name: np.asarray(value).tolist() for name, value in item.attrs.items()}

    def add(name, item):
        values = (item.dtype, item.shape, item[()].tobytes()) if isinstance(item, h5py.Dataset) else None
        found[name] = (attributes(item), values)

    with h5py.File(path) as file:
        found = {"/": attributes(file)}
        file.visititems(add)
    return found


def write_examples(path, inputs, outputs, layers, atol):
    with h5py.File(path, "w") as file:
        file.attrs["atol"] = atol
        write_arrays(file, "input", inputs)
        for dataset, layer in zip(write_arrays(file, "output", outputs), layers):
            dataset.attrs["layer"] = np.bytes_(layer)


def write_arrays(file, name, arrays):
    names = [name] if len(arrays) == 1 else [f"{name}_{index}" for index in range(len(arrays))]
    return [file.create_dataset(name, data=np.asarray(array, "float32")) for name, array in zip(names, arrays)]


def output_layers(model):
    return [tensor._keras_history[0].name for tensor in as_list(model.outputs)]


def layer_classes(model):
    for layer in getattr(model, "layers", []):
        yield type(layer).__name__
        yield from layer_classes(layer)
    for inner in ("layer", "forward_layer"):
        if hasattr(model, inner):
            yield type(getattr(model, inner)).__name__
            yield from layer_classes(getattr(model, inner))


# A fixture that a wrong reader could pass is worth nothing.


def check_outputs(name, outputs):
    for index, output in enumerate(outputs):
        assert np.isfinite(output).all(), f"{name}: output {index} is not finite"
        assert output.std() > 0.01, f"{name}: output {index} hardly varies: {output.std()}"
        assert output[0].std() > 1e-4 or output[0].size == 1, f"{name}: output {index} is constant in an example"


# Vectors of SpectralNormalization.
ONLY_FOR_TRAINING = ("vector_u", "sn_u")


def check_every_weight_matters(name, model, inputs, atol):
    expected = call(model, inputs)
    for weight in model.weights:
        value = weight.numpy()
        # The bias of keys adds the same to every score of a query, which softmax does not see.
        path = getattr(weight, "path", weight.name)
        if value.dtype.kind != "f" or role(weight) in ONLY_FOR_TRAINING or "key/bias" in path:
            continue
        weight.assign(value + 0.1 * seed(weight.name).choice([-1, 1], value.shape).astype("float32"))
        take_over(model)
        change = largest_difference(call(model, inputs), expected)
        assert change > 20 * atol, f"{name}: {weight.name} hardly changes the output: {change}"
        weight.assign(value)
        take_over(model)


def check_reload(keras, path, inputs, outputs, atol):
    difference = largest_difference(predict(keras.models.load_model(path, compile=False), inputs), outputs)
    assert difference <= atol, f"{path.name}: reloaded, it differs by {difference}"


# The manifest holds the entries of both frameworks; each script replaces its own.


def update_manifest(entries, are_all):
    framework, names = entries[0].framework, {entry.name for entry in entries}
    others = json.loads(MANIFEST.read_text()) if MANIFEST.exists() else []
    if are_all:
        names |= {entry["name"] for entry in others if entry["framework"] == framework}
    entries = [entry for entry in others if entry["name"] not in names] + [asdict(entry) for entry in entries]
    lines = [json.dumps(entry, ensure_ascii=False) for entry in sorted(entries, key=lambda entry: entry["name"])]
    MANIFEST.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def remove_others(folder, names, suffix):
    """Removes what this framework wrote before and no longer writes."""
    for path in folder.glob("*.h5"):
        name = path.name.split(".")[0]
        if name.endswith("-k2") == (suffix == "-k2") and name not in names:
            path.unlink()


def write_all(fixtures, keras, suffix):
    """Writes all of them, or only the names given on the command line (then the others stay in the manifest)."""
    wanted = set(sys.argv[1:])
    unknown = wanted - {fixture.name for fixture in fixtures}
    assert not unknown, f"no fixture is called {', '.join(sorted(unknown))}"
    MODELS.mkdir(parents=True, exist_ok=True)
    entries = []
    for fixture in fixtures:
        if not wanted or fixture.name in wanted:
            entries.append(write(fixture, keras, suffix))
            print(f"{entries[-1].name}: {entries[-1].params} parameters, atol {entries[-1].atol:g}", flush=True)
    if not wanted:
        remove_others(MODELS, {entry.name for entry in entries}, suffix)
    update_manifest(entries, are_all=not wanted)

