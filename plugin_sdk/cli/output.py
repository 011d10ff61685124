"""What the commands print: text for people or JSON for programs on stdout, everything else on stderr."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NoReturn

import typer

from plugin_sdk.errors import PlatformError


class Format(StrEnum):
    """`--format`: text for people, json for programs."""

    TEXT = "text"
    JSON = "json"


def emit(value: Any, text: str, format: Format) -> None:
    """The command's result on stdout: `value` as one JSON document, or `text`."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str) if format is Format.JSON else text)


def say(text: str, format: Format = Format.TEXT) -> None:
    """A word on the way there, on stderr; programs don't get it."""
    if format is Format.TEXT:
        typer.echo(text, err=True)


def fail(error: PlatformError, format: Format = Format.TEXT, lines: Iterable[str] = ()) -> NoReturn:
    """Tell the error and its `lines` on stderr (as one JSON document for programs, on stdout), and exit 1."""
    if format is Format.JSON:
        body = getattr(error, "body", None)
        typer.echo(json.dumps(body or {"error": {"code": error.code, "message": error.problem, "fix": error.fix}}))
    else:
        for line in (*lines, f"Error: {error.problem}", error.fix):
            if line:
                typer.echo(line, err=True)
    raise typer.Exit(1)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], empty: str) -> str:
    """Rows as aligned text under their column names; columns that no row fills are left out."""
    if not rows:
        return empty
    shown = [c for c in columns if any(r.get(c) not in (None, "") for r in rows)]
    cells = [[c.upper() for c in shown], *([_cell(r.get(c)) for c in shown] for r in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(shown))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
