"""Segments: how steps are grouped, and the names of rows that were made in more than one of them."""

import pyarrow as pa
import pytest

from batch.segments import Segment, renamed, segments_of
from plugin_sdk.outcomes import StepInfo


def steps(*kinds: str) -> list[StepInfo]:
    return [StepInfo(f"step {n}", kind, "ALWAYS", 64, 1) for n, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("", [(None, False)]),
        ("CPU API CPU", [(None, False)]),
        ("GPU", [(None, True)]),
        ("CPU CPU GPU GPU API", [(2, False), (4, True), (None, False)]),
        ("GPU CPU", [(1, True), (None, False)]),
    ],
)
def test_steps_of_equal_placement_are_one_segment(kinds: str, expected: list[Segment]) -> None:
    assert segments_of(steps(*kinds.split())) == [Segment(*one) for one in expected]


def test_rows_made_in_two_segments_are_counted_through() -> None:
    ids = ["doc_a", "doc_a_1", "doc_a_1_1", "doc_b_1", "doc_c", "doc_c_1_2"]

    found = renamed(pa.table({"document_id": ids}), ["doc_a", "doc_b", "doc_c"])

    assert found["document_id"].to_pylist() == ["doc_a", "doc_a_1", "doc_a_2", "doc_b", "doc_c", "doc_c_1"]


def test_a_planned_id_may_end_like_an_ordinal() -> None:
    found = renamed(pa.table({"document_id": ["doc_1", "doc_1_1", "doc"]}), ["doc", "doc_1"])

    assert found["document_id"].to_pylist() == ["doc_1", "doc_1_1", "doc"]
