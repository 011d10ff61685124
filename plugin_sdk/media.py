"""What a file holds, told by its first bytes and never by its name."""

from collections.abc import Callable

SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("image/gif", lambda head: head[:6] in (b"GIF87a", b"GIF89a")),
    ("image/webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    ("image/bmp", lambda head: head.startswith(b"BM") and head[6:10] == bytes(4)),
    ("image/tiff", lambda head: head[:4] in (b"II*\x00", b"MM\x00*")),
    ("image/avif", lambda head: head[4:12] in (b"ftypavif", b"ftypavis")),
    ("image/heic", lambda head: head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1")),
    ("audio/wav", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE"),
    ("audio/flac", lambda head: head.startswith(b"fLaC")),
    ("audio/ogg", lambda head: head.startswith(b"OggS")),
    ("audio/mp4", lambda head: head[4:11] == b"ftypM4A"),
    ("audio/mpeg", lambda head: head[:3] == b"ID3" or head[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")),
    ("video/x-msvideo", lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI "),
    ("video/quicktime", lambda head: head[4:10] == b"ftypqt" or head[4:8] in (b"moov", b"wide")),
    ("video/mp4", lambda head: head[4:8] == b"ftyp"),
    ("video/webm", lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),
    ("application/pdf", lambda head: b"%PDF-" in head[:1024]),
)
"""MIME type and the test of a file's head; the first that holds counts."""


def mime_type(data: bytes) -> str:
    """The MIME type of a file's content: `text/plain` for UTF-8, `application/octet-stream` for the unknown."""
    head = data[:4096]
    for mime, holds in SIGNATURES:
        if holds(head):
            return mime
    return "text/plain" if b"\x00" not in head and _is_text(data) else "application/octet-stream"


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return True
