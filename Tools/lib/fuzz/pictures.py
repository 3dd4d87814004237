"""Damaged tables and images, for `compress import csv` and `compress import images`."""

import gzip
import zlib

from fuzz.models import Mutant
from fuzz.mutations import change_bytes, cut, move_block
from fuzz.places import FIXTURES

DATA = FIXTURES / "DatasetsTests" / "Fixtures"


class Tables:
    """Tables as pandas, Excel and others write them, plain and in gzip files."""

    def __init__(self, program, folder):
        self.sources = sorted(path for path in (DATA / "tables").glob("*.csv*") if "-test" not in path.name)

    def mutant(self, chance):
        source = chance.choice(self.sources)
        data = source.read_bytes()
        isZipped = source.suffix == ".gz"
        if isZipped and chance.random() < 0.3:
            data = bytes(chance.choice([change_bytes, cut, move_block])(chance, bytearray(data)))
        else:
            text = self.change(chance, bytearray(gzip.decompress(data) if isZipped else data))
            data = gzip.compress(bytes(text), mtime=0) if isZipped else bytes(text)
        label = ["--no-header", "--label", "3"] if source.name.startswith("headless") else ["--label", "kind"]
        options = [
            ["--missing", chance.choice(["mean", "0"])], ["--categories", chance.choice(["one-hot", "integers"])],
            ["--categorical", "count"], ["--validation", "0.2"], ["--ignore", "tiny"], ["--delimiter", chance.choice(";,")],
            ["--test", "good" + source.suffix],
        ]  # fmt: skip
        chosen = [word for option in options if chance.random() < 0.3 for word in option]
        files = {"mutant" + source.suffix: data, "good" + source.suffix: source.read_bytes()}
        command = ["import", "csv", "mutant" + source.suffix, *label, *chosen, "--output", "out.h5"]
        return Mutant(source.name, files, command, "out.h5")

    def change(self, chance, text):
        """Changes signs that mean something, lines, or bytes."""
        for _ in range(chance.choice([1, 1, 2, 5])):
            kind, place = chance.randrange(8), chance.randrange(max(1, len(text)))
            if kind < 3:
                signs = [b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"1e999", b"-", b"NaN", b'""', b"\t", b""]
                text[place : place + chance.choice([0, 1, 3])] = chance.choice(signs)
            elif kind == 3:
                text = bytearray(chance.choice([change_bytes, cut, move_block])(chance, text or bytearray(b"a")))
            elif kind == 4:
                number = chance.choice([b"9" * 400, b"1e-400", b"0x1F", b"16777217", b"1.5.2", b"inf", b"1" * 5000])
                text[place:place] = number
            else:
                lines = bytes(text).split(b"\n")
                index = chance.randrange(len(lines))
                changed = [lines[index + 1 :], [lines[index]] * chance.choice([2, 500]) + lines[index:], [b"x" * 70_000] + lines[index:]]
                text = bytearray(b"\n".join(lines[:index] + chance.choice(changed)))
        return text


class Images:
    """PNG files whose chunks are changed and given the right checksums, JPEG files with other bytes; both cut and moved."""

    def __init__(self, program, folder):
        self.sources = sorted(path for path in (DATA / "images").iterdir() if path.suffix in (".png", ".jpg"))
        self.good = (DATA / "images" / "rgb.png").read_bytes()

    def mutant(self, chance):
        source = chance.choice(self.sources)
        data = bytearray(source.read_bytes())
        if source.suffix == ".png" and chance.random() < 0.7:
            data = self.change_png(chance, bytes(data))
        else:
            data = chance.choice([change_bytes, change_bytes, self.change_head, move_block, cut])(chance, data)
        suffix = chance.choice([source.suffix] * 3 + [".jpeg", ".png"])
        files = {f"p/{name}": self.good for name in ["a/0.png", "a/1.png", "b/0.png"]} | {f"p/b/m{suffix}": bytes(data)}
        options = [
            ["--resize", chance.choice(["8x8", "40x3", "100x100"])], ["--color-mode", chance.choice(["rgb", "grayscale"])],
            ["--background", "white"],
        ]  # fmt: skip
        chosen = [word for option in options if chance.random() < 0.7 for word in option]
        return Mutant(source.name, files, ["import", "images", "p", "--test", "0.5", *chosen, "--output", "out.h5"], "out.h5")

    def change_head(self, chance, data):
        """Changes what comes before the pixels: sizes, tables, notes of cameras."""
        for _ in range(chance.choice([1, 2, 4])):
            data[chance.randrange(2, min(len(data), 200))] = chance.choice([0, 1, 2, 4, 8, 17, 0x7F, 0x80, 0xC2, 0xDA, 0xFF])
        return data

    def change_png(self, chance, data):
        chunks, place = [], 8
        while place + 12 <= len(data):
            size = int.from_bytes(data[place : place + 4], "big")
            chunks.append([data[place + 4 : place + 8], bytearray(data[place + 8 : place + 8 + size])])
            place += 12 + size
        chunk = chance.choice(chunks)
        choice = chance.random()
        if chunk[0] == b"IDAT" and choice < 0.7:
            pixels = bytearray(zlib.decompress(chunk[1]))
            changed = chance.choice([change_bytes, cut, move_block, lambda _, old: old * 3000])(chance, pixels)
            chunk[1] = bytearray(zlib.compress(bytes(changed)))
        elif chunk[0] == b"IHDR" and choice < 0.9:
            place = chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12])
            chunk[1][place] = chance.choice([0, 1, 2, 3, 4, 6, 8, 16, 0x40, 0x7F, 0xFF])
        elif choice < 0.95 and chunk[1]:
            chunk[1] = bytearray(change_bytes(chance, chunk[1]))
        else:
            name = chance.choice([b"tRNS", b"PLTE", b"IDAT", b"zTXt", b"iCCP", b"gAMA", b"IEND", b"eXIf", b"sPLT", b"hIST"])
            content = chance.choice([b"", bytes(range(256)) * 3, b"a\0\0" + zlib.compress(bytes(1 << 22))])
            chunks.insert(chance.randrange(len(chunks) + 1), [name, bytearray(content)])
        made = bytearray(data[:8])
        for name, content in chunks:
            made += len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")
        return made
