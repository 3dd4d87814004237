"""Do random functional models of Keras predict here what they predict there?

    python Tools/reference/random_models.py COMPRESS FOLDER [--keras2] [--seeds 0:100] [--part 1/2]

Works with Keras 3, or with Keras 2 (tf_keras). Makes one small model for each seed: models
in models, shared and called several times, Sequential inside, calls by keyword, dicts, lists and tuples of inputs and
outputs, nested, with keys in any order; shared layers, attention, recurrent layers, masks, operations. All vectors have 3
numbers and all sequences 4 steps of 3, so that weights that change places are not found out by their shapes. The weights
are random, moving statistics included.

Each model is saved in every format that its Keras has, `compress predict` must predict the same of each, and what
`compress convert` makes of it, Keras must load and predict the same, under the same names of outputs. Prints what
disagrees, then how many files agreed, were refused (and why) and predicted something else; the exit code is 1 if any did
the last, or was refused. Only models that share a layer or a model with one inside may be refused: no Keras loads these
from its archives, nor all of them from .h5. The files of models that disagree are left in FOLDER.
"""

import argparse
import collections
import contextlib
import functools
import json
import os
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np

# Most models are run once, so that what is not compiled is the fastest; numpy loses masks on their way into models inside.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

IS_KERAS3 = "--keras2" not in sys.argv
if IS_KERAS3:
    import keras
    from keras import tree as nest
    from keras.src.saving import saving_lib

    # Which attributes are never saved: Keras finds out anew for each model, in most of the time that saving takes.
    saving_lib.get_attr_skipset = functools.cache(saving_lib.get_attr_skipset)
else:
    import tf_keras as keras
    from tensorflow import nest

import h5py

from fixture_files import load_model, randomize

layers = keras.layers
FEATURES, STEPS, WORDS = 3, 4, 7
EXAMPLES = 3
TOLERANCE = 1e-4

# Keras 2 has kernels of its own for layers with tanh, which take seconds to make.
RECURRENT = {} if IS_KERAS3 else {"activation": "softsign"}


class Structure:
    """Lists, tuples and dicts around the numbers 0, 1, ...: the places of tensors that are handed over together."""

    def __init__(self, random, count, names=None):
        self.count = count
        keys = names or [random_word(random) + str(index) for index in range(count)]
        plain = list(range(count))
        forms = [plain, plain, tuple(plain), dict(zip(keys, plain))]
        forms += [dict(zip(keys, plain))] * 2
        if count == 1:
            forms += [0, 0, 0]
        if count > 1:
            forms += [{keys[0]: plain[:-1], keys[1]: plain[-1]}, [{keys[0]: 0}, dict(zip(keys[1:], plain[1:]))]]
        self.form = forms[random.integers(len(forms))]
        self.is_list = isinstance(self.form, (list, tuple)) and all(isinstance(part, int) for part in self.form)

    def filled(self, values, random):
        """The values in their places, the keys of dicts in any order."""
        return self._filled(self.form, values, random)

    def _filled(self, form, values, random):
        if isinstance(form, dict):
            keys = list(form)
            random.shuffle(keys)
            return {key: self._filled(form[key], values, random) for key in keys}
        if isinstance(form, (list, tuple)):
            return type(form)(self._filled(part, values, random) for part in form)
        return values[form]

    def values(self, filled):
        """The values out of their places."""
        found = [None] * self.count

        def visit(form, part):
            if isinstance(form, dict):
                for key in form:
                    visit(form[key], part[key])
            elif isinstance(form, (list, tuple)):
                # Keras takes the list away from around a single output.
                parts = part if len(form) > 1 or isinstance(part, (list, tuple)) else [part]
                for inner, value in zip(form, parts, strict=True):
                    visit(inner, value)
            else:
                found[form] = part

        visit(self.form, filled)
        return found


def random_word(random):
    return "".join(random.choice(list("abcdefghijklmnopqrstuvwxyz"), 3))


class Nested:
    """A model to be called by others: its kinds of inputs and outputs, in the order of their structures."""

    def __init__(self, model, inputs, input_names, takes, outputs, gives):
        self.model, self.inputs, self.input_names, self.takes = model, inputs, input_names, takes
        self.outputs, self.gives = outputs, gives


class Maker:
    """Makes one model. `vector`, `sequence` and `words` are the kinds of tensors; `words` are inputs alone."""

    def __init__(self, seed):
        self.random = np.random.default_rng([20260, seed])
        self.names = set()
        # A model that is used in several models, rather than several times in one, no Keras loads from an archive.
        self.shares_widely = self.chance(0.1)
        self.shared = []

    # Random choices

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, items):
        return items[self.random.integers(len(items))]

    def name(self):
        """A name, or none: Keras then counts."""
        if self.chance(0.4):
            return None
        while (name := random_word(self.random)) in self.names:
            pass
        self.names.add(name)
        return name

    def options(self):
        return {"name": self.name(), **({"trainable": False} if self.chance(0.15) else {})}

    # Models

    def model(self, depth=0):
        count = int(self.random.integers(1, 4))
        takes = [self.pick(["vector", "vector", "sequence", "words"] if depth == 0 else ["vector", "sequence"])
                 for _ in range(count)]
        names = []
        while len(names) < count:
            if (name := "in_" + random_word(self.random)) not in self.names:
                self.names.add(name)
                names.append(name)
        inputs = Structure(self.random, count, names)
        tensors = [self.input(kind, name) for kind, name in zip(takes, names)]
        scope = Scope(self, depth)
        for kind, tensor in zip(takes, tensors):
            scope.add(kind, tensor)
        scope.grow(int(self.random.integers(3, 9 if depth == 0 else 5)))
        ends = scope.ends(int(self.random.integers(1, 4)))
        outputs = Structure(self.random, len(ends))
        model = keras.Model(
            inputs.filled(tensors, self.random), outputs.filled([tensor for _, tensor in ends], self.random),
            name=self.name(),
        )
        if depth and self.chance(0.15):
            model.trainable = False
        return Nested(model, inputs, names, takes, outputs, [kind for kind, _ in ends])

    def input(self, kind, name):
        shapes = {"vector": (FEATURES,), "sequence": (STEPS, FEATURES), "words": (STEPS,)}
        return keras.Input(shapes[kind], dtype="int32" if kind == "words" else "float32", name=name)

    def sequential(self, kind):
        """A Sequential from a kind to the same."""
        shape = (FEATURES,) if kind == "vector" else (STEPS, FEATURES)
        inner = [self.layer(kind) for _ in range(self.random.integers(1, 4))]
        if self.chance(0.2):
            inner.insert(1, keras.Sequential([keras.Input(shape), self.layer(kind), self.layer(kind)], name=self.name()))
        return keras.Sequential([keras.Input(shape), *inner], name=self.name())

    def layer(self, kind):
        """A layer from a kind to the same."""
        options = self.options()
        both = [
            lambda: layers.Dense(FEATURES, activation=self.pick(["tanh", "sigmoid", "elu", None]), **options),
            lambda: layers.Dense(FEATURES, use_bias=False, **options),
            lambda: layers.BatchNormalization(**options),
            lambda: layers.LayerNormalization(**options),
            lambda: layers.PReLU(**options),
            lambda: layers.Activation("tanh", name=options["name"]),
            lambda: layers.Dropout(0.3, name=options["name"]),
        ]
        recurrent = self.pick([layers.LSTM, layers.GRU, layers.SimpleRNN])
        sequence = [
            lambda: layers.Conv1D(FEATURES, 2, padding="same", activation="tanh", **options),
            lambda: layers.SeparableConv1D(FEATURES, 2, padding="same", **options),
            lambda: recurrent(FEATURES, return_sequences=True, **RECURRENT, **options),
            lambda: layers.Bidirectional(recurrent(FEATURES, return_sequences=True, **RECURRENT), merge_mode="sum", **options),
            lambda: layers.TimeDistributed(layers.Dense(FEATURES, activation="tanh"), **options),
            lambda: layers.TimeDistributed(self.sequential("vector"), **options),
        ]
        return self.pick(both if kind == "vector" else both + sequence)()


class Scope:
    """The tensors of one model while it is made."""

    def __init__(self, maker, depth):
        self.maker, self.depth = maker, depth
        self.tensors = {"vector": [], "sequence": [], "words": []}
        self.unread = []
        self.shared = maker.shared if maker.shares_widely else []

    def add(self, kind, tensor):
        self.tensors[kind].append(tensor)
        self.unread.append((kind, tensor))

    def take(self, kind):
        """A tensor of a kind, rather one that nothing reads yet."""
        maker = self.maker
        fresh = [tensor for found, tensor in self.unread if found == kind]
        if fresh and maker.chance(0.7):
            tensor = maker.pick(fresh)
        elif self.tensors[kind]:
            tensor = maker.pick(self.tensors[kind])
        else:
            tensor = self.converted(kind)
        self.unread = [entry for entry in self.unread if entry[1] is not tensor]
        return tensor

    def converted(self, kind):
        maker = self.maker
        if self.tensors["words"] and (kind == "sequence" or not self.tensors["sequence"]):
            words = self.take("words")
            has_mask = maker.chance(0.5)
            embedded = layers.Embedding(WORDS, FEATURES, mask_zero=has_mask, name=maker.name())(words)
            if kind == "sequence":
                return embedded
            return layers.LSTM(FEATURES, **RECURRENT, name=maker.name())(embedded)
        if kind == "sequence":
            return layers.RepeatVector(STEPS, name=maker.name())(self.take("vector"))
        return self.to_vector(self.take("sequence"))

    def to_vector(self, sequence):
        maker = self.maker
        layer = maker.pick([
            lambda: layers.GRU(FEATURES, **RECURRENT, **maker.options()),
            lambda: layers.LSTM(FEATURES, **RECURRENT, **maker.options()),
            lambda: layers.GlobalAveragePooling1D(name=maker.name()),
        ])
        return layer()(sequence)

    def grow(self, count):
        steps = [self.one, self.one, self.merged, self.merged, self.again, self.attention, self.attention,
                 self.sequential, self.operation, self.states, self.masked]
        if self.depth < 2:
            steps += [self.nested] * 4
        for _ in range(count):
            self.maker.pick(steps)()
        while any(kind == "words" for kind, _ in self.unread):
            self.add("sequence", self.converted("sequence"))

    def kind(self):
        return self.maker.pick(["vector", "sequence"])

    # Steps

    def one(self):
        kind = self.kind()
        layer = self.maker.layer(kind)
        if self.maker.chance(0.3):
            self.shared.append((kind, layer))
        self.add(kind, layer(self.take(kind)))

    def again(self):
        """A layer or model that was called before."""
        if not self.shared:
            return self.one()
        kind, layer = self.maker.pick(self.shared)
        if isinstance(layer, Nested):
            return self.call(layer)
        self.add(kind, layer(self.take(kind)))

    def merged(self):
        maker, kind = self.maker, self.kind()
        parts = [self.take(kind) for _ in range(maker.random.integers(2, 4))]
        layer = maker.pick([layers.Add, layers.Average, layers.Multiply, layers.Maximum, layers.Concatenate,
                            layers.Subtract, layers.Minimum])
        if layer is layers.Subtract:
            parts = parts[:2]
        result = layer(name=maker.name())(parts)
        if layer is layers.Concatenate:
            result = layers.Dense(FEATURES, activation="tanh", **maker.options())(result)
        self.add(kind, result)

    def operation(self):
        kind = self.kind()
        first, second = self.take(kind), self.take(kind)
        self.add(kind, self.maker.pick([
            lambda: first - second, lambda: first * second, lambda: first * 0.5, lambda: 1.0 - first,
            lambda: first + second])())

    def sequential(self):
        kind = self.kind()
        model = self.maker.sequential(kind)
        self.shared.append((kind, model))
        self.add(kind, model(self.take(kind)))

    def attention(self):
        maker = self.maker
        query, value, key = (layers.Dense(FEATURES, **maker.options())(self.take("sequence")) for _ in range(3))
        if maker.chance(0.2):
            return self.add("sequence", layers.Attention(name=maker.name())([query, value, key]))
        layer = layers.MultiHeadAttention(num_heads=maker.pick([1, 2]), key_dim=2, **maker.options())
        named = {"value": value, "key": key, "query": query}
        order = list(named)
        maker.random.shuffle(order)
        options = {"use_causal_mask": True} if maker.chance(0.2) else {}
        result = maker.pick([
            lambda: layer(query, value, **options), lambda: layer(query, value, key, **options),
            lambda: layer(query, key=key, value=value, **options), lambda: layer(query, value, key=key, **options),
            lambda: layer(**{name: named[name] for name in order}, **options),
            lambda: layer(**{name: named[name] for name in order}, **options),
        ])()
        self.add("sequence", result)

    def states(self):
        """A recurrent layer that begins with given states, and what it returns beside its output."""
        maker = self.maker
        sequence = self.take("sequence")
        if maker.chance(0.5):
            state = self.take("vector")
            self.add("vector", layers.GRU(FEATURES, **RECURRENT, **maker.options())(sequence, initial_state=state))
        else:
            layer = layers.LSTM(
                FEATURES, return_sequences=True, return_state=True, **RECURRENT, **maker.options())
            results = layer(sequence)
            for kind, result in zip(["sequence", "vector", "vector"], results):
                self.add(kind, result)

    def masked(self):
        sequence = layers.Masking(name=self.maker.name())(self.take("sequence"))
        if self.maker.chance(0.5):
            return self.add("sequence", sequence)
        self.add("vector", layers.LSTM(FEATURES, **RECURRENT, **self.maker.options())(sequence))

    def nested(self):
        model = self.maker.model(self.depth + 1)
        self.shared.append((None, model))
        self.call(model)

    def call(self, nested):
        maker = self.maker
        values = [self.take(kind) for kind in nested.takes]
        if nested.inputs.is_list and len(values) > 1 and maker.chance(0.4):
            # By the names of its inputs, whatever it was made of.
            order = list(zip(nested.input_names, values))
            maker.random.shuffle(order)
            argument = dict(order)
        else:
            argument = nested.inputs.filled(values, maker.random)
        results = nested.model(inputs=argument) if maker.chance(0.1) else nested.model(argument)
        for kind, result in zip(nested.gives, nested.outputs.values(results)):
            self.add(kind, result)

    def ends(self, count):
        """So many tensors that together read all others."""
        while len(self.unread) > count:
            kind = self.unread[0][0]
            if sum(found == kind for found, _ in self.unread) == 1:
                kind = "vector"
                sequences = [tensor for found, tensor in self.unread if found == "sequence"]
                self.unread = [entry for entry in self.unread if entry[0] != "sequence"]
                self.unread += [("vector", layers.GlobalAveragePooling1D()(sequence)) for sequence in sequences]
                continue
            parts = [tensor for found, tensor in self.unread if found == kind]
            self.unread = [entry for entry in self.unread if entry[0] != kind]
            result = layers.Concatenate()(parts)
            self.unread.append((kind, layers.Dense(FEATURES, **self.maker.options())(result)))
        # Inputs that nothing reads are no outputs.
        inputs = [id(tensor) for tensors in self.tensors.values() for tensor in tensors]
        ends = []
        for kind, tensor in self.unread:
            is_input = type(tensor._keras_history[0]).__name__ == "InputLayer" and id(tensor) in inputs
            ends.append((kind, layers.Dense(FEATURES, **self.maker.options())(tensor) if is_input else tensor))
        return ends


# Files


def farthest(found, expected):
    """The largest difference, relative to numbers above 1; what is NaN or infinite in Keras must be the same here."""
    if not np.array_equal(np.isfinite(found), np.isfinite(expected)):
        return np.inf
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return np.inf
    found, expected = found[finite], expected[finite]
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max(initial=0))


class Checks:
    def __init__(self, compress, folder):
        self.compress, self.folder = compress, folder
        self.counts = collections.Counter()
        self.reasons = collections.Counter()

    def check(self, seed):
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        maker = Maker(seed)
        nested = maker.model()
        self.may_refuse = maker.shares_widely
        model = nested.model
        randomize(model, maker.random)
        arrays = [self.array(kind, maker.random) for kind in nested.takes]
        argument = nested.inputs.filled(arrays, maker.random)
        results = model(argument, training=False)
        expected = [np.asarray(result) for result in nest.flatten(results)]
        is_flat = isinstance(results, dict) and not any(isinstance(part, (dict, list, tuple)) for part in results.values())
        names = sorted(results) if is_flat else None
        stem = self.folder / f"{'keras3' if IS_KERAS3 else 'keras2'}-{seed}"
        inputs = [dict(zip(nested.input_names, arrays))[tensor._keras_history[0].name] for tensor in model.inputs]
        with h5py.File(f"{stem}.inputs.h5", "w") as file:
            for index, array in enumerate(inputs):
                file[f"input_{index}"] = array
        good = True
        for name, options in self.save(model, stem):
            good &= self.predict(stem, name, options, len(inputs), expected)
        good &= self.convert(stem, seed, argument, expected, names)
        if good:
            for path in self.folder.glob(f"{stem.name}.*"):
                path.unlink()

    def array(self, kind, random):
        if kind == "words":
            return random.integers(0, WORDS, (EXAMPLES, STEPS)).astype("int32")
        shape = (FEATURES,) if kind == "vector" else (STEPS, FEATURES)
        array = random.standard_normal((EXAMPLES, *shape)).astype("float32")
        if kind == "sequence":
            array[0, 2:] = 0
        return array

    def save(self, model, stem):
        """All formats: the names behind the stem, and what `compress` needs to be told."""
        # The text of Keras 3 does not name the version, whose rules for masks count.
        text = {"keras_version": keras.__version__, **json.loads(model.to_json())}
        Path(f"{stem}.json").write_text(json.dumps(text))
        files = []
        for end in [".keras", ".h5"]:
            model.save(f"{stem}{end}")
            files.append((end, []))
        # An archive has the file that `save_weights` writes, which takes Keras as long as the archive.
        with zipfile.ZipFile(f"{stem}.keras") as archive:
            Path(f"{stem}.weights.h5").write_bytes(archive.read("model.weights.h5"))
        files.append((".weights.h5", ["--architecture", f"{stem}.json"]))
        return files

    def predict(self, stem, end, options, count, expected):
        output = f"{stem}.output.h5"
        inputs = [f"{stem}.inputs.h5:input_{index}" for index in range(count)]
        run = self.run("predict", f"{stem}{end}", "--inputs", *inputs, "--output", output, "--quiet", *options)
        if "Keras 3 takes two masks" in " ".join(run.stderr.split()):
            self.counts["refused, as Keras takes two masks for one sequence"] += 1
            return True
        if run.returncode != 0:
            return self.refused(f"{stem.name}{end}", run.stderr)
        with h5py.File(output) as file:
            found = [file[name][...] for name in sorted(file)]
        return self.compare(f"{stem.name}{end}", found, expected)

    def convert(self, stem, seed, argument, expected, names):
        source, target = [(".keras", ".h5"), (".h5", ".keras"), (".keras", ".keras"), (".h5", ".h5")][seed % 4]
        if not IS_KERAS3:
            # Archives are written for Keras 3.
            target = ".h5"
        path = f"{stem}.converted{target}"
        run = self.run("convert", f"{stem}{source}", "--output", path, "--quiet")
        if "Keras 3 takes two masks" in " ".join(run.stderr.split()):
            return True
        if "because of the masks" in run.stderr:
            self.counts["not written for Keras 3, because of masks"] += 1
            return True
        if run.returncode != 0:
            return self.refused(Path(path).name, run.stderr)
        try:
            model = load_model(keras, path)
            # A dict of inputs by their names Keras 2 takes for a list of inputs as well, one of structures neither does.
            takes = not IS_KERAS3 and isinstance(argument, dict) and set(argument) == {each.name for each in model.inputs}
            if isinstance(argument, dict) and not takes and not isinstance(model.input, dict):
                argument = nest.flatten(argument)
            results = model(argument if isinstance(argument, dict) else nest.flatten(argument), training=False)
        except Exception as error:
            print(f"FAIL {Path(path).name}: Keras does not load it: {' '.join(str(error).split())[:300]}", flush=True)
            self.counts["wrong"] += 1
            return False
        if names is not None and (not isinstance(results, dict) or sorted(results) != names):
            print(f"FAIL {Path(path).name}: the outputs are {type(results)}, not {names}", flush=True)
            self.counts["wrong"] += 1
            return False
        return self.compare(Path(path).name, [np.asarray(result) for result in nest.flatten(results)], expected)

    def run(self, *arguments):
        return subprocess.run([self.compress, *arguments], capture_output=True, text=True)

    def refused(self, name, message):
        message = " ".join(message.split())
        self.counts["refused, as Keras does" if self.may_refuse else "refused"] += 1
        self.reasons[re.sub(r"'[^']*'", "'…'", message)[:160]] += 1
        if not self.may_refuse:
            print(f"FAIL {name}: {message[:400]}", flush=True)
        return self.may_refuse

    def compare(self, name, found, expected):
        if [array.shape for array in found] != [array.shape for array in expected]:
            problem = f"the outputs are {[array.shape for array in found]}"
        else:
            distance = max(farthest(a, b) for a, b in zip(found, expected, strict=True))
            problem = None if distance <= TOLERANCE else f"the outputs differ by {distance:.3g}"
        self.counts["wrong" if problem else "agree"] += 1
        if problem:
            print(f"FAIL {name}: {problem}", flush=True)
        return problem is None


def main():
    parser = argparse.ArgumentParser(description="Do random functional models of Keras predict here what they do there?")
    parser.add_argument("compress", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keras2", action="store_true")
    parser.add_argument("--seeds", default="0:100", metavar="FIRST:END")
    parser.add_argument("--part", default="1/1")
    arguments = parser.parse_args()
    first, end = (int(number) for number in arguments.seeds.split(":"))
    part, parts = (int(number) for number in arguments.part.split("/"))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    checks = Checks(arguments.compress.resolve(), arguments.folder)
    for seed in range(first, end)[part - 1 :: parts]:
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
                checks.check(seed)
        except Exception as error:
            # What Keras itself cannot build, it also cannot have saved.
            checks.counts["not built"] += 1
            checks.reasons[f"Keras: {type(error).__name__}: {' '.join(str(error).split())[:120]}"] += 1
    print(f"Keras {keras.__version__}, seeds {arguments.seeds}: {dict(checks.counts)}")
    for reason, count in checks.reasons.most_common(20):
        print(f"  {count} × {reason}")
    sys.exit(1 if checks.counts["wrong"] or checks.counts["refused"] else 0)


if __name__ == "__main__":
    main()
