"""Running steps over rows: which rows a step sees, what becomes of those it returns, and what fails alone."""

import importlib
import threading
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_sdk.fitting import GROW_AFTER
from plugin_sdk.frames import to_frame
from plugin_sdk.manifest import ComputeProfile, Feature, Manifest
from plugin_sdk.outcomes import KILLED_FOR_MEMORY
from plugin_sdk.pipeline import ResourceType, RowCondition, StepDefinition
from plugin_sdk.schema_types import JSON_METADATA, is_json
from plugin_sdk.step import ProgressActor, build_processor, open_steps
from plugin_sdk.steps import MAX_ALIKE, Outcome, run_steps

MANIFEST = Manifest(
    name="sample",
    version="1.0.0",
    output_schema={
        "properties": {
            "embedding": {"type": "array", "items": {"type": "number"}},
            "label": {"type": "string"},
            "count": {"type": "integer"},
        }
    },
    features=[Feature(feature_name="sample_embedding", embedding_dim=3)],
)

FIELDS = MANIFEST.model_copy(update={"features": []})
"""The same output schema, and no vector promised."""


def rows(count: int, mime_types: list[str] | None = None, **columns: object) -> pd.DataFrame:
    data = {
        "document_id": [f"doc_{i}" for i in range(count)],
        "object_id": [f"obj_{i}" for i in range(count)],
        "blob_id": [f"blob_{i}" for i in range(count)],
        "data": [f"text {i}" for i in range(count)],
        "mime_type": mime_types or ["text/plain"] * count,
    }
    return to_frame(pa.table(data | columns))


def run(frame: pd.DataFrame, *definitions: object, manifest: Manifest | None = None, **options: object) -> Outcome:
    steps = [d if isinstance(d, StepDefinition) else StepDefinition(d) for d in definitions]
    return run_steps(frame, open_steps(steps), manifest, **options)  # type: ignore[arg-type]


def embed(batch: pd.DataFrame) -> pd.DataFrame:
    batch["sample_embedding"] = [[1.0, 2.0, 3.0]] * len(batch)
    return batch


def ids(outcome: Outcome) -> list[str]:
    return outcome.frame["document_id"].tolist()


# Which rows


def test_rows_that_a_condition_excludes_stay_in_order_with_nulls():
    seen: list[str] = []

    def label(batch: pd.DataFrame) -> pd.DataFrame:
        seen.extend(batch["document_id"])
        batch["label"] = "seen"
        batch["count"] = 1
        return batch

    kinds = ["text/plain", "image/png", "text/html; charset=utf-8", None, "TEXT/PLAIN"]
    outcome = run(rows(5, kinds), StepDefinition(label, condition=RowCondition.IS_TEXT, batch_size=2), manifest=FIELDS)

    assert seen == ["doc_0", "doc_2", "doc_4"]
    assert ids(outcome) == [f"doc_{i}" for i in range(5)]
    assert outcome.written["label"].to_pylist() == ["seen", None, "seen", None, "seen"]
    assert outcome.written["count"].to_pylist() == [1, None, 1, None, 1]
    assert outcome.failures == []


def without_pixels(batch: pd.DataFrame) -> pd.DataFrame:
    return batch.drop(columns=["pixels"])


def test_columns_that_steps_elsewhere_wrote_can_be_taken_away():
    outcome = run(rows(3, pixels=[[1], [2], [3]], words=[1, 2, 3]), without_pixels, earlier=["pixels", "words"])

    assert (outcome.gone, outcome.written.column_names, outcome.failures) == (["pixels"], [], [])
    assert "pixels" not in outcome.frame and list(outcome.frame["words"]) == [1, 2, 3]


def test_columns_that_came_with_the_rows_cannot_be_taken_away():
    outcome = run(rows(3, pixels=[[1], [2], [3]]), without_pixels)

    assert (outcome.gone, outcome.failures) == ([], [])
    assert [list(value) for value in outcome.frame["pixels"]] == [[1], [2], [3]]


def test_columns_taken_away_from_some_rows_are_null_there():
    frame = rows(3, ["text/plain", "image/png", "text/plain"], pixels=[1, 2, 3])

    outcome = run(frame, StepDefinition(without_pixels, condition=RowCondition.IS_TEXT), earlier=["pixels"])

    assert (outcome.gone, outcome.failures) == ([], [])
    assert outcome.written["pixels"].to_pylist() == [None, 2, None]


def test_a_column_taken_away_may_come_again():
    def again(batch: pd.DataFrame) -> pd.DataFrame:
        batch["pixels"] = [f"new {i}" for i in range(len(batch))]
        return batch

    outcome = run(rows(2, pixels=[1, 2]), without_pixels, again, without_pixels, again, earlier=["pixels"])

    assert (outcome.gone, outcome.written["pixels"].to_pylist()) == ([], ["new 0", "new 1"])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (RowCondition.IS_TEXT, ["text/plain"]),
        (RowCondition.IS_IMAGE, ["image/png"]),
        (RowCondition.IS_VIDEO, ["video/mp4"]),
        (RowCondition.IS_AUDIO, ["audio/wav"]),
        (RowCondition.IS_PDF, ["application/pdf"]),
        (RowCondition.ALWAYS, ["text/plain", "image/png", "video/mp4", "audio/wav", "application/pdf", "a/b", None]),
    ],
)
def test_each_condition_lets_its_own_mime_types_in(condition, expected):
    seen: list[object] = []

    def note(batch: pd.DataFrame) -> pd.DataFrame:
        seen.extend(None if pd.isna(kind) else kind for kind in batch["mime_type"])
        return batch

    kinds = ["text/plain", "image/png", "video/mp4", "audio/wav", "application/pdf", "a/b", None]
    run(rows(7, kinds), StepDefinition(note, condition=condition))

    assert seen == expected


def test_a_processor_for_no_row_is_neither_built_nor_called():
    class Never:
        def __init__(self) -> None:
            raise AssertionError("built")

    outcome = run(rows(3), StepDefinition(Never, condition=RowCondition.IS_IMAGE), manifest=FIELDS)

    assert ids(outcome) == ["doc_0", "doc_1", "doc_2"]
    assert outcome.failures == []
    assert outcome.step_seconds == {}


def test_no_rows_give_no_rows_and_call_nothing():
    outcome = run(rows(0), embed, manifest=MANIFEST, prepare=lambda ds: ds.no_such_attribute)

    assert (len(outcome.frame), outcome.rows_in, outcome.failures) == (0, 0, [])


def test_batches_have_the_step_s_size_and_count_from_zero():
    sizes: list[tuple[int, list[int]]] = []

    def note(batch: pd.DataFrame) -> pd.DataFrame:
        sizes.append((len(batch), batch.index.tolist()))
        return batch

    run(rows(7), StepDefinition(note, batch_size=3))

    assert sizes == [(3, [0, 1, 2]), (3, [0, 1, 2]), (1, [0])]


def test_the_profile_places_steps_that_name_no_resource_type() -> None:
    profile = ComputeProfile(resource_type="gpu")
    own = StepDefinition(service_class=WithNothing, resource_type=ResourceType.CPU)

    bare, placed = open_steps([StepDefinition(service_class=WithNothing), own], profile)

    assert (bare.resource_type, bare.batch_size) == (ResourceType.GPU, 8)
    assert (placed.resource_type, placed.batch_size) == (ResourceType.CPU, 64)


def test_a_step_s_numbers_override_the_profile_s_which_override_the_defaults():
    profile = ComputeProfile(batch_size=10, max_concurrency=3)
    definitions = [
        StepDefinition(embed),
        StepDefinition(embed, resource_type=ResourceType.GPU),
        StepDefinition(embed, resource_type=ResourceType.API, batch_size=2, max_concurrency=5),
    ]

    assert [(s.batch_size, s.max_concurrency) for s in open_steps(definitions)] == [(64, 1), (8, 1), (2, 5)]
    assert [(s.batch_size, s.max_concurrency) for s in open_steps(definitions, profile)] == [(10, 3), (10, 3), (2, 5)]


def test_api_steps_have_several_batches_in_flight_and_keep_the_order():
    lock, together = threading.Lock(), threading.Barrier(4, timeout=100)
    flying, most = 0, 0

    def call(batch: pd.DataFrame) -> pd.DataFrame:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        together.wait()
        time.sleep(0.01 * (4 - int(batch["data"].iloc[0].split()[1]) % 4))
        with lock:
            flying -= 1
        batch["label"] = batch["data"]
        return batch

    step = StepDefinition(call, resource_type=ResourceType.API, batch_size=1, max_concurrency=4)
    outcome = run(rows(8), step, manifest=FIELDS)

    assert most == 4
    assert outcome.written["label"].to_pylist() == [f"text {i}" for i in range(8)]


def test_an_async_processor_is_awaited():
    class Calls:
        async def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
            batch["label"] = "done"
            return batch

    assert run(rows(2), Calls, manifest=FIELDS).written["label"].to_pylist() == ["done", "done"]


# How a processor is built


class WithActor:
    def __init__(self, config, progress_actor=None):
        self.got = (config, progress_actor)

    def __call__(self, batch):
        return batch


class WithConfig(WithActor):
    def __init__(self, config):
        self.got = (config,)


class WithNothing(WithActor):
    def __init__(self):
        self.got = ()


class WithKeywords(WithActor):
    def __init__(self, *, config, **kwargs):
        self.got = (config, kwargs["progress_actor"])


class WithDefault(WithActor):
    def __init__(self, config="default"):
        self.got = (config,)


class WithVariable(WithActor):
    def __init__(self, *args):
        self.got = args


def test_a_processor_is_built_in_the_way_its_signature_takes():
    actor = ProgressActor()
    built = [
        build_processor(StepDefinition(made, config=7), actor).got  # type: ignore[attr-defined]
        for made in (WithActor, WithConfig, WithNothing, WithKeywords, WithVariable)
    ]

    assert built == [(7, actor), (7,), (), (7, actor), (7,)]
    assert build_processor(StepDefinition(WithDefault), actor).got == ("default",)  # type: ignore[attr-defined]
    assert build_processor(StepDefinition(WithConfig), actor).got == (None,)  # type: ignore[attr-defined]


def test_an_instance_is_used_as_it_is_and_a_class_is_built_once():
    instance = WithNothing()
    assert build_processor(StepDefinition(instance), None) is instance

    built = []

    class Counted(WithNothing):
        def __init__(self):
            built.append(self)

    steps = open_steps([StepDefinition(Counted, batch_size=1)])
    run_steps(rows(3), steps)
    run_steps(rows(3), steps)
    assert len(built) == 1


def test_a_progress_actor_takes_whatever_is_reported():
    actor = ProgressActor()
    for value in (3, 2.0, None, "x", float("nan"), np.int64(1)):
        actor.report(value)
    actor.report(rows=4)

    assert actor.rows == 10


def test_a_processor_that_cannot_be_built_fails_its_rows_with_the_reason():
    class Broken:
        def __init__(self):
            raise OSError("no such model")

        def __call__(self, batch):
            return batch

    kinds = ["text/plain", "image/png", "text/plain"]
    outcome = run(rows(3, kinds), StepDefinition(Broken, condition=RowCondition.IS_TEXT))

    assert [f.document_id for f in outcome.failures] == ["doc_0", "doc_2"]
    assert outcome.failures[0].reason == "Step Broken can't be built: OSError: no such model."
    assert 'raise OSError("no such model")' in outcome.failures[0].traceback
    assert ids(outcome) == ["doc_1"]


# What comes back


def test_fewer_rows_are_dropped_and_counted():
    outcome = run(rows(5), lambda batch: batch[batch["data"].isin(["text 1", "text 4"])])

    assert ids(outcome) == ["doc_1", "doc_4"]
    assert outcome.origin.tolist() == [1, 4]
    assert (outcome.rows_dropped, outcome.failures) == (3, [])


def test_all_rows_may_be_dropped():
    outcome = run(rows(3), lambda batch: batch.iloc[0:0], manifest=FIELDS)

    assert (len(outcome.frame), outcome.rows_dropped, outcome.failures) == (0, 3, [])


def test_more_rows_are_new_documents_that_keep_their_lineage():
    def chunks(batch: pd.DataFrame) -> pd.DataFrame:
        batch["label"] = [["a", "b", "c"] if d == "text 1" else ["z"] for d in batch["data"]]
        return batch.explode("label")

    outcome = run(rows(3), StepDefinition(chunks, batch_size=2), manifest=FIELDS)

    assert ids(outcome) == ["doc_0", "doc_1", "doc_1_1", "doc_1_2", "doc_2"]
    assert outcome.frame["blob_id"].tolist() == ["blob_0", "blob_1", "blob_1", "blob_1", "blob_2"]
    assert outcome.written["label"].to_pylist() == ["z", "a", "b", "c", "z"]
    assert (outcome.origin.tolist(), outcome.ordinal.tolist()) == ([0, 1, 1, 1, 2], [0, 0, 1, 2, 0])


def test_rows_expanded_twice_are_numbered_through():
    def twice(batch: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([batch, batch]).sort_index(kind="stable")

    outcome = run(rows(2), twice, twice)

    assert ids(outcome) == [
        *(f"doc_0{s}" for s in ("", "_1", "_2", "_3")),
        *(f"doc_1{s}" for s in ("", "_1", "_2", "_3")),
    ]


def test_chunks_built_from_dicts_with_ids_of_their_own_find_their_blob():
    def chunks(batch: pd.DataFrame) -> pd.DataFrame:
        made = [
            {**row, "document_id": f"{row['document_id']}#{n}", "label": f"{n}"}
            for row in batch.to_dict("records")
            for n in range(2)
        ]
        return pd.DataFrame(made)

    outcome = run(rows(2), chunks, manifest=FIELDS)

    assert ids(outcome) == ["doc_0", "doc_0_1", "doc_1", "doc_1_1"]
    assert outcome.written["label"].to_pylist() == ["0", "1", "0", "1"]


def test_a_dropped_chunk_leaves_the_others_their_ids():
    def twice(batch: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([batch, batch, batch]).sort_index(kind="stable")

    def not_the_second(batch: pd.DataFrame) -> pd.DataFrame:
        return batch[[not name.endswith("_1") for name in batch["document_id"]]]

    assert ids(run(rows(1), twice, not_the_second)) == ["doc_0", "doc_0_2"]


@pytest.mark.parametrize(
    "returned",
    [
        lambda b: b.sort_values("data", ascending=False),
        lambda b: b.iloc[::-1].reset_index(drop=True),
        lambda b: b.drop(columns=["document_id"]).iloc[::-1],
        lambda b: b[["label"]].iloc[::-1],
        lambda b: pd.DataFrame({"label": b["label"].tolist()}),
        lambda b: b.set_index("data"),
    ],
)
def test_rows_find_their_documents_in_whatever_order_and_form_they_return(returned):
    def label(batch: pd.DataFrame) -> pd.DataFrame:
        batch["label"] = batch["data"].str.replace("text", "label")
        return returned(batch)

    outcome = run(rows(4), label, manifest=FIELDS)

    assert ids(outcome) == [f"doc_{i}" for i in range(4)]
    assert outcome.written["label"].to_pylist() == [f"label {i}" for i in range(4)]
    assert outcome.frame["data"].tolist() == [f"text {i}" for i in range(4)]


def test_rows_without_document_id_and_of_another_number_are_refused_not_guessed():
    def fresh(batch: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"label": ["a"] * (len(batch) - 1)})

    outcome = run(rows(3), StepDefinition(fresh, batch_size=3, name="Fresh"), manifest=FIELDS)

    assert len(outcome.frame) == 0
    assert (outcome.rows_dropped, len(outcome.failures)) == (0, 3)
    assert all(f.reason.startswith("Step Fresh returned") for f in outcome.failures)


def test_a_processor_cannot_change_where_rows_come_from():
    def forge(batch: pd.DataFrame) -> pd.DataFrame:
        batch["object_id"] = "someone else's"
        batch["document_id"] = "mine"
        return batch

    outcome = run(rows(2), forge)

    assert outcome.frame["object_id"].tolist() == ["obj_0", "obj_1"]
    assert ids(outcome) == ["doc_0", "doc_1"]
    assert outcome.written.column_names == []


def test_untouched_columns_do_not_come_back_and_changed_ones_do():
    def shout(batch: pd.DataFrame) -> pd.DataFrame:
        batch["data"] = batch["data"].str.upper()
        batch["mime_type"] = batch["mime_type"].tolist()
        return batch

    outcome = run(rows(2), shout)

    assert outcome.written.column_names == ["data"]
    assert outcome.written["data"].to_pylist() == ["TEXT 0", "TEXT 1"]


def test_a_nested_value_changed_in_place_is_noticed():
    fields = [pa.field("document_id", pa.string()), pa.field("meta", pa.string(), metadata=JSON_METADATA)]
    frame = to_frame(pa.table([["a", "b"], ['{"n": 1}', '{"n": 2}']], schema=pa.schema(fields)))

    def change(batch: pd.DataFrame) -> pd.DataFrame:
        batch["meta"].iloc[1]["n"] = 3
        return batch

    outcome = run(frame, change)

    assert outcome.written["meta"].to_pylist() == ['{"n": 1}', '{"n": 3}']
    assert is_json(outcome.written.schema.field("meta"))
    assert run(frame, lambda batch: batch).written.column_names == []


def test_the_partition_s_own_frame_is_left_as_it_was():
    frame = rows(3)
    run(frame, embed, lambda batch: batch.assign(data="x"))

    assert frame.columns.tolist() == rows(3).columns.tolist()
    assert frame["data"].tolist() == ["text 0", "text 1", "text 2"]


def test_a_column_that_a_later_step_takes_away_is_not_stored():
    def decode(batch: pd.DataFrame) -> pd.DataFrame:
        batch["pixels"] = [np.zeros((2, 2))] * len(batch)
        return batch

    def use(batch: pd.DataFrame) -> pd.DataFrame:
        batch["label"] = [str(p.shape) for p in batch.pop("pixels")]
        return batch

    outcome = run(rows(3), StepDefinition(decode, batch_size=2), StepDefinition(use, batch_size=2), manifest=FIELDS)

    assert outcome.written.column_names == ["label"]
    assert outcome.written["label"].to_pylist() == ["(2, 2)"] * 3


def test_a_step_that_returns_only_its_own_column_takes_nothing_away():
    outcome = run(rows(2), embed, lambda b: pd.DataFrame({"label": ["x"] * len(b)}), manifest=MANIFEST)

    assert outcome.written.column_names == ["sample_embedding", "label"]
    assert outcome.frame["data"].tolist() == ["text 0", "text 1"]


def test_a_later_step_sees_what_an_earlier_one_wrote_as_it_was_written():
    seen = []

    def look(batch: pd.DataFrame) -> pd.DataFrame:
        seen.append(batch["sample_embedding"].tolist())
        return batch

    run(rows(2), embed, look, manifest=MANIFEST)

    assert seen == [[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]]


def test_prepare_sees_the_whole_partition_once():
    calls = []

    def prepare(ds: pd.DataFrame) -> pd.DataFrame:
        calls.append(len(ds))
        return ds.assign(label="prepared").iloc[1:]

    outcome = run(rows(5), StepDefinition(embed, batch_size=2), manifest=MANIFEST, prepare=prepare)

    assert calls == [5]
    assert outcome.written["label"].to_pylist() == ["prepared"] * 4
    assert outcome.rows_dropped == 1


# What fails alone


def test_a_row_that_raises_stands_alone_and_the_others_pass():
    def picky(batch: pd.DataFrame) -> pd.DataFrame:
        if (batch["data"] == "text 5").any():
            raise KeyError("five")
        return embed(batch)

    outcome = run(rows(8), StepDefinition(picky, name="Picky"), manifest=MANIFEST)

    assert ids(outcome) == [f"doc_{i}" for i in range(8) if i != 5]
    (failure,) = outcome.failures
    assert (failure.row, failure.document_id, failure.step, failure.column) == (5, "doc_5", "Picky", None)
    assert failure.reason == "Step Picky raised KeyError: 'five'."
    assert failure.traceback.splitlines()[-1] == "KeyError: 'five'"
    assert "plugin_sdk" not in failure.traceback.replace("unit/plugin_sdk", "")


def test_memory_errors_halve_the_batch_until_it_fits():
    sizes = []

    def hungry(batch: pd.DataFrame) -> pd.DataFrame:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise MemoryError
        return embed(batch)

    outcome = run(rows(8), hungry, manifest=MANIFEST)

    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert (len(outcome.frame), outcome.failures) == (8, [])


def hungry_for(most: int, sizes: list[int], error: type[Exception], text: str = "") -> Callable[..., pd.DataFrame]:
    """A processor that has memory for so many rows at once, and notes how many it was given."""

    def hungry(batch: pd.DataFrame) -> pd.DataFrame:
        sizes.append(len(batch))
        if len(batch) > most:
            raise error(text)
        return embed(batch)

    return hungry


@pytest.mark.parametrize(
    ("module", "name", "text"),
    [
        ("torch", "OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB."),
        ("builtins", "RuntimeError", "CUDA error: out of memory"),
        ("builtins", "RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        ("builtins", "MemoryError", ""),
    ],
)
def test_a_size_that_fits_into_memory_is_kept_for_later_batches_and_partitions(module, name, text):
    sizes: list[int] = []
    error = getattr(importlib.import_module(module), name)
    steps = open_steps([StepDefinition(hungry_for(3, sizes, error, text), ResourceType.GPU, batch_size=8)])

    first = run_steps(rows(20), steps, MANIFEST)
    second = run_steps(rows(4), steps, MANIFEST)

    assert sizes == [8, 4, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]
    assert (len(first.frame), first.failures, len(second.frame), second.failures) == (20, [], 4, [])
    assert ids(first) == [f"doc_{i}" for i in range(20)]


def test_an_error_made_of_one_about_memory_halves_too():
    sizes: list[int] = []

    def wrapped(batch: pd.DataFrame) -> pd.DataFrame:
        try:
            return hungry_for(2, sizes, MemoryError)(batch)
        except MemoryError as error:
            raise ValueError("the model failed") from error

    outcome = run(rows(4), wrapped, manifest=MANIFEST)

    assert (sizes, outcome.failures) == ([4, 2, 2], [])


def test_larger_batches_are_tried_again_after_many_that_passed():
    sizes: list[int] = []
    steps = open_steps([StepDefinition(hungry_for(2, sizes, MemoryError), batch_size=4)])
    run_steps(rows(4), steps, MANIFEST)

    run_steps(rows(4 * (GROW_AFTER + 1)), steps, MANIFEST)

    assert sizes[:3] == [4, 2, 2]
    assert sizes.count(4) == 2


def test_memory_is_released_before_the_halves_are_tried(monkeypatch):
    emptied = []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: emptied.append(True))
    import torch

    outcome = run(rows(4), hungry_for(2, [], torch.OutOfMemoryError), manifest=MANIFEST)

    assert (len(emptied), outcome.failures) == (1, [])


def test_a_row_that_alone_needs_too_much_memory_says_so():
    def hungry(batch: pd.DataFrame) -> pd.DataFrame:
        if "text 1" in batch["data"].tolist():
            raise MemoryError
        return embed(batch)

    outcome = run(rows(3), hungry, manifest=MANIFEST)

    assert [f.row for f in outcome.failures] == [1]
    assert outcome.failures[0].reason.startswith(KILLED_FOR_MEMORY)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError()])
def test_no_exception_of_a_plugin_gets_past_its_rows(error):
    def leave(batch: pd.DataFrame) -> pd.DataFrame:
        raise error

    outcome = run(rows(2), StepDefinition(leave, name="Leave"))

    assert [f.row for f in outcome.failures] == [0, 1]
    assert f"Step Leave raised {type(error).__name__}" in outcome.failures[0].reason


@pytest.mark.parametrize(
    ("returned", "what"),
    [
        (None, "None, a pandas.DataFrame is expected"),
        ([1], "a value of type list, a pandas.DataFrame is expected"),
        (pd.Series([1]), "a value of type Series, a pandas.DataFrame is expected"),
        (pd.DataFrame([[1]]), "a column named 0, names are texts"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns named 'a'"),
    ],
)
def test_what_is_no_frame_fails_its_rows_with_the_rule(returned, what):
    outcome = run(rows(1), StepDefinition(lambda batch: returned, name="Wrong"))

    assert len(outcome.frame) == 0
    assert outcome.failures[0].reason.startswith(f"Step Wrong returned {what}")


def test_a_step_that_fails_for_every_row_is_not_asked_a_thousand_times():
    calls = 0

    def broken(batch: pd.DataFrame) -> pd.DataFrame:
        nonlocal calls
        calls += 1
        raise RuntimeError("always")

    outcome = run(rows(1000), StepDefinition(broken, batch_size=50))

    assert len(outcome.failures) == 1000
    assert calls < 4 * MAX_ALIKE


def test_bad_rows_among_good_ones_are_found_however_many_they_are():
    def picky(batch: pd.DataFrame) -> pd.DataFrame:
        if any(int(d.split()[1]) % 2 for d in batch["data"]):
            raise ValueError("odd")
        return embed(batch)

    outcome = run(rows(200), picky, manifest=MANIFEST)

    assert ids(outcome) == [f"doc_{i}" for i in range(0, 200, 2)]
    assert [f.row for f in outcome.failures] == list(range(1, 200, 2))


def test_vector_of_wrong_length_names_step_column_and_rule():
    class EmbedsInto:
        def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
            batch["sample_embedding"] = [[1.0] * (2 if "1" in d else 3) for d in batch["data"]]
            return batch

    outcome = run(rows(3), EmbedsInto, manifest=MANIFEST)

    assert ids(outcome) == ["doc_0", "doc_2"]
    assert outcome.written["sample_embedding"].to_pylist() == [[1.0] * 3] * 2
    (failure,) = outcome.failures
    assert (failure.row, failure.step, failure.column) == (1, "EmbedsInto", "sample_embedding")
    assert failure.reason == (
        "Step EmbedsInto wrote 2 numbers into 'sample_embedding', the manifest says 3. "
        "Correct the processor, or embedding_dim in manifest.py."
    )


def test_a_null_vector_fails_its_row_where_the_step_ran_and_only_there():
    def some(batch: pd.DataFrame) -> pd.DataFrame:
        batch["sample_embedding"] = [None if "0" in d else [1.0, 2.0, 3.0] for d in batch["data"]]
        return batch

    step = StepDefinition(some, condition=RowCondition.IS_TEXT, name="Some")
    outcome = run(rows(3, ["text/plain", "text/plain", "image/png"]), step, manifest=MANIFEST)

    assert [(f.row, f.column) for f in outcome.failures] == [(0, "sample_embedding")]
    assert "Step Some wrote no vector into 'sample_embedding'" in outcome.failures[0].reason
    assert outcome.written["sample_embedding"].to_pylist() == [[1.0, 2.0, 3.0], None]


def test_a_promised_vector_that_no_step_wrote_fails_the_rows_that_went_through_all_steps():
    def label(batch: pd.DataFrame) -> pd.DataFrame:
        batch["label"] = "x"
        return batch

    step = StepDefinition(label, condition=RowCondition.IS_TEXT)
    outcome = run(rows(2, ["text/plain", "image/png"]), step, manifest=MANIFEST)

    assert [f.row for f in outcome.failures] == [0]
    assert outcome.failures[0].reason.startswith("No step wrote 'sample_embedding'")
    assert ids(outcome) == ["doc_1"]


def test_a_vector_in_its_output_field_is_stored_under_the_feature_s_name():
    outcome = run(rows(1), lambda b: b.assign(embedding=[[1.0, 2.0, 3.0]]), manifest=MANIFEST)

    assert outcome.written.column_names == ["sample_embedding"]


def test_a_value_of_the_wrong_type_fails_its_row_with_the_type_that_the_manifest_wants():
    def count(batch: pd.DataFrame) -> pd.DataFrame:
        batch["count"] = [1, "two", 3]
        return embed(batch)

    outcome = run(rows(3), StepDefinition(count, name="Count"), manifest=MANIFEST)

    assert outcome.written["count"].to_pylist() == [1, 3]
    assert [f.reason for f in outcome.failures] == [
        "Step Count wrote a value of type str into 'count', the manifest says integer."
    ]


def test_integers_beside_excluded_rows_stay_exact():
    big = 2**60 + 1
    step = StepDefinition(lambda b: b.assign(count=big), condition=RowCondition.IS_TEXT)

    outcome = run(rows(2, ["text/plain", "image/png"]), step)

    assert outcome.written["count"].to_pylist() == [big, None]


def test_progress_tells_every_batch_before_and_after_it_runs():
    events = []

    class Heard:
        def started(self, step, batch, rows):
            events.append(("started", step, rows.tolist()))

        def finished(self, step, batch, rows_done, rows_total):
            events.append(("finished", step, rows_done, rows_total))

    run(
        rows(3, ["text/plain", "image/png", "text/plain"]),
        StepDefinition(embed, condition=RowCondition.IS_TEXT, batch_size=1),
        progress=Heard(),
    )

    assert [e for e in events if e[0] == "started"][-2:] == [("started", 0, [0]), ("started", 0, [2])]
    assert events[-1] == ("finished", 0, 2, 2)


# Any pipeline

ACTIONS = st.sampled_from(["keep", "drop", "twice", "raise", "skip"])


@settings(max_examples=60, deadline=None)
@given(
    plan=st.lists(st.tuples(ACTIONS, ACTIONS), max_size=9),
    size=st.integers(1, 5),
    form=st.sampled_from(["as it is", "reversed", "fresh index", "index only"]),
    threads=st.booleans(),
)
def test_every_row_ends_up_once_where_its_steps_sent_it(plan, size, form, threads):
    def step(number: int) -> StepDefinition:
        def act(batch: pd.DataFrame) -> pd.DataFrame:
            actions = [plan[int(text.split()[1])][number] for text in batch["data"]]
            if "raise" in actions:
                raise ValueError("as planned")
            batch[f"by_{number}"] = batch["data"] + f" by {number}"
            times = {"keep": 1, "drop": 0, "twice": 2}
            made = batch.loc[[i for i, action in enumerate(actions) for _ in range(times[action])]]
            if form == "reversed":
                return made.iloc[::-1]
            if form == "fresh index":
                return made.reset_index(drop=True)
            return made.drop(columns=["document_id", "blob_id"]) if form == "index only" and len(made) else made

        api = ResourceType.API if threads else ResourceType.CPU
        return StepDefinition(act, condition=RowCondition.IS_TEXT, batch_size=size, resource_type=api)

    # a row that step 0 or 1 skips is no text: in this test that holds for both
    kinds = ["a/b" if "skip" in actions else "text/plain" for actions in plan]
    outcome = run(rows(len(plan), kinds), step(0), step(1))

    expected: list[int] = []
    failed: list[int] = []
    for i, (first, second) in enumerate(plan):
        copies = 2 if first == "twice" and "skip" not in (first, second) else 1
        if "skip" in (first, second):
            expected.append(i)
        elif first == "raise":
            failed.append(i)
        elif first != "drop" and second == "raise":
            failed += [i] * copies
        elif "drop" not in (first, second):
            expected += [i] * copies * (2 if second == "twice" else 1)
    assert outcome.origin.tolist() == expected
    assert sorted(failure.row for failure in outcome.failures) == failed
    assert len(set(ids(outcome))) == len(expected)
    assert outcome.frame["object_id"].tolist() == [f"obj_{i}" for i in expected]
    for name in outcome.written.column_names:
        text = [None if "skip" in plan[i] else f"text {i} by {name[-1]}" for i in expected]
        assert outcome.written[name].to_pylist() == text
