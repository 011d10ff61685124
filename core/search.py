"""Search: which feature a URI means, how hits of several searches become one ranking. No I/O in here."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import conditions
from core.collections import Collection
from core.errors import InvalidRequest
from core.stages import GroupBy, SortAttribute
from plugin_sdk.manifest import Feature

RRF_K = 60
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One feature of one collection: what a search looks in."""

    collection: Collection
    feature: Feature

    @property
    def uri(self) -> str:
        """`mixpeek://extractor@version/feature`."""
        extractor = self.collection.feature_extractor
        return f"mixpeek://{extractor.feature_extractor_name}@{extractor.version}/{self.feature.feature_name}"


@dataclass(slots=True)
class Hit:
    """A document as found: its key (collection, document id), its fields, and how near it is (more is nearer).

    `vectors` are the names of the vectors that its collection has.
    """

    key: Key
    score: float
    document: dict[str, Any]
    vectors: tuple[str, ...] = ()


def targets_of(uri: str | None, available: Sequence[Target], where: str) -> list[Target]:
    """The collections' features that `uri` means: one feature, in every collection that has it.

    Without a URI, or with one that names no feature, the only embedding there is.

    Raises:
        InvalidRequest: there is none, or more than one; the message lists what exists.
    """
    wanted = available
    if uri is not None:
        plain = uri.removeprefix("mixpeek://").rstrip("/")
        extractor, _, feature = plain.partition("/")
        wanted = [t for t in available if _is_extractor(t, extractor) and feature in ("", t.feature.feature_name)]
    kinds = sorted({t.uri for t in wanted})
    if len(kinds) == 1:
        return list(wanted)
    listed = ", ".join(sorted({t.uri for t in available})) or "none: no collection searched has an embedding"
    if uri is None and kinds:
        raise InvalidRequest(
            f"{where} names no feature, and there are {len(kinds)} to choose from.", f"Name one: {listed}.", where
        )
    problem = f"{where} is {uri!r}, which no collection searched has." if uri else "There is nothing to search."
    if len(kinds) > 1:
        problem = f"{where} is {uri!r}, which names {len(kinds)} features."
    raise InvalidRequest(problem, f"Features that exist: {listed}.", where)


def fuse(rankings: Sequence[Sequence[Hit]], weights: Sequence[float], method: str) -> list[Hit]:
    """One ranking out of several, best first, each document once. One ranking alone keeps its scores.

    rrf: sum of weight / (60 + rank), Cormack et al. 2009. weighted: mean of the scores by weight, a document that a
    search did not find counting 0 there. max: the best score. dbsf: sum of the scores, each search's scaled from
    mean ± 3 standard deviations to [0, 1] (distribution-based score fusion).
    """
    if len(rankings) == 1:
        return sorted(_best_of_each(rankings[0]), key=_order)
    scored: dict[Key, Hit] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        hits = sorted(_best_of_each(ranking), key=_order)
        for hit, share in zip(hits, _shares(hits, weight, weights, method), strict=True):
            start = -math.inf if method == "max" else 0.0
            known = scored.setdefault(hit.key, Hit(hit.key, start, hit.document, hit.vectors))
            known.score = max(known.score, share) if method == "max" else known.score + share
    return sorted(scored.values(), key=_order)


def grouped(hits: Iterable[Hit], group_by: GroupBy) -> list[tuple[Any, list[Hit]]]:
    """Hits by the field's value, groups in the order of their best hit; hits without the field are a group each."""
    groups: dict[Any, tuple[Any, list[Hit]]] = {}
    for hit in hits:
        value = conditions.field_of(hit.document, group_by.field)
        alone = value is conditions.MISSING or value is None
        _, members = groups.setdefault(hit.key if alone else _hashable(value), (None if alone else value, []))
        if len(members) < group_by.group_size:
            members.append(hit)
    return list(groups.values())[: group_by.limit]


def ordered(hits: Iterable[Hit], sort: SortAttribute) -> list[Hit]:
    """Hits by a field's value: numbers before texts before the rest; hits without it last, or first if so asked."""
    present: list[tuple[Any, Hit]] = []
    absent: list[Hit] = []
    for hit in hits:
        value = conditions.field_of(hit.document, sort.field)
        if value is conditions.MISSING or value is None:
            absent.append(hit)
        else:
            present.append((_rank(value), hit))
    present.sort(key=lambda pair: pair[0], reverse=sort.descending)
    found = [hit for _, hit in present]
    return found + absent if sort.nulls_last else absent + found


def facet(hits: Iterable[Hit], field: str, most: int = 10) -> list[dict[str, Any]]:
    """How often each value of a field occurs, the most frequent first."""
    counts: dict[Any, list[Any]] = {}
    for hit in hits:
        value = conditions.field_of(hit.document, field)
        for item in value if isinstance(value, list) else [value]:
            if item is not conditions.MISSING and item is not None:
                counts.setdefault(_hashable(item), [item, 0])[1] += 1
    top = sorted(counts.values(), key=lambda pair: (-pair[1], str(pair[0])))[:most]
    return [{"value": value, "count": count} for value, count in top]


def _is_extractor(target: Target, wanted: str) -> bool:
    """`name` or `name@version`; `v1` and `1.0` mean 1.0.0."""
    name, _, version = wanted.partition("@")
    extractor = target.collection.feature_extractor
    if name != extractor.feature_extractor_name:
        return False
    return not version or _full(version) == _full(extractor.version)


def _full(version: str) -> str:
    parts = version.removeprefix("v").split(".")
    return ".".join(parts + ["0"] * (3 - len(parts)))


def _best_of_each(ranking: Iterable[Hit]) -> Iterable[Hit]:
    best: dict[Key, Hit] = {}
    for hit in ranking:
        if hit.key not in best or best[hit.key].score < hit.score:
            best[hit.key] = hit
    return best.values()


def _shares(hits: Sequence[Hit], weight: float, weights: Sequence[float], method: str) -> list[float]:
    if method == "rrf":
        return [weight / (RRF_K + rank) for rank in range(1, len(hits) + 1)]
    if method == "weighted":
        return [weight * hit.score / (sum(weights) or 1.0) for hit in hits]
    if method == "max":
        return [hit.score for hit in hits]
    return _scaled([hit.score for hit in hits])


def _scaled(scores: Sequence[float]) -> list[float]:
    if len(scores) < 2 or (spread := statistics.pstdev(scores)) == 0:
        return [0.5] * len(scores)
    low = statistics.fmean(scores) - 3 * spread
    return [min(max((score - low) / (6 * spread), 0.0), 1.0) for score in scores]


def _order(hit: Hit) -> tuple[float, Key]:
    """Best first; equal scores by key, so that pages do not shift."""
    return -hit.score, hit.key


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, str(value))


def _hashable(value: Any) -> Any:
    """Values that differ stay apart: 1, "1" and true are three."""
    return (type(value).__name__, value if not isinstance(value, list | Mapping) else repr(value))
