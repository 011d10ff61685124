"""Errors over HTTP: the status of each error, and the one envelope that every answer uses."""

from collections.abc import Mapping
from typing import Any

from core.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    Forbidden,
    IllegalTransition,
    InferenceFailed,
    InferenceTimeout,
    InProgress,
    InvalidRequest,
    ManifestRejected,
    NotFound,
    QuotaExceeded,
    SecurityScanFailed,
    ServingUnavailable,
    SourceChanged,
    StaleRecord,
    StoreUnavailable,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    UnsupportedMedia,
    UploadMissing,
)
from plugin_sdk.errors import (
    HostFailed,
    InvalidArchive,
    InvalidManifest,
    InvalidParameters,
    InvalidPipeline,
    InvalidRealtime,
    PlatformError,
    PluginRaised,
    UnknownGpu,
)

Body = dict[str, Any]

KINDS: dict[type[PlatformError], tuple[int, str]] = {
    Unauthorized: (401, "UnauthorizedError"),
    Forbidden: (403, "ForbiddenError"),
    TooManyRequests: (429, "TooManyRequestsError"),
    NotFound: (404, "NotFoundError"),
    AlreadyExists: (409, "AlreadyExistsError"),
    StaleRecord: (409, "BadRequestError"),
    SourceChanged: (409, "BadRequestError"),
    Conflict: (409, "BadRequestError"),
    IllegalTransition: (400, "BadRequestError"),
    Expired: (400, "BadRequestError"),
    UploadMissing: (400, "BadRequestError"),
    InvalidArchive: (400, "BadRequestError"),
    SecurityScanFailed: (400, "SecurityScanError"),
    ManifestRejected: (400, "ManifestError"),
    InvalidRequest: (422, "ValidationError"),
    InvalidManifest: (422, "ManifestError"),
    InvalidParameters: (422, "ValidationError"),
    InvalidPipeline: (422, "ValidationError"),
    InvalidRealtime: (422, "ValidationError"),
    PluginRaised: (422, "ProcessingError"),
    HostFailed: (503, "InferenceServiceUnavailableError"),
    UnknownGpu: (503, "InferenceServiceUnavailableError"),
    ServingUnavailable: (503, "InferenceServiceUnavailableError"),
    StoreUnavailable: (503, "InternalServerError"),
    InferenceFailed: (500, "ProcessingError"),
    InferenceTimeout: (504, "InferenceServiceUnavailableError"),
    TooLarge: (413, "BadRequestError"),
    UnsupportedMedia: (415, "BadRequestError"),
    InProgress: (409, "BadRequestError"),
}
BY_STATUS = {
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "NotFoundError",
    409: "AlreadyExistsError",
    422: "ValidationError",
    429: "TooManyRequestsError",
}


def answer_to(error: PlatformError) -> tuple[int, Body, dict[str, str]]:
    """Status, body and headers that tell `error` to an HTTP client."""
    status, kind = next((KINDS[c] for c in type(error).__mro__ if c in KINDS), (500, "InternalServerError"))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    return status, envelope(status, str(error), kind, _details(error)) | _own_keys(error), headers


def envelope(status: int, message: str, kind: str | None = None, details: Mapping[str, Any] | None = None) -> Body:
    """The body of every error; `kind` defaults to what the client knows for the status."""
    kind = kind or BY_STATUS.get(status, "BadRequestError" if status < 500 else "InternalServerError")
    error: Body = {"message": message, "type": kind} | ({"details": dict(details)} if details else {})
    return {"success": False, "status": status, "error": error}


def _details(error: PlatformError) -> Body:
    details: Body = {"code": error.code, "fix": error.fix}
    if isinstance(error, InvalidRequest | InvalidManifest | InvalidParameters) and error.field:
        details["field"] = error.field
    if isinstance(error, QuotaExceeded):
        details |= {"quota": error.quota, "used": error.used, "limit": error.limit}
    if isinstance(error, HostFailed) and error.reason:
        details["reason"] = error.reason
    if isinstance(error, PluginRaised) and error.traceback:
        details["traceback"] = error.traceback
    return details


def _own_keys(error: PlatformError) -> Body:
    if isinstance(error, SecurityScanFailed):
        return {"detail": "Security scan failed", "violations": error.violations}
    if isinstance(error, ManifestRejected):
        return {"detail": "Manifest validation failed", "errors": error.errors}
    if isinstance(error, InvalidRequest) and error.field:
        return {"detail": [{"loc": ["body", error.field], "msg": error.problem, "type": error.code}]}
    return {}
