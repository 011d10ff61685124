"""The scan itself: files in, verdict out; hostile input is judged in a process of its own, under limits."""

import contextlib
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from plugin_sdk.archives import IGNORED_FILES, IGNORED_FOLDERS, examine_archive
from plugin_sdk.errors import InvalidArchive
from plugin_sdk.scanner.content import judge_content
from plugin_sdk.scanner.payloads import Effort
from plugin_sdk.scanner.report import Report, Severity, Violation
from plugin_sdk.scanner.source import MAX_SOURCE_BYTES, QUICK_BYTES, looks_hostile
from plugin_sdk.scanner.sources import judge_sources

log = logging.getLogger(__name__)

TIME_LIMIT_S = 20.0
"""Wall time for the child, on a machine that does other work too; alone it ends at its processor time."""

CHILD = """
import sys
sys.path.insert(0, {root!r})
for name in ("plugin_sdk", "plugin_sdk.scanner"):  # without what their __init__ imports
    package = sys.modules[name] = type(sys)(name)
    package.__path__ = [{root!r} + "/" + name.replace(".", "/")]
from plugin_sdk.scanner.child import main
main()
"""
ROOT = Path(__file__).resolve().parents[2]


def scan_files(files: Mapping[str, bytes], *, strict: bool = False) -> Report:
    """Judge a plugin by its files, paths relative to its folder; nothing of it is run."""
    effort = Effort()
    found = [violation for name, content in files.items() for violation in judge_content(name, content, effort)]
    sources = {name: content for name, content in files.items() if name.lower().endswith(".py")}
    size = sum(map(len, sources.values()))
    if size > MAX_SOURCE_BYTES:
        largest = max(sources, key=lambda name: len(sources[name]))
        why = "that much code cannot be judged in time"
        found.append(
            Violation(
                largest, 1, 0, "Too much code", "error", f"Keep code under {MAX_SOURCE_BYTES >> 20} MB in all", why
            )
        )
    elif size > QUICK_BYTES or any(looks_hostile(content) for content in sources.values()):
        found += _judge_apart(sources)
    else:
        found += _judge_here(sources)
    return Report.of(map(_strict, found) if strict else found, strict=strict)


def _strict(violation: Violation) -> Violation:
    """In strict mode an unknown library is an error."""
    severity: Severity = "error" if violation.message.startswith("Unknown import") else violation.severity
    return Violation(
        violation.file, violation.line, violation.column, violation.message, severity, violation.fix, violation.why
    )


def scan_folder(path: Path, strict: bool = False) -> Report:
    """Judge a plugin folder; links and special files are violations too."""
    if not path.is_dir():
        raise InvalidArchive(f"{path} is not a folder.", "Give the path of the folder that holds manifest.py.")
    files: dict[str, bytes] = {}
    found: list[Violation] = []
    for file in _walk(path):
        name = file.relative_to(path).as_posix()
        mode = file.lstat().st_mode
        if stat.S_ISREG(mode):
            files[name] = file.read_bytes()
        elif not stat.S_ISDIR(mode):
            what = "Link" if stat.S_ISLNK(mode) else "Special file"
            found.append(
                Violation(
                    name, 1, 0, f"{what}: {name}", "error", "Put the file itself in its place", "it is no ordinary file"
                )
            )
    return _with(found, scan_files(files, strict=strict), strict)


def _walk(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in IGNORED_FOLDERS)
        yield from (Path(parent, name) for name in [*folders, *names] if name not in IGNORED_FILES)


def scan_archive(data: bytes, strict: bool = False) -> Report:
    """Judge an uploaded archive, and the plugin inside it as far as it can be read."""
    examined = examine_archive(data)
    found = [
        Violation(
            error.entry or "archive",
            1,
            0,
            error.problem.rstrip("."),
            "error",
            error.fix,
            "the archive is not safe to unpack",
        )
        for error in examined.problems
    ]
    return _with(found, scan_files(examined.files, strict=strict), strict)


def _with(found: list[Violation], report: Report, strict: bool) -> Report:
    return Report.of([*found, *report.violations], strict=strict)


def _judge_here(sources: Mapping[str, bytes]) -> list[Violation]:
    """Judge Python files in this process; a rule that fails on them rejects them, it never lets them pass."""
    try:
        return judge_sources(sources)
    except Exception:
        log.exception("the scanner failed on a plugin")
        return [_unjudged(sources)]


def _unjudged(sources: Mapping[str, bytes]) -> Violation:
    file = max(sources, key=lambda name: len(sources[name]))
    why = "the parser or the rules failed on it, or ran out of time or memory"
    return Violation(file, 1, 0, "Code cannot be judged", "error", "Write plainer code, or less of it per file", why)


def _judge_apart(sources: Mapping[str, bytes]) -> list[Violation]:
    """Judge Python files in a child process that is ended at its limits."""
    code = CHILD.format(root=str(ROOT))
    message = json.dumps({name: content.decode("latin-1") for name, content in sources.items()}).encode()
    with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code],
            input=message,
            capture_output=True,
            timeout=TIME_LIMIT_S,
            check=False,
            env={},
        )
        if done.returncode == 0:
            return [Violation(*fields) for fields in json.loads(done.stdout)]
    return [_unjudged(sources)]
