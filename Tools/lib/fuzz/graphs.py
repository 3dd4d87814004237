"""Damaged ONNX files: fields of their messages changed, moved and left out, so that most of them are still messages."""

from fuzz.models import Mutant
from fuzz.mutations import BYTES
from fuzz.places import FIXTURES

FOLDER = FIXTURES / "ModelFilesTests" / "Fixtures" / "onnx"
# The messages inside each message, by the numbers of their fields: a model (0) has a graph (1), that has nodes (2), tensors (3)
# and ports, and so on; onnx.proto has the numbers.
INSIDE = {0: {7: 1, 8: 5, 14: 5}, 1: {1: 2, 5: 3, 11: 5, 12: 5}, 2: {5: 4}, 3: {}, 4: {5: 3}, 5: {2: 6}, 6: {1: 7}, 7: {2: 8}, 8: {1: 5}}
NUMBERS = [0, 1, 2, 3, 7, 9, 16, 127, 255, 1 << 16, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1, (1 << 64) - 2]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, place):
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def fields(data):
    """The fields of a message: number, wire type, and a number or bytes."""
    found, place = [], 0
    while place < len(data):
        tag, place = read_varint(data, place)
        kind = tag & 7
        if kind == 0:
            value, place = read_varint(data, place)
        else:
            size, place = (8, place) if kind == 1 else (4, place) if kind == 5 else read_varint(data, place)
            value, place = data[place : place + size], place + size
        found.append([tag >> 3, kind, value])
    return found


def message(found):
    out = bytearray()
    for number, kind, value in found:
        out += varint(number << 3 | kind)
        out += varint(value) if kind == 0 else (varint(len(value)) if kind == 2 else b"") + bytes(value)
    return bytes(out)


def change(random, data, kind, words):
    """Changes one field of a message, or of one inside it."""
    found = fields(data)
    if not found:
        return data
    inner = [field for field in found if field[1] == 2 and field[0] in INSIDE[kind]]
    if inner and random.random() < 0.85:
        field = random.choice(inner)
        field[2] = change(random, bytes(field[2]), INSIDE[kind][field[0]], words)
        return message(found)
    place = random.randrange(len(found))
    field, choice = found[place], random.random()
    if choice < 0.1:
        del found[place]
    elif choice < 0.2:
        found.insert(random.randrange(len(found) + 1), list(field))
    elif choice < 0.3:
        other = random.randrange(len(found))
        found[place], found[other] = found[other], found[place]
    elif field[1] == 0:
        field[2] = random.choice([*NUMBERS, random.randrange(1, 20), random.randrange(1, 20)])
    elif field[1] == 2 and random.random() < 0.7 and field[2] in words:
        field[2] = random.choice(sorted(words))
    elif len(field[2]) >= 16:
        field[2] = bytes(random.choice(BYTES)(random, bytearray(field[2])))
    elif field[2]:
        field[2] = random.randbytes(len(field[2]))
    return message(found)


def texts(data, kind=0):
    """Names of values and operators."""
    found = set()
    for number, wire, value in fields(data):
        if wire == 2 and number in INSIDE[kind]:
            found |= texts(bytes(value), INSIDE[kind][number])
        elif wire == 2 and kind in (2, 3, 4) and len(value) < 40 and bytes(value).isascii() and bytes(value).isalnum():
            found.add(bytes(value))
    return found


class Graphs:
    """Models of PyTorch and Keras, each with its names."""

    def __init__(self, program, folder):
        self.models = [(path, path.read_bytes()) for path in sorted(FOLDER.glob("*.onnx"))]
        self.words = {path: texts(data) for path, data in self.models}

    def mutant(self, chance):
        path, data = chance.choice(self.models)
        if chance.random() < 0.2:
            data = bytes(chance.choice(BYTES)(chance, bytearray(data)))
        else:
            try:
                for _ in range(chance.choice([1, 1, 1, 2, 4])):
                    data = change(chance, data, 0, self.words[path])
            except IndexError:
                # What was changed before is no message any more.
                pass
        target = chance.choice(["out.h5", "out.keras", "out.onnx"])
        check = None if target == "out.onnx" else ["inspect", target]
        return Mutant(path.name, {"mutant.onnx": data}, ["convert", "mutant.onnx", "--output", target], target, check=check)
