"""The quick-start plugin of the platform's documentation, file by file: it stands in `examples/my_extractor`."""

from pathlib import Path

FOLDER = Path(__file__).parents[3] / "examples" / "my_extractor"
FILES = {path.relative_to(FOLDER).as_posix(): path.read_text() for path in sorted(FOLDER.rglob("*.py"))}
MANIFEST = FILES["manifest.py"]
