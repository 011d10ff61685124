"""Names: the ids of many rows at once, as Arrow text, without a Python string a row."""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.row_ids import ROW_DIGITS, own_id, own_id_seed

Letters = npt.NDArray[np.uint8]
"""Texts of one length, a row each."""

FOURS = np.frombuffer("".join(f"{n:04}" for n in range(10_000)).encode(), np.uint32)
"""Every four digits, as one number that holds their four letters."""


def numbered(prefix: str, numbers: Any, digits: int = ROW_DIGITS) -> pa.Array:
    """`prefix` and each number in so many digits, e.g. `obj_…_0000000010`."""
    return _around(prefix, _digits(numbers, digits))


def of_own_ids(bucket_id: str, values: Any) -> pa.Array:
    """The object ids of rows that have ids of their own: a digest each, the one thing here that Python does by row."""
    seed = own_id_seed(bucket_id)
    return pa.array([own_id(seed, value) for value in values.to_pylist()], pa.string())


def document_ids(
    collection_id: str, import_id: str, property: str, objects: pa.Array, numbers: Any, own: bool
) -> pa.Array:
    """The ids of the documents that these rows' property gives in the collection, the same at every run.

    Rows with ids of their own keep their documents from one import of them to the next.
    """
    if not own:
        seed = "\x1f".join((collection_id, import_id, property))
        return numbered(f"doc_{_digest(seed, 12)}", numbers, 12)
    head = f"doc_{_digest(f'{collection_id}{chr(31)}{property}', 8)}"
    return _around(head, _letters(objects)[:, 4:28])


def blob_ids(objects: pa.Array, position: int) -> pa.Array:
    """The ids of the blobs that these rows have in their column at `position`."""
    return _around("blob", _letters(objects)[:, 3:], f"_{position}")


def _digits(numbers: Any, count: int) -> Letters:
    """Each number in `count` decimal digits."""
    fours = -(-count // 4)
    left = np.asarray(numbers, dtype=np.int64)
    out = np.empty((len(left), fours), np.uint32)
    for place in reversed(range(fours)):
        rest = left // 10_000
        out[:, place] = FOURS[left - rest * 10_000]
        left = rest
    return out.view(np.uint8)[:, 4 * fours - count :]


def _letters(texts: pa.Array) -> Letters:
    """Ids as letters: all ids of one import are of one length, and none is null."""
    if not len(texts):
        return np.empty((0, 0), np.uint8)
    _, places, data = texts.buffers()
    first, last = np.frombuffer(places, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return np.frombuffer(data, np.uint8)[first:last].reshape(len(texts), -1)


def _around(head: str, middle: Letters, tail: str = "") -> pa.Array:
    """The letters of each row between the same two texts."""
    count, width = middle.shape
    row = np.frombuffer(f"{head}{'-' * width}{tail}".encode(), np.uint8)
    out = np.tile(row, (count, 1))
    out[:, len(head) : len(head) + width] = middle
    places = np.arange(0, (count + 1) * len(row), len(row), dtype=np.int64)
    whole = pa.LargeStringArray.from_buffers(count, pa.py_buffer(places), pa.py_buffer(out))
    return whole.cast(pa.string())


def _digest(seed: str, length: int) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:length]
