"""What the steps wrote, checked against the manifest and turned into the columns that are stored."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from plugin_sdk.assembly import Rows, Written
from plugin_sdk.columns import encode_as, encode_freely
from plugin_sdk.encoded import Encoded
from plugin_sdk.manifest import Feature, Manifest
from plugin_sdk.outcomes import LINEAGE
from plugin_sdk.schema_types import property_type
from plugin_sdk.vectors import encode_vectors

Fault = tuple[int, str, str | None, str]
"""Position, step, column, reason."""

DIM_FIX = "Correct the processor, or embedding_dim in manifest.py."


@dataclass(frozen=True, slots=True)
class Stored:
    """Columns to store, the rows that failed, and which rows are left (None: all)."""

    table: pa.Table
    failures: list[Fault]
    keep: npt.NDArray[np.bool_] | None


def write(rows: Rows, manifest: Manifest | None, all_steps: int | None) -> Stored:
    """The written columns of the rows that pass.

    Args:
        rows: the partition after its last step.
        manifest: names the vectors and the types; None checks nothing but that values can be stored.
        all_steps: how many steps a row must have gone through to owe every vector; None owes none.
    """
    columns: dict[str, Encoded] = {}
    faults: list[Fault] = []
    left = {name: w for name, w in rows.written.items() if name not in LINEAGE and name in rows.frame}
    for feature in manifest.features if manifest else ():
        name = _written_as(feature, manifest, left)
        if name is not None:
            columns[feature.feature_name] = encoded = encode_vectors(rows.frame[name], feature.embedding_dim)
            faults += _vector_faults(rows, left.pop(name), name, encoded)
        elif all_steps and not _present(feature, manifest, rows):
            faults += _missing(rows, feature, all_steps)
    schema = manifest.output_schema if manifest else {}
    for name, written in left.items():
        values = rows.frame[name]
        declared = name in schema.get("properties", {})
        columns[name] = encoded = encode_as(values, property_type(schema, name)) if declared else encode_freely(values)
        faults += [(at, written.step, name, _wrote(written.step, name, bad)) for at, bad in encoded.bad.items()]
    return _stored(columns, _first_per_row(faults), len(rows.frame))


def _stored(columns: dict[str, Encoded], faults: list[Fault], count: int) -> Stored:
    fields = [encoded.named(name) for name, encoded in columns.items()]
    table = pa.Table.from_arrays([encoded.array for encoded in columns.values()], schema=pa.schema(fields))
    if not faults:
        return Stored(table, [], None)
    keep = np.ones(count, bool)
    keep[[at for at, *_ in faults]] = False
    return Stored(table.filter(pa.array(keep)) if columns else table, faults, keep)


def _first_per_row(faults: list[Fault]) -> list[Fault]:
    """One fault per row, in the order of the rows."""
    first: dict[int, Fault] = {}
    for fault in faults:
        first.setdefault(fault[0], fault)
    return [first[at] for at in sorted(first)]


def _written_as(feature: Feature, manifest: Manifest | None, left: dict[str, Written]) -> str | None:
    """The column in which the steps wrote this vector: the feature's name first, then its field's."""
    names = (feature.feature_name, manifest.output_field(feature.feature_name) if manifest else "")
    return next((name for name in names if name in left), None)


def _present(feature: Feature, manifest: Manifest | None, rows: Rows) -> bool:
    """Whether the vector came with the partition, from steps that ran elsewhere."""
    names = (feature.feature_name, manifest.output_field(feature.feature_name) if manifest else "")
    return any(name in rows.frame.columns for name in names)


def _vector_faults(rows: Rows, written: Written, name: str, encoded: Encoded) -> Iterator[Fault]:
    step = written.step
    for at, bad in encoded.bad.items():
        yield at, step, name, f"{_wrote(step, name, bad)} {DIM_FIX}"
    if encoded.array.null_count == len(encoded.bad):
        return
    null = encoded.array.is_null().to_numpy(zero_copy_only=False) & written.processed
    for at in map(int, np.flatnonzero(null)):
        if at not in encoded.bad:
            yield at, step, name, f"Step {step} wrote no vector into '{name}': it is null. Write one for each row."


def _wrote(step: str, name: str, bad: tuple[str, str]) -> str:
    found, rule = bad
    return f"Step {step} wrote {found} into '{name}', {rule}."


def _missing(rows: Rows, feature: Feature, all_steps: int) -> Iterator[Fault]:
    name = feature.feature_name
    for at in map(int, np.flatnonzero(rows.steps >= all_steps)):
        yield at, "", name, f"No step wrote '{name}', which manifest.py lists in features. Write it, or remove it."
