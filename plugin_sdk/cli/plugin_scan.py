"""`mixpeek plugin scan`: the security rules, checked here as the platform checks them at upload."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.output import Format, emit, fail
from plugin_sdk.errors import PlatformError

if TYPE_CHECKING:
    from plugin_sdk.scanner import Report


def scan(
    path: Annotated[Path, typer.Argument(exists=True, help="Plugin folder, .zip or .tar.gz.")],
    strict: Annotated[bool, typer.Option("--strict", help="Reject for warnings too.")] = False,
    format: options.Output = Format.TEXT,
) -> None:
    """Check a plugin against the security rules; exit 1 when one is broken.

    Example: mixpeek plugin scan ./my_extractor --strict
    """
    from plugin_sdk.scanner import scan_archive, scan_folder

    try:
        report = scan_folder(path, strict=strict) if path.is_dir() else scan_archive(path.read_bytes(), strict=strict)
    except PlatformError as error:
        fail(error, format)
    except OSError as error:
        fail(PlatformError(f"{path} can't be read: {error.strerror}.", "Check its permissions."), format)
    emit(_verdict(report), "\n".join(_lines(report, path)), format)
    if not report.passed:
        raise typer.Exit(1)


def _verdict(report: "Report") -> dict[str, Any]:
    detail = "Security scan passed" if report.passed else "Security scan failed"
    return {"detail": detail, "violations": [violation.as_dict() for violation in report.violations]}


def _lines(report: "Report", path: Path) -> list[str]:
    found = [f"{v.file}:{v.line}:{v.column}: {v.severity}: {v.message}. {v.fix}".rstrip() for v in report.violations]
    name = path.resolve().name
    errors = sum(v.severity == "error" for v in report.violations)
    counts = f"{errors} errors, {len(report.violations) - errors} warnings"
    return [*found, f"{name}: {'passed' if report.passed else 'rejected'}" + (f" ({counts})" if found else "")]
