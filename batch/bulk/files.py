"""Files: S3 objects read by ranges, never another version of them than the import saw."""

import io
from typing import Any

from core.errors import SourceChanged, StaleRecord
from core.stores.blobs import BlobRef, Blobs
from plugin_sdk.errors import PlatformError


class RangeFile(io.RawIOBase):
    """A file in S3 whose every read is one range request that its ETag must still allow.

    Raises:
        SourceChanged: from a read, when the file is gone or has been written again.
        StoreUnavailable: S3 does not answer.
    """

    def __init__(self, blobs: Blobs, url: str, etag: str, size_bytes: int) -> None:
        self._blobs, self._ref, self._etag, self._size = blobs, BlobRef.parse(url), etag, size_bytes
        self._place = 0
        self.bytes_read = 0
        self.trouble: PlatformError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def size(self) -> int:
        """Bytes of the whole file."""
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._size - self._place if size is None or size < 0 else min(size, self._size - self._place)
        if wanted <= 0:
            return b""
        data = self._range(self._place, wanted)
        self._place += len(data)
        self.bytes_read += len(data)
        return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _range(self, start: int, length: int) -> bytes:
        try:
            return self._blobs.read_range(self._ref, start, length, self._etag)
        except StaleRecord as error:
            self.trouble = changed(self._ref.url)
            raise self.trouble from error
        except PlatformError as error:
            self.trouble = error
            raise


def changed(url: str) -> SourceChanged:
    """What a run says that finds another file than was imported."""
    return SourceChanged(
        f"{url} is gone, or has been written again since it was imported.",
        "Delete this import, import the file as it is now, and submit the batch again.",
    )
