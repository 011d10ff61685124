"""A new plugin's folder, made from the templates: the files of its category over those that all categories share."""

import json
import re
import shutil
from pathlib import Path

from plugin_sdk.errors import PlatformError
from plugin_sdk.manifest.vocabulary import CATEGORIES

TEMPLATES = Path(__file__).parent / "templates"
TEXT_FILES = frozenset({".py", ".md", ".jsonl"})
CONDITIONS = {"text": "IS_TEXT", "image": "IS_IMAGE", "video": "IS_VIDEO", "audio": "IS_AUDIO"}
INPUTS = {"multimodal": "content"}
SUMMARIES = {
    "text": "Embeds texts.",
    "image": "Embeds images by their colours.",
    "video": "Embeds videos by the course of their frames.",
    "audio": "Embeds recordings by their spectrum.",
    "document": "Reads documents and embeds their text.",
    "multimodal": "Embeds texts and images.",
}


class FolderExists(PlatformError):
    """There is something where the new plugin would go."""

    code = "already_exists"


def create_plugin(folder: Path, name: str, category: str, description: str = "", author: str = "") -> list[Path]:
    """Write a plugin that passes `plugin test` as it is; returns its files.

    Raises:
        FolderExists: the folder is there and has something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderExists(f"{folder} exists already.", "Choose another name, or another place with --output.")
    words = _words(name, category, description, author)
    targets = []
    for part in ("common", category):
        for source in _files(TEMPLATES / part):
            target = folder / source.relative_to(TEMPLATES / part)
            _copy(source, target, words)
            targets.append(target)
    return sorted(set(targets))


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def _copy(source: Path, target: Path, words: dict[str, str]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix in TEXT_FILES:
        text = source.read_text(encoding="utf-8")
        target.write_text(re.sub(r"\{\{(\w+)\}\}", lambda found: words[found[1]], text), encoding="utf-8")
    else:
        shutil.copyfile(source, target)


def _words(name: str, category: str, description: str, author: str) -> dict[str, str]:
    assert category in CATEGORIES
    summary = " ".join(description.encode("utf-8", "replace").decode("utf-8").split()) or SUMMARIES[category]
    return {
        "name": name,
        "Class": "".join(part[:1].upper() + part[1:] for part in name.split("_") if part),
        "category": category,
        "summary": summary,
        "description": _literal(summary),
        "author": _literal(" ".join(author.split())),
        "condition": CONDITIONS.get(category, "ALWAYS"),
        "input": INPUTS.get(category, category),
    }


def _literal(text: str) -> str:
    """A Python string in double quotes, whatever is in the text."""
    return json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False)
