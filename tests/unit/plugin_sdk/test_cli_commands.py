"""The CLI's words: each command and flag that a text names is there, and one that is mistyped is told with what is meant."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from plugin_sdk.cli.app import COMMANDS, GROUPS, LazyGroup
from plugin_sdk.cli.namespace import seconds_of

Run = Callable[..., tuple[object, str]]
ROOT = Path(__file__).parents[3]
SOURCES = ("core", "functions", "batch", "plugin_sdk", "infra", "docs", "README.md", "examples", "Makefile")
TYPED = re.compile(r"""(?:(?<=['`"])|(?<=: )|(?<=\$ )|(?<=&& )|^)mixpeek ([a-z][^'"`\n…#|\\]*)""", re.MULTILINE)


def app() -> LazyGroup:
    return LazyGroup(name="mixpeek", no_args_is_help=True)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Types a command line: its exit code, and all that it shows."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERMINAL_WIDTH", "300")

    def typed(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            app().main(list(words), prog_name="mixpeek")
        shown = capsys.readouterr()
        return ended.value.code, re.sub(r"\s*[│\n]\s*", " ", shown.out + shown.err)

    return typed


def named() -> list[tuple[str, str]]:
    """Every command line that a text of the project writes, with its file."""
    files = [
        f for place in SOURCES for f in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"))
    ]
    texts = [f for f in files if f.suffix in (".py", ".md", "") and f.is_file() and "__pycache__" not in f.parts]
    return [(line, str(f.relative_to(ROOT))) for f in texts for line in TYPED.findall(f.read_text())]


def test_every_command_line_in_a_text_can_be_typed() -> None:
    lines = {line.strip(): file for line, file in named()}
    wrong = {line: (file, why) for line, file in lines.items() if (why := problem(line))}

    assert len(lines) > 40
    assert wrong == {}


def problem(line: str) -> str:
    """What the CLI lacks of a line; alternatives are written `a|b`, in every place."""
    try:
        words = shlex.split(re.sub(r"\{[^}]*\}", "X", line), posix=True)
    except ValueError:
        return ""
    first, rest = words[0].rstrip(".,:;)"), words[1:]
    names = [first]
    if first in GROUPS:
        names = [f"{first} {second.rstrip('.,:;)')}" for second in (rest[0].split("/") if rest else [])]
        rest = rest[1:]
    for name in names:
        if name not in COMMANDS:
            return f"there is no command {name!r}"
    for name in names:
        known = options(name)
        if missing := [w for w in rest if w.startswith("--") and w.split("=")[0].rstrip(".,:;)") not in known]:
            return f"{name!r} has no {missing}"
    return ""


def options(name: str) -> set[str]:
    """The command's flags."""
    command: Any = app()
    context = typer.Context(command)
    for word in name.split():
        command = command.get_command(context, word)
    return {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}


def test_every_command_has_help_with_an_example(run: Run) -> None:
    for name in COMMANDS:
        code, shown = run(*name.split(), "--help")
        assert code == 0, name
        assert f"Example: mixpeek {name}" in shown, name


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("batch lst", "Did you mean 'mixpeek batch list'?"),
        ("plugn", "Did you mean 'mixpeek plugin'?"),
        ("bucket creat prose", "Did you mean 'mixpeek bucket create'?"),
        ("publish", "Did you mean 'mixpeek plugin publish'?"),
        ("collection upload", "Did you mean 'mixpeek bucket upload'?"),
        ("batch xyzzy", "There are: run, list, status."),
        ("xyzzy", "There are: up, down, status, search, plugin, namespace, bucket, collection, batch."),
        ("plugin publish --pathh x", "--path"),
    ],
)
def test_a_mistyped_command_is_told_with_what_may_be_meant(run: Run, typed: str, told: str) -> None:
    code, shown = run(*typed.split())

    assert code == 2
    assert told in shown


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)])
def test_times_have_units(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "7 d", "1.5h", "٣"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write seconds, or 30m, 12h, 7d"):
        seconds_of(text)
