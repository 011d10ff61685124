"""A column as it is stored, and the rows whose values cannot be."""

from dataclasses import dataclass, field

import pyarrow as pa

from plugin_sdk.schema_types import JSON_METADATA

Bad = dict[int, tuple[str, str]]
"""Row -> what was written there, and the rule against it, e.g. ("3 numbers", "the manifest says 384")."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column as it is stored; the rows in `bad` are null in it."""

    array: pa.Array
    bad: Bad = field(default_factory=dict)
    json: bool = False

    def named(self, name: str) -> pa.Field:
        """The column's field."""
        return pa.field(name, self.array.type, metadata=JSON_METADATA if self.json else None)
