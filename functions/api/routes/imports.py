"""Routes of imports: files of rows in S3 that become objects of a bucket at once."""

from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import Field

from core.buckets import find_bucket
from core.confirmations import keep_upload
from core.imports import Bulk, Rows, ask_import, delete_import, get_import, list_imports
from core.paging import Paging
from core.stores import Stores
from core.tenancy import Scope
from core.web.bodies import Body
from core.web.callers import DeleteScope, ReadScope, WriteScope
from functions.api.deps import Answer, PagingOf, Router, StoresOf
from functions.api.listing import ListBody
from functions.api.remote_rows import RemoteRows

scoped = Router(prefix="/buckets/{bucket_identifier}", tags=["objects"])
Name = Annotated[str, Field(min_length=1, max_length=512)]
Columns = dict[Name, Name] | list[Name]


async def bulk_of(request: Request) -> Bulk | None:
    """What imports files of rows in this process, if anything does."""
    bulk: Bulk | None = request.app.state.bulk
    return bulk


async def rows_of(request: Request) -> Rows:
    """What reads imported rows: this process, or a serving node that it asks."""
    bulk: Bulk | None = request.app.state.bulk
    return bulk or RemoteRows(request.headers.get("authorization", ""))


BulkOf = Annotated[Bulk | None, Depends(bulk_of)]
RowsOf = Annotated[Rows, Depends(rows_of)]


class CreateImport(Body):
    """Which files, and which of their columns fill which properties: by name, or property to column.

    Without any columns each property of the bucket's schema is filled by the column of its name.
    """

    url: str | None = Field(None, max_length=2083)
    upload_id: str | None = Field(None, pattern=r"^upl_[a-zA-Z0-9_-]+$")
    format: Literal["parquet", "jsonl", "csv"] | None = None
    text_columns: Columns | None = None
    blob_columns: Columns | None = None
    metadata_columns: Columns | None = None
    id_column: Name | None = None
    delimiter: str | None = None


@scoped.post("/objects/import")
def create(stores: StoresOf, scope: WriteScope, bulk: BulkOf, bucket_identifier: str, body: CreateImport) -> Answer:
    """Make every row of the files an object; small ones while the request waits, others by a task."""
    bucket = find_bucket(stores, scope, bucket_identifier)
    if body.upload_id and body.url is None:
        keep_upload(stores, scope, bucket, body.upload_id)  # its arrival, told by S3, would move the file meanwhile
    made, task = ask_import(stores, scope, bucket, body.model_dump(exclude_unset=True), bulk)
    return Answer(made.answer(), status_code=200 if task is None else 202)


@scoped.get("/imports")
def list_get(stores: StoresOf, scope: ReadScope, bucket_identifier: str, paging: PagingOf) -> Answer:
    return _listed(stores, scope, bucket_identifier, ListBody(), paging)


@scoped.post("/imports/list")
def list_post(
    stores: StoresOf, scope: ReadScope, bucket_identifier: str, paging: PagingOf, body: ListBody | None = None
) -> Answer:
    return _listed(stores, scope, bucket_identifier, body or ListBody(), paging)


@scoped.get("/imports/{import_id}")
def get(stores: StoresOf, scope: ReadScope, bucket_identifier: str, import_id: str) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    return Answer(get_import(stores, scope, bucket.bucket_id, import_id).answer())


@scoped.delete("/imports/{import_id}", status_code=204)
def delete(stores: StoresOf, scope: DeleteScope, bucket_identifier: str, import_id: str) -> Answer:
    """Delete the import: its rows are no objects any more; documents stay, and so do files that it only named."""
    bucket = find_bucket(stores, scope, bucket_identifier)
    delete_import(stores, scope, get_import(stores, scope, bucket.bucket_id, import_id))
    return Answer(status_code=204)


def _listed(stores: Stores, scope: Scope, bucket_identifier: str, body: ListBody, paging: Paging) -> Answer:
    bucket = find_bucket(stores, scope, bucket_identifier)
    page, pagination = list_imports(stores, scope, bucket.bucket_id, body.page(paging), body.selection)
    return Answer({"results": page, "pagination": pagination})
