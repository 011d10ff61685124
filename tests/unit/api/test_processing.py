"""Routes of collections, batches and retrievers, in both their forms."""

from typing import Any

import pytest

from batch.partitions import Failure, Outcome
from batch.report import Report
from core.batches import failed_documents, set_status
from core.retries import earlier, retried_ids
from core.status import TaskStatus
from core.stores import Stores
from core.stores.records import Entry
from core.tenancy import Scope
from tests.unit.api.conftest import Api, NewTenant
from tests.unit.core.samples import published

EXTRACTOR = {"feature_extractor_name": "my_extractor", "version": "1.0.0", "parameters": {"threshold": 0.7}}
URI = "mixpeek://my_extractor@1.0.0/my_extractor_embedding"


@pytest.fixture
def scope(api: Api) -> Scope:
    """The tenant's namespace, as stores know it."""
    s3_key = api.ok("POST", f"/v1/namespaces/{api.namespace}/plugins/uploads", {"name": "abc", "version": "1"})[
        "s3_key"
    ]
    return Scope(s3_key.split("/")[1], api.namespace or "")


@pytest.fixture
def bucket(api: Api, moto_stores: Stores, scope: Scope) -> str:
    """A bucket of three objects, beside a published plugin."""
    published(moto_stores, scope)
    schema = {"properties": {"text": {"type": "text"}}}
    made: str = api.ok("POST", "/v1/buckets", {"bucket_name": "prose", "bucket_schema": schema})["bucket_id"]
    pk = scope.key("object", made)
    moto_stores.records.put_many([Entry(pk, f"obj_{n}", {"object_id": f"obj_{n}"}) for n in range(3)])
    return made


def collect(api: Api, bucket: str, **changes: Any) -> Any:
    body = {
        "collection_name": "paragraphs",
        "source": {"type": "bucket", "bucket_ids": [bucket]},
        "feature_extractor": EXTRACTOR,
    }
    return api.ok("POST", "/v1/collections", body | changes)


def test_collection_is_answered_as_clients_read_it(api: Api, bucket: str) -> None:
    made = collect(api, bucket)

    extractor = made["feature_extractor"]
    assert extractor["feature_extractor_id"] == "my_extractor_1_0_0"
    assert extractor["params"] == {"threshold": 0.7}
    assert extractor["parameters"] == {"extractor_type": "my_extractor", "threshold": 0.7}
    assert made["vector_indexes"][0]["feature_uri"] == URI
    assert "warnings" not in made
    assert api.ok("GET", "/v1/collections/paragraphs") == made
    assert api.ok("GET", f"/v1/namespaces/demo/collections/{made['collection_id']}") == made


def test_collection_takes_the_high_level_clients_spelling(api: Api, bucket: str) -> None:
    body = {
        "name": "paragraphs",
        "source": {"type": "bucket", "bucket_ids": ["prose"]},
        "feature_extractors": [EXTRACTOR | {"parameters": {"extractor_type": "text_extractor", "split": 1}}],
    }

    made = api.ok("POST", "/v1/collections", body)

    assert made["collection_name"] == "paragraphs"
    assert made["feature_extractor"]["params"] == {"threshold": 0.5}
    assert "extractor_type is 'text_extractor'" in made["warnings"][0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"feature_extractor": EXTRACTOR | {"parameters": {"threshold": 3}}}, "threshold"),
        ({"feature_extractor": EXTRACTOR | {"version": "9.9.9"}}, "its versions: 1.0.0"),
        ({"feature_extractor": EXTRACTOR | {"feature_extractor_name": "mine"}}, "passthrough_extractor"),
        ({"feature_extractor": EXTRACTOR | {"version": "newest"}}, "no version"),
        ({"source": {"type": "bucket", "bucket_ids": ["bkt_none"]}}, "no bucket 'bkt_none'"),
        ({"feature_extractors": [EXTRACTOR, EXTRACTOR]}, "feature_extractors"),
        ({"collection_name": "ab"}, "collection_name"),
        ({"colour": "red"}, "colour"),
        ({"metadata": {"notes": "x" * 400_000}}, "a record holds 390000"),
        ({"input_schema": {"properties": {"text": {"type": "prose"}}}}, "input_schema.properties.text.type"),
    ],
)
def test_collection_that_could_not_run_is_refused(api: Api, bucket: str, change: dict[str, Any], words: str) -> None:
    body = {
        "collection_name": "paragraphs",
        "source": {"type": "bucket", "bucket_ids": [bucket]},
        "feature_extractor": EXTRACTOR,
    }

    assert words in api.fails(422, "POST", "/v1/collections", body | change)


def test_collections_are_listed_changed_described_and_deleted(api: Api, bucket: str) -> None:
    for name in ("paragraphs", "sentences"):
        collect(api, bucket, collection_name=name)

    page = api.ok("POST", "/v1/collections/list?limit=1", {"sort": {"field": "collection_name", "direction": "desc"}})
    assert ([c["collection_name"] for c in page["results"]], page["total_count"]) == (["sentences"], 2)
    assert api.ok("POST", "/v1/collections/list", {"page_size": 1, "search": "PARA"})["total_count"] == 1
    assert api.ok("POST", "/v1/collections/list")["total_count"] == 2
    (feature,) = api.ok("GET", "/v1/collections/paragraphs/features")["features"]
    assert (feature["feature_address"], feature["primary"]) == (URI, True)
    changed = api.ok("PATCH", "/v1/collections/paragraphs", {"collection_name": "prose_v2", "metadata": {"a": 1}})
    assert (changed["collection_name"], changed["metadata"]) == ("prose_v2", {"a": 1})
    assert "sentences" in api.fails(409, "PATCH", "/v1/collections/prose_v2", {"collection_name": "sentences"})
    assert api.ok("DELETE", "/v1/collections/prose_v2")["success"] is True
    api.fails(404, "GET", "/v1/collections/prose_v2")


def test_collection_trigger_answers_202_with_its_batch(api: Api, bucket: str) -> None:
    made = collect(api, bucket)

    answer = api.call("POST", "/v1/collections/paragraphs/trigger")

    assert answer.status_code == 202
    body = answer.json()
    assert (body["object_count"], body["source_bucket_ids"]) == (3, [bucket])
    batch = api.ok("GET", f"/v1/buckets/{bucket}/batches/{body['batch_id']}")
    assert batch["collection_ids"] == [made["collection_id"]]
    assert api.ok("GET", f"/v1/tasks/{body['task_id']}")["status"] == "PENDING"
    assert "include_collections" in api.fails(
        422, "POST", "/v1/collections/paragraphs/trigger", {"include_collections": ["col_1"]}
    )


def test_batch_from_create_to_cancel(api: Api, bucket: str) -> None:
    collect(api, bucket)
    base = f"/v1/buckets/{bucket}/batches"
    batch = api.ok("POST", base, {"object_ids": ["obj_0"]})
    assert (batch["status"], batch["object_ids"], batch["object_count"]) == ("DRAFT", ["obj_0"], 1)
    place = f"{base}/{batch['batch_id']}"

    assert api.ok("POST", f"{place}/objects", {"object_ids": ["obj_1"]})["object_ids"] == ["obj_0", "obj_1"]
    task = api.ok("POST", f"{place}/submit")
    assert (task["status"], task["task_type"]) == ("PENDING", "api_buckets_batches_process")
    assert "PENDING already" in api.fails(400, "POST", f"{place}/submit", {"include_processing_history": False})
    assert api.ok("GET", place)["task_id"] == task["task_id"]
    assert api.ok("PATCH", place, {"metadata": {"run": 1}})["metadata"] == {"run": 1}
    assert api.ok("GET", f"{place}/failed-documents")["total"] == 0
    assert api.ok("GET", f"{place}/logs")["tiers"] == []
    assert "Cancel it first" in api.fails(400, "DELETE", place)
    assert api.ok("POST", f"{place}/cancel")["status"] == "CANCELED"
    assert api.ok("GET", place)["tier_tasks"][0]["status"] == "CANCELED"
    assert api.ok("DELETE", place)["success"] is True
    api.fails(404, "GET", place)


def test_retry_queues_the_failed_objects(api: Api, bucket: str, scope: Scope, moto_stores: Stores) -> None:
    collection = collect(api, bucket)["collection_id"]
    batch = api.ok("POST", f"/v1/buckets/{bucket}/batches", {"object_ids": ["obj_0", "obj_1"]})
    place = f"/v1/buckets/{bucket}/batches/{batch['batch_id']}"
    assert "never submitted" in api.fails(400, "POST", f"{place}/retry", {})
    api.ok("POST", f"{place}/submit")
    assert "PENDING already" in api.fails(400, "POST", f"{place}/retry", {"retry_mode": "all"})
    for status in (TaskStatus.PROCESSING, TaskStatus.COMPLETED_WITH_ERRORS):
        set_status(moto_stores, scope, bucket, batch["batch_id"], status)
    assert "no failed rows" in api.fails(422, "POST", f"{place}/retry", {})
    failed = {"object_id": "obj_1", "document_id": "doc_1", "collection_id": collection, "tier_num": 0}
    failed |= {"error_type": "network"}
    failed |= {"message": "no answer", "step": None, "retry_count": 0}
    moto_stores.records.put_many([Entry(scope.key("failed", batch["batch_id"]), "00#c#0", {"failed": [failed]})])

    answer = api.ok("POST", f"{place}/retry", {})

    assert (answer["retried_count"], answer["status"]) == (1, "PENDING")
    jobs = moto_stores.queues.receive(moto_stores.settings.jobs_queue, wait_s=0, limit=10)
    assert [job.body.get("retry", False) for job in jobs if job.body["batch_id"] == batch["batch_id"]] == [False, True]
    assert list(retried_ids(moto_stores, scope, batch["batch_id"])) == [["obj_1"]]
    assert api.ok("GET", f"/v1/tasks/{answer['task_id']}")["status"] == "PENDING"


def test_retry_that_is_canceled_midway_leaves_its_rows_to_be_retried(
    api: Api, bucket: str, scope: Scope, moto_stores: Stores
) -> None:
    collection = collect(api, bucket)["collection_id"]
    made = api.ok("POST", f"/v1/buckets/{bucket}/objects/batch", {"objects": [{}] * 60})["succeeded"]
    ids = [one["object_id"] for one in made]
    batch_id = api.ok("POST", f"/v1/buckets/{bucket}/batches", {"object_ids": ids})["batch_id"]
    place = f"/v1/buckets/{bucket}/batches/{batch_id}"
    api.ok("POST", f"{place}/submit")
    first = begun(moto_stores, scope, bucket, batch_id)
    first.add(collection, outcome(0, ids, written=1))
    first.finish()
    assert api.ok("POST", f"{place}/retry", {})["retried_count"] == 60

    second = begun(moto_stores, scope, bucket, batch_id)
    second.add(collection, outcome(0, ids[:10], written=5))
    api.ok("POST", f"{place}/cancel")
    second.canceled()

    rows = list(failed_documents(moto_stores, scope, batch_id))
    assert sorted(row["object_id"] for row in rows) == sorted(ids)
    assert {row["object_id"] for row in rows if row["retry_count"]} == set(ids[:10])
    assert api.ok("POST", f"{place}/retry", {})["retried_count"] == 60
    third = begun(moto_stores, scope, bucket, batch_id)
    third.add(collection, outcome(0, ids[:1], written=59))
    third.finish()
    assert [row["object_id"] for row in failed_documents(moto_stores, scope, batch_id)] == ids[:1]


def begun(stores: Stores, scope: Scope, bucket: str, batch_id: str) -> Report:
    """The report of a run that the batch service has begun."""
    batch = set_status(stores, scope, bucket, batch_id, TaskStatus.PROCESSING)
    report = Report(stores, scope, batch, [], batch.object_count, earlier(stores, scope, batch))
    report.begin()
    return report


def outcome(index: int, failed: list[str], written: int) -> Outcome:
    """A partition in which these objects' rows failed for want of a network."""
    failures = [Failure(f"doc_{i}", i, None, None, "no answer", category="network") for i in failed]
    return Outcome(index, rows=written + len(failed), written=written, failures=failures)


def test_batches_are_listed_oldest_first_by_state_and_collection(api: Api, bucket: str) -> None:
    made = collect(api, bucket)
    base = f"/v1/namespaces/demo/buckets/{bucket}/batches"
    first = api.ok("POST", base, {"object_ids": ["obj_0"]})
    second = api.ok("POST", f"{base}/trigger")

    listed = api.ok("POST", f"{base}/list")

    assert [b["batch_id"] for b in listed["results"]] == [first["batch_id"], second["batch_id"]]
    assert [len(b["object_ids"]) for b in listed["results"]] == [1, 3]
    assert api.ok("POST", f"{base}/list", {"status": "DRAFT"})["total_count"] == 1
    by_collection = api.ok("POST", f"{base}/list", {"collection_id": made["collection_id"], "limit": 1})
    assert [b["batch_id"] for b in by_collection["results"]] == [second["batch_id"]]


def test_trigger_of_a_bucket_takes_all_its_objects(api: Api, bucket: str) -> None:
    collect(api, bucket)

    batch = api.ok("POST", "/v1/buckets/prose/batches/trigger", {"collection_ids": ["paragraphs"]})

    assert (batch["status"], batch["object_ids"]) == ("PENDING", ["obj_0", "obj_1", "obj_2"])
    assert batch["task_id"] == batch["tier_tasks"][0]["task_id"]


def test_trigger_that_can_do_nothing_says_why(api: Api, bucket: str) -> None:
    assert "No enabled collection" in api.fails(422, "POST", f"/v1/buckets/{bucket}/batches/trigger")
    empty = api.ok("POST", "/v1/buckets", {"bucket_name": "empty"})["bucket_id"]
    collect(api, empty)
    assert "has no objects" in api.fails(422, "POST", f"/v1/buckets/{empty}/batches/trigger")
    api.fails(404, "POST", "/v1/buckets/nothing/batches/trigger")
    missing = {"object_ids": ["obj_9"]}
    assert "no object 'obj_9'" in api.fails(422, "POST", f"/v1/buckets/{bucket}/batches", missing)


def test_retriever_is_stored_in_one_form_and_answered_in_both(api: Api, bucket: str) -> None:
    collected = collect(api, bucket)
    stage = {
        "stage_name": "search",
        "config": {
            "stage_id": "feature_search",
            "parameters": {"searches": [{"feature_uri": URI, "query": "{{INPUT.query}}", "top_k": 5}]},
        },
    }
    body = {
        "retriever_name": "find",
        "collection_identifiers": ["paragraphs"],
        "stages": [stage, {"stage_id": "limit", "parameters": {"limit": 3}}],
        "input_schema": {"query": {"type": "text", "required": True}},
    }

    made = api.ok("POST", "/v1/retrievers", body)

    retriever = made["retriever"]
    assert made["retriever_id"] == retriever["retriever_id"]
    assert retriever["collection_ids"] == [collected["collection_id"]]
    assert [s["config"]["stage_id"] for s in retriever["stages"]] == ["feature_search", "limit"]
    assert retriever["feature_dependencies"] == [
        {"scheme": "mixpeek", "extractor": "my_extractor", "version": "1.0.0", "output": "my_extractor_embedding"}
    ]
    assert api.ok("GET", f"/v1/retrievers/{made['retriever_id']}") == retriever
    assert "has a retriever 'find'" in api.fails(409, "POST", "/v1/retrievers", body)
    changed = api.ok("PATCH", "/v1/retrievers/find", {"retriever_name": "seek", "tags": ["a"]})["retriever"]
    assert (changed["retriever_name"], changed["version"]) == ("seek", 2)
    assert api.ok("GET", "/v1/retrievers")["total"] == 1
    assert api.ok("POST", "/v1/retrievers/list", {"search": "nothing"})["total"] == 0
    api.ok("DELETE", "/v1/retrievers/seek")
    api.fails(404, "GET", "/v1/retrievers/seek")


def test_flat_stage_without_a_feature_means_the_only_embedding(api: Api, bucket: str) -> None:
    collect(api, bucket)
    stage = {
        "type": "feature_search",
        "feature_extractor": {"type": "text"},
        "query": "rain",
        "collection_ids": ["paragraphs"],
        "limit": 3,
    }

    made = api.ok("POST", "/v1/retrievers", {"name": "find", "stages": [stage]})

    assert made["retriever"]["stages"][0]["config"]["stage_id"] == "feature_search"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"collection_identifiers": ["nothing"]}, "no collection 'nothing'"),
        ({"collection_identifiers": []}, "searches no collection"),
        ({"stages": [{"stage_id": "guess"}]}, "feature_search"),
        ({"stages": []}, "stages"),
    ],
)
def test_retriever_that_could_not_search_is_refused(api: Api, bucket: str, change: dict[str, Any], words: str) -> None:
    collect(api, bucket)
    stage = {"stage_id": "feature_search", "parameters": {"searches": [{"feature_uri": URI, "query": "x"}]}}
    body = {"retriever_name": "find", "collection_identifiers": ["paragraphs"], "stages": [stage]}

    assert words in api.fails(422, "POST", "/v1/retrievers", body | change)


def test_unknown_feature_is_refused_with_those_that_exist(api: Api, bucket: str) -> None:
    collect(api, bucket)
    stage = {"stage_id": "feature_search", "parameters": {"searches": [{"feature_uri": URI + "s", "query": "x"}]}}

    message = api.fails(
        422, "POST", "/v1/retrievers", {"name": "find", "collection_ids": ["paragraphs"], "stages": [stage]}
    )

    assert f"Features that exist: {URI}" in message


def test_nothing_of_it_is_visible_to_another_organization(api: Api, bucket: str, new_tenant: NewTenant) -> None:
    made = collect(api, bucket)
    batch = api.ok("POST", f"/v1/buckets/{bucket}/batches/trigger")
    other = new_tenant()
    mine = other.within(other.ok("POST", "/v1/namespaces", {"name": "demo"})["namespace_id"])

    mine.fails(404, "GET", f"/v1/collections/{made['collection_id']}")
    mine.fails(404, "POST", f"/v1/collections/{made['collection_id']}/trigger")
    mine.fails(404, "GET", f"/v1/buckets/{bucket}/batches/{batch['batch_id']}")
    other.fails(404, "GET", f"/v1/namespaces/{api.namespace}/collections/{made['collection_id']}")
