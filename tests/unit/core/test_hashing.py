"""Texts as 64-bit numbers: of the text alone, however the column holds it, and spread over the whole range."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.hashing import SHORT_BYTES, hashes

TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=SHORT_BYTES + 8)), max_size=40)


@given(TEXTS)
def test_a_number_depends_on_the_text_alone(texts: list[str | None]) -> None:
    assert hashes(texts).tolist() == [int(hashes([text])[0]) for text in texts]


@given(TEXTS, st.integers(0, 5))
def test_slices_chunks_and_wide_columns_make_no_difference(texts: list[str | None], start: int) -> None:
    expected = hashes(texts)
    column = pa.array(texts, pa.string())
    chunked = pa.chunked_array([column.slice(0, start), column.slice(start)], pa.string())
    assert np.array_equal(hashes(chunked), expected)
    assert np.array_equal(hashes(column.slice(start)), expected[start:])
    assert np.array_equal(hashes(pa.array(texts, pa.large_string())), expected)


@given(TEXTS)
def test_different_texts_have_different_numbers(texts: list[str | None]) -> None:
    distinct = {text or "" for text in texts}
    assert np.unique(hashes(texts)).size == len(distinct)


@pytest.mark.parametrize("form", ["obj_{:032x}", "{:07d}", "{:064d}", "blob_{:05d}_0"])
def test_counting_ids_do_not_collide_and_use_every_bit(form: str) -> None:
    found = hashes([form.format(i) for i in range(50_000)])
    assert np.unique(found).size == found.size
    ones = [int(((found >> np.uint64(bit)) & np.uint64(1)).sum()) for bit in range(64)]
    assert min(ones) > 23_000
    assert max(ones) < 27_000
