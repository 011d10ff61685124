"""`mixpeek plugin test`: run a plugin here as the platform would run it there."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit, fail
from plugin_sdk.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugin_sdk.check_report import Check, CheckReport

SHOWN_DOCUMENTS = 3
SHOWN_FAILURES = 10
SHOWN_LOG_LINES = 30


def test(
    path: options.PluginPath = Path(),
    sample_data: Annotated[
        Path | None,
        typer.Option("--sample-data", exists=True, help="JSON, JSONL, CSV, a text or media file, or a folder of them."),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show documents, logs and timings.")] = False,
    no_scan: Annotated[bool, typer.Option("--no-scan", help="Leave the security scan out.")] = False,
    format: options.Output = Format.TEXT,
) -> None:
    """Check a plugin: layout, security scan, manifest, pipeline, a run over sample data, realtime.

    Example: mixpeek plugin test --sample-data my_rows.jsonl
    """
    from plugin_sdk.testing import check_plugin

    scan = not no_scan and os.environ.get("MIXPEEK_PLUGIN_SCAN", "").lower() not in ("off", "0", "false", "no")
    try:
        report = check_plugin(path, sample=sample_data, scan=scan, on_check=_teller(format))
    except PlatformError as error:
        fail(error, format)
    emit(report.as_dict(), "\n".join(_lines(report, verbose)), format)
    if not report.passed:
        raise typer.Exit(1)


def _teller(format: Format) -> "Callable[[Check], None]":
    """What to do with each check as it is done: people see it at once, programs get all at the end."""

    def tell(check: "Check") -> None:
        if format is Format.TEXT:
            typer.echo(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<9} {check.message}")

    return tell


def _lines(report: "CheckReport", verbose: bool) -> list[str]:
    lines = [_failure(row) for row in report.failed_documents[:SHOWN_FAILURES]]
    if len(report.failed_documents) > SHOWN_FAILURES:
        lines.append(f"  … and {len(report.failed_documents) - SHOWN_FAILURES} more rows")
    if verbose:
        lines += [f"  {_short(document)}" for document in report.documents[:SHOWN_DOCUMENTS]]
        lines += [f"  {name}: {seconds:.3f}" for name, seconds in report.timings.items()]
    if report.logs and (verbose or not report.passed):
        said = report.logs.rstrip().splitlines()
        cut = 0 if verbose else max(0, len(said) - SHOWN_LOG_LINES)
        lines += ["Logs:" if not cut else f"Logs (the last {SHOWN_LOG_LINES} lines; all with --verbose):", *said[cut:]]
    return [*lines, "Passed." if report.passed else "Failed."]


def _failure(row: dict[str, object]) -> str:
    column = f", column '{row['column']}'" if row["column"] else ""
    return f"  row {row['row']}, step {row['step']}{column}: {row['reason']}"


def _short(document: dict[str, object]) -> str:
    """A document on one line, long lists told by their length."""
    shown = {k: f"[{len(v)} values]" if isinstance(v, list) and len(v) > 8 else v for k, v in document.items()}
    return json.dumps(shown, ensure_ascii=False)
