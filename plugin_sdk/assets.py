"""Assets: the bytes behind a row's URL, handed over by whoever runs the plugin.

In a plugin host the worker fetches them and checks the tenant; elsewhere (an author's own test) files and web
addresses are read directly.
"""

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from plugin_sdk.errors import PlatformError

MAX_DOWNLOAD_BYTES = 500 * 1024 * 1024
"""Of one asset that is read from the web directly."""

Source = Callable[[str], bytes]


class AssetUnavailable(PlatformError):
    """The bytes behind a URL can't be had here."""

    code = "asset_unavailable"


def open_asset(url: str) -> io.BytesIO:
    """The asset's content as a binary file, for `with open_asset(row["data"]) as file: file.read()`.

    Raises:
        AssetUnavailable: it does not exist, or may not be read here.
    """
    return io.BytesIO(_source(str(url)))


def download_asset(url: str, path: str | os.PathLike[str] | None = None) -> str:
    """Write the asset to `path`, or to a new file in the scratch folder with the URL's ending; returns the path.

    For libraries that only read files. Remove the file when it is done with: scratch space is limited.

    Raises:
        AssetUnavailable: it does not exist, or may not be read here.
    """
    data = _source(str(url))
    if path is not None:
        Path(path).write_bytes(data)
        return os.fspath(path)
    with tempfile.NamedTemporaryFile(suffix=Path(urlsplit(str(url)).path).suffix, delete=False) as file:
        file.write(data)
    return file.name


def use_source(source: Source) -> Source:
    """Read assets through `source` from now on; returns the one in use so far."""
    global _source
    before, _source = _source, source
    return before


def read(url: str) -> bytes:
    """In a plugin host, what the worker hands over; elsewhere the file or web address itself.

    Raises:
        AssetUnavailable: it can't be read, or the worker refuses it.
    """
    from plugin_sdk.host import brokered  # only here: it needs the operating system's sockets

    if not brokered.connected():
        return read_directly(url)
    try:
        return brokered.asset(url)
    except OSError as error:
        raise AssetUnavailable(f"{url!r}: {error}", "Check that the object still exists.") from error


def read_directly(url: str) -> bytes:
    """A local file (path or file URL) or a web address, with no check of who asks.

    Raises:
        AssetUnavailable: it can't be read.
    """
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return _download(url)
    if parts.scheme not in ("", "file"):
        raise AssetUnavailable(f"{url!r} can't be read here.", "Give a file's path, a file URL or a web address.")
    path = Path(unquote(parts.path) if parts.scheme == "file" else url)
    try:
        return path.read_bytes()
    except OSError as error:
        raise AssetUnavailable(f"{url!r}: {error.strerror}.", "Give the path of a file that can be read.") from error


def _download(url: str) -> bytes:
    import httpx  # only here: most plugins never need it

    data = bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=60) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > MAX_DOWNLOAD_BYTES:
                    raise AssetUnavailable(f"{url!r} has more than {MAX_DOWNLOAD_BYTES} bytes.", "Give a smaller file.")
    except httpx.HTTPError as error:
        raise AssetUnavailable(f"{url!r}: {error}.", "Check the address.") from error
    return bytes(data)


_source: Source = read
