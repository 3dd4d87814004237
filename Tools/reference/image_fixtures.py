"""Small images of every kind that Pillow writes, and their pixels as Pillow reads, converts and resizes them.

    python Tools/reference/image_fixtures.py

Needs Pillow and h5py. The pixels of NAME are in images.h5: NAME/rgb, NAME/gray, and, of some, NAME/rgb-HxW and
NAME/gray-HxW of the resized image; transparent pixels are on white.
"""

import io
import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).parents[2] / "Tests" / "DatasetsTests" / "Fixtures" / "images"
RESIZED = ["rgb.png", "gray.png", "transparent.png", "orientation-6.jpg"]
SIZES = [(5, 7), (40, 31), (17, 6), (9, 24), (1, 1)]  # height, width


def picture(height=17, width=24, channels=3):
    """Waves, an edge and noise."""
    generator = np.random.default_rng(height * width + channels)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (2 + c)) * np.cos(y / (3 - c / 2)) * 90 + 120 + 60 * (x > 2 * y) for c in range(channels)]
    pixels = np.stack(waves, -1) + generator.normal(0, 12, (height, width, channels))
    return np.clip(pixels, 0, 255).astype("uint8")


def png_by_hand(pixels, depth, color, interlaced=False):
    """A PNG file of rows as they are: Pillow writes neither 16 bits in color nor interlaced files."""
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = lambda part: b"".join(b"\0" + row.tobytes() for row in part) if part.size else b""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    data = b"".join(rows(pixels[y::dy, x::dx]) for y, x, dy, dx in passes) if interlaced else rows(pixels)
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def images():
    """File names, their bytes, and the image as it is to be seen, or None if Pillow is not asked."""
    color, gray = Image.fromarray(picture()), Image.fromarray(picture(channels=1)[..., 0])
    alpha = Image.fromarray((picture(channels=1)[..., 0] // 2 * 2).clip(0, 255))

    def save(name, image, **options):
        file = io.BytesIO()
        image.save(file, {"png": "PNG", "jpg": "JPEG"}[name.split(".")[1]], **options)
        return name, file.getvalue()

    yield save("rgb.png", color)
    yield save("gray.png", gray)
    yield save("bilevel.png", gray.convert("1"))
    yield save("palette.png", color.quantize(200))
    yield save("palette-4bit.png", color.quantize(9), bits=4)
    yield save("palette-transparent.png", color.quantize(7), transparency=3)
    transparent = color.copy()
    transparent.putalpha(alpha)
    yield save("transparent.png", transparent)
    opaque = color.copy()
    opaque.putalpha(255)
    yield save("opaque.png", opaque)
    gray_alpha = gray.copy()
    gray_alpha.putalpha(alpha)
    yield save("gray-transparent.png", gray_alpha)
    yield "interlaced.png", png_by_hand(picture(), 8, 2, interlaced=True)
    yield "rgb-16bit.png", png_by_hand((picture().astype(">u2") * 256 + 201).astype(">u2"), 16, 2)
    yield save("rgb.jpg", color, quality=90)
    yield save("rgb-444.jpg", color, quality=90, subsampling=0)
    yield save("gray.jpg", gray, quality=90)
    yield save("progressive.jpg", color, quality=80, progressive=True)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield save(f"orientation-{orientation}.jpg", color, quality=75, exif=exif)


def seen(file, mode):
    """As Pillow sees it: turned, on white, converted."""
    image = ImageOps.exif_transpose(Image.open(file))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("LA" if image.mode == "LA" else "RGBA")
        background = Image.new("L" if image.mode == "LA" else "RGB", image.size, "white")
        background.paste(image.convert(background.mode), mask=image.getchannel("A"))
        image = background
    return image.convert("RGB").convert(mode) if image.mode not in ("L", "1") else image.convert(mode)


def main():
    FOLDER.mkdir(exist_ok=True)
    with h5py.File(FOLDER / "images.h5", "w", libver="latest") as pixels:
        for name, content in images():
            (FOLDER / name).write_bytes(content)
            for mode, key in [("RGB", "rgb"), ("L", "gray")]:
                image = seen(io.BytesIO(content), mode)
                pixels[f"{name}/{key}"] = np.atleast_3d(np.array(image))
                for height, width in SIZES if name in RESIZED else []:
                    resized = image.resize((width, height), Image.Resampling.BILINEAR)
                    pixels[f"{name}/{key}-{height}x{width}"] = np.atleast_3d(np.array(resized))
    Image.fromarray(picture(channels=4), "CMYK").save(FOLDER / "cmyk.jpg", quality=90)
    # Of 16 bits in gray Pillow makes no bytes: the upper 8 are the picture.
    Image.fromarray(picture(channels=1)[..., 0].astype("uint16") * 256 + 201).save(FOLDER / "gray-16bit.png")
    Image.fromarray(picture()).save(FOLDER / "other.gif")


if __name__ == "__main__":
    main()
