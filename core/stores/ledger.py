"""Ledger: the objects of a collection that were processed and gave no document, in a small dataset beside its own."""

from collections.abc import Iterator, Mapping

import lance
import pyarrow as pa

from core.document_schema import MADE_BY, SOURCE_VERSION
from core.filters import column, literal
from core.stores.datasets import reaching

COLUMNS = pa.schema(
    [
        pa.field("object_id", pa.string()),
        pa.field("blob_id", pa.string()),
        pa.field(SOURCE_VERSION, pa.string()),
        pa.field(MADE_BY, pa.string()),
    ]
)
MOST_FRAGMENTS = 16


class Ledger:
    """The rows that gave nothing: object, blob, the object's version, and what processed it. Made at the first row."""

    def __init__(self, uri: str, options: Mapping[str, str] | None = None) -> None:
        self.uri, self._options = uri, dict(options) if options else None

    def add(self, rows: pa.Table) -> None:
        """Keep these rows; the same row twice counts once."""
        if rows.num_rows:
            rows = rows.select(COLUMNS.names).cast(COLUMNS)
            with reaching(self.uri):
                lance.write_dataset(rows, self.uri, mode="append", storage_options=self._options)

    def scan(self, made_by: str) -> Iterator[pa.RecordBatch]:
        """The rows that `made_by` processed."""
        dataset = self._open()
        if dataset is not None:
            with reaching(self.uri):
                yield from dataset.to_batches(filter=f"{column(MADE_BY)} = {literal(made_by)}")

    def tidy(self, made_by: str) -> None:
        """Once it has grown, keep each of this maker's rows once and forget the others'."""
        dataset = self._open()
        if dataset is None or len(dataset.get_fragments()) <= MOST_FRAGMENTS:
            return
        rows = pa.Table.from_batches(self.scan(made_by), COLUMNS).group_by(COLUMNS.names).aggregate([])
        lance.write_dataset(
            rows.select(COLUMNS.names).cast(COLUMNS), self.uri, mode="overwrite", storage_options=self._options
        )
        lance.dataset(self.uri, storage_options=self._options).cleanup_old_versions(retain_versions=2)

    def drop(self) -> None:
        """Delete it."""
        if self._open() is not None:
            lance.LanceDataset.drop(self.uri, storage_options=self._options)

    def _open(self) -> lance.LanceDataset | None:
        try:
            with reaching(self.uri):
                return lance.dataset(self.uri, storage_options=self._options)
        except ValueError as error:
            if "was not found" in str(error):
                return None
            raise
