"""MIME types come from content: real example files, and first bytes of the other formats."""

from pathlib import Path

import pytest

from plugin_sdk.media import mime_type

EXAMPLES = Path(__file__).parents[3] / "examples" / "files"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("alice_opening.pdf", "application/pdf"),
        ("chelsea.jpg", "image/jpeg"),
        ("sense_and_sensibility.wav", "audio/wav"),
    ],
)
def test_real_files_are_told_by_content(name, kind):
    assert mime_type((EXAMPLES / name).read_bytes()) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"ID3\x04", "audio/mpeg"),
        ("\ufeffGrüße".encode(), "text/plain"),
        (b"", "text/plain"),
        (b"\xff\x00\xff\x00", "application/octet-stream"),
        (b"a\x00b", "application/octet-stream"),
    ],
)
def test_first_bytes_tell(head, kind):
    assert mime_type(head) == kind
