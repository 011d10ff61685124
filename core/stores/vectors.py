"""Vectors: each collection's documents and vectors in one Lance dataset, read and written by whole commits.

A writer makes fragments that nobody sees, anywhere; the driver commits a group of them together with the removal of
what they replace, as one new version. A reader opens the latest version at each call (0.1 ms with a shared session), so
it sees a whole group or nothing, in whatever process it runs.
"""

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import lance
import pyarrow as pa
from lance.lance import _Session as Session

from core.errors import NotFound
from core.settings import Settings
from core.stores.datasets import Dataset, reaching
from core.stores.encodings import encoded
from core.stores.rows import vector_columns as vector_columns
from core.stores.tables import DocumentTable as DocumentTable
from core.stores.tables import ledger_at
from core.tenancy import Scope


class Vectors:
    """The root of all datasets. Threads may share it."""

    def __init__(self, data_uri: str, storage_options: Mapping[str, str] | None = None) -> None:
        self._root = data_uri.rstrip("/")
        self._options = dict(storage_options) if storage_options else None
        self._session = Session()
        self._changing = threading.Lock()

    @classmethod
    def at(cls, settings: Settings) -> "Vectors":
        """The root that `settings` name; on S3 with the emulator's address where one is set."""
        options = {"region": settings.aws_region}
        if settings.aws_endpoint_url:
            options |= {
                "aws_endpoint": settings.aws_endpoint_url,
                "allow_http": "true",
                "aws_access_key_id": "test",
                "aws_secret_access_key": "test",
            }
        return cls(settings.data_uri, options if settings.data_uri.startswith("s3://") else None)

    def uri(self, scope: Scope, collection_id: str) -> str:
        """Where the collection's dataset lies."""
        return f"{self._root}/{scope.prefix}/{collection_id}.lance"

    def create(self, scope: Scope, collection_id: str, schema: pa.Schema) -> DocumentTable:
        """The collection's table, made if it is missing and widened by the columns that it lacks."""
        place = self._place(scope, collection_id)
        remote = "://" in place.uri
        wanted = encoded(schema, remote=remote)
        with self._changing:
            if not remote:
                Path(place.uri).parent.mkdir(parents=True, exist_ok=True)
            try:
                dataset = place.latest()
            except NotFound:
                with reaching(place.uri):
                    dataset = _made(place, wanted)
            missing = [f.with_nullable(True) for f in wanted if f.name not in dataset.schema.names]
            if missing:
                with reaching(place.uri):
                    dataset.add_columns(missing)
        return DocumentTable(place)

    def open(self, scope: Scope, collection_id: str) -> DocumentTable:
        """The collection's table.

        Raises:
            NotFound: no document was ever written.
        """
        place = self._place(scope, collection_id)
        place.latest()
        return DocumentTable(place)

    def drop(self, scope: Scope, collection_id: str) -> bool:
        """Delete the dataset and all its files; whether there was one."""
        place = self._place(scope, collection_id)
        ledger_at(place).drop()
        return place.drop()

    def _place(self, scope: Scope, collection_id: str) -> Dataset:
        return Dataset(self.uri(scope, collection_id), self._options, self._session)


def _made(place: Dataset, schema: pa.Schema) -> lance.LanceDataset:
    try:
        return lance.write_dataset(schema.empty_table(), place.uri, mode="create", storage_options=place.options)
    except OSError as error:
        with suppress(NotFound):
            return place.latest()  # another process made it meanwhile
        raise error
