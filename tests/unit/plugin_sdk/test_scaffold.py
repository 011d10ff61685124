"""New plugins: the documented layout, names and texts put in safely, real decoding in the templates."""

import io
import struct
import subprocess
import sys
import wave
import zlib
from pathlib import Path

import numpy as np
import pytest

from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.loading import load_plugin
from plugin_sdk.manifest import read_static
from plugin_sdk.manifest.vocabulary import CATEGORIES
from plugin_sdk.scaffold import FolderExists, create_plugin

EXAMPLES = Path(__file__).parents[3] / "examples" / "files"


@pytest.fixture
def plugin(tmp_path):
    """Create and load a plugin of a category."""
    loaded = []

    def create(category):
        create_plugin(tmp_path / category, "my_extractor", category)
        loaded.append(load_plugin(tmp_path / category))
        return loaded[-1]

    yield create
    for one in loaded:
        one.unload()


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_the_documented_layout(tmp_path, category):
    files = create_plugin(tmp_path / "p", "my_extractor", category, "Says what.", "Ann Author")

    names = {file.relative_to(tmp_path / "p").as_posix() for file in files}
    assert {"manifest.py", "pipeline.py", "realtime.py", "processors/core.py", "README.md"} <= names
    assert any(name.startswith("tests/sample.") for name in names)
    assert not [file for file in files if b"{{" in file.read_bytes()]
    found = read_static((tmp_path / "p" / "manifest.py").read_bytes())
    assert (found.name, found.version, found.category, found.description) == (
        "my_extractor",
        "1.0.0",
        category,
        "Says what.",
    )
    assert found.features
    assert found.errors == []


def test_manifests_need_nothing_but_pydantic(tmp_path):
    folders = [tmp_path / category for category in CATEGORIES]
    for folder in folders:
        create_plugin(folder, "my_extractor", folder.name)
    code = (
        "import sys; from pathlib import Path; from plugin_sdk.loading import load_plugin\n"
        "for folder in sys.argv[1:]: load_plugin(Path(folder)).manifest()\n"
        "print([m for m in ('numpy', 'pandas', 'pyarrow') if m in sys.modules])"
    )

    ran = subprocess.run([sys.executable, "-c", code, *map(str, folders)], capture_output=True, text=True)

    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


@pytest.mark.parametrize("text", ['He said "hi"', "back\\slash", "{{name}}", "'''\"\"\"", "line\nbreak", "\udcff", "Ü"])
def test_any_description_gives_a_manifest_that_runs(tmp_path, text):
    create_plugin(tmp_path / "p", "my_extractor", "text", text, text)

    with load_plugin(tmp_path / "p") as made:
        manifest = made.manifest()

    assert manifest.description == " ".join(text.encode("utf-8", "replace").decode().split())


def test_existing_folder_is_left_alone(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine.txt").write_text("mine")

    with pytest.raises(FolderExists, match="exists already"):
        create_plugin(tmp_path / "p", "my_extractor", "text")
    assert [f.name for f in (tmp_path / "p").iterdir()] == ["mine.txt"]


def test_parameters_reach_the_processor(plugin):
    made = plugin("text")

    pipeline = made.pipeline(ExtractorRequest.of("my_extractor", "1.0.0", {"top": 1}))

    assert pipeline.steps[0].config.top == 1


def test_like_texts_are_nearer_than_unlike_ones(plugin):
    core = plugin("text").module("processors.core")
    one, two, three = (
        np.array(core.describe(text, core.MyExtractorConfig())["embedding"])
        for text in ("the cat sat on the mat", "a cat was sitting on mats", "quarterly earnings fell sharply")
    )

    assert one @ two > one @ three + 0.1


def png(pixels, kind, filters):
    """A PNG of uint8 [height, width, channels], each row with its filter."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, channels = pixels.shape
    raw, above = b"", np.zeros(width * channels, int)
    for y, row in enumerate(pixels.reshape(height, -1).astype(int)):
        left = np.concatenate([np.zeros(channels, int), row[:-channels]])
        corner = np.concatenate([np.zeros(channels, int), above[:-channels]])
        p = left + above - corner
        a, b, c = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((a <= b) & (a <= c), left, np.where(b <= c, above, corner))
        used = filters[y % len(filters)]
        predicted = [0 * row, left, above, (left + above) // 2, paeth][used]
        raw += bytes([used]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = row
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    half = len(packed := zlib.compress(raw)) // 2
    parts = chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + parts + chunk(b"IEND", b"")


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_of_every_filter_and_colour_type_is_decoded_exactly(plugin, kind, channels):
    pixels = np.random.default_rng(3).integers(0, 256, (10, 7, channels), dtype=np.uint8)
    reader = plugin("image").module("processors.pixels")

    decoded = reader.read_png(png(pixels, kind, [0, 1, 2, 3, 4]))

    expected = np.repeat(pixels[..., :1], 3, axis=2) if channels < 3 else pixels[..., :3]
    assert (decoded == expected).all()


@pytest.mark.parametrize("data", [b"", b"GIF89a", (EXAMPLES / "chelsea.jpg").read_bytes()[:100]])
def test_file_that_is_no_png_is_refused_in_words(plugin, data):
    reader = plugin("image").module("processors.pixels")
    reader.Image = None

    with pytest.raises(ValueError, match="no PNG file"):
        reader.read_pixels(data)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_of_every_width_is_decoded(plugin, width):
    core = plugin("audio").module("processors.core")
    values = [0, 2 ** (8 * width - 2), -(2 ** (8 * width - 2))]
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(width)
        recording.setframerate(8000)
        offset = 128 if width == 1 else 0
        recording.writeframes(b"".join((v + offset).to_bytes(width, "little", signed=width > 1) for v in values))
    file.seek(0)

    sound, rate = core.read_wav(file)

    assert sound.tolist() == [0, 0.5, -0.5]
    assert rate == 8000


def test_speech_is_described(plugin):
    core = plugin("audio").module("processors.core")

    found = core.describe(str(EXAMPLES / "sense_and_sensibility.wav"), core.MyExtractorConfig())

    assert np.linalg.norm(found["embedding"]) == pytest.approx(1)
    assert found["duration_s"] > 1
    assert 50 < found["pitch_hz"] < 4000


def test_pdf_of_the_examples_is_read(plugin):
    reader = plugin("document").module("processors.pdf")

    text, pages = reader.read_pdf((EXAMPLES / "alice_opening.pdf").read_bytes())

    assert "Alice was beginning to get very tired" in " ".join(text.split())
    assert pages >= 1


def test_video_index_is_read(plugin):
    made = plugin("video")
    track = made.module("processors.mp4").read_video_track((made.folder / "tests" / "sample.mov").read_bytes())

    assert (track.width, track.height, track.codec, track.duration_s) == (32, 24, "png", 1.0)
    assert len(track.frame_bytes) == 12
    assert len(set(track.frame_bytes)) > 3


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x00\x08moov", bytes(64), b"\x00\x00\x00\x01moov\xff" + b"\xff" * 20])
def test_file_without_video_is_refused_in_words(plugin, data):
    with pytest.raises(ValueError, match="no MP4 or MOV"):
        plugin("video").module("processors.mp4").read_video_track(data)
