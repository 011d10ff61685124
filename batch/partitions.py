"""Partition: the rows that one task handles; what it needs to know of its batch, and what it reports back.

All of it travels between processes, so everything here is small, frozen and picklable; rows go as Arrow.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from batch.bulk.parts import BulkPart
from core.collections import ExtractorConfig
from core.settings import Settings
from core.stores.blobs import BlobRef
from core.stores.commits import Replaced, Replacing
from core.tenancy import Scope
from plugin_sdk.manifest import Manifest

MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PluginRef:
    """A published plugin as a worker needs it: where its archive lies, its hash, and its manifest."""

    archive: BlobRef
    sha256: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Leaves:
    """Which finished rows a batch leaves out: all, or what it wrote itself since a moment."""

    batch_id: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """One collection of one batch: what every task of it needs. `plugin` None keeps the rows as they are.

    `run_id` is another one each time that the batch is run.
    """

    settings: Settings
    scope: Scope
    bucket_id: str
    batch_id: str
    collection_id: str
    extractor: ExtractorConfig
    plugin: PluginRef | None = None
    rows_expected: int | None = None
    run_id: str = ""
    source_filters: dict[str, Any] | None = None
    """Which objects and rows the collection takes of its buckets (the API's form)."""
    filters: dict[str, Any] | None = None
    """Which rows of imports are wanted (the API's form); stored objects were chosen when the batch was made."""
    leaves: Leaves | None = None
    """What workers leave out of imported rows with ids of their own, which the driver does not know; None: nothing."""

    @property
    def extractor_id(self) -> str:
        """The extractor as documents name it: the plugin's id, or `passthrough_extractor_v1`."""
        return self.extractor.extractor_id

    @property
    def manifest(self) -> Manifest | None:
        """The plugin's manifest, if there is a plugin."""
        return self.plugin.manifest if self.plugin else None


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows as an Arrow stream, or the part of an import that holds them; `batch/reading.py` gives their table.

    `index` is unique in its extraction; `rows` may be more than there are where a bulk source's values are missing.
    """

    index: int
    rows: int
    source: bytes | BulkPart

    @classmethod
    def of(cls, index: int, table: pa.Table) -> "Partition":
        """The partition that holds `table`."""
        out = pa.BufferOutputStream()
        with pa.ipc.new_stream(out, table.schema) as writer:
            writer.write_table(table)
        return cls(index, table.num_rows, out.getvalue().to_pybytes())

    @classmethod
    def named(cls, index: int, part: BulkPart) -> "Partition":
        """The partition of the rows that `part` names."""
        return cls(index, part.rows * len(part.source.blobs), part)


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that gave no document, and why."""

    document_id: str
    object_id: str
    step: str | None
    column: str | None
    reason: str
    traceback: str | None = None
    category: str = "validation"


@dataclass(frozen=True, slots=True)
class Blobs:
    """Blobs as numbers (`core/hashing.py`), each beside its object and how many that has."""

    objects: Any = ()
    blobs: Any = ()
    needed: Any = ()


@dataclass(slots=True)
class Outcome:
    """What a task did with its partition. `fragments` are written and not yet visible."""

    index: int
    rows: int = 0
    skipped: int = 0
    """Objects whose rows the worker left out, since they are done."""

    fragments: list[dict[str, Any]] = field(default_factory=list)
    replaced: Replacing = field(default_factory=Replaced)
    incomplete: Blobs = field(default_factory=Blobs)
    """Blobs of objects of which other partitions have the rest."""

    nothing: pa.Table | None = None
    """Rows for the ledger: they were processed and gave no document."""

    written: int = 0
    dropped: int = 0
    failures: list[Failure] = field(default_factory=list)
    step_seconds: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    bytes_in: int = 0
    bytes_out: int = 0
    host_mb: dict[str, float] = field(default_factory=dict)
    """Most memory that the hosts of each worker held so far."""

    hosts_lost: int = 0
    log: str = ""
