"""Fusion: what holds for any rankings, weights and methods."""

import itertools
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.search import RRF_K, Hit, fuse
from core.stages import FUSIONS

scores = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-1, 1, width=32), max_size=8)
searches = st.lists(st.tuples(scores, st.floats(0.125, 8, width=32)), min_size=2, max_size=4)
methods = st.sampled_from(FUSIONS)
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ranking(scored):
    return [Hit(("col", name), score, {"document_id": name}) for name, score in scored.items()]


def fused(found, method):
    return fuse([ranking(scored) for scored, _ in found], [weight for _, weight in found], method)


@patient
@given(searches, methods)
def test_every_document_stands_once_best_first_whatever_the_order_of_the_searches(found, method):
    hits = fused(found, method)

    assert sorted(h.key[1] for h in hits) == sorted({name for scored, _ in found for name in scored})
    assert all(first.score >= second.score for first, second in itertools.pairwise(hits))
    turned = {h.key: h.score for h in fused(found[::-1], method)}
    assert all(math.isclose(turned[h.key], h.score, rel_tol=1e-9, abs_tol=1e-9) for h in hits)


@patient
@given(searches)
def test_rrf_adds_what_each_rank_is_worth(found):
    expected: dict[str, float] = {}
    for scored, weight in found:
        order = sorted(scored, key=lambda name: (-scored[name], name))
        for rank, name in enumerate(order, 1):
            expected[name] = expected.get(name, 0.0) + weight / (RRF_K + rank)

    assert {h.key[1]: h.score for h in fused(found, "rrf")} == pytest.approx(expected)


@patient
@given(searches)
def test_weighted_is_the_mean_by_weight_and_blind_to_their_scale(found):
    total = sum(weight for _, weight in found)
    hits = {h.key[1]: h.score for h in fused(found, "weighted")}

    assert hits == pytest.approx(
        {name: sum(weight * scored.get(name, 0.0) for scored, weight in found) / total for name in hits}
    )
    doubled = {h.key[1]: h.score for h in fused([(s, 2 * w) for s, w in found], "weighted")}
    assert doubled == pytest.approx(hits)


@patient
@given(searches, st.sampled_from(["rrf", "dbsf"]))
def test_a_document_that_every_search_puts_first_comes_first(found, method):
    led = [({**scored, "z": 2.0}, weight) for scored, weight in found]

    assert fused(led, method)[0].key[1] == "z"
