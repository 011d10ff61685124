"""Columns between Arrow and pandas: exact both ways, and every value that can't be stored is told."""

import datetime
import enum
import json
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin_sdk.columns import encode_as, encode_freely
from plugin_sdk.comparing import same_values
from plugin_sdk.frames import to_frame
from plugin_sdk.schema_types import JSON_METADATA, is_json, property_type
from plugin_sdk.vectors import encode_vectors

FINITE32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def objects(*values: object) -> pd.Series:
    array = np.empty(len(values), object)
    for i, value in enumerate(values):
        array[i] = value
    return pd.Series(array, dtype=object)


def vectors_of(encoded) -> list[list[float] | None]:
    return encoded.array.to_pylist()


def test_text_is_arrow_backed_and_behaves_as_authors_write_it():
    frame = to_frame(pa.table({"text": ["a", None, "ü"]}))

    assert isinstance(frame["text"].dtype, pd.StringDtype)
    assert frame["text"].fillna("").tolist() == ["a", "", "ü"]


def test_lists_and_json_reach_the_processor_as_python_values():
    fields = [pa.field("tags", pa.list_(pa.string())), pa.field("meta", pa.string(), metadata=JSON_METADATA)]
    table = pa.table([[["x", "y"], None], ['{"k": [1, null]}', None]], schema=pa.schema(fields))

    frame = to_frame(table)

    assert frame["tags"].tolist() == [["x", "y"], None]
    assert frame["meta"].tolist() == [{"k": [1, None]}, None]
    assert frame.columns.tolist() == ["tags", "meta"]


def test_what_is_done_to_one_frames_column_names_is_not_seen_in_the_next() -> None:
    table = pa.table({"text": ["a"], "n": [1]})
    first = to_frame(table)
    first.columns.name = "mine"
    first["more"] = 1

    second = to_frame(table)

    assert second.columns.name is None
    assert list(second.columns) == ["text", "n"]


def test_vectors_reach_the_processor_as_float_arrays_that_can_be_written():
    kind = pa.list_(pa.float32(), 2)
    frame = to_frame(pa.table({"v": pa.array([[1, 2], None, [3, 4]], kind)}).slice(1))

    assert frame["v"].iloc[0] is None
    frame["v"].iloc[1][0] = 9.0
    assert frame["v"].iloc[1].tolist() == [9.0, 4.0]
    assert frame["v"].iloc[1].dtype == np.float32


@pytest.mark.parametrize(
    "rows",
    [
        [[1.0, 2.5], [3.0, -4.0]],
        [(1, 2.5), (3, -4)],
        [np.array([1, 2.5]), np.array([3, -4.0])],
        [np.array([1, 2.5], np.float32), np.array([3, -4], np.int64)],
        [np.array([1, 2.5], np.float16), [3.0, -4.0]],
        [[np.float32(1), np.float64(2.5)], [3, -4]],
        [pd.Series([1.0, 2.5]), pd.Series([3.0, -4.0])],
        list(np.array([[1, 2.5], [3, -4]])),
        [np.array([1, 0, 2.5, 0])[::2], np.array([3, -4.0])],
        [np.array([2.5, 1], ">f4")[::-1], np.array([3, -4], ">f4")],
        list(np.array([[1, 2.5], [3, -4]], np.float16)),
        list(np.asfortranarray(np.array([[1, 2.5], [3, -4]], np.float32))),
    ],
)
def test_vectors_in_any_form_come_out_as_fixed_size_floats(rows):
    encoded = encode_vectors(objects(*rows), 2)

    assert encoded.array.type == pa.list_(pa.float32(), 2)
    assert vectors_of(encoded) == [[1.0, 2.5], [3.0, -4.0]]
    assert encoded.bad == {}


def test_tensors_are_vectors_and_lists_of_numbers():
    import torch  # takes longer than all tests in here

    vectors = encode_vectors(objects(torch.tensor([1.0, 2.5]), torch.tensor([3.0, -4.0])), 2)
    numbers = encode_as(objects([1, 2], torch.tensor([3])), pa.list_(pa.int64()))

    assert (vectors_of(vectors), vectors.bad) == ([[1.0, 2.5], [3.0, -4.0]], {})
    assert (numbers.array.to_pylist(), numbers.bad) == ([[1, 2], [3]], {})


@pytest.mark.parametrize(
    ("value", "found", "rule"),
    [
        ([1.0, 2.0, 3.0], "3 numbers", "the manifest says 2"),
        ([], "0 numbers", "the manifest says 2"),
        ([1.0, math.nan], "NaN at position 1", "a vector holds finite float32 numbers only"),
        (np.array([math.inf, 0]), "an infinite or too large number at position 0", "finite"),
        ([1e300, 0.0], "an infinite or too large number at position 0", "finite"),
        (np.zeros((1, 2)), "an array of shape (1, 2)", "the manifest says 2 numbers"),
        ("ab", "a value of type str", "the manifest says 2 numbers"),
        (["1", "2"], "values that are no numbers", "the manifest says 2 numbers"),
        ([None, 1.0], "values that are no numbers", "the manifest says 2 numbers"),
        (7, "int 7", "the manifest says 2 numbers"),
        ({"a": 1, "b": 2}, "a value of type dict", "the manifest says 2 numbers"),
        ([10**400, 1], "an infinite or too large number at position 0", "finite"),
    ],
)
def test_a_bad_vector_is_named_and_the_others_pass(value, found, rule):
    encoded = encode_vectors(objects([1.0, 2.0], value, [3.0, 4.0]), 2)

    assert list(encoded.bad) == [1]
    assert encoded.bad[1][0] == found
    assert rule in encoded.bad[1][1]
    assert vectors_of(encoded) == [[1.0, 2.0], None, [3.0, 4.0]]


def test_a_missing_vector_is_null_and_not_bad():
    encoded = encode_vectors(objects([1.0, 2.0], None, math.nan, pd.NA), 2)

    assert vectors_of(encoded) == [[1.0, 2.0], None, None, None]
    assert encoded.bad == {}


def test_huge_but_finite_vectors_pass():
    encoded = encode_vectors(objects([3e38, 3e38], [3e38, 3e38]), 2)

    assert encoded.bad == {}
    assert encoded.array.null_count == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(FINITE32, min_size=3, max_size=3), min_size=1, max_size=8))
def test_lists_and_arrays_of_the_same_numbers_give_the_same_vectors(rows):
    from_lists = encode_vectors(objects(*rows), 3)
    from_arrays = encode_vectors(objects(*[np.array(row, np.float32) for row in rows]), 3)

    assert from_lists.array.equals(from_arrays.array)
    assert vectors_of(from_lists) == rows


def test_an_empty_column_of_vectors_keeps_its_type():
    assert encode_vectors(objects(), 3).array.type == pa.list_(pa.float32(), 3)


class Color(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("kind", "values", "stored"),
    [
        (pa.string(), ["a", None, Color.RED, np.str_("s")], ["a", None, "red", "s"]),
        (pa.string(), [datetime.date(2024, 1, 2)], ["2024-01-02"]),
        (pa.int64(), [1, np.int32(2), 3.0, None, math.nan], [1, 2, 3, None, None]),
        (pa.int64(), [2**53 + 1, None], [2**53 + 1, None]),
        (pa.float64(), [1, 2.5, np.float32(0.5), True, None], [1.0, 2.5, 0.5, 1.0, None]),
        (pa.bool_(), [True, np.bool_(False), None], [True, False, None]),
        (pa.list_(pa.string()), [["a"], ("b", None), np.array(["c"]), None, []], [["a"], ["b", None], ["c"], None, []]),
        (pa.list_(pa.float64()), [[1, 2], np.array([3, 4.5])], [[1.0, 2.0], [3.0, 4.5]]),
        (pa.list_(pa.float64()), [[1.5], [1, 2], None], [[1.5], [1.0, 2.0], None]),
    ],
)
def test_values_are_stored_in_the_type_of_the_manifest(kind, values, stored):
    encoded = encode_as(objects(*values), kind)

    assert encoded.array.type == kind
    assert encoded.array.to_pylist() == stored
    assert encoded.bad == {}


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (pa.string(), 3, "int 3"),
        (pa.string(), ["a"], "a value of type list"),
        (pa.string(), "\ud800", "a text with lone surrogates"),
        (pa.int64(), 3.5, "float 3.5"),
        (pa.int64(), "3", "a value of type str"),
        (pa.int64(), 2**63, f"int {2**63}"),
        (pa.int64(), True, "bool True"),
        (pa.float64(), "0.5", "a value of type str"),
        (pa.float64(), math.inf, "an infinite number"),
        (pa.bool_(), 1, "int 1"),
        (pa.list_(pa.string()), "abc", "a value of type str"),
        (pa.list_(pa.int64()), [1, "x"], "a value of type str"),
        (pa.list_(pa.float64()), np.zeros((2, 2)), "an array of shape (2, 2)"),
        (None, object(), "a value of type object"),
        (None, {"x": math.nan}, "a value of type dict"),
    ],
)
def test_a_value_that_cannot_be_stored_is_named_and_its_row_is_null(kind, value, found):
    encoded = encode_as(objects(None, value), kind)

    assert list(encoded.bad) == [1]
    assert encoded.bad[1][0] == found
    assert encoded.array.to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("series", "kind", "stored"),
    [
        (pd.Series([1, 2]), pa.float64(), [1.0, 2.0]),
        (pd.Series([1.0, math.nan]), pa.int64(), [1, None]),
        (pd.Series([1, None], dtype="Int64"), pa.int64(), [1, None]),
        (pd.Series([True, False]), pa.bool_(), [True, False]),
        (pd.Series(["a", None]), pa.string(), ["a", None]),
        (pd.Series(["a", "b", "a"], dtype="category"), pa.string(), ["a", "b", "a"]),
        (pd.Series([0.5, math.nan], dtype="float32"), pa.float64(), [0.5, None]),
    ],
)
def test_typed_columns_are_stored_in_the_type_of_the_manifest(series, kind, stored):
    encoded = encode_as(series, kind)

    assert encoded.array.type == kind
    assert encoded.array.to_pylist() == stored
    assert encoded.bad == {}


def test_an_infinite_number_in_a_float_column_fails_its_row_alone():
    encoded = encode_as(pd.Series([1.0, -math.inf]), pa.float64())

    assert encoded.array.to_pylist() == [1.0, None]
    assert list(encoded.bad) == [1]


def test_json_values_are_written_as_json_text():
    encoded = encode_as(objects({"a": np.arange(2), "b": {1}}, [np.float32(0.5)], None), None)

    assert [json.loads(t) if t else None for t in encoded.array.to_pylist()] == [{"a": [0, 1], "b": [1]}, [0.5], None]
    assert is_json(encoded.named("x"))


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pd.Series([1, 2]), pa.int64()),
        (pd.Series([1.5, 2]), pa.float64()),
        (pd.Series([True, False]), pa.bool_()),
        (pd.Series(["a", None]), pa.string()),
        (objects(1, None), pa.int64()),
        (objects(b"a", None), pa.binary()),
        (objects(np.zeros((2, 3), np.uint8), np.ones((2, 3), np.uint8)), pa.list_(pa.list_(pa.uint8(), 3), 2)),
    ],
)
def test_columns_that_the_manifest_does_not_name_keep_their_own_type(series, kind):
    assert encode_freely(series).array.type == kind


def test_mixed_values_that_the_manifest_does_not_name_become_json():
    encoded = encode_freely(objects(1, "a", None))

    assert encoded.json
    assert encoded.array.to_pylist() == ["1", '"a"', None]


def test_images_between_two_hosts_come_back_as_the_same_arrays():
    images = [np.arange(12, dtype=np.uint8).reshape(2, 2, 3) + i for i in range(3)]
    encoded = encode_freely(objects(*images))

    frame = to_frame(pa.table([encoded.array], schema=pa.schema([encoded.named("image")])))

    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(images, frame["image"], strict=True))


def test_equal_values_of_another_type_are_not_the_same():
    assert same_values(pd.Series([1, 2]), pd.Series([1, 2]))
    assert same_values(objects([1], None, np.arange(2)), objects([1], None, np.arange(2)))
    assert not same_values(pd.Series([1, 2]), pd.Series([1.0, 2.0]))
    assert not same_values(objects([1]), objects([2]))
    assert not same_values(objects(1), objects(True))


SCHEMA = {
    "$defs": {"Kind": {"type": "string", "enum": ["a"]}, "Box": {"type": "object"}},
    "properties": {
        "text": {"type": "string"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        "kind": {"$ref": "#/$defs/Kind"},
        "box": {"$ref": "#/$defs/Box"},
        "boxes": {"type": "array", "items": {"$ref": "#/$defs/Box"}},
        "kinds": {"type": "array", "items": {"$ref": "#/$defs/Kind"}},
        "numbers": {"type": "array", "items": {"type": "number"}},
        "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "old": {"type": ["boolean", "null"]},
        "loop": {"$ref": "#/properties/loop"},
        "any": {},
    },
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text", pa.string()),
        ("maybe", pa.int64()),
        ("either", None),
        ("kind", pa.string()),
        ("box", None),
        ("boxes", None),
        ("kinds", pa.list_(pa.string())),
        ("numbers", pa.list_(pa.float64())),
        ("matrix", None),
        ("old", pa.bool_()),
        ("loop", None),
        ("any", None),
    ],
)
def test_schema_properties_have_an_arrow_type_or_are_json(name, kind):
    assert property_type(SCHEMA, name) == kind
