"""Upload: a file on its way into a bucket by a presigned PUT, `upl_…`."""

from typing import Any

from core.noun import Noun
from core.status import TaskStatus


class Upload(Noun):
    """An upload as stored."""

    upload_id: str
    bucket_id: str
    filename: str
    content_type: str
    file_size_bytes: int | None = None
    presigned_url: str | None = None
    presigned_url_expiration: int = 3600
    s3_key: str
    status: TaskStatus = TaskStatus.PENDING
    metadata: dict[str, Any] = {}
    create_object_on_confirm: bool = True
    object_metadata: dict[str, Any] | None = None
    blob_property: str | None = None
    blob_type: str | None = None
    file_hash: str | None = None
    skip_duplicates: bool = True
    expires_at: str
    completed_at: str | None = None
    verified_at: str | None = None
    etag: str | None = None
    object_id: str | None = None
    task_id: str | None = None
