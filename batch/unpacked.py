"""Unpacked plugins of this machine: what lies there is byte for byte what was scanned, at each start of a host.

An archive is fetched by its hash and verified before a byte of it is unpacked. Whoever else may have reached the folder
since: before a host starts from it, its files are compared with those of the archive, or seen not to have been touched.
"""

import hashlib
import logging
import os
import shutil
import stat
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch.cache import cache_root
from core.stores.blobs import BlobRef, Blobs
from plugin_sdk.archives import read_archive, unpack
from plugin_sdk.errors import InvalidArchive

log = logging.getLogger(__name__)

MAX_KNOWN = 256

Stamps = tuple[tuple[str, int, int, int, int, int], ...]
"""Each file and folder with what changes when it is changed: mode, inode, size, and both times."""


@dataclass(frozen=True, slots=True)
class Known:
    """A plugin of this process: the hash of each of its files, and how they lay there when they were compared."""

    digests: Mapping[str, bytes]
    stamps: Stamps


_known: OrderedDict[Path, Known] = OrderedDict()
_guard = threading.Lock()


def plugin_folder(blobs: Blobs, archive: BlobRef, sha256: str) -> Path:
    """The unpacked plugin; what was changed in its folder is replaced by what was scanned.

    Raises:
        InvalidArchive: the archive is not the one that was scanned.
    """
    target = cache_root() / sha256
    with _guard:
        known = _known.get(target)
        if known is not None and _stamps(target) == known.stamps:
            _known.move_to_end(target)
            return target
        files = None if known else _scanned(blobs, archive, sha256)
        digests = known.digests if known else {name: _digest(content) for name, content in (files or {}).items()}
        stamps = _stamps(target)
        if not stamps or not _holds(target, stamps, digests):
            if stamps:
                log.warning("the plugin folder %s was changed; it is unpacked anew", target)
                _remove(target)
            _unpack(files or _scanned(blobs, archive, sha256), target)
            stamps = _stamps(target)
            if not _holds(target, stamps, digests):
                raise InvalidArchive(
                    f"The plugin folder {target} is being changed.",
                    "Look at what else writes to this machine's folder.",
                )
        _known[target] = Known(digests, stamps)
        if len(_known) > MAX_KNOWN:
            _known.popitem(last=False)
    return target


def _scanned(blobs: Blobs, archive: BlobRef, sha256: str) -> dict[str, bytes]:
    data = blobs.get(archive)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InvalidArchive(
            f"The archive {archive.url} has SHA-256 {found}, the scanned one has {sha256}.",
            "Publish the plugin again; someone changed the file in the plugin bucket.",
        )
    return read_archive(data)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _stamps(folder: Path) -> Stamps:
    """What lies in the folder, without following links; empty if it is none."""
    if folder.is_symlink() or not folder.is_dir():
        return ()
    paths = [folder, *(Path(above, name) for above, names, files in os.walk(folder) for name in (*names, *files))]
    found = [(str(path.relative_to(folder)), path.lstat()) for path in paths]
    return tuple((name, s.st_mode, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in sorted(found))


def _holds(folder: Path, stamps: Stamps, digests: Mapping[str, bytes]) -> bool:
    """Whether the folder holds these files, no other, and nothing that is neither file nor folder."""
    files = {name for name, mode, *_ in stamps if not stat.S_ISDIR(mode)}
    plain = all(stat.S_ISREG(mode) or stat.S_ISDIR(mode) for _, mode, *_ in stamps)
    return (
        plain
        and files == digests.keys()
        and all(_digest((folder / name).read_bytes()) == digests[name] for name in files)
    )


def _remove(target: Path) -> None:
    """Take the folder out of the way at once; hosts that run from it keep what they have."""
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=".part-"))
    target.rename(aside / "changed")
    shutil.rmtree(aside, ignore_errors=True)


def _unpack(files: Mapping[str, bytes], target: Path) -> None:
    """`files` at `target`, whole or not at all, whoever else does the same now."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    part = Path(tempfile.mkdtemp(dir=target.parent, prefix=".part-"))
    try:
        unpack(files, part)
        part.chmod(0o755)  # a host may run as another user; the folder above is private
        part.rename(target)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        if not target.is_dir():
            raise
