"""How `Tools/fuzz` damages bytes and JSON: each change is a function of the random numbers it is given."""

import json

SIGNATURES = [b"TREE", b"HEAP", b"SNOD", b"GCOL", b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"BTIN"]


# Bytes


def interesting(random, old):
    return random.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, old ^ (1 << random.randrange(8)), random.randrange(256)])


def change_bytes(random, data):
    """Changes bytes where something is written."""
    for _ in range(random.choice([1, 1, 2, 4, 16])):
        for _ in range(40):
            place = random.randrange(len(data))
            if data[place]:
                break
        data[place] = interesting(random, data[place])
    return data


def change_structure(random, data):
    """Changes bytes behind a signature of HDF5's structures, or in its first block."""
    places = []
    signature = random.choice(SIGNATURES)
    start = data.find(signature)
    while start >= 0 and len(places) < 200:
        places.append(start)
        start = data.find(signature, start + 1)
    base = random.choice(places) if places else 0
    for _ in range(random.choice([1, 1, 2, 3])):
        place = base + random.randrange(4 if places else 0, 96)
        if place < len(data):
            data[place] = interesting(random, data[place])
    return data


def change_number(random, data):
    """Replaces an aligned number of eight bytes by one that leads somewhere else."""
    for _ in range(60):
        place = random.randrange(max(1, len(data) // 8)) * 8
        if any(data[place : place + 8]):
            break
    value = random.choice([0, 1, len(data), len(data) - 8, random.randrange(len(data)), place, 1 << 32, (1 << 63) - 1, (1 << 64) - 1])
    data[place : place + 8] = value.to_bytes(8, "little")
    return data


def cut(random, data):
    return data[: random.randrange(len(data))]


def move_block(random, data):
    """Copies a block to another place."""
    size = random.choice([8, 64, 512])
    source, target = random.randrange(len(data)), random.randrange(len(data))
    block = data[source : source + size]
    data[target : target + len(block)] = block
    return data


def change_text(random, data):
    """Changes characters in the JSON inside an HDF5 file, where they do not move anything."""
    start = data.find(b'{"')
    if start < 0:
        return change_bytes(random, data)
    end = min(len(data), start + 20_000)
    for _ in range(random.choice([1, 2, 5])):
        place = random.randrange(start, end)
        old = data[place : place + 1]
        data[place] = random.choice(b"0123456789" if old.isdigit() else b'0-[]{}",:e.ntf\\')
    return data


# JSON


def places(value, path=()):
    """Every value inside a value, by its keys and positions."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


VALUES = [
    None, True, False, 0, -1, 1, 2, 7, 1 << 31, 1 << 62, 1 << 70, 0.5, -1e300, float("nan"), float("inf"), "", "x", "same", "relu",
    "softmax", "tanh", [], {}, [1], [0, 0], [[1, 2], [3, 4]], [None, 3], {"class_name": "Dense", "config": {}}, "\x00\uffff" * 50,
]  # fmt: skip


def change_json(random, value):
    for _ in range(random.choice([1, 1, 2, 3])):
        every = list(places(value))
        path = random.choice(every)
        if not path:
            continue
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        choice = random.random()
        if choice < 0.5:
            parent[path[-1]] = random.choice(VALUES)
        elif choice < 0.7:
            if isinstance(parent, dict):
                parent.pop(path[-1])
            else:
                parent.pop(path[-1])
        elif choice < 0.9:
            other = value
            for key in random.choice(every):
                if not isinstance(other, (dict, list)) or (isinstance(other, dict) and key not in other):
                    break
                if isinstance(other, list) and not (isinstance(key, int) and key < len(other)):
                    break
                other = other[key]
            parent[path[-1]] = json.loads(json.dumps(other))
        else:
            deep = parent[path[-1]]
            for _ in range(random.choice([3, 90, 200])):
                deep = [deep]
            parent[path[-1]] = deep
    return value


BYTES = [change_bytes, change_structure, change_structure, change_number, change_number, cut, move_block, change_text]
