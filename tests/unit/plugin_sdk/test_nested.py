"""What a step changed inside nested values is noticed, and what it left alone is not."""

import numpy as np
import pytest

from plugin_sdk.nested import Snapshot

ALL = np.arange(3)


def vectors() -> np.ndarray:
    matrix = np.array([[1, 2], [3, np.nan], [5, 6]], np.float32)
    return column(list(matrix))


def column(values: list) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = values
    return made


COLUMNS = {
    "vectors of one table": vectors,
    "vectors, one missing": lambda: column([vectors()[0], None, np.array([5, 6])]),
    "lists": lambda: column([[1.0, float("nan")], ["a", None], []]),
    "objects": lambda: column([{"a": {"b": [1]}}, None, {"c": True}]),
}


@pytest.mark.parametrize("made", COLUMNS.values(), ids=COLUMNS)
def test_values_left_alone_do_not_differ_wherever_their_rows_went(made):
    values = made()
    snapshot = Snapshot(values)

    assert not snapshot.differs(values, ALL)
    assert not snapshot.differs(values[[2, 0]], np.array([2, 0]))
    assert not snapshot.differs(values[[0, 0, 2]], np.array([0, 0, 2]))


@pytest.mark.parametrize("made", COLUMNS.values(), ids=COLUMNS)
def test_equal_values_in_place_of_the_first_do_not_differ(made):
    assert not Snapshot(first := made()).differs(
        column([np.array(v) if type(v) is np.ndarray else v for v in first]), ALL
    )


@pytest.mark.parametrize(
    ("made", "change"),
    [
        (vectors, lambda values: values[0].__setitem__(1, 9)),
        (COLUMNS["vectors, one missing"], lambda values: values[2].__setitem__(0, 9)),
        (COLUMNS["lists"], lambda values: values[1].append(1)),
        (COLUMNS["objects"], lambda values: values[0]["a"]["b"].append(2)),
        (COLUMNS["objects"], lambda values: values[2].update(c=1)),
        (COLUMNS["objects"], lambda values: values.__setitem__(1, [])),
    ],
)
def test_a_change_in_place_differs(made, change):
    values = made()
    snapshot = Snapshot(values)

    change(values)

    assert snapshot.differs(values, ALL)


def test_a_value_that_cannot_be_written_down_differs_from_a_plain_one():
    values = column([[1], [2], [3]])
    snapshot = Snapshot(values)

    values[1] = [object()]

    assert snapshot.differs(values, ALL)
