"""Text embeddings by multilingual-e5-large-instruct, or any other sentence-transformers model of the model cache.

Source: Wang et al. 2024, arXiv:2402.05672 (multilingual E5): texts to be found go in as they are, queries as
"Instruct: {task}\\nQuery: {query}"; token vectors averaged, scaled to unit length.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugin_sdk.models import load_hf_model
from plugin_sdk.services.base import BaseBatchInferenceService

if TYPE_CHECKING:
    import pandas as pd

QUERY = "Instruct: {task}\nQuery: {query}"


@dataclass
class E5Config:
    """Which column is embedded into which, and by what.

    Attributes:
        text_column: texts; a null or blank one gets a null instead of a vector.
        output_column_name: unit vectors, float32; 1024 numbers with the default model.
        model_name: a model of the shared cache.
        task: given, the texts are queries for this task; left out, they are what is searched.
        device: `cpu`, `cuda`, …; left out, the library's choice.
        batch_size: texts that the model sees at once.
    """

    text_column: str = "text"
    output_column_name: str = "embedding"
    model_name: str = "intfloat/multilingual-e5-large-instruct"
    task: str | None = None
    device: str | None = None
    batch_size: int = 32


class E5TextEmbeddingBatch(BaseBatchInferenceService[E5Config]):
    """Writes one unit vector per text."""

    def __init__(self, config: E5Config | None = None, progress_actor: Any = None) -> None:
        super().__init__(config or E5Config(), progress_actor)
        self._settings = config or E5Config()

    def load(self) -> None:
        """Load the model.

        Raises:
            ModelUnavailable: it is not in the model cache.
        """
        self._model = load_hf_model(self._settings.model_name, device=self._settings.device)

    def infer(self, batch: "pd.DataFrame") -> "pd.DataFrame":
        """The rows with their vectors."""
        import pandas as pd

        texts = [text if isinstance(text, str) and text.strip() else None for text in self._texts(batch)]
        vectors = iter(self._encode([self._prompt(text) for text in texts if text is not None]))
        embedded = [next(vectors) if text is not None else None for text in texts]
        return batch.assign(**{self._settings.output_column_name: pd.Series(embedded, index=batch.index, dtype=object)})

    def _texts(self, batch: "pd.DataFrame") -> list[Any]:
        return list(self.column(batch, self._settings.text_column))

    def _prompt(self, text: str) -> str:
        return text if self._settings.task is None else QUERY.format(task=self._settings.task, query=text)

    def _encode(self, texts: list[str]) -> Any:
        if not texts:
            return []
        return self._model.encode(
            texts, batch_size=self._settings.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
