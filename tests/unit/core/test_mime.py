"""MIME types by content."""

import pytest

from core.mime import UNKNOWN, fits, is_text, kind_of, sniff


@pytest.mark.parametrize(
    ("head", "declared", "found"),
    [
        (b"hello", "", "text/plain"),
        (b"hello", "image/png", "text/plain"),
        (b"# title", "text/markdown; charset=utf-8", "text/markdown"),
        (b'{"a": 1}', "application/json", "application/json"),
        (b"BMW builds cars", "", "text/plain"),
        ("grüße".encode()[:-1], "", "text/plain"),
        ("grüße".encode("latin-1"), "text/plain", UNKNOWN),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20), "text/plain", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1" + bytes(20), "", "image/jpeg"),
        (b"%PDF-1.7\n", "text/plain", "application/pdf"),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "", "audio/wav"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "audio/mp4", "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "", "video/mp4"),
        (b"PK\3\4" + bytes(40), "", "application/zip"),
        (b"\0\1\2\3", "application/x-model", "application/x-model"),
        (b"\0\1\2\3", "text/plain", UNKNOWN),
    ],
)
def test_content_decides(head: bytes, declared: str, found: str) -> None:
    assert sniff(head, declared) == found


def test_bytes_that_are_no_text() -> None:
    assert not is_text(b"")
    assert not is_text(b"a\0b")
    assert not is_text(b"\xff\xfea")


@pytest.mark.parametrize(
    ("kind", "mime_type", "fitting"),
    [
        ("image", "image/png", True),
        ("image", "text/plain", False),
        ("audio", "video/mp4", True),
        ("text", "application/json", True),
        ("text", "image/png", False),
        ("pdf", "application/pdf", True),
        ("pdf", "text/plain", False),
        ("excel", "application/zip", True),
    ],
)
def test_file_fits_the_propertys_type(kind: str, mime_type: str, fitting: bool) -> None:
    assert fits(kind, mime_type) is fitting


def test_kind_of_a_file_without_a_schema() -> None:
    assert [kind_of(m) for m in ("audio/wav", "application/pdf", "text/csv")] == ["audio", "pdf", "text"]
