"""Query texts as vectors: by the deployed handler, else by the plugin's own pipeline over one row in a plugin host."""

import logging
import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from batch.inputs import with_input_fields
from batch.partitions import Extraction, PluginRef
from core.errors import InferenceFailed, InferenceTimeout, InvalidRequest, NotFound, ServingUnavailable
from core.plugins import Plugin
from core.search import Target
from core.settings import Settings
from core.stores.blobs import BlobRef
from core.tenancy import Scope
from plugin_sdk.errors import HostFailed, PlatformError
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.manifest import Manifest

log = logging.getLogger(__name__)

Call = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""Calls a deployment: organization, name, payload in, the handler's answer out."""

Open = Callable[[Scope, Plugin, ExtractorRequest], Any]
"""Starts a plugin host with the plugin's pipeline open in it."""

MAX_HOSTS = 4
MAX_AT_ONCE = 8
"""Query texts of one namespace that are embedded at once."""
ROW_ID = "query"


@dataclass(eq=False, slots=True)
class Slot:
    """A host for queries, and the lock that its one user at a time holds."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    host: Any = None


class QueryHosts:
    """A few hosts with open pipelines, by plugin, tenant and parameters; the one longest unused makes room."""

    def __init__(self, start: Open, most: int = MAX_HOSTS) -> None:
        self._start, self._most = start, most
        self._slots: OrderedDict[bytes, Slot] = OrderedDict()
        self._guard = threading.Lock()

    def run(self, scope: Scope, plugin: Plugin, request: ExtractorRequest, table: pa.Table) -> Any:
        """What the pipeline makes of the rows. A host that was found dead is replaced once."""
        slot = self._slot(key_of(scope, plugin, request))
        with slot.lock:
            warm = slot.host is not None
            try:
                return self._run(slot, scope, plugin, request, table)
            except HostFailed:
                self._end(slot)
                if not warm:
                    raise
                return self._run(slot, scope, plugin, request, table)

    def close(self) -> None:
        """End all hosts."""
        with self._guard:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            with slot.lock:
                self._end(slot)

    def _run(self, slot: Slot, scope: Scope, plugin: Plugin, request: ExtractorRequest, table: pa.Table) -> Any:
        if slot.host is None:
            slot.host = self._start(scope, plugin, request)
        return slot.host.run(table)

    def _slot(self, key: bytes) -> Slot:
        with self._guard:
            slot = self._slots.setdefault(key, Slot())
            self._slots.move_to_end(key)
            for other_key, other in list(self._slots.items()):
                if len(self._slots) <= self._most:
                    break
                if other is not slot and other.lock.acquire(blocking=False):
                    del self._slots[other_key]
                    self._end(other)
                    other.lock.release()
        return slot

    def _end(self, slot: Slot) -> None:
        host, slot.host = slot.host, None
        if host is not None:
            host.close()


class Embedder:
    """Turns a query's text into a vector of one feature."""

    def __init__(self, settings: Settings, call: Call, hosts: QueryHosts) -> None:
        self._settings, self._call, self._hosts = settings, call, hosts
        self._busy: Counter[Scope] = Counter()
        self._guard = threading.Lock()

    def embed(self, scope: Scope, plugin: Plugin, target: Target, text: str) -> list[float]:
        """The vector of `text`, as documents of this collection have theirs.

        Raises:
            InvalidRequest: the plugin gives no vector for a text.
            InferenceFailed: its code raised, or its host ended.
            ServingUnavailable: the namespace has too many queries under way.
        """
        with self._turn(scope):
            vector = self._by_deployment(scope, plugin, target, text)
            if vector is None:
                vector = self._by_pipeline(scope, plugin, target, text)
        return checked_vector(vector, target)

    @contextmanager
    def _turn(self, scope: Scope) -> Iterator[None]:
        """One of the namespace's places: a slow plugin must not take every thread that answers the others."""
        with self._guard:
            if self._busy[scope] >= MAX_AT_ONCE:
                raise ServingUnavailable(
                    f"{MAX_AT_ONCE} queries of this namespace are being embedded.", "Try again in a moment."
                )
            self._busy[scope] += 1
        try:
            yield
        finally:
            with self._guard:
                self._busy[scope] -= 1
                if not self._busy[scope]:
                    del self._busy[scope]

    def _by_deployment(self, scope: Scope, plugin: Plugin, target: Target, text: str) -> Any:
        """The handler's vector; None when nothing is deployed, or when its answer has no such vector."""
        name = f"custom_plugin_{scope.namespace_id}_{plugin.plugin_id}"
        payload = {"text": text, text_field(plugin.manifest): text}
        try:
            answer = self._call(scope.org_id, name, payload)
        except (NotFound, ServingUnavailable, InferenceFailed, InferenceTimeout) as error:
            if not isinstance(error, NotFound):
                log.warning("query not embedded by its deployment", extra={"deployment": name, "code": error.code})
            return None
        found = vector_in(answer, plugin.manifest, target)
        return found if _is_vector(found) else None

    def _by_pipeline(self, scope: Scope, plugin: Plugin, target: Target, text: str) -> Any:
        config = target.collection.feature_extractor
        request = ExtractorRequest.of(
            config.feature_extractor_name, config.version, config.params, config.input_mappings
        )
        table = query_row(self._settings, scope, plugin, target, text)
        try:
            result = self._hosts.run(scope, plugin, request, table)
        except PlatformError as error:
            raise InferenceFailed(
                f"The query could not be embedded by {plugin.plugin_id}: {error.problem}", error.fix
            ) from error
        for name in (target.feature.feature_name, plugin.manifest.output_field(target.feature.feature_name)):
            if result.table.num_rows and name in result.table.column_names:
                return result.table[name][0].as_py()
        if result.failures:
            failure = result.failures[0]
            raise InferenceFailed(
                f"The query could not be embedded by {plugin.plugin_id}: {failure.reason}",
                "Correct the plugin, or send the query as a vector.",
            )
        raise InvalidRequest(
            f"{plugin.plugin_id} gives no vector for a text: its pipeline returned none.",
            "Send the query as a vector: {'input_mode': 'vector', 'value': […]}.",
            "query",
        )


def query_row(settings: Settings, scope: Scope, plugin: Plugin, target: Target, text: str) -> pa.Table:
    """One row as a batch would have it, with the text in `data` and in the input schema's first text field."""
    columns = {
        "document_id": ROW_ID,
        "object_id": ROW_ID,
        "blob_id": ROW_ID,
        "blob_property": text_field(plugin.manifest),
        "blob_type": "text",
        "collection_id": target.collection.collection_id,
        "feature_extractor_id": plugin.plugin_id,
        "mime_type": "text/plain",
        "data": text,
    }
    table = pa.table(
        {name: pa.array([value], pa.string()) for name, value in columns.items()}
        | {"size_bytes": pa.array([len(text.encode("utf-8", "surrogatepass"))], pa.int64())}
    )
    config = target.collection.feature_extractor
    for path in {**plugin.manifest.input_mappings, **config.input_mappings}.values():
        root = path.removeprefix("metadata.").split(".")[0]
        if root not in table.column_names:  # a mapped property: the query stands for it
            table = table.append_column(root, pa.array([text], pa.string()))
    reference = PluginRef(archive_of(settings, plugin), plugin.sha256, plugin.manifest)
    extraction = Extraction(settings, scope, "", "", target.collection.collection_id, config, reference)
    return with_input_fields(extraction, table)[0]


def text_field(manifest: Manifest) -> str:
    """The input schema's first text field; `text` where it has none."""
    properties: Mapping[str, Any] = (manifest.input_schema or {}).get("properties") or {}
    for name, prop in properties.items():
        choices = [prop, *(prop.get("anyOf") or ())] if isinstance(prop, Mapping) else []
        if any(isinstance(c, Mapping) and c.get("type") == "string" for c in choices):
            return name
    return "text"


def vector_in(answer: Mapping[str, Any], manifest: Manifest, target: Target) -> Any:
    """The feature's vector in a handler's answer: under the feature's name, the output field's, or the only one."""
    feature = target.feature.feature_name
    for name in (feature, manifest.output_field(feature), "embedding", "vector"):
        if name in answer:
            return answer[name]
    vectors = [v for v in answer.values() if _is_vector(v) and len(v) == target.feature.embedding_dim]
    return vectors[0] if len(vectors) == 1 else None


def checked_vector(vector: Any, target: Target) -> list[float]:
    """The vector, if it is one of the feature's length.

    Raises:
        InvalidRequest: it is not.
    """
    dim = target.feature.embedding_dim
    if not _is_vector(vector) or len(vector) != dim or not all(math.isfinite(v) for v in vector):
        found = f"{len(vector)} numbers" if _is_vector(vector) else "no list of numbers"
        raise InvalidRequest(
            f"The query's vector for {target.uri} is {found}; the feature has {dim}.",
            f"Give {dim} finite numbers.",
            "query",
        )
    return [float(v) for v in vector]


def key_of(scope: Scope, plugin: Plugin, request: ExtractorRequest) -> bytes:
    """What two queries must share to share a host: the tenant, the code, the parameters."""
    parts = [scope.org_id, scope.namespace_id, plugin.sha256, request.to_dict()]
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)


def archive_of(settings: Settings, plugin: Plugin) -> BlobRef:
    """Where the plugin's archive lies."""
    return BlobRef(settings.plugin_bucket, plugin.archive_key)


def _is_vector(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    )
