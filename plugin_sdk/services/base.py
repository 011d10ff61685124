"""The base of batch services: load once, then answer frame after frame."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from plugin_sdk.errors import PlatformError

if TYPE_CHECKING:
    import pandas as pd

C = TypeVar("C")


class MissingColumn(PlatformError):
    """The rows lack the column that a service reads."""

    code = "missing_column"


class BaseBatchInferenceService(Generic[C]):
    """A step's service: a subclass writes `infer`, and `load` if it has something to load."""

    def __init__(self, config: C | None = None, progress_actor: Any = None) -> None:
        self.config = config
        self._progress = progress_actor
        self._is_loaded = False

    def load(self) -> None:
        """Load models and open clients; runs once, before the first rows."""

    def infer(self, batch: "pd.DataFrame") -> "pd.DataFrame":
        """The rows with the service's columns."""
        raise NotImplementedError(f"{type(self).__name__} has no infer.")

    def __call__(self, batch: "pd.DataFrame") -> "pd.DataFrame":
        """As `infer`, after `load`; reports progress."""
        if not self._is_loaded:
            self.load()
            self._is_loaded = True
        result = self.infer(batch)
        if self._progress is not None:
            self._progress.report(len(batch))
        return result

    def column(self, batch: "pd.DataFrame", name: str) -> "pd.Series":
        """A column of the rows.

        Raises:
            MissingColumn: the rows do not have it; names those they have.
        """
        if name not in batch.columns:
            raise MissingColumn(
                f"{type(self).__name__} reads the column '{name}', which the rows do not have.",
                f"They have {', '.join(map(str, batch.columns))}: name one of them in the config, or map one to it.",
            )
        return batch[name]
