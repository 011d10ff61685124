"""What every stored noun shares: a frozen pydantic model whose JSON is the record's body."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from core.ids import now


class Noun(BaseModel):
    """A record's body as a typed value. Unknown keys are kept out, so that a record says only what its model says."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)

    def body(self) -> dict[str, Any]:
        """The JSON that is stored."""
        return self.model_dump(mode="json")

    def changed(self, **fields: Any) -> Self:
        """A copy with these fields, and `updated_at` of now."""
        return self.model_copy(update={"updated_at": now(), **fields})
