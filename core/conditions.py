"""Conditions: the API's filters as a tree that judges one document, and that can be spelled again for the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core import patterns
from core.errors import InvalidRequest

COMPARED = ("gt", "lt", "gte", "lte")
TEXTUAL = ("contains", "starts_with", "ends_with", "regex", "text")
OPERATORS = ("eq", "ne", *COMPARED, "in", "nin", *TEXTUAL, "exists", "is_null")
GROUPS = ("AND", "OR", "NOT")
MAX_DEPTH = 16
MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. A missing field satisfies only `ne`, `nin`, `is_null` and `exists: false`."""

    field: str
    operator: str
    value: Any
    case_sensitive: bool = False

    @property
    def fields(self) -> set[str]:
        """The field that it reads."""
        return {self.field}

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Whether the document satisfies it."""
        found = field_of(document, self.field)
        present = found is not MISSING and found is not None
        match self.operator:
            case "exists":
                return present == bool(self.value)
            case "is_null":
                return present != bool(self.value)
            case "ne":
                return not (present and _equal(found, self.value))
            case "nin":
                return not (present and any(_equal(found, v) for v in self.value))
        return present and self._compares(found)

    def as_dict(self) -> dict[str, Any]:
        """The API's form."""
        plain = {"field": self.field, "operator": self.operator, "value": self.value}
        return {"case_sensitive": True, "AND": [plain]} if self.case_sensitive else plain

    def _compares(self, found: Any) -> bool:
        if self.operator == "eq":
            return _equal(found, self.value)
        if self.operator == "in":
            return any(_equal(found, v) for v in self.value)
        if self.operator in COMPARED:
            return _ordered(found, self.operator, self.value)
        return self._reads(found)

    def _reads(self, found: Any) -> bool:
        if isinstance(found, list):
            whole = self.operator == "contains" and any(_equal(item, self.value) for item in found)
            return whole or any(self._reads(item) for item in found if isinstance(item, str))
        if not isinstance(found, str) or not isinstance(self.value, str):
            return False
        if self.operator == "regex":
            return patterns.found(self.value, found, self.case_sensitive)
        text, sought = (found, self.value) if self.case_sensitive else (found.lower(), self.value.lower())
        match self.operator:
            case "starts_with":
                return text.startswith(sought)
            case "ends_with":
                return text.endswith(sought)
            case "text":
                return all(word in text for word in sought.split())
        return sought in text


@dataclass(frozen=True, slots=True)
class Group:
    """Filters joined: AND holds when all do, OR when one does, NOT when none does."""

    operator: str
    members: tuple["Filter", ...]

    @property
    def fields(self) -> set[str]:
        """Every field that it reads."""
        return set().union(*(m.fields for m in self.members))

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Whether the document satisfies it."""
        if self.operator == "AND":
            return all(m.matches(document) for m in self.members)
        return any(m.matches(document) for m in self.members) == (self.operator == "OR")

    def as_dict(self) -> dict[str, Any]:
        """The API's form."""
        return {self.operator: [m.as_dict() for m in self.members]}


Filter = Condition | Group


def parse(value: Any, where: str = "filters") -> Filter | None:
    """The filter that a request spells; None for one that says nothing.

    Accepted: `{"AND": […], "OR": […], "NOT": […]}`, one condition `{"field", "operator", "value"}`, and the short form
    `{"category": "news", "lang": ["de", "fr"], "year": {"gte": 1900}}` (a list means any of these). Parts side by side
    must all hold.

    Raises:
        InvalidRequest: it is none of these; `field` is the path of the part.
    """
    return None if value is None else _parse(value, where, False, 0)


def join(*filters: Filter | None) -> Filter | None:
    """All of them at once; None where there is none."""
    given = tuple(f for f in filters if f is not None)
    if len(given) < 2:
        return given[0] if given else None
    return Group("AND", given)


def field_of(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; MISSING where there is none.

    `metadata.x` also finds an `x` at the root, `source_object_id` an `object_id`: the names that documents have here.
    """
    if path in document:
        return document[path]
    found: Any = document
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            break
        found = found[name]
    else:
        return found
    for prefix in ("metadata.", "source_"):
        if path.startswith(prefix):
            return field_of(document, path.removeprefix(prefix))
    return MISSING


def _parse(value: Any, where: str, case_sensitive: bool, depth: int) -> Filter | None:
    if not isinstance(value, Mapping):
        raise InvalidRequest(
            f"{where} is {_shown(value)}, not an object.",
            'Write {"AND": [{"field": "category", "operator": "eq", "value": "news"}]}.',
            where,
        )
    if depth > MAX_DEPTH:
        raise InvalidRequest(f"{where} is nested more than {MAX_DEPTH} deep.", "Flatten the conditions.", where)
    if value.get("case_sensitive") is not None:
        case_sensitive = bool(value["case_sensitive"])
    elif value.get("case_insensitive") is not None:
        case_sensitive = not value["case_insensitive"]
    if "field" in value:
        return _condition(value, where, case_sensitive)
    return join(*(_part(k, v, where, case_sensitive, depth) for k, v in value.items()))


def _part(key: str, item: Any, where: str, case_sensitive: bool, depth: int) -> Filter | None:
    if key in ("case_sensitive", "case_insensitive"):
        return None
    if key.upper() not in GROUPS:
        return _short(key, item, where, case_sensitive)
    members = item if isinstance(item, list) else [] if item is None else [item]
    inner = [_parse(m, f"{where}.{key}[{i}]", case_sensitive, depth + 1) for i, m in enumerate(members)]
    kept = tuple(m for m in inner if m is not None)
    if not kept or key.upper() == "AND":
        return join(*kept)
    return Group(key.upper(), kept)


def _short(key: str, item: Any, where: str, case_sensitive: bool) -> Filter | None:
    """`{"category": "news"}`, `{"category": ["news", "sport"]}`, `{"year": {"gte": 1900, "lt": 2000}}`."""
    pairs = item.items() if isinstance(item, Mapping) else [("in" if isinstance(item, list) else "eq", item)]
    spelled = [{"field": key, "operator": operator.lstrip("$"), "value": value} for operator, value in pairs]
    return join(*(_condition(s, f"{where}.{key}", case_sensitive) for s in spelled))


def _condition(value: Mapping[str, Any], where: str, case_sensitive: bool) -> Condition:
    field, operator, wanted = value["field"], value.get("operator") or "eq", value.get("value", MISSING)
    if not isinstance(field, str) or not field:
        raise InvalidRequest(f"{where}.field is {_shown(field)}, not a name.", "Name a document's field.", where)
    if operator not in OPERATORS:
        raise InvalidRequest(
            f"{where}.operator is {_shown(operator)}.", f"Use one of {', '.join(OPERATORS)}.", f"{where}.operator"
        )
    if operator in ("exists", "is_null"):
        return Condition(field, operator, wanted is MISSING or wanted is None or bool(wanted))
    if wanted is MISSING:
        raise InvalidRequest(f"{where} has no value.", "Say what the field is compared with.", f"{where}.value")
    if operator in ("in", "nin") and not isinstance(wanted, list):
        raise InvalidRequest(f"{where}.value is {_shown(wanted)}.", f"'{operator}' takes a list.", f"{where}.value")
    if wanted is None and operator in ("eq", "ne"):
        return Condition(field, "is_null", operator == "eq")
    return Condition(field, operator, wanted, case_sensitive)


def _equal(found: Any, value: Any) -> bool:
    """JSON's equality: true is not 1; a list that holds the value counts, as a tag list is asked for one tag."""
    if isinstance(found, list) and not isinstance(value, list):
        return any(_equal(item, value) for item in found)
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)


def _ordered(found: Any, operator: str, value: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (found, value))
    if not numbers and not (isinstance(found, str) and isinstance(value, str)):
        return False
    match operator:
        case "gt":
            return bool(found > value)
        case "lt":
            return bool(found < value)
        case "gte":
            return bool(found >= value)
    return bool(found <= value)


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a list of {len(value)}"
    return repr(value)[:60]
