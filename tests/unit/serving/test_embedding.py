"""Embedding of queries: where a text goes in, where its vector is found, and which hosts are kept for it."""

import threading
from types import SimpleNamespace

import pyarrow as pa
import pytest

from batch.serving.embedding import MAX_AT_ONCE, Embedder, QueryHosts, checked_vector, query_row, text_field, vector_in
from core.collections import Collection, ExtractorConfig
from core.errors import InvalidRequest, ServingUnavailable
from core.plugins import Plugin
from core.search import Target
from core.settings import Settings
from core.tenancy import Scope
from plugin_sdk.errors import HostFailed
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.manifest import Feature, Manifest

FEATURE = Feature(feature_name="texts_embedding", embedding_dim=3)
SCOPE = Scope("org_1", "ns_1")


def manifest(properties=None, mappings=None):
    return Manifest(
        name="texts",
        version="1.0.0",
        input_schema={"properties": properties} if properties is not None else None,
        output_schema={"properties": {"embedding": {"type": "array"}}},
        features=[FEATURE],
        input_mappings=mappings or {},
    )


def plugin(name="texts", **fields):
    return Plugin(
        plugin_id=f"{name}_1_0_0",
        upload_id="plu_1",
        name=name,
        version="1.0.0",
        archive_key="k",
        sha256=name,
        size_bytes=1,
        manifest=manifest(**fields),
    )


def target(mappings=None):
    config = ExtractorConfig(feature_extractor_name="texts", version="1.0.0", input_mappings=mappings or {})
    collection = Collection(collection_id="col_1", collection_name="c", source={}, feature_extractor=config)
    return Target(collection, FEATURE)


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        (None, "text"),
        ({"n": {"type": "integer"}, "caption": {"type": "string"}, "other": {"type": "string"}}, "caption"),
        ({"caption": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "caption"),
        ({"n": {"type": "integer"}}, "text"),
    ],
)
def test_text_goes_into_the_first_text_field(properties, name):
    assert text_field(manifest(properties)) == name


def test_query_is_one_text_row_with_every_input_field():
    properties = {"caption": {"type": "string"}, "n": {"type": "integer"}}

    row = query_row(Settings(), SCOPE, plugin(properties=properties), target(), "a red car").to_pylist()[0]

    assert (row["data"], row["caption"], row["n"]) == ("a red car", "a red car", None)
    assert (row["mime_type"], row["blob_type"], row["size_bytes"]) == ("text/plain", "text", 9)


def test_query_stands_for_a_property_that_is_mapped():
    properties = {"caption": {"type": "string"}}

    row = query_row(
        Settings(), SCOPE, plugin(properties=properties), target({"caption": "content"}), "a red car"
    ).to_pylist()[0]

    assert row["caption"] == "a red car"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"texts_embedding": [1, 2, 3], "embedding": [0, 0, 0]}, [1, 2, 3]),
        ({"embedding": [1, 2, 3]}, [1, 2, 3]),
        ({"values": [1, 2, 3], "label": "x"}, [1, 2, 3]),
        ({"values": [1, 2, 3], "more": [1, 2, 3]}, None),
        ({"label": "x"}, None),
    ],
)
def test_vector_is_found_by_name_or_because_it_is_the_only_one(answer, found):
    assert vector_in(answer, manifest(), target()) == found


@pytest.mark.parametrize("vector", [[1.0, 2.0], [1.0, 2.0, float("nan")], "abc", None, [True, 1, 2]])
def test_vector_that_does_not_fit_names_feature_and_length(vector):
    with pytest.raises(InvalidRequest) as caught:
        checked_vector(vector, target())

    assert "mixpeek://texts@1.0.0/texts_embedding" in caught.value.problem
    assert "3" in caught.value.problem


class Host:
    """Answers with its number; dies at the call that `dies_at` names."""

    def __init__(self, number, dies_at=0):
        self.number, self.dies_at, self.calls, self.closed = number, dies_at, 0, False

    def run(self, table):
        self.calls += 1
        if self.calls == self.dies_at:
            raise HostFailed("It died.", "…", "died: signal 9")
        return self.number

    def close(self):
        self.closed = True


def hosts(most=4, dies_at=()):
    started = []

    def start(scope, plugin, request):
        number = len(started)
        started.append(Host(number, dict(dies_at).get(number, 0)))
        return started[-1]

    return QueryHosts(start, most), started


TABLE = pa.table({"data": ["x"]})
REQUEST = ExtractorRequest.of("texts", "1.0.0", {})


def test_host_is_kept_for_the_same_tenant_code_and_parameters():
    pool, started = hosts()
    other_parameters = ExtractorRequest.of("texts", "1.0.0", {"scale": 2})

    answers = [
        pool.run(SCOPE, plugin(), REQUEST, TABLE),
        pool.run(SCOPE, plugin(), REQUEST, TABLE),
        pool.run(SCOPE, plugin(), other_parameters, TABLE),
        pool.run(Scope("org_2", "ns_1"), plugin(), REQUEST, TABLE),
    ]

    assert answers == [0, 0, 1, 2]
    pool.close()
    assert all(host.closed for host in started)


def test_host_longest_unused_makes_room():
    pool, started = hosts(most=2)

    for name in ("a", "b", "a", "c"):
        pool.run(SCOPE, plugin(name), REQUEST, TABLE)

    assert [host.closed for host in started] == [False, True, False]


def test_host_found_dead_is_replaced_once_and_a_fresh_one_that_dies_is_an_error():
    pool, started = hosts(dies_at={0: 2, 2: 1})
    pool.run(SCOPE, plugin(), REQUEST, TABLE)

    assert pool.run(SCOPE, plugin(), REQUEST, TABLE) == 1
    assert started[0].closed
    with pytest.raises(HostFailed):
        pool.run(SCOPE, plugin("other"), REQUEST, TABLE)


def test_queries_of_two_plugins_do_not_wait_for_each_other():
    gate, arrived = threading.Event(), threading.Event()

    def start(scope, plugin, request):
        if plugin.name == "slow":
            arrived.set()
            gate.wait(100)
        return SimpleNamespace(run=lambda table: plugin.name, close=lambda: None)

    pool = QueryHosts(start)
    slow = threading.Thread(target=pool.run, args=(SCOPE, plugin("slow"), REQUEST, TABLE))
    slow.start()
    assert arrived.wait(100)

    assert pool.run(SCOPE, plugin("quick"), REQUEST, TABLE) == "quick"

    gate.set()
    slow.join(100)
    pool.close()


def test_slow_plugin_takes_only_some_threads_of_its_own_namespace():
    gate, calls = threading.Event(), threading.Semaphore(0)

    def call(org_id, name, payload):
        if org_id == "org_1":
            calls.release()
            gate.wait(100)
        return {"embedding": [1.0, 2.0, 3.0]}

    embedder = Embedder(Settings(), call, QueryHosts(lambda *_: None))
    asking = [
        threading.Thread(target=embedder.embed, args=(SCOPE, plugin(), target(), "x")) for _ in range(MAX_AT_ONCE)
    ]
    for thread in asking:
        thread.start()
        assert calls.acquire(timeout=100)

    with pytest.raises(ServingUnavailable, match="of this namespace"):
        embedder.embed(SCOPE, plugin(), target(), "x")
    assert embedder.embed(Scope("org_2", "ns_1"), plugin(), target(), "x") == [1.0, 2.0, 3.0]

    gate.set()
    for thread in asking:
        thread.join(100)
    assert embedder.embed(SCOPE, plugin(), target(), "x") == [1.0, 2.0, 3.0]
