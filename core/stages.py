"""Retriever stages: as requests spell them, in the one stored form, and as the plan that a search follows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import conditions
from core.conditions import Filter
from core.errors import InvalidRequest

STAGE_TYPES = {"feature_search": "filter", "attribute_filter": "filter", "sort_attribute": "sort", "limit": "reduce"}
ALIASES = {"sort": "sort_attribute"}
FUSIONS = ("rrf", "dbsf", "weighted", "max")
WRAPPING = {"stage_name", "stage_type", "stage_id", "type", "config", "parameters", "description", "batch_size", "name"}
MAX_TOP_K = 1000
TEMPLATE = re.compile(r"\{\{\s*inputs?\.([A-Za-z0-9_.\-]+)\s*\}\}", re.IGNORECASE)
MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Search:
    """One vector search: a text to embed or a vector, against one feature; `feature_uri` None means the only one."""

    feature_uri: str | None
    text: str | None
    vector: tuple[float, ...] | None
    top_k: int
    weight: float = 1.0
    min_score: float | None = None
    filters: Filter | None = None
    collections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupBy:
    """At most `group_size` documents for each value of `field`, of the `limit` best values."""

    field: str
    limit: int
    group_size: int


@dataclass(frozen=True, slots=True)
class FeatureSearch:
    """Searches whose hits are fused into one ranking."""

    name: str
    searches: tuple[Search, ...]
    final_top_k: int
    fusion: str = "rrf"
    group_by: GroupBy | None = None
    facets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """Keeps the documents that satisfy a filter; before the first search it narrows what is searched."""

    name: str
    filters: Filter


@dataclass(frozen=True, slots=True)
class SortAttribute:
    """Orders the documents by a field; those without it come last unless `nulls_last` is false."""

    name: str
    field: str
    descending: bool
    nulls_last: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    """Keeps `limit` documents from `offset` on."""

    name: str
    limit: int
    offset: int = 0


Stage = FeatureSearch | AttributeFilter | SortAttribute | Limit


def normalise(stages: Any) -> list[dict[str, Any]]:
    """Stages in the stored form `{stage_name, stage_type, config: {stage_id, parameters}}`; doing it twice is harmless.

    Flat stages (`{"type": "feature_search", "query": …, "collection_ids": …}`) keep their settings as parameters.

    Raises:
        InvalidRequest: a stage has no known id, or two ids that disagree.
    """
    if not isinstance(stages, list) or not stages:
        raise InvalidRequest("stages is empty.", "Give at least one stage, e.g. a feature_search.", "stages")
    return [_normalise(stage, position) for position, stage in enumerate(stages)]


def plan(stages: list[dict[str, Any]], inputs: Mapping[str, Any]) -> list[Stage]:
    """The stages with every `{{INPUT.x}}` filled, checked and typed.

    Raises:
        InvalidRequest: an input is missing, or a parameter can't be used; `field` is its path.
    """
    return [_planned(stage, position, inputs) for position, stage in enumerate(normalise(stages))]


def fill(value: Any, inputs: Mapping[str, Any], where: str, depth: int = 0) -> Any:
    """`value` with templates replaced: a template alone keeps the input's type, one inside a text becomes text."""
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"{where} is nested more than {MAX_DEPTH} deep.", "Flatten it.", where)
    if isinstance(value, Mapping):
        return {k: fill(v, inputs, f"{where}.{k}", depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, inputs, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value
    if whole := TEMPLATE.fullmatch(value.strip()):
        return _input(whole[1], inputs, where)
    return TEMPLATE.sub(lambda found: str(_input(found[1], inputs, where)), value)


def with_defaults(input_schema: Mapping[str, Any], inputs: Any) -> dict[str, Any]:
    """The inputs, the schema's defaults filled in.

    Raises:
        InvalidRequest: inputs is no object, or a required one is missing.
    """
    if not isinstance(inputs, Mapping):
        raise InvalidRequest("inputs is not an object.", 'Write {"inputs": {"query": "…"}}.', "inputs")
    filled = {
        name: field["default"]
        for name, field in input_schema.items()
        if isinstance(field, Mapping) and field.get("default") is not None
    }
    filled |= inputs
    for name, field in input_schema.items():
        if isinstance(field, Mapping) and field.get("required") and filled.get(name) is None:
            raise InvalidRequest(
                f"The retriever needs the input '{name}'.", f'Send {{"inputs": {{"{name}": …}}}}.', f"inputs.{name}"
            )
    return filled


def _normalise(stage: Any, position: int) -> dict[str, Any]:
    where = f"stages[{position}]"
    if not isinstance(stage, Mapping):
        raise InvalidRequest(f"{where} is not an object.", 'Write {"type": "feature_search", …}.', where)
    config = stage.get("config")
    if isinstance(config, Mapping):
        stage_id = config.get("stage_id") or stage.get("stage_id") or stage.get("type")
        inner = config.get("parameters")
        parameters = dict(inner) if isinstance(inner, Mapping) else _without(config, {"stage_id", "parameters"})
    else:
        stage_id = stage.get("stage_id") or stage.get("type")
        parameters = _without(stage, WRAPPING) | dict(stage.get("parameters") or {})
        if stage_id == "limit" and "limit" not in parameters and isinstance(stage.get("limit"), int):
            parameters["limit"] = stage["limit"]
    stage_id = ALIASES.get(stage_id, stage_id) if isinstance(stage_id, str) else stage_id
    if stage_id not in STAGE_TYPES:
        raise InvalidRequest(
            f"{where} is of kind {stage_id!r}.", f"Use one of {', '.join(STAGE_TYPES)}.", f"{where}.config.stage_id"
        )
    return {
        "stage_name": str(stage.get("stage_name") or stage.get("name") or stage_id),
        "stage_type": STAGE_TYPES[stage_id],
        "config": {"stage_id": stage_id, "parameters": parameters},
    }


def _planned(stage: dict[str, Any], position: int, inputs: Mapping[str, Any]) -> Stage:
    name, where = stage["stage_name"], f"stages[{position}].config.parameters"
    parameters = fill(stage["config"]["parameters"], inputs, where)
    match stage["config"]["stage_id"]:
        case "feature_search":
            return _feature_search(name, parameters, where)
        case "attribute_filter":
            return _attribute_filter(name, parameters, where)
        case "sort_attribute":
            return _sort(name, parameters, where)
    return Limit(name, _count(parameters, "limit", 10, where), _count(parameters, "offset", 0, where, least=0))


def _feature_search(name: str, parameters: Mapping[str, Any], where: str) -> FeatureSearch:
    entries = parameters.get("searches")
    if entries is None:
        entries = [_flat_search(parameters, where)]
        final = _count(parameters, "final_top_k", _count(parameters, "limit", 25, where), where)
    else:
        final = _count(parameters, "final_top_k", 25, where)
    if not isinstance(entries, list) or not entries:
        raise InvalidRequest(f"{where}.searches is empty.", "Give at least one search.", f"{where}.searches")
    shared = _names(parameters, ("collection_identifiers", "collection_ids"), where)
    outer = conditions.parse(parameters.get("filters") or parameters.get("pre_filters"), f"{where}.filters")
    fusion = parameters.get("fusion") or "rrf"
    if fusion not in FUSIONS:
        raise InvalidRequest(f"{where}.fusion is {fusion!r}.", f"Use one of {', '.join(FUSIONS)}.", f"{where}.fusion")
    return FeatureSearch(
        name,
        tuple(_search(e, shared, outer, f"{where}.searches[{i}]", final) for i, e in enumerate(entries)),
        final,
        fusion,
        _group_by(parameters.get("group_by"), where),
        tuple(_facets(parameters.get("facets"), where)),
    )


def _flat_search(parameters: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The high-level client's stage: `query`, and perhaps `feature_extractor: {"feature_uri": …}`."""
    extractor = parameters.get("feature_extractor") or {}
    uri = parameters.get("feature_uri") or (extractor.get("feature_uri") if isinstance(extractor, Mapping) else None)
    if "query" not in parameters and "vector" not in parameters:
        raise InvalidRequest(
            f"{where} has neither 'searches' nor a query.", "Add searches: [{feature_uri, query}].", f"{where}.searches"
        )
    known = ("query", "vector", "top_k", "min_score")
    return {"feature_uri": uri} | {k: parameters[k] for k in known if k in parameters}


def _search(entry: Any, shared: tuple[str, ...], outer: Filter | None, where: str, final_top_k: int) -> Search:
    if not isinstance(entry, Mapping):
        raise InvalidRequest(f"{where} is not an object.", "Write {feature_uri, query, top_k}.", where)
    uri = entry.get("feature_uri")
    if uri is not None and not isinstance(uri, str):
        raise InvalidRequest(f"{where}.feature_uri is not a text.", "Name the feature.", f"{where}.feature_uri")
    text, vector = _query(entry.get("vector", entry.get("query")), f"{where}.query")
    return Search(
        uri,
        text,
        vector,
        _count(entry, "top_k", max(100, final_top_k), where),
        _number(entry, "weight", 1.0, where),
        _number(entry, "min_score", None, where),
        conditions.join(outer, conditions.parse(entry.get("filters"), f"{where}.filters")),
        _names(entry, ("collection_identifiers", "collection_ids"), where) or shared,
    )


def _query(query: Any, where: str) -> tuple[str | None, tuple[float, ...] | None]:
    """A text or a vector: given plainly, or as `{"input_mode": "text"|"vector", "value": …}`."""
    if isinstance(query, Mapping):
        mode = query.get("input_mode") or ("vector" if isinstance(query.get("vector"), list) else "text")
        if mode not in ("text", "vector"):
            raise InvalidRequest(
                f"{where}.input_mode is {mode!r}.", "Send input_mode text, or vector with the numbers.", where
            )
        names = ("value", "vector") if mode == "vector" else ("value", "text", "query")
        query = next((query[n] for n in names if query.get(n) is not None), None)
        if (mode == "vector") != isinstance(query, list):
            raise InvalidRequest(f"{where} holds no {mode}.", f"Put the {mode} under 'value'.", where)
    if isinstance(query, list):
        if not query or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in query):
            raise InvalidRequest(f"{where} is a list that is no vector.", "Give numbers only.", where)
        return None, tuple(float(v) for v in query)
    if not isinstance(query, str) or not query.strip():
        raise InvalidRequest(
            f"{where} is {query!r}." if query is None or isinstance(query, str) else f"{where} is no text or vector.",
            "Give a text to embed, e.g. '{{INPUT.query}}', or a vector.",
            where,
        )
    return query, None


def _attribute_filter(name: str, parameters: Mapping[str, Any], where: str) -> AttributeFilter:
    given = parameters.get("conditions") or parameters.get("filters")
    if given is None and "field" in parameters:
        given = {k: parameters[k] for k in ("field", "operator", "value", "case_sensitive") if k in parameters}
    if isinstance(given, list):
        given = {"AND": given}
    if isinstance(given, Mapping) and "case_insensitive" in parameters:
        given = {**given, "case_insensitive": parameters["case_insensitive"]}
    parsed = conditions.parse(given, f"{where}.conditions")
    if parsed is None:
        raise InvalidRequest(f"{where} has no conditions.", "Say what to keep.", f"{where}.conditions")
    return AttributeFilter(name, parsed)


def _sort(name: str, parameters: Mapping[str, Any], where: str) -> SortAttribute:
    field = next((parameters[k] for k in ("field", "sort_field", "sort_by") if k in parameters), None)
    if not isinstance(field, str) or not field:
        raise InvalidRequest(f"{where}.field is missing.", "Name the field to sort by.", f"{where}.field")
    direction = parameters.get("direction") or parameters.get("order") or "desc"
    if direction not in ("asc", "desc"):
        raise InvalidRequest(f"{where}.direction is {direction!r}.", "Use asc or desc.", f"{where}.direction")
    return SortAttribute(name, field, direction == "desc", parameters.get("nulls_last", True) is not False)


def _group_by(value: Any, where: str) -> GroupBy | None:
    if value is None:
        return None
    if isinstance(value, str):
        value = {"field": value}
    where = f"{where}.group_by"
    if not isinstance(value, Mapping) or not isinstance(value.get("field"), str):
        raise InvalidRequest(f"{where} names no field.", 'Write {"field": "source_object_id", "limit": 10}.', where)
    size = _count(value, "group_size", _count(value, "max_per_group", 1, where), where)
    return GroupBy(value["field"], _count(value, "limit", 25, where), size)


def _facets(value: Any, where: str) -> Iterable[str]:
    for facet in value or ():
        name = facet.get("key") if isinstance(facet, Mapping) else facet
        if not isinstance(name, str):
            raise InvalidRequest(f"{where}.facets holds {facet!r}.", "Name fields.", f"{where}.facets")
        yield name


def _names(value: Mapping[str, Any], keys: Sequence[str], where: str) -> tuple[str, ...]:
    for key in keys:
        given = value.get(key)
        if given is None:
            continue
        if not isinstance(given, list) or not all(isinstance(n, str) for n in given):
            raise InvalidRequest(f"{where}.{key} is not a list of texts.", "List ids or names.", f"{where}.{key}")
        if given:
            return tuple(given)
    return ()


def _count(value: Mapping[str, Any], key: str, default: int, where: str, *, least: int = 1) -> int:
    given = value.get(key)
    if given is None:
        return default
    most = MAX_TOP_K if key != "offset" else 10_000
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
        raise InvalidRequest(
            f"{where}.{key} is {given!r}.", f"Give a whole number from {least} to {most}.", f"{where}.{key}"
        )
    return given


def _number(value: Mapping[str, Any], key: str, default: Any, where: str) -> Any:
    given = value.get(key)
    if given is None:
        return default
    if not isinstance(given, int | float) or isinstance(given, bool):
        raise InvalidRequest(f"{where}.{key} is {given!r}.", "Give a number.", f"{where}.{key}")
    return float(given)


def _input(path: str, inputs: Mapping[str, Any], where: str) -> Any:
    value = conditions.field_of(inputs, path)
    if value is conditions.MISSING:
        raise InvalidRequest(
            f"{where} uses the input '{path}', which the request does not give.",
            f'Send {{"inputs": {{"{path}": …}}}}.',
            f"inputs.{path}",
        )
    return value


def _without(value: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {k: v for k, v in value.items() if k not in names}
