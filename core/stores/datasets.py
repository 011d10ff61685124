"""Datasets: one Lance dataset, opened at its latest version at each call, and changed until no other writer intervenes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import lance
from lance.lance import _Session as Session

from core.errors import DiskFull, NotFound, StoreUnavailable

COMMIT_ATTEMPTS = 20
UNREACHABLE = ("Generic S3 error", "error sending request")
FULL = ("No space left on device", "Disk quota exceeded")
T = TypeVar("T")


class Dataset:
    """Where a dataset lies, and how it is reached. Threads may share it."""

    def __init__(self, uri: str, options: Mapping[str, str] | None = None, session: Session | None = None) -> None:
        self.uri, self.options, self._session = uri, dict(options) if options else None, session

    def latest(self) -> lance.LanceDataset:
        """The latest version; 0.1 ms where the session knows it.

        Raises:
            NotFound: there is none.
            StoreUnavailable: the place can't be read.
        """
        try:
            return lance.dataset(self.uri, session=self._session, storage_options=self.options)
        except ValueError as error:
            if "was not found" in str(error):
                name = self.uri.rpartition("/")[2].removesuffix(".lance")
                raise NotFound(f"Collection {name} has no documents yet.", "Run a batch first.") from error
            raise _unavailable(self.uri, error) from error

    def change(self, attempt: Callable[[lance.LanceDataset], T]) -> T:
        """Apply `attempt` to the latest version until no other writer gets in between.

        Raises:
            StoreUnavailable: others kept getting in between, or the place can't be reached, or is full.
        """
        for _ in range(COMMIT_ATTEMPTS):
            try:
                with reaching(self.uri):
                    return attempt(self.latest())
            except OSError as error:
                if not is_conflict(error):
                    raise
                conflict = error
        raise StoreUnavailable(f"{self.uri} is changed by too many at once.", "Try again in a moment.") from conflict

    def drop(self) -> bool:
        """Delete it with all its files; whether there was one."""
        try:
            self.latest()
        except NotFound:
            return False
        lance.LanceDataset.drop(self.uri, storage_options=self.options)
        return True


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn a place that does not answer into StoreUnavailable, and one without room into DiskFull; other errors pass."""
    try:
        yield
    except (OSError, ValueError) as error:
        if any(sign in str(error) for sign in FULL):
            raise DiskFull(f"There is no room for documents at {uri}.", "Free space on that disk.") from error
        if any(sign in str(error) for sign in UNREACHABLE):
            raise _unavailable(uri, error) from error
        raise


def _unavailable(uri: str, error: Exception) -> StoreUnavailable:
    said = str(error).partition(", /")[0][:300]
    return StoreUnavailable(f"The documents at {uri} can't be read: {said}.", "Try again in a moment.")


def is_conflict(error: Exception) -> bool:
    """Whether another writer's commit came first."""
    return "conflict" in str(error).lower()
