"""A given batch: whatever a processor writes into it is noticed, and the partition that it was cut from stays as it was."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from plugin_sdk.frames import to_frame
from plugin_sdk.pipeline import RowCondition, StepDefinition
from plugin_sdk.step import open_steps
from plugin_sdk.steps import Outcome, run_steps

Write = Callable[[pd.DataFrame], pd.DataFrame | None]
ROWS = 9
TEXT_AND_IMAGE = ["text/plain", "image/png", "text/plain"] * (ROWS // 3)


def partition(mimes: list[str]) -> pd.DataFrame:
    texts = ["", "ä", None, "日本", " ", "a\0b", "😀", "x" * 300, "end"]
    return to_frame(
        pa.table(
            {
                "document_id": [f"doc_{i}" for i in range(ROWS)],
                "mime_type": mimes,
                "text": texts,
                "other": texts[::-1],
                "number": pa.array(range(ROWS), pa.int64()),
                "size": pa.array(range(100, 100 + ROWS), pa.int64()),
                "score": [0.5] * ROWS,
                "flag": pa.array([True, None, False] * 3),
                "tags": [["a"], [], None] * 3,
                "when": pa.array([0] * ROWS, pa.timestamp("us")),
                "until": pa.array([1] * ROWS, pa.timestamp("us")),
            }
        )
    )


def run(frame: pd.DataFrame, write: Write, size: int, condition: RowCondition) -> Outcome:
    def processor(batch: pd.DataFrame) -> pd.DataFrame:
        returned = write(batch)
        return batch if returned is None else returned

    return run_steps(frame, open_steps([StepDefinition(processor, batch_size=size, condition=condition)]))


def swapped(batch: pd.DataFrame) -> None:
    batch["text"], batch["other"] = batch["other"], batch["text"]


def exchanged(batch: pd.DataFrame) -> None:
    batch[["number", "size"]] = batch[["size", "number"]].to_numpy()


def set_in_array(batch: pd.DataFrame) -> None:
    batch["text"].array[0] = "changed"


def set_in_values(batch: pd.DataFrame) -> None:
    batch["text"].values[0] = "changed"


def set_at(batch: pd.DataFrame) -> None:
    batch.loc[0, "text"] = "changed"
    batch.iloc[0, batch.columns.get_loc("number")] = -1


def added_up(batch: pd.DataFrame) -> None:
    batch["number"] += 1


def filled(batch: pd.DataFrame) -> None:
    batch.fillna({"text": "missing"}, inplace=True)


def updated(batch: pd.DataFrame) -> None:
    batch.update(pd.DataFrame({"score": [1.5] * len(batch)}))


def later(batch: pd.DataFrame) -> None:
    batch["until"] = batch["until"] + pd.Timedelta(seconds=1)


def renamed(batch: pd.DataFrame) -> None:
    batch.columns = ["number" if c == "size" else "size" if c == "number" else c for c in batch.columns]


def inserted(batch: pd.DataFrame) -> None:
    batch.insert(0, "label", "new")


WRITES: list[tuple[Write, set[str]]] = [
    (swapped, {"text", "other"}),
    (exchanged, {"number", "size"}),
    (set_in_array, {"text"}),
    (set_in_values, {"text"}),
    (set_at, {"text", "number"}),
    (added_up, {"number"}),
    (filled, {"text"}),
    (updated, {"score"}),
    (later, {"until"}),
    (renamed, {"number", "size"}),
    (inserted, {"label"}),
    (lambda batch: None, set()),
    (lambda batch: batch.copy(), set()),
    (lambda batch: batch[batch.columns[::-1]], set()),
    (lambda batch: batch.assign(text=batch["text"]), set()),
]


@pytest.mark.parametrize(
    ("size", "mimes"), [(4, ["text/plain"] * ROWS), (64, ["text/plain"] * ROWS), (4, TEXT_AND_IMAGE)]
)
@pytest.mark.parametrize(("write", "changed"), WRITES, ids=lambda value: getattr(value, "__name__", ""))
def test_what_is_written_in_place_is_noticed_and_leaves_the_partition_alone(write, changed, size, mimes):
    frame = partition(mimes)
    as_it_was = partition(mimes)

    outcome = run(frame, write, size, RowCondition.IS_TEXT)

    assert not outcome.failures
    assert set(outcome.written.column_names) == changed
    pd.testing.assert_frame_equal(frame, as_it_was)
    expected = as_it_was.copy()
    seen = np.flatnonzero([mime == "text/plain" for mime in mimes])
    for positions in (seen[i : i + size] for i in range(0, len(seen), size)):
        batch = as_it_was.take(positions).reset_index(drop=True)
        returned = write(batch)
        batch = batch if returned is None else returned
        for name in changed:
            expected[name] = expected[name].astype(object) if name in expected else None
            expected.loc[positions, name] = batch[name].astype(object).to_numpy()
    for name in changed:
        assert [_plain(v) for v in outcome.frame[name]] == [_plain(v) for v in expected[name]]


def test_a_batch_that_fails_halfway_is_given_again_as_it_was():
    seen: list[list[str]] = []

    def fails_once_changed(batch: pd.DataFrame) -> pd.DataFrame:
        seen.append(batch["text"].tolist())
        batch["text"] = "changed"
        if len(batch) > 1:
            raise ValueError("too many")
        return batch

    run(partition(["text/plain"] * ROWS), fails_once_changed, 4, RowCondition.ALWAYS)

    assert all("changed" not in texts for texts in seen)


def _plain(value: object) -> object:
    return None if value is None or value is pd.NA or value != value else value
