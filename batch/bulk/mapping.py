"""Mapping: which column of a file fills which property, held against what the file and the bucket's schema say."""

from collections.abc import Sequence

import pyarrow as pa

from batch.bulk.parts import Column
from batch.bulk.values import fits, is_text, natural_type
from core.bucket_schema import FILE_TYPES, missing_properties, properties_of
from core.buckets import Bucket
from core.errors import InvalidRequest
from core.imports import Import, MappedColumn

FIELDS = {"text": "text_columns", "blob": "blob_columns", "metadata": "metadata_columns"}


def resolve(bucket: Bucket, wanted: Import, names: Sequence[str], url: str) -> tuple[Column, ...]:
    """The mapping, completed by the columns' names where none was given; every column is one of `names`.

    Raises:
        InvalidRequest: a column is not in the file, none gives rows, or a required property is left out.
    """
    mapped = wanted.columns or _by_name(bucket, names)
    if all(c.role == "metadata" for c in mapped):
        raise InvalidRequest(
            f"No column of {url} gives text or a file. It has: {_shown(names)}.",
            'Send "text_columns": {"<property>": "<column>"}, or "blob_columns" for columns of URLs.',
            "text_columns",
        )
    for column in mapped:
        if column.column not in names:
            raise _unknown(column.column, f"{FIELDS[column.role]}.{column.property}", names, url)
    if wanted.id_column is not None and wanted.id_column not in names:
        raise _unknown(wanted.id_column, "id_column", names, url)
    missing = missing_properties(bucket.bucket_schema, {c.property for c in mapped})
    if missing:
        raise InvalidRequest(
            f"The mapping fills no {', '.join(missing)}, which the bucket's schema requires.",
            f"Map a column to it; {url} has: {_shown(names)}.",
            missing[0],
        )
    return tuple(Column(c.property, c.column, c.role, c.type) for c in mapped)


def typed(columns: Sequence[Column], id_column: str | None, schema: pa.Schema, url: str) -> tuple[Column, ...]:
    """The columns with the types of their properties, once the file's types can fill them.

    Raises:
        InvalidRequest: a column holds another type.
    """
    found = []
    for column in columns:
        field = schema.field(column.column)
        kind = column.type or natural_type(field)
        if kind is None or not fits(kind, field):
            wanted = f"the property {column.property!r} is of type {kind!r}" if kind else "no property can hold that"
            raise InvalidRequest(
                f"{url}: column {column.column!r} holds {field.type}; {wanted}.",
                f"Map another column to {column.property!r}, or write the file with the type that the property has.",
                f"{FIELDS[column.role]}.{column.property}",
            )
        found.append(Column(column.property, column.column, column.role, kind))
    if id_column is not None:
        kind = schema.field(id_column).type
        if not (is_text(kind) or pa.types.is_integer(kind)):
            raise InvalidRequest(
                f"{url}: the id column {id_column!r} holds {kind}.",
                "Use a column of text or whole numbers.",
                "id_column",
            )
    return tuple(found)


def _by_name(bucket: Bucket, names: Sequence[str]) -> list[MappedColumn]:
    """Each property from the column of its name, where there is one."""
    found = []
    for name, described in properties_of(bucket.bucket_schema).items():
        kind = str(described["type"])
        role = "blob" if kind in FILE_TYPES else "text" if kind == "text" else "metadata"
        if name in names:
            found.append(MappedColumn(property=name, column=name, role=role, type=kind))
    return found


def _unknown(column: str, field: str, names: Sequence[str], url: str) -> InvalidRequest:
    return InvalidRequest(
        f"{field}: {url} has no column {column!r}.",
        f"It has: {_shown(names)}. (In a CSV file the first line must be the header that names them.)",
        field,
    )


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - 50} more" if len(names) > 50 else ""
    return (", ".join(map(repr, names[:50])) or "none") + more
