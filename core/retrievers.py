"""Retriever: named stages that turn inputs into ranked documents."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.collections import Collection, find_collection
from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.ids import new_id
from core.names import check_name
from core.noun import Noun
from core.quotas import check_room
from core.search import Target, targets_of
from core.stages import normalise
from core.stores import Stores
from core.stores.records import Body, Entry
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


def create_retriever(
    stores: Stores, scope: Scope, name: str, stages: Any, collections: Sequence[str] = (), **fields: Any
) -> Retriever:
    """A retriever whose collections and features exist.

    Raises:
        InvalidRequest: one of them does not, or a stage can't be understood.
        AlreadyExists: the name is taken.
    """
    check_name(name, "retriever_name", "ret")
    check_room(stores, "retrievers", scope.key("retriever"))
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
    try:
        stores.records.create_all([_entry(scope, retriever), _named(scope, retriever)])
    except AlreadyExists as error:
        raise _taken(name) from error
    return retriever


def find_retriever(stores: Stores, scope: Scope, identifier: str) -> Retriever:
    """The retriever of this id or name.

    Raises:
        NotFound: the namespace has none.
    """
    pk, record = scope.key("retriever"), None
    if identifier.startswith("ret_"):
        record = stores.records.get(pk, identifier)
    if record is None and (pointer := stores.records.get(scope.key("retriever_name"), identifier)):
        record = stores.records.get(pk, pointer.body["retriever_id"])
    if record is None:
        raise NotFound(
            f"There is no retriever {identifier[:100]!r} in this namespace.", "List retrievers to see what exists."
        )
    return Retriever.model_validate(record.body)


def list_retrievers(stores: Stores, scope: Scope) -> list[Retriever]:
    """Every retriever of the namespace, oldest first."""
    found = [Retriever.model_validate(r.body) for r in stores.records.each(scope.key("retriever"))]
    return sorted(found, key=lambda r: (r.created_at, r.retriever_id))


def change_retriever(stores: Stores, scope: Scope, retriever: Retriever, **fields: Any) -> Retriever:
    """The retriever with these fields changed and its version raised; a new name must be free."""
    changed = retriever.changed(**fields)
    if changed.retriever_name != retriever.retriever_name:
        check_name(changed.retriever_name, "retriever_name", "ret")
        try:
            stores.records.create(_named(scope, changed))
        except AlreadyExists as error:
            raise _taken(changed.retriever_name) from error
    before: list[Retriever] = []

    def change(body: Body) -> Body:
        before[:] = [Retriever.model_validate(body)]
        return before[0].changed(**fields, version=before[0].version + 1).body()

    record = stores.records.update(scope.key("retriever"), retriever.retriever_id, change)
    if record is None:
        _release(stores, scope, changed)
        raise NotFound(f"The retriever {retriever.retriever_name!r} was deleted meanwhile.", "Create it again.")
    if before[0].retriever_name != record.body["retriever_name"]:
        _release(stores, scope, before[0])
    return Retriever.model_validate(record.body)


def delete_retriever(stores: Stores, scope: Scope, retriever: Retriever) -> None:
    """Delete the retriever and free its name."""
    stores.records.delete(scope.key("retriever"), retriever.retriever_id)
    _release(stores, scope, retriever)


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


def _entry(scope: Scope, retriever: Retriever) -> Entry:
    return Entry(scope.key("retriever"), retriever.retriever_id, retriever.body())


def _named(scope: Scope, retriever: Retriever) -> Entry:
    pointer = {"retriever_id": retriever.retriever_id}
    return Entry(scope.key("retriever_name"), retriever.retriever_name, pointer)


def _release(stores: Stores, scope: Scope, retriever: Retriever) -> None:
    """Free the retriever's name, unless another retriever has taken it."""
    name = _named(scope, retriever)
    stores.records.delete_if(name.pk, name.sk, name.body)


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"The namespace has a retriever {name!r}.", "Use another name, or that retriever.")
