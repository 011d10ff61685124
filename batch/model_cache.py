"""Uploaded models on this machine: fetched once by their hash, verified, kept while there is room."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from batch.cache import cache_root
from core.errors import StoreUnavailable
from core.stores.blobs import BlobRef, Blobs
from plugin_sdk.errors import InvalidArchive

MAX_CACHE_BYTES = 20 << 30
FOLDER = "models"


def model_file(blobs: Blobs, ref: BlobRef, sha256: str, max_cache_bytes: int = MAX_CACHE_BYTES) -> Path:
    """The model's file in the cache, which only this user can write to; its name ends as the format's do.

    Raises:
        NotFound: the file is gone.
        InvalidArchive: it is not the one that was checked.
    """
    folder = cache_root() / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{sha256}{ending(ref.key)}"
    if not target.is_file():
        _fetch(blobs, ref, sha256, target)
        _make_room(folder, target, max_cache_bytes)
    with contextlib.suppress(OSError):
        os.utime(target)
    return target


def ending(key: str) -> str:
    """`.safetensors` of `…/{sha256}.safetensors`, `.tar.gz` of `….tar.gz`."""
    _, dot, rest = key.rpartition("/")[2].partition(".")
    return dot + rest


def _fetch(blobs: Blobs, ref: BlobRef, sha256: str, target: Path) -> None:
    """The file whole and verified, or not at all, whoever else does the same now."""
    fd, name = tempfile.mkstemp(dir=target.parent, prefix=".part-")
    part, found = Path(name), hashlib.sha256()
    try:
        with os.fdopen(fd, "wb") as file:
            for chunk in blobs.chunks(ref):
                found.update(chunk)
                file.write(chunk)
        if found.hexdigest() != sha256:
            raise InvalidArchive(
                f"The model {ref.url} has SHA-256 {found.hexdigest()}, the checked one has {sha256}.",
                "Upload the model again; someone changed the file in the plugin bucket.",
            )
        part.chmod(0o400)
        part.rename(target)
    except OSError as error:
        raise StoreUnavailable(
            f"The model can't be kept in {target.parent}: {error.strerror}.", "Make room there, or set TMPDIR."
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _make_room(folder: Path, kept: Path, max_bytes: int) -> None:
    """Delete what is longest unused, until the rest fits; a host that has a file open keeps it."""
    found = []
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another process makes room, too
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    held = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if held > max_bytes and path != kept and not path.name.startswith("."):
            held -= size
            path.unlink(missing_ok=True)
