"""Pixels of an image file: any format with Pillow, PNG without it."""

import io
import struct
import zlib

import numpy as np

try:
    from PIL import Image
except ImportError:
    Image = None

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
MAX_PIXELS = 50_000_000


def read_pixels(data: bytes) -> np.ndarray:
    """RGB, uint8 [height, width, 3]."""
    if Image is not None:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("this is no PNG file; other formats need Pillow in the worker")
    return read_png(data)


def read_png(data: bytes) -> np.ndarray:
    """An 8-bit PNG that is not interlaced.

    Source: W3C, Portable Network Graphics (third edition), 2025: chunks, filters.
    """
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if depth != 8 or interlaced or (kind not in CHANNELS and kind != 3):
        raise ValueError("only 8-bit PNG files without interlacing can be read without Pillow")
    if width * height > MAX_PIXELS:
        raise ValueError(f"the image has {width} x {height} pixels, at most {MAX_PIXELS} are taken")
    chunks = dict(read_chunks(data))
    channels = CHANNELS.get(kind, 1)
    rows = unfilter(zlib.decompress(chunks[b"IDAT"]), width * channels, height, channels)
    pixels = rows.reshape(height, width, channels)
    if kind == 3:
        return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[pixels[..., 0]]
    return np.repeat(pixels[..., :1], 3, axis=2) if channels < 3 else pixels[..., :3]


def read_chunks(data: bytes):
    """Names and contents; the parts of the pixel data joined into one."""
    place, pixels = 8, b""
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        name, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        if name == b"IDAT":
            pixels += content
        else:
            yield name, content
        place += size + 12
    yield b"IDAT", pixels


def unfilter(raw: bytes, stride: int, height: int, channels: int) -> np.ndarray:
    """Undo each row's filter: bytes are stored as differences to their left, upper or upper left neighbour."""
    lines = np.frombuffer(raw, np.uint8, (stride + 1) * height).reshape(height, stride + 1)
    rows = np.zeros((height + 1, stride), np.uint8)
    for i, line in enumerate(lines):
        rows[i + 1] = undo(line[0], line[1:], rows[i], channels)
    return rows[1:]


def undo(kind: int, line: np.ndarray, above: np.ndarray, channels: int) -> np.ndarray:
    if kind == 0:
        return line
    if kind == 2:
        return line + above
    if kind == 1:
        return np.cumsum(line.reshape(-1, channels), axis=0, dtype=np.uint8).reshape(-1)
    predict = average if kind == 3 else paeth
    row = line.astype(np.int64).tolist()
    up = above.tolist()
    for i in range(len(row)):
        left, corner = (row[i - channels], up[i - channels]) if i >= channels else (0, 0)
        row[i] = (row[i] + predict(left, up[i], corner)) & 255
    return np.array(row, np.uint8)


def average(left: int, up: int, corner: int) -> int:
    return (left + up) // 2


def paeth(left: int, up: int, corner: int) -> int:
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner
