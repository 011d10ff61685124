"""The index of an MP4 or MOV file: what its video track holds, read without decoding it.

Source: ISO/IEC 14496-12 (ISO base media file format): boxes moov, trak, mdhd, hdlr, stsd, stsz.
"""

import struct
from dataclasses import dataclass
from typing import Dict, Iterator, List, Tuple

import numpy as np

INNER = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


@dataclass
class VideoTrack:
    width: int
    height: int
    duration_s: float
    codec: str
    frame_bytes: np.ndarray


def read_video_track(data: bytes) -> VideoTrack:
    """The file's first video track."""
    for track in tracks(data):
        if track.get(b"hdlr", b"")[8:12] == b"vide" and b"stsd" in track:
            return described(track)
    raise ValueError("this is no MP4 or MOV file with a video track")


def tracks(data: bytes) -> Iterator[Dict[bytes, bytes]]:
    """The boxes of each track by name."""
    for name, content in boxes(data):
        if name == b"moov":
            for inner, track in boxes(content):
                if inner == b"trak":
                    yield dict(flat(track))


def flat(data: bytes) -> Iterator[Tuple[bytes, bytes]]:
    for name, content in boxes(data):
        if name in INNER:
            yield from flat(content)
        elif name != b"hdlr" or content[8:12] != b"url ":
            yield name, content


def boxes(data: bytes) -> Iterator[Tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        start = place + 8
        if size == 1 and place + 16 <= len(data):
            size, start = struct.unpack_from(">Q", data, start)[0], place + 16
        end = len(data) if size == 0 else place + size
        if end < start or end > len(data):
            return
        yield name, data[start:end]
        place = end


def described(track: Dict[bytes, bytes]) -> VideoTrack:
    entry = track[b"stsd"][8:]
    width, height = struct.unpack_from(">HH", entry, 32)
    return VideoTrack(width, height, duration(track[b"mdhd"]), entry[4:8].decode("latin-1").strip(), sizes(track))


def duration(header: bytes) -> float:
    form = ">QQIQ" if header[0] == 1 else ">IIII"
    _, _, scale, length = struct.unpack_from(form, header, 4)
    return length / scale if scale else 0.0


def sizes(track: Dict[bytes, bytes]) -> np.ndarray:
    """Bytes of each compressed frame."""
    table = track.get(b"stsz", bytes(12))
    same, count = struct.unpack_from(">II", table, 4)
    if same:
        return np.full(min(count, 10_000_000), same, dtype=float)
    listed: List[int] = list(struct.unpack_from(f">{min(count, (len(table) - 12) // 4)}I", table, 12))
    return np.array(listed, dtype=float)
