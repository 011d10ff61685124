"""The body of a list request: what to select, and the paging that the high-level client puts there."""

from typing import Annotated, Any

from pydantic import Field

from core.paging import Paging, Selection
from functions.api.deps import Body

Limit = Annotated[int | None, Field(ge=1, le=1000)]


class ListBody(Body):
    """Filters, search and sort; paging in here loses to paging in the query string."""

    filters: dict[str, Any] | None = None
    search: str | None = None
    sort: dict[str, Any] | None = None
    sorts: list[dict[str, Any]] | None = None
    case_sensitive: bool = False
    limit: Limit = None
    page_size: Limit = None
    offset: Annotated[int | None, Field(ge=0, le=10000)] = None
    cursor: str | None = None

    @property
    def selection(self) -> Selection:
        """Which items, and in which order; of several sorts the first counts."""
        sort = self.sort or next(iter(self.sorts or ()), None)
        return Selection.parse(self.filters, search=self.search, sort=sort, case_sensitive=self.case_sensitive)

    def page(self, query: Paging) -> Paging:
        """The page that is wanted, given what the query string said."""
        own = self.limit or self.page_size
        return Paging(
            own if own and query.limit == Paging().limit else query.limit,
            query.offset or self.offset or 0,
            query.cursor or self.cursor,
            query.include_total,
        )
