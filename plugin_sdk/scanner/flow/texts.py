"""Texts that a plugin puts together: sums, formats and methods, as far as they are worth following."""

from plugin_sdk.scanner.flow.values import NOTHING, Values

MAX_TEXT = 4096

MAX_CHOICES = 6


def joined(parts: list[Values]) -> Values:
    """All texts that the parts may make, side by side; what is not known stands as a NUL."""
    texts = [""]
    for part in parts:
        choices = sorted(value[1] for value in part if value[0] == "txt")[:MAX_CHOICES] or ["\0"]
        texts = [text + choice for text in texts for choice in choices][: MAX_CHOICES * 2]
    return frozenset(("txt", text) for text in texts if text.strip("\0") and len(text) <= MAX_TEXT)


def text_method(name: str, base: Values, arguments: list[Values]) -> Values:
    """Texts that a method of a text gives, as far as it is worth following."""
    texts = [value[1] for value in base if value[0] == "txt"]
    if name == "format":
        fill = ["".join(value[1] for value in values if value[0] == "txt") for values in arguments]
        return frozenset(("txt", _braces(text, fill)) for text in texts)
    if name == "replace" and len(arguments) >= 2:
        old, new = (next((value[1] for value in values if value[0] == "txt"), None) for values in arguments[:2])
        if old is not None and new is not None:
            return frozenset(("txt", text.replace(old, new)[:MAX_TEXT]) for text in texts)
    if name == "join" and arguments:
        inner = [part[1] for value in arguments[0] if value[0] == "box" for part in value[1] if part[0] == "txt"]
        return frozenset(("txt", part) for part in inner)
    if (
        name in {"lower", "upper", "strip", "title", "casefold", "swapcase", "capitalize", "lstrip", "rstrip"}
        and not arguments
    ):
        return frozenset(("txt", getattr(text, name)()) for text in texts)
    return frozenset(("txt", text) for text in texts) if name in {"encode", "decode", "split"} else NOTHING


def _braces(text: str, fill: list[str]) -> str:
    for position, value in enumerate(fill):
        text = text.replace("{}", value, 1).replace(f"{{{position}}}", value)
        if len(text) > MAX_TEXT:
            return text[:MAX_TEXT]
    return text


def percent(text: str, value: str) -> str:
    return text.replace("%s", value, 1)[:MAX_TEXT]
