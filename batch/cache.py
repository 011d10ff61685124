"""Where this machine keeps what workers fetched: plugins and models, by hash, writable for this user alone."""

import os
import stat
import tempfile
from pathlib import Path

from core.errors import Forbidden


def cache_root() -> Path:
    """This user's folder; refused when someone else could write there."""
    root = Path(tempfile.gettempdir()) / f"openpeek-plugins-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Forbidden(f"{root} is not a private folder of this user.", "Delete it, or set TMPDIR to another place.")
    return root
