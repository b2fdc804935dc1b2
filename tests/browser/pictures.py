"""Pictures small enough for the documentation: a PNG of at most 256 colours, made of one of millions."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COLOURS: Final = 256
STEP: Final = 8
"""Shades that differ by less are one: antialiased text has hundreds."""
CHANNELS: Final = {2: 3, 6: 4}


def reduced(png: bytes) -> bytes:
    """Give a picture (8 bits a channel, with or without alpha, not interlaced) with a palette."""
    width, height, pixels = _decoded(png)
    counted = Counter(pixels)
    palette = [colour for colour, _ in counted.most_common(COLOURS)]
    index = {colour: at for at, colour in enumerate(palette)}
    shades = {_shade(colour): at for at, colour in reversed(list(enumerate(palette)))}
    for colour in counted:
        if colour not in index:
            near = shades.get(_shade(colour))
            index[colour] = _nearest(colour, palette) if near is None else near
    lines = bytes(index[pixel] for pixel in pixels)
    rows = b"".join(b"\0" + lines[at : at + width] for at in range(0, width * height, width))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return SIGNATURE + b"".join(
        _chunk(kind, content)
        for kind, content in (
            (b"IHDR", header),
            (b"PLTE", b"".join(palette)),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def _shade(colour: bytes) -> bytes:
    return bytes(value // STEP for value in colour)


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    return min(
        range(len(palette)),
        key=lambda at: sum((one - other) ** 2 for one, other in zip(colour, palette[at], strict=True)),
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _decoded(png: bytes) -> tuple[int, int, list[bytes]]:
    """The width, the height, and each pixel's three bytes."""
    chunks = dict.fromkeys((b"IHDR", b"IDAT"), b"")
    at = len(SIGNATURE)
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind in chunks:
            chunks[kind] += png[at + 8 : at + 8 + length]
        at += length + 12
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if depth != 8 or interlaced:
        raise ValueError("A PNG of another kind than Chromium makes.")
    channels = CHANNELS[colour_type]
    data = zlib.decompress(chunks[b"IDAT"])
    stride = width * channels
    pixels: list[bytes] = []
    before = bytearray(stride)
    for start in range(0, len(data), stride + 1):
        line = bytearray(data[start + 1 : start + 1 + stride])
        _unfilter(data[start], line, before, channels)
        pixels += [bytes(line[x : x + 3]) for x in range(0, stride, channels)]
        before = line
    return width, height, pixels


def _unfilter(kind: int, line: bytearray, before: bytearray, channels: int) -> None:
    """Undo a line's filter (PNG specification, section 9) in place."""
    for x in range(len(line)) if kind else ():
        left = line[x - channels] if x >= channels else 0
        above = before[x]
        corner = before[x - channels] if x >= channels else 0
        line[x] = (line[x] + _predicted(kind, left, above, corner)) & 255


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind < 4:
        return (left, above, (left + above) // 2)[kind - 1]
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))
