"""Routes that search: stored retrievers, ad-hoc retrievers, and the high-level client's document search."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from batch.serving.searching import Found, Searcher
from batch.serving.web import Json
from core.conditions import Filter, parse
from core.documents import shown
from core.errors import InvalidRequest
from core.ids import new_id
from core.paging import cursor_of, offset_of
from core.search import Hit
from core.stages import AttributeFilter, Stage, plan, with_defaults
from core.tenancy import Scope
from core.web.bodies import Body, OpenBody
from core.web.callers import ReadScope
from core.web.routes import CheckedRoute

scoped = APIRouter(route_class=CheckedRoute, tags=["retrievers"])
Items = dict[str, Any]
Flag = Annotated[bool, Query()]


class ExecuteRequest(OpenBody):
    """Inputs for a stored retriever; the guides write `input`."""

    inputs: Items | None = None
    input: Items | None = None
    pagination: Items | None = None
    settings: Items | None = None
    filters: Items | None = None
    limit: int | None = Field(default=None, ge=1, le=1000)
    stream: bool = False


class BudgetLimits(Body):
    """What the request may cost; nothing here costs credits."""

    max_credits: float | None = Field(default=None, ge=0)
    max_time_ms: int | None = Field(default=None, ge=0)


class AdhocRequest(ExecuteRequest):
    """A retriever that is described and executed at once."""

    stages: list[Any]
    collection_identifiers: list[str] | None = None
    collection_ids: list[str] | None = None
    input_schema: Items | None = None
    budget_limits: BudgetLimits | None = None


class SearchRequest(OpenBody):
    """The high-level client's search of documents by text."""

    query: str | list[float]
    collection_ids: list[str] | None = None
    collection_identifiers: list[str] | None = None
    feature_uri: str | None = None
    filters: Items | None = None
    limit: int | None = Field(default=None, ge=1, le=1000)
    page_size: int = Field(default=10, ge=1, le=1000)
    return_vectors: bool = False


METHODS = ("offset", "cursor", "scroll", "keyset")
PAGED_BY = {"method", "page_size", "page_number", "limit", "cursor"}


class Page:
    """The part of the results that is asked for: by page number, by cursor, or all of them."""

    def __init__(self, asked: Mapping[str, Any] | None, limit: int | None) -> None:
        asked = asked or {}
        if unknown := set(asked) - PAGED_BY:
            told = f"There is no pagination.{min(unknown)}."
            raise InvalidRequest(told, f"It may have {', '.join(sorted(PAGED_BY))}.", f"pagination.{min(unknown)}")
        if asked.get("method") not in (None, *METHODS):
            raise InvalidRequest(
                f"pagination.method is {asked['method']!r}.", f"Use one of {', '.join(METHODS)}.", "pagination.method"
            )
        self.size = _number(asked, "page_size") or _number(asked, "limit") or limit
        self.number = _number(asked, "page_number", 10_000_000) or 1
        cursor = asked.get("cursor")
        self.start = offset_of(str(cursor)) if cursor else (self.number - 1) * (self.size or 0)

    def of(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """The hits on this page."""
        return hits[self.start : self.start + self.size] if self.size else hits[self.start :]

    def described(self, total: int) -> Items:
        """The contract's `pagination`."""
        size = self.size or max(total, 1)
        after = self.start + size
        page = self.start // size + 1
        return {
            "total": total,
            "page": page,
            "page_size": size,
            "total_pages": math.ceil(total / size),
            "next_page": str(page + 1) if after < total else None,
            "previous_page": str(page - 1) if page > 1 else None,
            "next_cursor": cursor_of(after) if after < total else None,
        }


@scoped.post("/retrievers/execute")
def execute_adhoc(
    request: Request,
    scope: ReadScope,
    body: AdhocRequest,
    return_presigned_urls: Flag = False,
    return_vectors: Flag = False,
) -> Json:
    """Describe a retriever and execute it at once."""
    began = time.perf_counter()
    searcher: Searcher = request.app.state.searcher
    stages = plan(body.stages, with_defaults(body.input_schema or {}, _inputs(body)))
    named = body.collection_identifiers or body.collection_ids or []
    collections = searcher.collections(scope, named, "collection_identifiers")
    found = searcher.execute(scope, _narrowed(stages, body), collections, return_vectors=return_vectors)
    return Json(_answer(request, scope, found, body, began, return_presigned_urls))


@scoped.post("/retrievers/{retriever_id}/execute")
def execute(
    request: Request,
    scope: ReadScope,
    retriever_id: str,
    body: ExecuteRequest,
    return_presigned_urls: Flag = False,
    return_vectors: Flag = False,
) -> Json:
    """Execute a stored retriever."""
    began = time.perf_counter()
    searcher: Searcher = request.app.state.searcher
    retriever = searcher.retriever(scope, retriever_id)
    stages = plan(retriever.stages, with_defaults(retriever.input_schema, _inputs(body)))
    collections = searcher.collections(scope, retriever.collection_ids, "collection_ids")
    found = searcher.execute(scope, _narrowed(stages, body), collections, return_vectors=return_vectors)
    answer = _answer(request, scope, found, body, began, return_presigned_urls)
    return Json(answer | {"retriever_id": retriever.retriever_id})


@scoped.post("/documents/search", tags=["documents"])
def search_documents(request: Request, scope: ReadScope, body: SearchRequest) -> Json:
    """Search documents by text, or by a vector, in one call."""
    began = time.perf_counter()
    searcher: Searcher = request.app.state.searcher
    most = body.limit or body.page_size
    stage = {
        "type": "feature_search",
        "searches": [{"feature_uri": body.feature_uri, "query": body.query, "top_k": most}],
        "final_top_k": most,
    }
    named = body.collection_ids or body.collection_identifiers or []
    collections = searcher.collections(scope, named, "collection_ids")
    stages = _with_filter(plan([stage], {}), parse(body.filters))
    found = searcher.execute(scope, stages, collections, return_vectors=body.return_vectors)
    asked = ExecuteRequest(pagination={"page_size": body.page_size})
    return Json(_answer(request, scope, found, asked, began, False))


def _inputs(body: ExecuteRequest) -> Items:
    return body.inputs if body.inputs is not None else body.input or {}


def _narrowed(stages: list[Stage], body: ExecuteRequest) -> list[Stage]:
    return _with_filter(stages, parse(body.filters))


def _with_filter(stages: list[Stage], filters: Filter | None) -> list[Stage]:
    return [AttributeFilter("filters", filters), *stages] if filters else stages


def _answer(request: Request, scope: Scope, found: Found, body: ExecuteRequest, began: float, presigned: bool) -> Items:
    limit = body.limit or _number(body.settings or {}, "limit")
    page = Page(body.pagination, limit)
    hits = page.of(found.hits[:limit] if limit and not body.pagination else found.hits)
    presign = request.app.state.presign(scope) if presigned else None
    results = [shown_hit(hit, scope, presign) for hit in hits]
    elapsed_ms = round((time.perf_counter() - began) * 1000, 3)
    answer = {
        "execution_id": new_id("exec"),
        "retriever_id": None,
        "status": "completed",
        "results": results,
        "documents": results,
        "pagination": page.described(len(found.hits)),
        "stage_statistics": {"stages": found.statistics, "total_time_ms": elapsed_ms},
        "budget": {"credits_used": 0.0, "credits_limit": None, "time_elapsed_ms": elapsed_ms},
        "warnings": found.warnings,
    }
    if found.groups is not None:
        answer["groups"] = [
            {"group_key": key, "documents": [shown_hit(h, scope, presign) for h in members], "count": len(members)}
            for key, members in found.groups
        ]
    return answer | ({"facets": found.facets} if found.facets else {})


def shown_hit(hit: Hit, scope: Scope, presign: Any = None) -> Items:
    """A hit as the API shows it: the document and its score."""
    return shown(hit.document, scope, hit.vectors, presign=presign) | {"score": hit.score}


def _number(asked: Mapping[str, Any], name: str, most: int = 1_000) -> int | None:
    value = asked.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidRequest(f"pagination.{name} is {value!r}.", f"Give a whole number from 1 to {most}.", name)
    return value
