"""Rows of imports as objects, for the control plane alone: its functions hold nothing that reads files of rows."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from batch.bulk.local import LocalBulk
from batch.serving.web import Json
from core.buckets import find_bucket
from core.imported import ROWS_AT_ONCE
from core.imports import get_import
from core.stores import Stores
from core.web.callers import ReadScope
from core.web.routes import CheckedRoute

scoped = APIRouter(prefix="/buckets/{bucket_identifier}/imports/{import_id}", route_class=CheckedRoute)
bulk = LocalBulk()


@scoped.get("/rows", include_in_schema=False)
def rows(
    request: Request,
    scope: ReadScope,
    bucket_identifier: str,
    import_id: str,
    start: Annotated[int, Query(ge=0)],
    stop: Annotated[int, Query(ge=0)],
) -> Json:
    """The rows from `start` to before `stop`, a thousand at most."""
    stores: Stores = request.app.state.stores
    found = get_import(stores, scope, find_bucket(stores, scope, bucket_identifier).bucket_id, import_id)
    last = min(stop, start + ROWS_AT_ONCE, found.rows)
    return Json({"objects": bulk.objects(stores, scope, found, start, last)})
