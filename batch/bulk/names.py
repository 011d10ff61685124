"""Names: the ids of many rows at once, as Arrow text, without a Python string a row."""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.row_ids import ROW_DIGITS, own_id, own_id_seed

ZERO = ord("0")


def numbered(prefix: str, numbers: Any, digits: int = ROW_DIGITS) -> pa.Array:
    """`prefix` and each number in so many digits, e.g. `obj_…_0000000010`."""
    head = np.frombuffer(prefix.encode(), np.uint8)
    width = len(head) + digits
    out = np.empty((len(numbers), width), np.uint8)
    out[:, : len(head)] = head
    left = np.asarray(numbers, dtype=np.int64)
    for place in range(width - 1, len(head) - 1, -1):
        rest = left // 10
        out[:, place] = left - rest * 10 + ZERO
        left = rest
    offsets = np.arange(0, (len(numbers) + 1) * width, width, dtype=np.int64)
    whole = pa.LargeStringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(out))
    return whole.cast(pa.string())


def of_own_ids(bucket_id: str, values: Any) -> pa.Array:
    """The object ids of rows that have ids of their own: a digest each, the one thing here that Python does by row."""
    seed = own_id_seed(bucket_id)
    return pa.array([own_id(seed, value) for value in values.to_pylist()], pa.string())


def document_ids(collection_id: str, import_id: str, property: str, objects: pa.Array, numbers: Any, own: bool) -> Any:
    """The ids of the documents that these rows' property gives in the collection, the same at every run.

    Rows with ids of their own keep their documents from one import of them to the next.
    """
    if not own:
        seed = "\x1f".join((collection_id, import_id, property))
        return numbered(f"doc_{_digest(seed, 12)}", numbers, 12)
    head = f"doc_{_digest(f'{collection_id}{chr(31)}{property}', 8)}"
    return pc.binary_join_element_wise(head, pc.utf8_slice_codeunits(objects, 4, 28), "")


def blob_ids(objects: pa.Array, position: int) -> Any:
    """The ids of the blobs that these rows have in their column at `position`."""
    return pc.binary_join_element_wise("blob", pc.utf8_slice_codeunits(objects, 3), f"_{position}", "")


def _digest(seed: str, length: int) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:length]
