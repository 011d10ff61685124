"""One small turn through everything that a host's first batch would otherwise load."""

import mmap

import pandas as pd
import pyarrow as pa

from plugin_sdk.frames import to_frame
from plugin_sdk.host.compact import restored
from plugin_sdk.host.passing import OUTPUT_BYTES
from plugin_sdk.host.tables import Known, read_table, reply_batch, write_into
from plugin_sdk.pipeline import StepDefinition
from plugin_sdk.step import open_steps
from plugin_sdk.steps import run_steps


def warm() -> None:
    """Run three rows through a step and write them as a reply."""
    table = pa.table({"document_id": ["a", "b", "c"], "mime_type": ["text/plain"] * 3, "size_bytes": [1, 2, 3]})
    outcome = run_steps(to_frame(table), open_steps([StepDefinition(_touch)]))
    batch = reply_batch(outcome)
    memory = pa.py_buffer(mmap.mmap(-1, OUTPUT_BYTES))
    write_into(memory, batch)
    restored(read_table(memory, Known()))


def _touch(batch: pd.DataFrame) -> pd.DataFrame:
    batch["vector"] = [[1.0, 2.0]] * len(batch)
    batch["label"] = batch["document_id"].fillna("")
    batch["count"] = 1
    return batch
