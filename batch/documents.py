"""Documents: what a pipeline returned, checked once more and brought into the collection's columns.

The child process is never trusted: ids and all system columns come from the planned rows, vectors are measured again,
and a value that a column can't store fails its row alone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from batch.done import made_by
from batch.inputs import Inputs
from batch.partitions import Extraction, Failure
from batch.passthrough import with_passed
from batch.repeated import repeated
from core.document_schema import EXTRA, MADE_BY, SYSTEM, is_json
from plugin_sdk.errors import HostFailed
from plugin_sdk.pipeline import RowCondition

ORDINAL = r"_\d+$"
NOT_STORED = frozenset({*SYSTEM.names, "data"})
Problems = dict[int, tuple[str, str]]
"""By row: the column, and what is wrong."""


class Checked(NamedTuple):
    """Rows in the collection's own schema, and those that can't be documents."""

    documents: pa.Table
    failures: list[Failure]


def to_documents(
    extraction: Extraction,
    inputs: Inputs,
    result: pa.Table,
    schema: pa.Schema,
    conditions: Sequence[RowCondition],
    now: datetime,
) -> Checked:
    """The documents that `result` holds.

    Args:
        conditions: of the steps; only a row that one of them excludes may lack its vector.

    Raises:
        HostFailed: the child answered with rows that it was not given.
    """
    sources = _sources(inputs.table, result)
    result, lacking = with_passed(extraction, inputs.table, sources.places, result)
    problems: Problems = {row: (path, "is required by field_passthrough, and null") for row, path in lacking.items()}
    excused = _excused(inputs.table, sources, conditions)
    vectors = {f.feature_name for f in extraction.manifest.features} if extraction.manifest else set()
    arrays, constants = {}, _constants(extraction, now)
    for field in schema:
        if field.name in constants:
            arrays[field.name] = repeated(constants[field.name], result.num_rows, field.type)
        elif field.name in SYSTEM.names:
            arrays[field.name] = _system(field, inputs.table, sources, result)
        elif field.name in vectors:
            arrays[field.name] = _vector(extraction, field, result, excused, problems)
        elif field.name != EXTRA:
            arrays[field.name] = _stored(field, result, problems)
    arrays[EXTRA] = _extra(extraction, inputs, result, schema)
    table = pa.table([arrays[f.name] for f in schema], schema=schema)
    return _split(inputs.table, sources, table, problems)


class Sources(NamedTuple):
    """For each row of the result, the planned row that it came from; `same` where that is the row itself."""

    places: "np.ndarray[Any, np.dtype[np.int64]]"
    same: bool

    def of(self, column: Any) -> Any:
        """The planned column's values, by row of the result."""
        return _one(column) if self.same else _one(column.take(pa.array(self.places)))


def _sources(rows: pa.Table, result: pa.Table) -> Sources:
    """Where the result's rows came from.

    Raises:
        HostFailed: from nowhere, or twice under one id.
    """
    known = _one(rows["document_id"])
    ids = _one(result["document_id"]) if "document_id" in result.column_names else pa.nulls(result.num_rows)
    if ids.equals(known):
        return Sources(np.arange(len(ids)), True)
    if not len(ids):
        return Sources(np.arange(0), False)
    if not _is_text(ids.type):
        _refuse(ids[0])
    places = pc.index_in(ids, value_set=known)
    if places.null_count:
        expanded = pc.replace_substring_regex(ids, ORDINAL, "")
        places = pc.coalesce(places, pc.index_in(expanded, value_set=known))
    if places.null_count:
        _refuse(ids.filter(pc.is_null(places))[0])
    if pc.count_distinct(ids).as_py() != len(ids):
        counted = pc.value_counts(ids)
        _refuse(counted.field("values").filter(pc.greater(counted.field("counts"), 1))[0])
    return Sources(places.to_numpy().astype(np.int64), False)


def _refuse(document_id: Any) -> NoReturn:
    shown = str(document_id.as_py())[:80]
    raise HostFailed(
        f"The plugin host answered with document_id {shown!r}, which it was not given.",
        "Keep the column 'document_id' as it comes.",
        "broke the protocol: document_id",
    )


def _excused(
    rows: pa.Table, sources: Sources, conditions: Sequence[RowCondition]
) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Rows that some step passes by because of their MIME type."""
    conditions = [c for c in conditions if c is not RowCondition.ALWAYS]
    if not conditions:
        return np.zeros(len(sources.places), dtype=np.bool_)
    mimes = sources.of(rows["mime_type"])
    passed_by = [m for m in mimes.unique().to_pylist() if any(not c.matches(m) for c in conditions)]
    return np.asarray(pc.is_in(mimes, value_set=pa.array(passed_by, mimes.type)).to_numpy(zero_copy_only=False))


def _constants(extraction: Extraction, now: datetime) -> dict[str, Any]:
    """What all documents of a partition have in common."""
    return {
        "collection_id": extraction.collection_id,
        "bucket_id": extraction.bucket_id,
        "batch_id": extraction.batch_id,
        MADE_BY: made_by(extraction),
        "created_at": now,
        "updated_at": now,
    }


def _system(field: pa.Field, rows: pa.Table, sources: Sources, result: pa.Table) -> Any:
    if field.name == "document_id":
        return _plain(result[field.name], field.type)
    if field.name not in rows.column_names:
        return repeated(None, result.num_rows, field.type)
    return _plain(sources.of(rows[field.name]), field.type)


def _vector(extraction: Extraction, field: pa.Field, result: pa.Table, excused: Any, problems: Problems) -> Any:
    """A feature's column as fixed-size lists; rows without a usable vector become problems and null."""
    manifest = extraction.manifest
    output = manifest.output_field(field.name) if manifest else field.name
    name = next((n for n in (field.name, output) if n in result.column_names), None)
    if name is None:
        for row in np.flatnonzero(~excused).tolist():
            problems.setdefault(row, (field.name, f"the pipeline wrote no column {field.name!r}"))
        return pa.nulls(result.num_rows, field.type)
    dim = field.type.list_size
    column = _one(result[name])
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type) or _is_fixed(column.type)):
        if column.null_count < len(column):
            for row in np.flatnonzero(pc.is_valid(column).to_numpy(zero_copy_only=False)).tolist():
                problems.setdefault(row, (name, f"holds {column.type}, the manifest says {dim} numbers"))
        column = pa.nulls(len(column), field.type)
    valid = pc.is_valid(column).to_numpy(zero_copy_only=False)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(valid & (lengths != dim)).tolist():
        problems.setdefault(row, (name, f"has {lengths[row]} numbers, the manifest says {dim}"))
    for row in np.flatnonzero(~valid & ~excused).tolist():
        problems.setdefault(row, (name, "is null, a row must have its vector"))
    good = valid & (lengths == dim)
    numbers = _numbers(column.filter(pa.array(good)), dim)
    bad = ~np.isfinite(numbers).all(axis=1)
    places = np.flatnonzero(good)
    for row in places[bad].tolist():
        problems.setdefault(row, (name, "holds NaN or infinity"))
    return _scattered(numbers[~bad], places[~bad], len(column), field.type)


def _numbers(lists: Any, dim: int) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """Lists of `dim` numbers each as one matrix; a number that is missing or no number becomes NaN."""
    flat = _one(pc.list_flatten(lists))
    try:
        flat = pc.cast(flat, pa.float32(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        flat = pa.nulls(len(flat), pa.float32())
    return np.asarray(pc.fill_null(flat, np.nan).to_numpy(zero_copy_only=False)).reshape(len(lists), dim)


def _scattered(numbers: Any, places: Any, rows: int, kind: pa.DataType) -> pa.Array:
    """`numbers` at `places` of a column of `rows`, nulls elsewhere."""
    whole = numbers
    mask = None
    if len(places) != rows:
        whole = np.zeros((rows, kind.list_size), dtype=np.float32)
        whole[places] = numbers
        absent = np.ones(rows, dtype=np.bool_)
        absent[places] = False
        mask = pa.array(absent)
    flat = pa.array(np.ascontiguousarray(whole).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=mask)


def _stored(field: pa.Field, result: pa.Table, problems: Problems) -> Any:
    """A column of the output schema or of the source, in the collection's type."""
    if field.name not in result.column_names:
        return repeated(None, result.num_rows, field.type)
    column, as_json = _one(result[field.name]), is_json(result.schema.field(field.name))
    if is_json(field):
        return _converted(column.to_pylist(), field, _checked_json if as_json else _json_text, problems)
    if as_json:
        return _converted(column.to_pylist(), field, orjson.loads, problems)
    try:
        return _plain(column, field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return _converted(column.to_pylist(), field, lambda v: v, problems)


def _converted(values: list[Any], field: pa.Field, change: Callable[[Any], Any], problems: Problems) -> pa.Array:
    """Value by value, so that one that does not fit fails its row alone."""
    kept: list[Any] = []
    for row, value in enumerate(values):
        try:
            changed = None if value is None or value != value else change(value)
            kept.append(pa.scalar(_number(changed, field.type), field.type).as_py())
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, ValueError, OverflowError):
            shown = repr(value)[:80]
            problems.setdefault(row, (field.name, f"is {shown}, the schema says {field.type}"))
            kept.append(None)
    return pa.array(kept, field.type)


def _number(value: Any, kind: pa.DataType) -> Any:
    """2.0 as 2 where whole numbers are stored: pandas turns integers with gaps into floats.

    Raises:
        ValueError: a fraction, which Arrow would cut off, or text, which it would read.
    """
    if isinstance(value, str) and not pa.types.is_string(kind):
        raise ValueError("text")
    if pa.types.is_integer(kind) and isinstance(value, float):
        if not value.is_integer():
            raise ValueError("a fraction")
        return int(value)
    if pa.types.is_string(kind) and isinstance(value, bool | int | float):
        return str(value)
    return value


def _extra(extraction: Extraction, inputs: Inputs, result: pa.Table, schema: pa.Schema) -> Any:
    """What the schema has no column for, as one JSON object a row; null where there is nothing."""
    manifest = extraction.manifest
    vectors = {manifest.output_field(f.feature_name) for f in manifest.features} if manifest else set()
    left_out = {*schema.names, *NOT_STORED, *inputs.added, *vectors}
    names = [n for n in result.column_names if n not in left_out and not n.startswith("_")]
    if not names:
        return repeated(None, result.num_rows)
    columns = {n: _unfolded(result, n) for n in names}
    texts = []
    for row in range(result.num_rows):
        values = {n: c[row] for n, c in columns.items() if c[row] is not None}
        texts.append(_json_text(values) if values else None)
    return pa.array(texts, pa.string())


def _unfolded(result: pa.Table, name: str) -> list[Any]:
    values: list[Any] = result[name].to_pylist()
    if is_json(result.schema.field(name)):
        return [_parsed(v) for v in values]
    return values


def _parsed(text: str | None) -> Any:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _json_text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY, default=str).decode()


def _checked_json(text: str) -> str:
    """JSON text as it came, if it is any; documents are parsed again whenever they are read."""
    orjson.loads(text)
    return text


def _split(rows: pa.Table, sources: Sources, table: pa.Table, problems: Problems) -> Checked:
    if not problems:
        return Checked(table, [])
    ids, objects = table["document_id"].to_pylist(), sources.of(rows["object_id"]).to_pylist()
    failures = [
        Failure(ids[row], objects[row], None, column, f"Column {column!r} {problem}.")
        for row, (column, problem) in sorted(problems.items())
    ]
    kept = [row for row in range(table.num_rows) if row not in problems]
    return Checked(table.take(pa.array(kept, pa.int64())), failures)


def _plain(column: Any, kind: pa.DataType) -> Any:
    """`column` as `kind`, exactly or not at all; NaN counts as missing where whole numbers are stored."""
    column = _one(column)
    if column.type == kind:
        return column
    if _is_text(column.type) and not pa.types.is_string(kind):
        raise pa.ArrowTypeError(f"text where {kind} is stored")  # '1' is no 1, whatever a cast would make of it
    if pa.types.is_floating(column.type) and pa.types.is_integer(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return pc.cast(column, kind)


def _one(column: Any) -> Any:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # the latter copies


def _is_fixed(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_list(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
