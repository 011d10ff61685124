"""The verdict of a scan: violations in the published shape, sorted, and whether the plugin may come in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One broken rule: `line` counts from 1, `column` from 0; `message` is short and stable, `why` and `fix` explain."""

    file: str
    line: int
    column: int
    message: str
    severity: Severity = "error"
    fix: str = ""
    why: str = ""

    def as_dict(self) -> dict[str, str | int]:
        """The five published keys."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "severity": self.severity,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All violations of one plugin."""

    passed: bool
    violations: list[Violation]

    @classmethod
    def of(cls, violations: Iterable[Violation], *, strict: bool) -> "Report":
        """Sorted, each once; an error rejects, and in strict mode a warning does too."""
        found: dict[tuple[str, int, int, str], Violation] = {}
        for violation in violations:
            found.setdefault((violation.file, violation.line, violation.column, violation.message), violation)
        ordered = sorted(found.values())
        return cls(not any(strict or violation.severity == "error" for violation in ordered), ordered)
