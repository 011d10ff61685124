"""Names that people give: what they may hold, so that a name fits a URL, a key and a log line."""

import re

from core.errors import InvalidRequest

MAX_LENGTH = 128


def check_name(name: str, field: str, id_prefix: str = "") -> str:
    """`name`, if it can stand in a URL path and be told from an id, which begins with `id_prefix`.

    Raises:
        InvalidRequest: it is empty, too long, reads like an id, or has a slash, a control character or outer space.
    """
    if not name or len(name) > MAX_LENGTH:
        raise InvalidRequest(f"{field} has {len(name)} characters.", f"Use 1 to {MAX_LENGTH}.", field)
    if not name.isprintable() or any(c in name for c in "/\\?#") or name != name.strip() or name in (".", ".."):
        raise InvalidRequest(
            f"{field} is {name!r}.",
            "Use letters, digits, '-', '_', '.' and inner spaces; no '/', '\\', '?', '#'.",
            field,
        )
    if id_prefix and re.fullmatch(rf"{id_prefix}_[0-9a-f]{{12}}", name):
        raise InvalidRequest(f"{field} is {name!r}, which reads like an id.", "Use another name.", field)
    return name
