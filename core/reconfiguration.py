"""Reconfiguration: a namespace's list of extractors and vectors, brought up to what is published in it now."""

from collections.abc import Iterable
from typing import NamedTuple

from core.builtins import BUILTINS
from core.collections import Collection, list_collections
from core.document_counts import document_counts
from core.errors import NotFound
from core.extractors import feature_uri, vector_indexes
from core.namespaces import Namespace
from core.plugins import Plugin, list_plugins
from core.stores import Stores
from core.stores.records import Body
from core.tenancy import Principal
from plugin_sdk.manifest import Manifest


class Reconfigured(NamedTuple):
    """What a reconfiguration found; vectors are named by their feature URIs."""

    changed: bool
    documents: int
    vectors_added: list[str]
    vectors: list[str]
    outdated: list[Collection]
    """Collections whose plugin was published anew with other vectors than their documents have."""


def reconfigure(stores: Stores, principal: Principal, namespace: Namespace) -> Reconfigured:
    """Let the namespace list its built-ins and every plugin that it has. No document is touched."""
    scope = principal.scope(namespace.namespace_id)
    plugins = list_plugins(stores, scope)
    collections = list_collections(stores, scope)
    counts = document_counts(stores, scope, [c.collection_id for c in collections])
    before = namespace.feature_extractors
    kept = [e for e in before if e["feature_extractor_name"] in BUILTINS]
    wanted = kept + [{"feature_extractor_name": p.name, "version": p.version} for p in plugins]
    _write(stores, principal, namespace, wanted)
    known = {_named(e) for e in before}
    manifests = [BUILTINS[e["feature_extractor_name"]].manifest for e in kept] + [p.manifest for p in plugins]
    return Reconfigured(
        changed=wanted != before,
        documents=sum(counts.values()),
        vectors_added=_vectors(m for m in manifests if (m.name, m.version) not in known),
        vectors=_vectors(manifests),
        outdated=_outdated(plugins, collections),
    )


def _write(stores: Stores, principal: Principal, namespace: Namespace, wanted: list[Body]) -> None:
    def change(body: Body) -> Body | None:
        found = Namespace.model_validate(body)
        return found.changed(feature_extractors=wanted).body() if found.feature_extractors != wanted else None

    if stores.records.update(principal.org_key("namespace"), namespace.namespace_id, change) is None:
        raise NotFound(f"Namespace {namespace.namespace_name!r} was deleted meanwhile.", "Create it again.")


def _named(extractor: Body) -> tuple[str, str]:
    return extractor["feature_extractor_name"], extractor["version"]


def _vectors(manifests: Iterable[Manifest]) -> list[str]:
    return [feature_uri(manifest, feature) for manifest in manifests for feature in manifest.features]


def _outdated(plugins: list[Plugin], collections: list[Collection]) -> list[Collection]:
    current = {p.plugin_id: vector_indexes(p.manifest) for p in plugins}
    return [
        c for c in collections if c.vector_indexes != current.get(c.feature_extractor.plugin_id or "", c.vector_indexes)
    ]
