"""MIME types by content: what the first bytes of a file are, whatever its name says."""

import puremagic

HEAD_BYTES = 8192
PLAIN = "text/plain"
UNKNOWN = "application/octet-stream"
TEXTUAL = ("json", "xml", "yaml", "javascript", "x-ndjson", "jsonl", "csv", "toml", "rtf", "x-subrip")
SAME = {
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "application/ogg": "audio/ogg",
    "application/x-gzip": "application/gzip",
    "application/x-matroska": "video/x-matroska",
    "image/x-ms-bmp": "image/bmp",
}
OFFICE = "application/vnd.openxmlformats-officedocument"


def sniff(head: bytes, declared: str = "") -> str:
    """The MIME type of a file that begins with `head`.

    What was declared counts only between types that the content can't tell apart: kinds of text, of zip and of a
    container, and where the content tells nothing.
    """
    declared = declared.partition(";")[0].strip().lower()
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    if is_text(head):
        return declared if _is_textual(declared) else PLAIN
    if head.startswith(b"PK"):
        return declared if declared.startswith(OFFICE) or "zip" in declared else "application/zip"
    found = _by_magic(head)
    if found is None:
        return declared if declared and not _is_textual(declared) else UNKNOWN
    same_container = found.partition("/")[2] == declared.partition("/")[2]
    return declared if same_container and declared.startswith(("audio/", "video/")) else found


def is_text(head: bytes) -> bool:
    """Whether the bytes are UTF-8 text; a stray control character or one cut off at the end does not count against it."""
    strays = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in head)
    if not head or 0 in head or strays * 50 > len(head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start >= len(head) - 3
    return True


def fits(kind: str, mime_type: str) -> bool:
    """Whether a file of this MIME type can be a blob of the bucket schema's type `kind`."""
    family = mime_type.partition("/")[0]
    if kind in ("audio", "video"):
        return family in ("audio", "video") or mime_type == UNKNOWN
    if kind == "image":
        return family == "image" or mime_type == UNKNOWN
    if kind in ("text", "string"):
        return family == "text" or _is_textual(mime_type)
    return kind != "pdf" or mime_type == "application/pdf"


def kind_of(mime_type: str) -> str:
    """The bucket schema's type for a file of this MIME type."""
    family = mime_type.partition("/")[0]
    if family in ("image", "audio", "video"):
        return family
    if mime_type == "application/pdf":
        return "pdf"
    return "excel" if "spreadsheet" in mime_type or "ms-excel" in mime_type else "text"


def _is_textual(mime_type: str) -> bool:
    return mime_type.startswith("text/") or mime_type.endswith(("+xml", "+json")) or mime_type.endswith(TEXTUAL)


def _by_magic(head: bytes) -> str | None:
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return None
    found = next((m.mime_type for m in matches if m.mime_type), None)
    return SAME.get(found, found) if found else None
