"""Errors over HTTP."""

import pytest

from core import errors
from core.http import KINDS, answer_to, envelope
from plugin_sdk import errors as sdk_errors
from plugin_sdk.errors import PlatformError
from tests.contract.schemas import assert_is


@pytest.mark.parametrize("module", [errors, sdk_errors])
def test_every_error_has_a_status(module: object) -> None:
    found = [
        e
        for e in vars(module).values()
        if isinstance(e, type) and issubclass(e, PlatformError) and e is not PlatformError
    ]

    assert [e.__name__ for e in found if not KINDS.keys() & set(e.__mro__)] == []


def test_scan_rejection_keeps_its_own_body() -> None:
    violation = {"file": "a.py", "line": 1, "column": 0, "message": "no", "severity": "error"}

    status, body, _ = answer_to(errors.SecurityScanFailed("The scan failed.", "Remove it.", [violation]))

    assert (status, body["detail"], body["violations"]) == (400, "Security scan failed", [violation])
    assert_is("SecurityScanError", body)


def test_manifest_rejection_keeps_its_own_body() -> None:
    problem = {"field": "features[0].dimensions", "message": "no such key", "hint": "embedding_dim"}

    status, body, _ = answer_to(errors.ManifestRejected("The manifest is wrong.", "Correct it.", [problem]))

    assert (status, body["detail"], body["errors"]) == (400, "Manifest validation failed", [problem])
    assert_is("ManifestError", body)


def test_invalid_request_names_its_field() -> None:
    status, body, _ = answer_to(errors.InvalidRequest("limit is 0.", "Use 1 or more.", "limit"))

    assert (status, body["error"]["details"]["field"]) == (422, "limit")
    assert body["error"]["message"] == "limit is 0. Use 1 or more."
    assert_is("ErrorResponse", body)


def test_unknown_error_of_ours_is_a_500() -> None:
    assert answer_to(PlatformError("a", "b"))[0] == 500
    assert envelope(429, "slow down")["error"]["type"] == "TooManyRequestsError"
