"""The bodies of list requests: what to select, and the paging that clients put there."""

from typing import Annotated, Any, Literal

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


class Sort(Body):
    """SortOption."""

    field: str = Field(min_length=1)
    direction: Literal["asc", "desc"] = "asc"


class ListBody(PagedBody):
    """Filters, search and sort, and the paging."""

    filters: dict[str, Any] | None = None
    search: str | None = None
    sort: Sort | None = None
    case_sensitive: bool = False

    @property
    def selection(self) -> Selection:
        """Which items, and in which order."""
        return self._sorted_by(self.sort)

    def _sorted_by(self, sort: Sort | None) -> Selection:
        by = sort.model_dump() if sort else None
        return Selection.parse(self.filters, search=self.search, sort=by, case_sensitive=self.case_sensitive)


class SortsBody(ListBody):
    """A list's body that may hold several sorts, of which the first counts."""

    sorts: list[Sort] | None = None

    @property
    def selection(self) -> Selection:
        """Which items, and in which order."""
        return self._sorted_by(self.sort or next(iter(self.sorts or ()), None))
