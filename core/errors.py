"""Errors of the platform's rules and stores; `functions/api/errors.py` gives each its HTTP status."""

from typing import Any

from plugin_sdk.errors import PlatformError


class NotFound(PlatformError):
    """Nothing of that kind and name is visible to this key."""

    code = "not_found"


class AlreadyExists(PlatformError):
    """The name or id is taken."""

    code = "already_exists"


class IllegalTransition(PlatformError):
    """The thing is in a state from which this can't be done."""

    code = "illegal_transition"


class Conflict(IllegalTransition):
    """It can't be done because of what others made of the thing: they use it, or it is gone since."""

    code = "conflict"


class InvalidRequest(PlatformError):
    """A field of the request can't be used; `field` is its path, e.g. `feature_extractor.parameters.threshold`."""

    code = "invalid_request"

    def __init__(self, problem: str, fix: str, field: str = "") -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, field)
        self.field = field


class Unauthorized(PlatformError):
    """No valid API key came with the request."""

    code = "unauthorized"


class Forbidden(PlatformError):
    """The key is valid and lacks the permission, or a quota is used up."""

    code = "forbidden"


class QuotaExceeded(Forbidden):
    """There are as many of a thing as there may be; `quota` is its name, `used` what there is, `limit` what may be."""

    code = "quota_exceeded"

    def __init__(self, quota: str, used: int, limit: int) -> None:
        super().__init__(
            f"The quota {quota} is used up: {used} of {limit}.",
            f"Delete what is not needed, or ask the operator to raise OPENPEEK_MAX_{quota.upper()}.",
        )
        self.args = (quota, used, limit)
        self.quota, self.used, self.limit = quota, used, limit


class TooManyRequests(PlatformError):
    """The key has used up its requests for this minute; `retry_after_s` is when the next begins."""

    code = "too_many_requests"

    def __init__(self, problem: str, fix: str, retry_after_s: int) -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, retry_after_s)
        self.retry_after_s = retry_after_s


class Expired(PlatformError):
    """An upload's time has passed."""

    code = "expired"


class UploadMissing(PlatformError):
    """The file was never PUT to its presigned URL."""

    code = "upload_missing"


class StaleRecord(PlatformError):
    """Someone else changed the record since it was read."""

    code = "stale_record"


class SourceChanged(PlatformError):
    """A file of a bulk source is not the one that was imported."""

    code = "source_changed"


class StoreUnavailable(PlatformError):
    """AWS, or the emulator in its place, does not answer."""

    code = "store_unavailable"


class DiskFull(StoreUnavailable):
    """A disk has no room for what is to be written; `worker` is the address of the worker whose disk it is."""

    code = "disk_full"

    def __init__(self, problem: str, fix: str, worker: str = "") -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, worker)
        self.worker = worker


class ServingUnavailable(PlatformError):
    """No replica of the deployment can answer now."""

    code = "serving_unavailable"


class InferenceFailed(PlatformError):
    """The handler raised, returned what is no answer, or its host ended; the deployment lives on."""

    code = "inference_failed"


class InferenceTimeout(PlatformError):
    """The handler gave no answer in time."""

    code = "inference_timeout"


class InProgress(PlatformError):
    """The same request is being answered already."""

    code = "in_progress"


class UnsupportedMedia(PlatformError):
    """The body is in a form that is not read."""

    code = "unsupported_media"


class TooLarge(PlatformError):
    """The request's body is larger than is read."""

    code = "too_large"


class SecurityScanFailed(PlatformError):
    """The scan found forbidden code; `violations` are `{file, line, column, message, severity}`, sorted."""

    code = "security_scan_failed"

    def __init__(self, problem: str, fix: str, violations: list[dict[str, Any]]) -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, violations)
        self.violations = violations


class ManifestRejected(PlatformError):
    """The manifest breaks rules; `errors` are `{field, message, hint}`, all at once."""

    code = "manifest_rejected"

    def __init__(self, problem: str, fix: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, errors)
        self.errors = errors
