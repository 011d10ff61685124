"""What is wrong with a manifest: every issue found, each with the key that it is about and the right one."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from plugin_sdk.errors import InvalidManifest


class Issue(BaseModel):
    """One finding about a manifest; `field` is its path, e.g. `features[0].dimensions`."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str
    hint: str | None = None
    severity: Literal["error", "warning"] = "error"

    def as_dict(self) -> dict[str, Any]:
        """`{field, message, hint}`, as the API answers it."""
        return {"field": self.field, "message": self.message, "hint": self.hint}

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" + (f" {self.hint}" if self.hint else "")


class ManifestIssues(InvalidManifest):
    """The manifest breaks one or more rules; `issues` has all of them, warnings included."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        found = list(issues)
        errors = [issue for issue in found if issue.severity == "error"] or found
        problem = "manifest.py: " + " ".join(f"{e.field}: {e.message}" for e in errors)
        fix = " ".join(e.hint for e in errors if e.hint) or "Correct manifest.py."
        super().__init__(problem, fix, errors[0].field if errors else "")
        self.args = (found,)
        self.issues = found

    @property
    def errors(self) -> list[Issue]:
        """The issues that make the manifest unusable."""
        return [issue for issue in self.issues if issue.severity == "error"]

    def as_dict(self) -> dict[str, Any]:
        """`{detail, errors: [{field, message, hint}]}`, as the API answers it."""
        return {"detail": "Manifest validation failed", "errors": [issue.as_dict() for issue in self.errors]}


class Findings:
    """Collects issues while the rules run."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def error(self, field: str, message: str, hint: str | None = None) -> None:
        """The manifest can't be used with this."""
        self.issues.append(Issue(field=field, message=message, hint=hint))

    def warn(self, field: str, message: str, hint: str | None = None) -> None:
        """The manifest can be used, and its author should know."""
        self.issues.append(Issue(field=field, message=message, hint=hint, severity="warning"))

    @property
    def failed(self) -> bool:
        """Whether an error is among them."""
        return any(issue.severity == "error" for issue in self.issues)
