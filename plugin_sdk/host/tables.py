"""Arrow tables in shared memory: written in place, and taken back only after a strict look."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from plugin_sdk.host.protocol import ProtocolError
from plugin_sdk.host.transport import copy_into, shared_file, writable
from plugin_sdk.positions import Positions, in_place

if TYPE_CHECKING:
    from plugin_sdk.steps import Outcome

ORIGIN, ORDINAL = ".origin", ".ordinal"
"""Names of the first two columns of a reply whose rows are others than those that were sent."""

PLACED = {b"openpeek.rows": b"placed"}
"""Schema metadata of a reply that has these columns, which are found by their place."""

OPTIONS = pa.ipc.IpcWriteOptions()
"""Given with each stream, for what Arrow would look up for one without takes longer than a small table."""

MAX_COLUMNS = 2000
MAX_NESTING = 4
RECORD_BATCH_COMPRESSION = 3
"""Index of the field `compression` in Arrow's RecordBatch message."""


@dataclass(slots=True)
class Known:
    """The schema that the last table had, as bytes and as a value: one batch's is mostly the next one's too.

    Attributes:
        placed: whether its first columns say where rows come from.
        fits: whether the reader has compared it with what was promised.
    """

    raw: bytes = b""
    schema: pa.Schema | None = None
    placed: bool = False
    fits: bool = False

    def of(self, head: pa.Message, check: Callable[[pa.Schema], None]) -> pa.Schema:
        """The schema in a message, which passes `check`."""
        raw = head.metadata.to_pybytes()
        if self.schema is None or raw != self.raw:
            schema = pa.ipc.read_schema(head)
            check(schema)
            self.raw, self.schema, self.fits = raw, schema, False
            self.placed = schema.metadata == PLACED
        return self.schema


def share(table: pa.Table) -> tuple[int, int]:
    """The table in a new shared file that its receiver can only read: descriptor and size."""
    size = size_of(table)
    fd = shared_file(size, "input")
    _write(table, pa.FixedSizeBufferWriter(pa.py_buffer(writable(fd, size))))
    return fd, size


def size_of(data: pa.Table | pa.RecordBatch) -> int:
    """Bytes that it takes as a stream."""
    sink = pa.MockOutputStream()
    _write(data, sink)
    return int(sink.size())


def write_into(memory: pa.Buffer, data: pa.Table | pa.RecordBatch) -> int | None:
    """Write a stream at the start of `memory`: its size; None if it is too large, whatever lies there then."""
    if data.get_total_buffer_size() > memory.size and size_of(data) > memory.size:  # the first counts all of a slice
        return None
    sink = pa.FixedSizeBufferWriter(memory)
    try:
        _write(data, sink)
    except OSError:
        return None
    return int(sink.tell())


def read_table(buffer: pa.Buffer, known: Known) -> pa.Table:
    """The table that the worker wrote, its values still in the buffer."""
    messages = pa.ipc.MessageReader.open_stream(buffer)
    schema = known.of(messages.read_next_message(), lambda _: None)
    bodies = list(messages)
    if any(body.type != "record batch" for body in bodies):  # dictionaries
        with pa.ipc.open_stream(buffer) as reader:
            return reader.read_all()
    return pa.Table.from_batches([pa.ipc.read_record_batch(body, schema) for body in bodies], schema)


def reply_batch(outcome: "Outcome") -> pa.RecordBatch:
    """A result as it goes back: the written columns, after each row's origin and ordinal where rows are not as they came."""
    table = outcome.written.combine_chunks()
    if table.num_columns and table.num_rows and not outcome.ordinal.any() and in_place(outcome.origin, outcome.rows_in):
        return table.to_batches()[0]
    arrays = [pa.array(outcome.origin), pa.array(outcome.ordinal)]
    fields = [pa.field(ORIGIN, pa.int64()), pa.field(ORDINAL, pa.int64()), *table.schema]
    for column in table.columns:
        arrays.append(column.chunk(0) if column.num_chunks else pa.array([], column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields, PLACED))


def take_back(fd: int, size: int, max_rows: int, known: Known) -> pa.RecordBatch:
    """Copy what the host wrote, then check the copy; of a schema that is `known` no more than that it is the same.

    Raises:
        ProtocolError: it is no plain, valid record batch of at most `max_rows` rows.
    """
    buffer = pa.allocate_buffer(size)
    copy_into(fd, memoryview(buffer).cast("B"))
    try:
        batch = _only_batch(buffer, known)
        batch.validate(full=True)
    except (pa.ArrowException, ValueError, OSError, struct.error, MemoryError, StopIteration) as error:
        raise ProtocolError(f"the reply is no valid table: {error}") from error
    if batch.num_rows > max_rows:
        raise ProtocolError(f"the reply has {batch.num_rows} rows, at most {max_rows} are taken")
    return batch


def _write(data: pa.Table | pa.RecordBatch, sink: Any) -> None:
    with pa.ipc.new_stream(sink, data.schema, options=OPTIONS) as writer:
        writer.write(data)


def _only_batch(buffer: pa.Buffer, known: Known) -> pa.RecordBatch:
    """The stream's one record batch; compressed bodies, dictionaries and exotic types are refused unread."""
    messages = pa.ipc.MessageReader.open_stream(buffer)
    head, body = messages.read_next_message(), messages.read_next_message()
    if head.type != "schema" or body.type != "record batch":
        raise ProtocolError(f"the reply holds a {head.type} and a {body.type}")
    schema = known.of(head, _check_schema)
    if _is_compressed(bytes(body.metadata)):
        raise ProtocolError("the reply is compressed")
    return pa.ipc.read_record_batch(body, schema)


def _check_schema(schema: pa.Schema) -> None:
    if len(schema.names) > MAX_COLUMNS:  # reading the names shows that they are texts
        raise ProtocolError(f"the reply has {len(schema)} columns")
    for field in schema:
        _check_type(field.type)


def _check_type(kind: pa.DataType, depth: int = 0) -> None:
    nested = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    if nested and depth < MAX_NESTING:
        if pa.types.is_fixed_size_list(kind) and kind.list_size < 1:
            raise ProtocolError("the reply has vectors of no numbers")
        return _check_type(kind.value_type, depth + 1)
    simple = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string, pa.types.is_binary)
    if not any(test(kind) for test in simple):
        raise ProtocolError(f"the reply has a column of type {kind}")
    return None


def _is_compressed(metadata: bytes) -> bool:
    """Whether a record batch message names a codec, read from its flatbuffer."""
    message = struct.unpack_from("<I", metadata, 0)[0]
    header = _field(metadata, message, 2)
    if header is None:
        raise ProtocolError("the reply's message has no header")
    batch = header + struct.unpack_from("<I", metadata, header)[0]
    return _field(metadata, batch, RECORD_BATCH_COMPRESSION) is not None


def _field(data: bytes, table: int, index: int) -> int | None:
    """Where field `index` of a flatbuffer table lies."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size = struct.unpack_from("<H", data, vtable)[0]
    slot = 4 + 2 * index
    if slot + 2 > size:
        return None
    offset = struct.unpack_from("<H", data, vtable + slot)[0]
    return table + offset if offset else None


def positions(batch: pa.RecordBatch, rows_in: int, known: Known) -> tuple[Positions, Positions] | None:
    """Origin and ordinal of each row of a reply; None where they are the rows that were sent.

    Raises:
        ProtocolError: they are missing, or point outside the table that was sent.
    """
    if not known.placed:
        if batch.num_rows != rows_in:
            raise ProtocolError(f"the reply has {batch.num_rows} rows for {rows_in}, and does not say which")
        return None
    columns = batch.columns[:2]
    if len(columns) < 2 or any(column.type != pa.int64() or column.null_count for column in columns):
        raise ProtocolError("the reply does not say where its rows come from")
    origin, ordinal = (column.to_numpy() for column in columns)
    if len(origin) and (origin.min() < 0 or origin.max() >= rows_in or ordinal.min() < 0):
        raise ProtocolError("the reply's rows come from outside the table that was sent")
    steps = np.diff(origin)
    if (steps < 0).any():
        raise ProtocolError("the reply's rows are out of order")
    if ((steps == 0) & (np.diff(ordinal) <= 0)).any():
        raise ProtocolError("two rows of the reply would be the same document")
    return origin, ordinal
