"""The bodies of list requests: what to select, and the paging that clients put there."""

from typing import Annotated, Any

from pydantic import Field

from core.paging import Paging, Selection
from core.web.bodies import Body

Limit = Annotated[int | None, Field(ge=1, le=1000)]


class PagedBody(Body):
    """Paging in the body; `page_size` is what the high-level client calls the limit."""

    limit: Limit = None
    page_size: Limit = None
    offset: Annotated[int | None, Field(ge=0)] = None
    cursor: str | None = None

    def page(self, query: Paging) -> Paging:
        """The page that is wanted: what the body says, else what the query string says."""
        return Paging(
            self.limit or self.page_size or query.limit,
            self.offset or query.offset,
            self.cursor or query.cursor,
            query.include_total,
        )


class ListBody(PagedBody):
    """Filters, search and sort, and the paging."""

    filters: dict[str, Any] | None = None
    search: str | None = None
    sort: dict[str, Any] | None = None
    case_sensitive: bool = False

    @property
    def selection(self) -> Selection:
        """Which items, and in which order."""
        return Selection.parse(self.filters, search=self.search, sort=self.sort, case_sensitive=self.case_sensitive)


class SortsBody(ListBody):
    """A list's body that may hold several sorts, of which the first counts."""

    sorts: list[dict[str, Any]] | None = None

    @property
    def selection(self) -> Selection:
        """Which items, and in which order."""
        sort = self.sort or next(iter(self.sorts or ()), None)
        return Selection.parse(self.filters, search=self.search, sort=sort, case_sensitive=self.case_sensitive)
