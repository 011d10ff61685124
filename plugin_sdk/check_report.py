"""What a check of a plugin found: each thing that was looked at, the documents of its run, and the errors."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from plugin_sdk.errors import PlatformError

if TYPE_CHECKING:
    from plugin_sdk.scanner import Report


class CheckFailed(PlatformError):
    """A check found something that no other error says."""

    code = "check_failed"


class ScanRejected(PlatformError):
    """The security scan found what may not come in; `body` is the API's answer to the same."""

    code = "scan_rejected"

    def __init__(self, report: "Report") -> None:
        lines = [f"{v.file}:{v.line}:{v.column}: {v.message}" for v in report.violations]
        super().__init__(
            "Security scan failed: " + "; ".join(lines) + ".", "Run 'mixpeek plugin scan' for the reasons."
        )
        self.args = (report,)
        self.body = {"detail": "Security scan failed", "violations": [v.as_dict() for v in report.violations]}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    message: str


@dataclass(slots=True)
class CheckReport:
    """All checks of one plugin, and what its run gave."""

    checks: list[Check] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    failed_documents: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    logs: str = ""
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The object that `plugin test --format json` prints."""
        return {
            "passed": self.passed,
            "checks": [{"name": c.name, "passed": c.passed, "message": c.message} for c in self.checks],
            "documents": self.documents,
            "failed_documents": self.failed_documents,
            "error": self.error,
            "logs": self.logs,
            "timings": self.timings,
        }
