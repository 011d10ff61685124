"""Search rules: which feature a URI means, fusion, grouping, ordering, facets."""

import pytest

from core.collections import Collection, ExtractorConfig
from core.errors import InvalidRequest
from core.search import Hit, Target, facet, fuse, grouped, ordered, targets_of
from core.stages import GroupBy, SortAttribute
from plugin_sdk.manifest import Feature


def target(collection_id, extractor="texts", version="1.0.0", feature="texts_embedding"):
    collection = Collection(
        collection_id=collection_id,
        collection_name=collection_id,
        source={"type": "bucket", "bucket_ids": ["bkt_1"]},
        feature_extractor=ExtractorConfig(feature_extractor_name=extractor, version=version),
    )
    return Target(collection, Feature(feature_name=feature, embedding_dim=3))


def hits(**scores):
    return [Hit(("col", name), score, {"document_id": name}) for name, score in scores.items()]


def names(found):
    return [hit.key[1] for hit in found]


def test_uri_means_its_feature_in_every_collection_that_has_it():
    available = [target("col_1"), target("col_2"), target("col_3", feature="other")]

    found = targets_of("mixpeek://texts@1.0.0/texts_embedding", available, "feature_uri")

    assert [t.collection.collection_id for t in found] == ["col_1", "col_2"]


@pytest.mark.parametrize("uri", [None, "mixpeek://texts@1.0.0", "mixpeek://texts@v1", "mixpeek://texts"])
def test_only_embedding_needs_no_name(uri):
    assert targets_of(uri, [target("col_1")], "feature_uri")[0].feature.feature_name == "texts_embedding"


@pytest.mark.parametrize(
    "uri", [None, "mixpeek://texts@1.0.0", "mixpeek://texts@2.0.0", "mixpeek://texts@1.0.0/nothing"]
)
def test_unknown_or_ambiguous_feature_lists_what_exists(uri):
    available = [target("col_1"), target("col_1", feature="texts_summary")]

    with pytest.raises(InvalidRequest) as caught:
        targets_of(uri, available, "searches[0].feature_uri")

    assert "mixpeek://texts@1.0.0/texts_embedding" in caught.value.fix
    assert "mixpeek://texts@1.0.0/texts_summary" in caught.value.fix
    assert caught.value.field == "searches[0].feature_uri"


def test_one_ranking_keeps_its_scores():
    found = fuse([hits(a=0.2, b=0.9)], [1.0], "rrf")

    assert [(h.key[1], h.score) for h in found] == [("b", 0.9), ("a", 0.2)]


def test_rrf_rewards_what_several_searches_find():
    found = fuse([hits(a=0.9, b=0.8), hits(b=0.7, c=0.6)], [1.0, 1.0], "rrf")

    assert names(found) == ["b", "a", "c"]
    assert found[0].score == pytest.approx(1 / 62 + 1 / 61)


def test_weighted_is_the_mean_by_weight():
    found = fuse([hits(a=1.0), hits(a=0.0, b=1.0)], [3.0, 1.0], "weighted")

    assert [(h.key[1], h.score) for h in found] == [("a", 0.75), ("b", 0.25)]


def test_max_keeps_the_best_score():
    found = fuse([hits(a=0.2, b=-0.5), hits(a=0.6)], [1.0, 1.0], "max")

    assert [(h.key[1], h.score) for h in found] == [("a", 0.6), ("b", -0.5)]


def test_dbsf_evens_out_unlike_scales():
    found = fuse([hits(a=1000.0, b=10.0, c=0.0), hits(b=0.9, a=0.1, c=0.0)], [1.0, 1.0], "dbsf")

    assert set(names(found)[:2]) == {"a", "b"}
    assert all(0.0 <= h.score <= 2.0 for h in found)
    assert names(found)[2] == "c"


def test_equal_scores_keep_one_order():
    assert names(fuse([hits(b=0.5, a=0.5)], [1.0], "rrf")) == ["a", "b"]


def test_groups_come_by_their_best_hit_and_hold_at_most_their_size():
    found = [Hit(("c", str(i)), 1.0 - i / 10, {"lang": lang}) for i, lang in enumerate(["de", "fr", "de", "de", None])]

    groups = grouped(found, GroupBy("lang", limit=3, group_size=2))

    assert [(value, [h.key[1] for h in members]) for value, members in groups] == [
        ("de", ["0", "2"]),
        ("fr", ["1"]),
        (None, ["4"]),
    ]


@pytest.mark.parametrize(
    ("descending", "nulls_last", "order"),
    [
        (True, True, ["a", "c", "b"]),
        (True, False, ["b", "a", "c"]),
        (False, True, ["c", "a", "b"]),
        (False, False, ["b", "c", "a"]),
    ],
)
def test_sorting_puts_missing_values_where_asked(descending, nulls_last, order):
    found = [Hit(("c", n), 0.0, d) for n, d in (("a", {"year": 9}), ("b", {}), ("c", {"year": 2}))]

    assert names(ordered(found, SortAttribute("s", "year", descending, nulls_last))) == order


def test_facets_count_values_of_lists_too():
    found = [Hit(("c", str(i)), 0.0, {"tags": tags}) for i, tags in enumerate([["x", "y"], ["x"], None])]

    assert facet(found, "tags") == [{"value": "x", "count": 2}, {"value": "y", "count": 1}]
