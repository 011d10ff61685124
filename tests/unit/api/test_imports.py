"""Imports over the API: made here or by a job, listed, shown, deleted; and rows that a serving node reads for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from batch.bulk.importing import finish_import
from batch.bulk.local import LocalBulk
from batch.serving.app import create_app as create_serving
from core.arrivals import register_file
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.vectors import Vectors
from tests.unit.api.conftest import Api, NewTenant

SCHEMA = {"properties": {"text": {"type": "text"}, "year": {"type": "integer"}}}


class Caller:
    """A tenant with the bucket `docs`, whose files of rows lie under its prefix."""

    def __init__(self, api: Api, stores: Stores) -> None:
        self.api, self.stores = api.within(api.ok("POST", "/v1/namespaces", {"name": "demo"})["namespace_id"]), stores
        self.api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})

    def upload(self, name: str, data: bytes) -> str:
        """An upload whose file is there; its id."""
        made = self.api.ok(
            "POST", "/v1/buckets/docs/uploads", {"filename": name, "content_type": "application/octet-stream"}
        )
        self.stores.blobs.put(BlobRef(self.stores.settings.object_bucket, made["s3_key"]), data)
        return str(made["upload_id"])

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """A request to routes of ours that the contract does not have."""
        headers = {"Authorization": f"Bearer {self.api.secret}", "X-Namespace": str(self.api.namespace)}
        return self.api.client.request(method, f"/v1/buckets/docs/{path}", headers=headers, json=body, **options)


@pytest.fixture
def caller(new_tenant: NewTenant, moto_stores: Stores, app: FastAPI) -> Iterator[Caller]:
    app.state.bulk = LocalBulk()
    yield Caller(new_tenant(), moto_stores)
    app.state.bulk = None


@pytest.mark.parametrize("arrives", ["before the import", "after it"])
def test_the_arrival_of_the_file_takes_nothing_from_its_import(caller: Caller, arrives: str) -> None:
    upload = caller.upload("rows.csv", b"text\none\ntwo\n")
    landed = BlobRef(
        caller.stores.settings.object_bucket, caller.api.ok("GET", f"/v1/buckets/docs/uploads/{upload}")["s3_key"]
    )
    if arrives == "before the import":
        register_file(caller.stores, landed)
    made = caller.ask("POST", "objects/import", {"upload_id": upload})
    if arrives == "after it":
        register_file(caller.stores, landed)

    assert made.status_code == 200, made.text
    listed = caller.api.ok("POST", "/v1/buckets/docs/objects/list", {})["results"]
    texts = [blob.get("data") for o in listed for blob in o["blobs"]]
    assert [text for text in texts if text] == ["one", "two"]
    assert (len(listed) == 2) == (arrives == "after it")  # before it, the file became an object of its own


def test_an_import_is_made_listed_shown_and_deleted(caller: Caller) -> None:
    upload = caller.upload("rows.csv", b"body,year\none,1\ntwo,2\n")

    asked = {"upload_id": upload, "text_columns": {"text": "body"}, "metadata_columns": ["year"]}
    made = caller.ask("POST", "objects/import", asked)

    assert made.status_code == 200, made.text
    about = made.json()
    assert (about["status"], about["rows"], about["object_count"], about["format"]) == ("COMPLETED", 2, 2, "csv")
    assert [c["column"] for c in about["columns"]] == ["body", "year"]
    assert caller.api.ok("GET", "/v1/buckets/docs")["object_count"] == 2
    objects = caller.api.ok("POST", "/v1/buckets/docs/objects/list?include_total=true")
    assert [o["year"] for o in objects["results"]] == [1, 2]
    assert objects["pagination"]["total"] == 2
    first = objects["results"][0]["object_id"]
    assert caller.api.ok("GET", f"/v1/buckets/docs/objects/{first}")["blobs"][0]["data"] == "one"
    assert "can't be deleted alone" in caller.api.fails(409, "DELETE", f"/v1/buckets/docs/objects/{first}")
    assert "can't be changed alone" in caller.api.fails(409, "PATCH", f"/v1/buckets/docs/objects/{first}", {"year": 3})

    path = f"imports/{about['import_id']}"
    assert caller.ask("GET", path).json() == about
    assert caller.ask("GET", "imports").json()["results"] == [about]
    assert caller.ask("POST", "imports/list", {"search": "no such"}).json()["results"] == []
    assert caller.ask("DELETE", path).status_code == 204
    assert caller.ask("GET", path).status_code == 404
    assert caller.ask("GET", "imports/imp_none").status_code == 404
    assert caller.api.ok("GET", "/v1/buckets/docs")["object_count"] == 0


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "url"),
        ({"url": "s3://elsewhere/none.csv", "upload_id": "upl_1"}, "url"),
        ({"url": "s3://elsewhere/x.csv", "text_columns": ["no"]}, "text_columns.no"),
        ({"url": "s3://elsewhere/x.csv", "format": "xml"}, "format"),
        ({"url": "s3://elsewhere/x.csv", "columns": []}, "columns"),
        ({"url": "file:///etc/passwd"}, "url"),
    ],
)
def test_a_request_that_can_t_be_used_names_the_field(caller: Caller, asked: dict[str, Any], field: str) -> None:
    answer = caller.ask("POST", "objects/import", asked)

    assert answer.status_code == 422, answer.text
    assert field in answer.text


def test_a_file_that_is_not_there_is_not_found(caller: Caller) -> None:
    answer = caller.ask("POST", "objects/import", {"url": "s3://elsewhere/none.csv"})

    assert answer.status_code == 404
    assert "s3://elsewhere/none.csv" in answer.text


def test_a_function_imports_by_a_job_and_has_rows_read_by_a_serving_node(
    caller: Caller, app: FastAPI, moto_stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.state.bulk = None
    serving = TestClient(create_serving(moto_stores, Vectors(str(tmp_path)), moto_stores.settings).routes)
    unreachable = moto_stores.settings.serving_url

    def get(url: str, **request: Any) -> Any:
        request.pop("timeout")
        return serving.get(url.removeprefix(unreachable), **request)

    made = caller.ask("POST", "objects/import", {"upload_id": caller.upload("rows.csv", b"text\none\ntwo\n")})
    assert made.status_code == 202, made.text
    (message,) = moto_stores.queues.receive(moto_stores.settings.jobs_queue, wait_s=0)
    finish_import(moto_stores, message.body)
    failed = caller.api.fails(503, "POST", "/v1/buckets/docs/objects/list")
    monkeypatch.setattr("functions.api.remote_rows.httpx.get", get)

    listed = caller.api.ok("POST", "/v1/buckets/docs/objects/list")

    assert "no serving node answers" in failed
    assert [o["blobs"][0]["data"] for o in listed["results"]] == ["one", "two"]
    assert caller.api.ok("GET", f"/v1/tasks/{made.json()['task_id']}")["status"] == "COMPLETED"
