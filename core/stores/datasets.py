"""Datasets: one Lance dataset, opened at its latest version at each call, and changed until no other writer intervenes."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import lance
from lance.lance import _Session as Session

from core.errors import NotFound, StoreUnavailable

COMMIT_ATTEMPTS = 20
UNREACHABLE = ("Generic S3 error", "error sending request")
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
            raise self._unavailable(error) from error

    def change(self, attempt: Callable[[lance.LanceDataset], T]) -> T:
        """Apply `attempt` to the latest version until no other writer gets in between.

        Raises:
            StoreUnavailable: others kept getting in between, or the place can't be reached.
        """
        for _ in range(COMMIT_ATTEMPTS):
            try:
                return attempt(self.latest())
            except OSError as error:
                if any(sign in str(error) for sign in UNREACHABLE):
                    raise self._unavailable(error) from error
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

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        said = str(error).partition(", /")[0][:300]
        return StoreUnavailable(f"The documents at {self.uri} can't be read: {said}.", "Try again in a moment.")


def is_conflict(error: Exception) -> bool:
    """Whether another writer's commit came first."""
    return "conflict" in str(error).lower()
