"""Fields that a request got wrong: each with the rule that it breaks, its value where that is no secret, and what to do."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.errors import InvalidRequest
from core.http import Body, envelope

SECRET = re.compile(r"secret|password|passphrase|token|credential|authorization|api.?key|private", re.IGNORECASE)
"""Fields whose values are in no answer."""

VALUE_CHARS = 80
NAMED_AT_MOST = 10


def invalid_fields(problems: Sequence[Mapping[str, Any]]) -> Body:
    """The 422 body for pydantic's `errors()`; `detail` keeps the usual list."""
    detail = [{"loc": list(p["loc"]), "msg": _sentence(p), "type": p["type"]} for p in problems]
    told = [f"{field_of(d['loc'])}: {d['msg']}." for d in detail[:NAMED_AT_MOST]]
    if len(detail) > NAMED_AT_MOST:
        told.append(f"{len(detail) - NAMED_AT_MOST} more fields are wrong; `detail` has them all.")
    fix = _fix(problems)
    details = {"code": InvalidRequest.code, "fix": fix, "fields": [field_of(d["loc"]) for d in detail]}
    return envelope(422, " ".join([*told, fix]), "ValidationError", details) | {"detail": detail}


def field_of(loc: Sequence[str | int]) -> str:
    """`("body", "blobs", 0, "type")` as `blobs[0].type`; query and header fields keep where they are."""
    path = loc[1:] if len(loc) > 1 and loc[0] in ("body", "path") else loc
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _sentence(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return "there is no such field here"
    rule = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return rule if problem["type"] == "missing" else f"{rule}; {_value(problem)}"


def _value(problem: Mapping[str, Any]) -> str:
    """What was sent: a plain value itself, shortened, of everything else what it is, for a secret may be in it."""
    value, loc = problem.get("input"), problem["loc"]
    if isinstance(value, dict):
        return "it is an object"
    if isinstance(value, list | tuple):
        return f"it is a list of {len(value)}"
    if len(loc) < 2 or any(SECRET.search(str(part)) for part in loc):
        return f"its value, {_kind(value)}, is not repeated here"
    if isinstance(value, str) and len(value) > VALUE_CHARS:
        return f"it is {value[:VALUE_CHARS]!r}… ({len(value)} characters)"
    if value is None or isinstance(value, bool):
        return f"it is {'null' if value is None else str(value).lower()}"
    return f"it is {value!r}" if isinstance(value, str | int | float) else f"it is {_kind(value)}"


def _kind(value: Any) -> str:
    kinds = {str: "a text", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return kinds.get(type(value), "of another type")


def _fix(problems: Sequence[Mapping[str, Any]]) -> str:
    """The next step for each kind of problem, and where the rules stand."""
    absent = [p for p in problems if p["type"] == "missing"]
    unknown = [p for p in problems if p["type"] == "extra_forbidden"]
    wrong = [p for p in problems if p["type"] not in ("missing", "extra_forbidden")]
    steps = [
        f"{verb} {_names(group)}."
        for verb, group in (("Add", absent), ("Leave out", unknown), ("Correct", wrong))
        if group
    ]
    return " ".join([*steps, "The fields and their rules stand at /docs."])


def _names(problems: Iterable[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(field_of(p["loc"]) for p in problems))
    more = [f"{len(names) - NAMED_AT_MOST} more"] if len(names) > NAMED_AT_MOST else []
    return ", ".join(names[:NAMED_AT_MOST] + more)
