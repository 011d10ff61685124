"""Writing: a partition's documents as fragments that nobody sees yet, and what they replace once they are committed."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch.done import blobs_of_versions, made_by
from batch.partitions import Blobs, Extraction, Outcome
from batch.patience import FULL_DISK_S, patient
from core.document_schema import SOURCE_VERSION
from core.hashing import hashes
from core.stores.commits import Replaced, Replacing
from core.stores.ledger import COLUMNS
from core.stores.vectors import DocumentTable


def write(
    extraction: Extraction,
    table: DocumentTable,
    parts: list[pa.Table],
    planned: pa.Table,
    outcome: Outcome,
    replaced: Replacing | None = None,
) -> None:
    """Write the documents of `planned` rows, and note in `outcome` what became of every blob.

    Documents of a blob of which a row failed lose their version: the blob is done again by the next batch.

    Args:
        replaced: what is replaced if each row gives its document, where that is known beforehand.
    """
    documents = pa.concat_tables(parts) if parts else table.schema.empty_table()
    failed_rows = pa.array(sorted({f.document_id for f in outcome.failures}), pa.string())
    failed = _blobs_of_failures(planned, failed_rows)
    if documents.num_rows:
        documents = _without_versions(documents, failed)
        outcome.fragments = patient(table.write_fragments, FULL_DISK_S)(documents)
        outcome.written = documents.num_rows
    if not outcome.failures and documents["blob_id"].equals(planned["blob_id"]):
        if replaced is None:
            return _note_replaced(planned, None, outcome)
        outcome.replaced = replaced
        return None  # the usual case: each row gave its document
    written = documents["blob_id"].unique()
    stays = pc.and_(_is_in(planned["document_id"], failed_rows), pc.invert(_is_in(planned["blob_id"], written)))
    _note_replaced(planned, stays.to_numpy(), outcome)
    gave_nothing = pc.invert(pc.or_(_is_in(planned["blob_id"], written), _is_in(planned["blob_id"], failed)))
    outcome.nothing = _ledger_rows(planned.filter(gave_nothing), made_by(extraction))
    return None


def _note_replaced(planned: pa.Table, stays: Any, outcome: Outcome) -> None:
    """What the commit removes: what these blobs gave before, and what their objects gave of blobs they lost.

    Args:
        stays: rows whose blobs keep what they gave before; None for none.
    """
    objects, blobs = hashes(planned["object_id"]), hashes(planned["blob_id"])
    needed = blobs_of_versions(planned[SOURCE_VERSION])
    gone = blobs if stays is None or not stays.any() else blobs[~stays]
    if (needed <= 1).all():
        outcome.replaced = Replaced(objects, gone, objects, blobs)
        return
    distinct, inverse, counts = np.unique(objects, return_inverse=True, return_counts=True)
    whole = counts[inverse] >= needed
    outcome.replaced = Replaced(distinct, gone, objects[whole], blobs[whole])
    outcome.incomplete = Blobs(objects[~whole], blobs[~whole], needed[~whole])


def _blobs_of_failures(planned: pa.Table, failed_rows: pa.Array) -> pa.Array:
    """The blobs of which any row failed, one that the pipeline made of theirs (`doc_…_2`) too."""
    if not len(failed_rows):
        return failed_rows
    sources = pc.replace_substring_regex(failed_rows, r"^(doc_[0-9a-f]+)_\d+$", r"\1")
    rows = pa.concat_arrays([failed_rows, sources])
    return planned["blob_id"].filter(_is_in(planned["document_id"], rows)).unique()


def _without_versions(documents: pa.Table, failed: pa.Array) -> pa.Table:
    if not len(failed):
        return documents
    place = documents.column_names.index(SOURCE_VERSION)
    kept = pc.if_else(_is_in(documents["blob_id"], failed), pa.scalar(None, pa.string()), documents[SOURCE_VERSION])
    return documents.set_column(place, documents.schema.field(place), kept)


def _ledger_rows(planned: pa.Table, made_by: str) -> pa.Table | None:
    """What the ledger keeps of rows that gave nothing; None where there are none."""
    if not planned.num_rows:
        return None
    rows = planned.select(["object_id", "blob_id", SOURCE_VERSION])
    return rows.append_column(COLUMNS.field(3), pa.repeat(pa.scalar(made_by), rows.num_rows))


def _is_in(column: Any, values: pa.Array) -> Any:
    return pc.is_in(column, value_set=values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values)
