"""Plugin archives on this machine: fetched once, checked against the hash that was scanned, unpacked for hosts to read."""

import shutil
import tempfile
from pathlib import Path

from core.plugins import Plugin, archive_files
from core.stores import Stores
from plugin_sdk.archives import unpack


def plugin_folder(stores: Stores, plugin: Plugin, cache: Path) -> Path:
    """The plugin's unpacked folder under `cache`; what was scanned is what lies there, or nothing does.

    Folders are named by the archive's SHA-256, so two versions never mix and one archive is fetched once. The folder
    appears whole by a rename: a second process that asks meanwhile fetches its own and one of the two wins.

    Raises:
        SecurityScanFailed: the stored bytes are not those that were scanned.
        NotFound: the archive is gone.
    """
    folder = cache / plugin.sha256
    if folder.is_dir():
        return folder
    files = archive_files(stores, plugin)
    cache.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=cache))
    try:
        unpack(files, fresh)
        fresh.chmod(0o755)
        publish(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def publish(fresh: Path, folder: Path) -> None:
    """Give the unpacked folder its name, unless another process was first."""
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
