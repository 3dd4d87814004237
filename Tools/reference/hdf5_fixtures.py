"""Writes the small HDF5 files that the tests of the HDF5 module read.

    python -m pip install h5py
    python Tools/reference/hdf5_fixtures.py Tests/HDF5Tests/Fixtures
"""

import pathlib
import struct
import sys
import zlib

import h5py
import numpy as np

from small_floats import float_type, write_codes

NAMES = ["dense", "größe", "", "a" * 20]


def attribute(group, name, data, string_type, shape):
    """Writes strings with exactly the given type, which h5py itself offers no way to choose."""
    space = h5py.h5s.create(h5py.h5s.SCALAR) if shape == () else h5py.h5s.create_simple(shape)
    h5py.h5a.create(group.id, name.encode(), string_type, space).write(data, mtype=string_type)


def fixed(size, padding, characters=h5py.h5t.CSET_ASCII):
    string_type = h5py.h5t.C_S1.copy()
    string_type.set_size(size)
    string_type.set_strpad(padding)
    string_type.set_cset(characters)
    return string_type


def write_strings(path):
    with h5py.File(path, "w") as file:
        a = file.attrs
        a["variable"] = "größe"
        a.create("variable ascii flag", "größe".encode(), dtype=h5py.string_dtype("ascii"))
        a["variable empty"] = ""
        a["variable long"] = "x" * 70_000
        a["variable list"] = NAMES
        a.create("variable list ascii flag", [n.encode() for n in NAMES], dtype=h5py.string_dtype("ascii"))
        padded = np.array([n.encode() for n in NAMES])
        a["fixed list"] = padded
        a["fixed"] = np.bytes_("größe".encode())
        width = padded.dtype.itemsize
        attribute(file, "null terminated list", padded.astype(f"S{width + 1}"), fixed(width + 1, h5py.h5t.STR_NULLTERM), (4,))
        spaces = np.array([n.encode().ljust(width) for n in NAMES])
        attribute(file, "space padded list", spaces, fixed(width, h5py.h5t.STR_SPACEPAD), (4,))
        attribute(file, "utf8 flag list", padded, fixed(width, h5py.h5t.STR_NULLPAD, h5py.h5t.CSET_UTF8), (4,))
        a["one in a list"] = ["alone"]
        a["empty list"] = np.array([])
        a["empty text list"] = np.array([], dtype="S1")
        for part, names in enumerate(np.array_split(padded, 3)):
            a[f"layer_names{part}"] = names
        a["int"] = 42
        a["float"] = 0.5
        a["half"] = np.float16(0.25)
        a["big endian"] = np.array(-3, ">i2")
        a["true"] = True
        a["number in a list"] = np.array([7.0])
        a["numbers"] = np.arange(3)


def write_types(path):
    with h5py.File(path, "w") as file:
        for order, prefix in (("<", "little"), (">", "big")):
            for code in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
                values = np.arange(6).reshape(2, 3) * 3 - (7 if code[0] != "u" else 0)
                dtype = np.dtype(order + code)
                file[f"{prefix}/{dtype.name}"] = values.astype(dtype)
        floats = np.array([1.5, -2.0, 0.0, 3.0e38, np.inf, 1e-40], "<f4")
        brain = file.create_dataset("bfloat16", data=(floats.view("u4") >> 16).astype("u2").view("V2"))
        brain.attrs["dtype"] = "bfloat16"
        file["half extremes"] = np.array([65504, 6e-8, -0.0, np.inf, np.nan, 1 / 3], "<f2")
        file["opaque"] = np.array([b"ab", b"cd"], "V2")
        file["bool"] = np.array([True, False, True])
        file["compound"] = np.zeros(2, [("a", "i4"), ("b", "f4")])
        file["text"] = ["one", "two"]
        file["scalar"] = np.float32(3.25)
        file["nothing"] = np.zeros((0, 4), "f4")
        file["null"] = h5py.Empty("f4")
        file["group/inner/leaf"] = np.arange(4)


def write_layouts(path, **how):
    with h5py.File(path, "w", **how) as file:
        data = np.arange(60, dtype="f4").reshape(10, 3, 2)
        file["contiguous"] = data
        file.create_dataset("chunked", data=data, chunks=(4, 2, 2))
        file.create_dataset("compressed", data=data, chunks=(4, 3, 2), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("growing", data=data, chunks=(4, 3, 2), maxshape=(None, 3, 2))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(data.shape)
        compact = h5py.h5d.create(file.id, b"compact", h5py.h5t.IEEE_F32LE, space, dcpl=properties)
        compact.write(h5py.h5s.ALL, h5py.h5s.ALL, data)
        file.create_dataset("unwritten", (10, 3, 2), "f4")
        for index in range(40):
            file.create_group(f"many/layer_{index}")
        for index in range(12):
            file.attrs[f"attribute {index}"] = index


def write_filters(path, **how):
    """Every filter that h5py has, alone and with others, on numbers that repeat and numbers that do not."""
    rough = np.random.default_rng(1).standard_normal((9, 40)).astype("f4")
    smooth = np.repeat(np.arange(6, dtype="f4"), 60).reshape(9, 40)
    filters = {
        "shuffle": {"shuffle": True},
        "fletcher32": {"fletcher32": True},
        "gzip": {"compression": "gzip"},
        "gzip shuffle": {"compression": "gzip", "shuffle": True},
        "lzf": {"compression": "lzf"},
        "lzf shuffle": {"compression": "lzf", "shuffle": True},
        "lzf shuffle fletcher32": {"compression": "lzf", "shuffle": True, "fletcher32": True},
    }
    with h5py.File(path, "w", **how) as file:
        file["rough"], file["smooth"] = rough, smooth
        for name, options in filters.items():
            for kind, data in (("rough", rough), ("smooth", smooth)):
                file.create_dataset(f"{kind}, {name}", data=data, chunks=(4, 40), **options)
        for code in ("<f2", ">f2", ">f4", "<f8", ">f8"):
            name, data = f"smooth, {np.dtype(code).str}", smooth.astype(code)
            file.create_dataset(name, data=data, chunks=(4, 40), compression="lzf")
        damaged = file.create_dataset("damaged", data=smooth, chunks=(9, 40), compression="lzf")
        damaged.id.write_direct_chunk((0, 0), bytes([0xFF, 0xFF, 0xFF, 0xFF]))


def write_hostile(path):
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file["data"] = np.arange(4, dtype="f4")
        file["elsewhere"] = h5py.ExternalLink("types.h5", "/scalar")
        file["soft"] = h5py.SoftLink("/data")
        file["soft elsewhere"] = h5py.SoftLink("/elsewhere")
        file["dangling"] = h5py.SoftLink("/nothing")
        file["circle"] = h5py.SoftLink("/circle")
        file.create_dataset("external", (4,), "u1", external=[("/etc/hostname", 0, 4)])
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("types.h5", "scalar", shape=(4,))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("terabyte", (1 << 38,), "f4")
        file.create_dataset("chunked terabyte", (1 << 38,), "f4", chunks=(1 << 10,))
        file.create_dataset("large chunks", data=np.zeros(1 << 22, "u1"), chunks=(1 << 22,), compression="gzip",
                            maxshape=(None,))
        h5py.h5d.create(file.id, b"overflow", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((1 << 40, 1 << 40)),
                        dcpl=chunks_of((1, 1)))


def chunks_of(chunk):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(chunk)
    return properties


def write_chunks(path):
    """Chunks of another size than they must have, which HDF5 1.10 reads beyond its memory for; and some that are right."""
    data = np.arange(16 * 64, dtype="<i4").reshape(16, 64)
    half = data[:8].tobytes()
    chunks = {
        "plain short": ({}, half[:100], 0),
        "plain right": ({}, half, 0),
        "shuffle short": ({"shuffle": True}, half[:100], 0),
        "shuffle skipped, short": ({"shuffle": True}, half[:100], 1),
        "gzip short": ({"compression": "gzip"}, zlib.compress(half[:-4]), 0),
        "gzip long": ({"compression": "gzip"}, zlib.compress(half + b"1234"), 0),
        "gzip cut": ({"compression": "gzip"}, zlib.compress(half)[:-20], 0),
        "gzip skipped, short": ({"compression": "gzip"}, half[:100], 1),
        "gzip skipped, right": ({"compression": "gzip"}, half, 1),
        "checksum skipped, short": ({"fletcher32": True}, half[:100], 1),
        "checksum tiny": ({"fletcher32": True}, b"12", 0),
        "lzf short": ({"compression": "lzf"}, bytes([3]) + b"abcd", 0),
        "lzf skipped, short": ({"compression": "lzf"}, half[:100], 1),
        "lzf skipped, right": ({"compression": "lzf"}, half, 1),
    }
    with h5py.File(path, "w", libver="earliest") as file:
        for name, (options, chunk, mask) in chunks.items():
            dataset = file.create_dataset(name, data=data, chunks=(8, 64), **options)
            dataset.id.write_direct_chunk((0, 0), chunk, mask)
        pair = file.create_dataset("plain short and long", data=data, chunks=(8, 64))
        pair.id.write_direct_chunk((0, 0), half[:100])
        pair.id.write_direct_chunk((8, 0), half + half[100:])
        file.create_dataset("many", data=(np.arange(1100) % 251).astype("u1").reshape(1100, 1), chunks=(1, 1))
        file.create_dataset("unwritten gzip", (16, 64), "<i4", chunks=(8, 64), compression="gzip")
        file.create_dataset("edges", data=data[:13, :50], chunks=(8, 64), maxshape=(None, None), compression="gzip",
                            shuffle=True, fletcher32=True)
        file.create_dataset("cut rows", data=data, chunks=(8, 20), compression="gzip")
        file.create_dataset("scale-offset", data=data, chunks=(8, 64), scaleoffset=0)
        for name, number in (("blosc", 32001), ("zstd", 32015), ("unknown", 40000)):
            properties = chunks_of((8, 64))
            properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1, 2))
            space = h5py.h5s.create_simple(data.shape)
            h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_I32LE, space, dcpl=properties)


# Exponent and mantissa bits, and the bias.
SMALL_FLOATS = [(2, 1, 1), (2, 1, 10), (2, 2, 3), (2, 3, 1), (2, 4, 10), (2, 5, 3), (3, 4, 12), (4, 3, 7), (5, 2, 24), (3, 6, 3), (3, 8, 12)]


def write_small_floats(path):
    """Every code of small floats, each beside what the library makes of it; then unusual forms of one, and foreign floats."""
    with h5py.File(path, "w", libver=("earliest", "v110")) as file:
        for exponent, mantissa, bias in SMALL_FLOATS:
            codes, made = np.arange(1 << (1 + exponent + mantissa)), float_type(exponent, mantissa, bias)
            group = file.create_group(f"1-{exponent}-{mantissa}, bias {bias}")
            write_codes(group, "plain", codes, made)
            if len(codes) not in (256, 65_536):
                write_codes(group, "packed", codes, made, packed=True)
                write_codes(group, "packed gzip", codes, made, packed=True, gzip=9)
            expect(group, "plain")
        codes = np.random.default_rng(1).integers(0, 32, (13, 7))
        forms = file.create_group("forms")
        made = float_type(2, 2, 3)
        write_codes(forms, "several chunks", codes, made, packed=True, gzip=4, chunks=(5, 3))
        write_codes(forms, "gzip", codes, made, gzip=4, shuffle=True)
        write_codes(forms, "two bytes", codes * 31, float_type(3, 6, 3), packed=True)
        write_codes(forms, "big endian", codes * 31, float_type(3, 6, 3, big_endian=True), packed=True)
        wide = float_type(5, 10, 15, size=4, big_endian=True)
        write_codes(forms, "four bytes, big endian", codes * 900, wide)
        for name in list(forms):
            expect(forms, name, f"expected {name}")
        write_codes(forms, "sixteen bits", np.arange(0, 1 << 16, 331), float_type(6, 9, 40))
        expect(forms, "sixteen bits", "expected sixteen bits")
        foreign = file.create_group("foreign")
        write_codes(foreign, "three bits", np.arange(8), float_type(1, 1, 1))
        write_codes(foreign, "no mantissa", np.arange(32), float_type(4, 0, 7))
        write_codes(foreign, "shifted", np.arange(4), float_type(2, 2, 3, size=2, offset=6))
        write_codes(foreign, "24 bits", np.arange(4), float_type(7, 16, 63, size=4))
        damaged = file.create_group("damaged")
        write_codes(damaged, "short", np.arange(32), made, packed=True)
        damaged["short"].id.write_direct_chunk((0,), bytes(19))
        write_codes(damaged, "long enough", np.arange(32), made, packed=True)
        write_codes(damaged, "other bits", np.arange(31), made, packed=True)
    # The library believes the filter: how many elements there are, and of how many bits.
    said, lie = (struct.pack("<8I", 8, 0, 31, 1, 1, 0, bits, 0) for bits in (5, 7))
    content = path.read_bytes()
    assert content.count(said) == 1
    path.write_bytes(content.replace(said, lie))


def expect(group, name, expected="expected"):
    group.create_dataset(expected, data=group[name].astype("f4")[...], compression="gzip")


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_strings(folder / "strings.h5")
    write_types(folder / "types.h5")
    write_layouts(folder / "layouts.h5")
    write_layouts(folder / "latest.h5", libver=("v110", "v110"))
    write_layouts(folder / "userblock.h5", userblock_size=1024)
    write_filters(folder / "filters.h5", libver="earliest")
    write_filters(folder / "filters-latest.h5", libver=("v110", "v110"), userblock_size=512)
    write_hostile(folder / "hostile.h5")
    write_chunks(folder / "chunks.h5")
    write_small_floats(folder / "small-floats.h5")
