"""Retriever: named stages that turn inputs into ranked documents."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.collections import Collection, find_collection
from core.errors import InvalidRequest, NotFound
from core.ids import new_id
from core.named import Named
from core.names import check_name
from core.noun import Noun
from core.search import Target, targets_of
from core.stages import normalise
from core.stores import Stores
from core.tenancy import Scope
from plugin_sdk.manifest import Feature

URI = re.compile(r"(?:mixpeek://)?(?P<extractor>[^@/]+)@(?P<version>[^/]+)(?:/(?P<output>.+))?")


class Retriever(Noun):
    """A retriever as stored; `stages` are normalised to `{stage_name, stage_type, config: {stage_id, parameters}}`."""

    retriever_id: str
    retriever_name: str
    description: str | None = None
    collection_ids: list[str] = []
    stages: list[dict[str, Any]]
    input_schema: dict[str, Any] = {}
    budget_limits: dict[str, Any] = {}
    tags: list[str] = []
    version: int = 1
    visibility: str = "private"

    @property
    def feature_uris(self) -> list[str]:
        """The features that its searches name, in their order."""
        found = (uri for stage in self.stages for uri, _, _ in _searches(stage, ""))
        return list(dict.fromkeys(uri for uri in found if uri))


RETRIEVERS = Named(Retriever, "retriever", "ret")


def create_retriever(
    stores: Stores, scope: Scope, name: str, stages: Any, collections: Sequence[str] = (), **fields: Any
) -> Retriever:
    """A retriever whose collections and features exist.

    Raises:
        InvalidRequest: one of them does not, or a stage can't be understood.
        AlreadyExists: the name is taken.
    """
    check_name(name, "retriever_name", "ret")
    normal = normalise(stages)
    shared = [_collection(stores, scope, c, f"collection_identifiers[{i}]") for i, c in enumerate(collections)]
    for position, stage in enumerate(normal):
        _check_stage(stores, scope, stage, shared, f"stages[{position}].config.parameters")
    retriever = Retriever(
        retriever_id=new_id("ret"),
        retriever_name=name,
        collection_ids=[c.collection_id for c in shared],
        stages=normal,
        **fields,
    )
    return RETRIEVERS.create(stores, scope.key, retriever)


def find_retriever(stores: Stores, scope: Scope, identifier: str) -> Retriever:
    """The retriever of this id or name.

    Raises:
        NotFound: the namespace has none.
    """
    return RETRIEVERS.find(stores, scope.key, identifier)


def list_retrievers(stores: Stores, scope: Scope) -> list[Retriever]:
    """Every retriever of the namespace, oldest first."""
    return RETRIEVERS.all(stores, scope.key)


def change_retriever(stores: Stores, scope: Scope, retriever: Retriever, **fields: Any) -> Retriever:
    """The retriever with these fields changed and its version raised; a new name must be free."""
    return RETRIEVERS.change(
        stores, scope.key, retriever, lambda found: found.changed(**fields, version=found.version + 1)
    )


def delete_retriever(stores: Stores, scope: Scope, retriever: Retriever) -> None:
    """Delete the retriever and free its name."""
    stores.records.delete(scope.key("retriever"), retriever.retriever_id)
    RETRIEVERS.release(stores, scope.key, retriever)


def address(uri: str) -> dict[str, Any] | None:
    """A feature URI as the contract's FeatureAddress."""
    parts = URI.fullmatch(uri)
    return {"scheme": "mixpeek", **parts.groupdict()} if parts else None


def targets(collections: Iterable[Collection]) -> list[Target]:
    """Every feature of these collections that can be searched."""
    return [
        Target(
            collection,
            Feature(
                feature_name=index["name"],
                embedding_dim=index["index"]["dimensions"],
                distance_metric=index["index"]["distance"],
            ),
        )
        for collection in collections
        for index in collection.vector_indexes
    ]


def _check_stage(
    stores: Stores, scope: Scope, stage: Mapping[str, Any], shared: Sequence[Collection], where: str
) -> None:
    for uri, own, path in _searches(stage, where):
        searched = [_collection(stores, scope, c, f"{path}.collection_ids[{i}]") for i, c in enumerate(own)] or shared
        if not searched:
            raise InvalidRequest(
                f"{path} searches no collection.", "Name them in collection_identifiers.", "collection_identifiers"
            )
        if uri is None or not uri.startswith("{{"):
            targets_of(uri, targets(searched), f"{path}.feature_uri")


def _searches(stage: Mapping[str, Any], where: str) -> Iterable[tuple[str | None, Sequence[str], str]]:
    """Each vector search of a normalised stage: its feature URI, its own collections, its path."""
    parameters = stage["config"]["parameters"]
    if stage["config"]["stage_id"] != "feature_search":
        return
    shared = _identifiers(parameters)
    searches = parameters.get("searches")
    if searches is None:
        extractor = parameters.get("feature_extractor")
        nested = extractor.get("feature_uri") if isinstance(extractor, Mapping) else None
        yield parameters.get("feature_uri") or nested, shared, where
        return
    if not isinstance(searches, list) or not searches:
        raise InvalidRequest(f"{where}.searches is empty.", "Give at least one search.", f"{where}.searches")
    for position, search in enumerate(searches):
        path = f"{where}.searches[{position}]"
        if not isinstance(search, Mapping):
            raise InvalidRequest(f"{path} is no object.", "Write {feature_uri, query, top_k}.", path)
        uri = search.get("feature_uri")
        if uri is not None and not isinstance(uri, str):
            raise InvalidRequest(f"{path}.feature_uri is no text.", "Name the feature.", f"{path}.feature_uri")
        yield uri, _identifiers(search) or shared, path


def _identifiers(holder: Mapping[str, Any]) -> list[str]:
    found = holder.get("collection_identifiers") or holder.get("collection_ids") or []
    return [str(i) for i in found] if isinstance(found, list) else []


def _collection(stores: Stores, scope: Scope, identifier: str, field: str) -> Collection:
    try:
        return find_collection(stores, scope, identifier)
    except NotFound as error:
        raise InvalidRequest(error.problem, error.fix, field) from error
