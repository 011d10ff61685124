"""Searching: follows a retriever's plan over the collections' datasets, stage by stage."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from batch.serving.documents import MAX_EXAMINED, has_column
from batch.serving.embedding import Embedder, checked_vector
from core import retrievers
from core.collections import Collection, find_collection, list_collections
from core.conditions import MISSING, Condition, Filter, field_of, join
from core.errors import InvalidRequest, NotFound
from core.expiring import Expiring
from core.plugins import Plugin, get_plugin
from core.retrievers import Retriever
from core.search import Hit, Target, facet, fuse, grouped, ordered, targets_of
from core.stages import AttributeFilter, FeatureSearch, Limit, Search, SortAttribute, Stage
from core.stores import Stores
from core.stores.vectors import DocumentTable, Vectors, vector_columns
from core.tenancy import Scope

REMEMBERED_S = 1.0
"""Seconds that a collection's or plugin's record is kept here, so that a search costs no store call for it."""


@dataclass(slots=True)
class Found:
    """What a plan found, in order, and what it took."""

    hits: list[Hit] = field(default_factory=list)
    groups: list[tuple[Any, list[Hit]]] | None = None
    facets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    statistics: dict[str, dict[str, Any]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """One execution: whose it is, which collections it searches unless a stage says otherwise, what it found so far."""

    scope: Scope
    collections: Sequence[Collection]
    return_vectors: bool
    found: Found = field(default_factory=Found)
    before: Filter | None = None
    searched: bool = False


class Searcher:
    """Executes plans for every tenant of this node."""

    def __init__(self, stores: Stores, vectors: Vectors, embedder: Embedder) -> None:
        self._stores, self._vectors, self._embedder = stores, vectors, embedder
        self._collections: Expiring[tuple[str, str, str], Collection] = Expiring(REMEMBERED_S)
        self._plugins: Expiring[tuple[str, str, str], Plugin] = Expiring(REMEMBERED_S)

    def collections(self, scope: Scope, identifiers: Sequence[str], where: str) -> list[Collection]:
        """The collections of these ids or names; all of the namespace's for none.

        Raises:
            InvalidRequest: one of them does not exist.
        """
        if not identifiers:
            return list_collections(self._stores, scope)
        return [self._collection(scope, identifier, where) for identifier in dict.fromkeys(identifiers)]

    def retriever(self, scope: Scope, identifier: str) -> Retriever:
        """The retriever of this id or name.

        Raises:
            NotFound: the namespace has none.
        """
        return retrievers.find_retriever(self._stores, scope, identifier)

    def execute(
        self, scope: Scope, plan: Sequence[Stage], collections: Sequence[Collection], *, return_vectors: bool = False
    ) -> Found:
        """Follow the plan.

        Raises:
            InvalidRequest: a feature, a field or a collection does not exist, or a vector has the wrong length.
            InferenceFailed: a query text could not be embedded.
        """
        run = Run(scope, collections, return_vectors)
        for position, stage in enumerate(plan):
            began, received = time.perf_counter(), len(run.found.hits)
            self._stage(run, stage, f"stages[{position}]", plan[position + 1 :])
            name = stage.name if stage.name not in run.found.statistics else f"{stage.name}_{position}"
            run.found.statistics[name] = {
                "input_count": received,
                "output_count": len(run.found.hits),
                "duration_ms": round((time.perf_counter() - began) * 1000, 3),
            }
        if not run.searched:
            self._list(run, MAX_EXAMINED)
        return run.found

    def _stage(self, run: Run, stage: Stage, where: str, later: Sequence[Stage]) -> None:
        found = run.found
        if isinstance(stage, FeatureSearch):
            self._feature_search(run, stage, where)
        elif isinstance(stage, AttributeFilter):
            if run.searched:
                found.hits = [hit for hit in found.hits if stage.filters.matches(hit.document)]
                return
            run.before = join(run.before, stage.filters)
            if not any(isinstance(s, FeatureSearch) for s in later):
                self._list(run, MAX_EXAMINED)
        else:
            if not run.searched:
                self._list(run, MAX_EXAMINED)
            if isinstance(stage, SortAttribute):
                found.hits = ordered(found.hits, stage)
            elif isinstance(stage, Limit):
                found.hits = found.hits[stage.offset : stage.offset + stage.limit]

    def _feature_search(self, run: Run, stage: FeatureSearch, where: str) -> None:
        before = run.before
        if run.searched:  # a second search ranks what the first one found
            ids = [hit.key[1] for hit in run.found.hits]
            before = join(before, _one_of(ids))
        rankings = []
        for position, search in enumerate(stage.searches):
            place = f"{where}.config.parameters.searches[{position}]"
            rankings.append(self._search(run, search, join(before, search.filters), place, stage))
        hits = fuse(rankings, [search.weight for search in stage.searches], stage.fusion)
        for name in stage.facets:
            run.found.facets[name] = facet(hits, name)
        if stage.group_by:
            run.found.groups = grouped(hits, stage.group_by)
            hits = [hit for _, members in run.found.groups for hit in members]
        else:
            hits = hits[: stage.final_top_k]
        run.found.hits, run.searched, run.before = hits, True, None

    def _search(self, run: Run, search: Search, wanted: Filter | None, where: str, stage: FeatureSearch) -> list[Hit]:
        collections = run.collections
        if search.collections:
            collections = self.collections(run.scope, search.collections, f"{where}.collection_identifiers")
        targets = targets_of(search.feature_uri, retrievers.targets(collections), f"{where}.feature_uri")
        vectors: dict[str, list[float]] = {}
        most = search.top_k
        if len(stage.searches) == 1 and not (stage.group_by or stage.facets):
            most = min(most, stage.final_top_k)
        hits = []
        for target in targets:
            table = self._table(run, target.collection)
            if table is None:
                continue
            vector = self._vector(run.scope, search, target, vectors)
            hits += self._nearest(run, table, target, vector, most, wanted)
        if search.min_score is not None:
            hits = [hit for hit in hits if hit.score >= search.min_score]
        return sorted(hits, key=lambda hit: -hit.score)[:most]

    def _vector(self, scope: Scope, search: Search, target: Target, known: dict[str, list[float]]) -> list[float]:
        """The query's vector; embedded once for all collections whose plugin and parameters are equal."""
        if search.vector is not None:
            return checked_vector(list(search.vector), target)
        config = target.collection.feature_extractor
        if config.plugin_id is None:
            raise InvalidRequest(
                f"{target.uri} is made by a built-in extractor, which can't embed a text here.",
                "Send the query as a vector: {'input_mode': 'vector', 'value': […]}.",
                "query",
            )
        key = f"{config.plugin_id} {config.params!r} {config.input_mappings!r} {target.feature.feature_name}"
        if key not in known:
            plugin = self._plugin(scope, config.plugin_id)
            known[key] = self._embedder.embed(scope, plugin, target, search.text or "")
        return known[key]

    def _nearest(
        self, run: Run, table: DocumentTable, target: Target, vector: list[float], most: int, wanted: Filter | None
    ) -> list[Hit]:
        feature = target.feature

        def rows(k: int, filters: Any) -> list[dict[str, Any]]:
            return table.search(
                vector, feature.feature_name, k, feature.distance_metric, filters, vectors=run.return_vectors
            )

        if wanted is None:
            found = rows(most, None)
        else:
            found = _filtered(rows, wanted, most, table.schema, run.found.warnings)
        names = tuple(vector_columns(table.schema))
        collection_id = target.collection.collection_id
        return [Hit((collection_id, row["document_id"]), row.pop("_score"), row, names) for row in found]

    def _list(self, run: Run, most: int) -> None:
        """Documents without a search: those that pass the filter, in the order of their ids."""
        run.searched = True
        for collection in run.collections:
            table = self._table(run, collection)
            if table is None:
                continue

            def rows(k: int, filters: Any, table: DocumentTable = table) -> list[dict[str, Any]]:
                return table.list(filters, limit=k, vectors=run.return_vectors).documents

            room = most - len(run.found.hits)
            found = (
                _filtered(rows, run.before, room, table.schema, run.found.warnings) if run.before else rows(room, None)
            )
            names = tuple(vector_columns(table.schema))
            run.found.hits += [Hit((collection.collection_id, row["document_id"]), 1.0, row, names) for row in found]

    def _table(self, run: Run, collection: Collection) -> DocumentTable | None:
        try:
            return self._vectors.open(run.scope, collection.collection_id)
        except NotFound as error:
            warning = str(error)
            if warning not in run.found.warnings:
                run.found.warnings.append(warning)
            return None

    def _collection(self, scope: Scope, identifier: str, where: str) -> Collection:
        key = (scope.org_id, scope.namespace_id, identifier)
        known = self._collections.get(key)
        if known is not None:
            return known
        try:
            return self._collections.put(key, find_collection(self._stores, scope, identifier))
        except NotFound as error:
            raise InvalidRequest(error.problem, error.fix, where) from error

    def _plugin(self, scope: Scope, plugin_id: str) -> Plugin:
        key = (scope.org_id, scope.namespace_id, plugin_id)
        return self._plugins.get(key) or self._plugins.put(key, get_plugin(self._stores, scope, plugin_id))


def _filtered(
    rows: Callable[[int, Any], list[dict[str, Any]]],
    wanted: Filter,
    most: int,
    schema: pa.Schema,
    warnings: list[str],
) -> list[dict[str, Any]]:
    """Rows that pass the filter: judged by the store, or here where it reads fields that the store keeps as JSON."""
    try:
        return rows(most, wanted.as_dict())
    except InvalidRequest:
        foreign = {name for name in wanted.fields if not has_column(name, schema)}
        examined = rows(MAX_EXAMINED, None) if foreign else []
        if any(all(field_of(row, name) is MISSING for row in examined) for name in foreign) or not foreign:
            raise
        if len(examined) == MAX_EXAMINED:
            warnings.append(f"The filter was applied to {MAX_EXAMINED} documents only: it reads fields kept as JSON.")
        return [row for row in examined if wanted.matches(row)][:most]


def _one_of(ids: list[str]) -> Filter:
    return Condition("document_id", "in", ids)
