"""Tenancy over every route: nothing of another organization is seen, changed, or told from what never was."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.serving.app import create_app as create_serving
from core.organizations import create_organization
from core.stores import Stores
from core.stores.blobs import Blobs
from core.stores.queues import Queues
from core.stores.records import Records
from core.stores.vectors import Vectors
from infra.emulator.resources import create_key
from infra.local.gateway import Gateway
from tests.unit.api.conftest import Api
from tests.unit.api.worlds import (
    KEYS,
    OBJECT,
    PASSTHROUGH,
    SCHEMA,
    USER,
    CountedCalls,
    everything,
    fill,
    never,
    operations,
    settle,
)

BODIES: dict[str, Any] = {
    "POST /v1/buckets": {"name": "docs"},
    "POST /v1/buckets/{bucket_identifier}/objects": OBJECT,
    "POST /v1/buckets/{bucket_identifier}/objects/batch": {"objects": [OBJECT]},
    "PATCH /v1/buckets/{bucket_identifier}/objects/{object_identifier}": {"title": "taken"},
    "POST /v1/buckets/{bucket_identifier}/uploads": {"filename": "a.txt", "content_type": "text/plain"},
    "POST /v1/buckets/{bucket_identifier}/uploads/batch": {
        "uploads": [{"filename": "a.txt", "content_type": "text/plain"}]
    },
    "POST /v1/buckets/{bucket_identifier}/uploads/confirm/batch": {"confirmations": [{"upload_id": "upl_0"}]},
    "POST /v1/buckets/{bucket_identifier}/batches": {"object_ids": ["obj_0"]},
    "POST /v1/collections/{collection_identifier}/documents": {"collection_id": "col_0", "title": "taken"},
    "POST /v1/buckets/{bucket_identifier}/batches/{batch_id}/objects": {"object_ids": ["obj_0"]},
    "POST /v1/collections": {
        "collection_name": "words",
        "source": {"type": "bucket", "bucket_ids": ["docs"]},
        "feature_extractor": PASSTHROUGH,
    },
    "POST /v1/collections/{collection_identifier}/documents/batch": {
        "updates": [{"document_id": "doc_0", "update_data": {"title": "taken"}}]
    },
    "DELETE /v1/collections/{collection_identifier}/documents/batch": {"document_ids": ["doc_0"]},
    "POST /v1/documents/search": {"collection_ids": ["words"], "query": "x"},
    "POST /v1/retrievers": {"retriever_name": "r", "stages": [{"stage_name": "s"}], "collection_identifiers": []},
    "POST /v1/retrievers/execute": {"collection_identifiers": ["words"], "stages": [{"stage_name": "s"}]},
    "POST /v1/namespaces/{namespace_id}/plugins/reconfigure": {"confirm": True},
    "POST /v1/namespaces/{namespace_id}/plugins/uploads": {"name": "another", "version": "1.0.0"},
    "POST /v1/namespaces/{namespace_id}/plugins/{plugin_id}/realtime/test": {"inputs": {}},
    "POST /v1/inference": {"provider": "custom", "model": "my_extractor", "inputs": {}},
    f"POST {KEYS.replace(USER, '{user_email}')}": {"name": "new"},
    "PUT /v1/organizations/secrets/{secret_name}": {"secret_value": "x"},
}


@dataclass
class World:
    """Ours, which has everything, and theirs, which has an empty namespace of the same name."""

    app: FastAPI
    ours: Api
    theirs: Api
    ids: dict[str, str]
    counted: Counter[str]


@pytest.fixture
def door(app: FastAPI, publishing: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both planes behind one door, their calls of AWS counted, and nothing forgotten between two requests."""
    monkeypatch.setattr("core.access.REMEMBERED_S", 3600.0)
    counted: Counter[str] = Counter()
    records, blobs, queues = (
        CountedCalls(s._client, counted) for s in (publishing.records, publishing.blobs, publishing.queues)
    )
    create_key(publishing.settings)
    stores = Stores(
        publishing.settings.model_copy(update={"scan_wait_s": 0.01}),
        Records(records, publishing.settings.table_name),
        Blobs(blobs),
        Queues(queues),
    )
    app.state.stores = stores
    serving = create_serving(stores, Vectors(str(tmp_path)), stores.settings)
    return TestClient(Gateway(app, serving), raise_server_exceptions=False), stores, counted


def tenant(door: Any) -> Api:
    client, stores, _ = door
    made = Api(client, create_organization(stores, "acme", USER)[1])
    settle(made)
    return made


@pytest.fixture
def world(app: FastAPI, door: Any) -> World:
    _, stores, counted = door
    ours, theirs = tenant(door), tenant(door)
    return World(app, ours, theirs, fill(ours, stores.blobs, stores.settings.plugin_bucket), counted)


def named(path: str, ids: dict[str, str]) -> str:
    """The path with these ids."""
    upload = next(
        kind
        for start, kind in (
            ("/v1/plugins/uploads", "organization_upload"),
            ("/v1/models/uploads", "model_upload"),
            ("/v1/namespaces/{namespace_id}/plugins/uploads", "plugin_upload"),
            ("", "bucket_upload"),
        )
        if path.startswith(start)
    )
    deployment = f"custom_plugin_{ids['namespace_id']}_{ids['plugin_id']}"
    known = ids | {"upload_id": ids[upload], "extractor_id": ids["plugin_id"], "feature_extractor_id": ids["plugin_id"]}
    return path.format_map(known | {"user_email": USER, "deployment_name": deployment})


def body_of(method: str, path: str) -> Any:
    short = path.replace("/v1/namespaces/{namespace_id}/", "/v1/")
    return BODIES.get(f"{method} {path}", BODIES.get(f"{method} {short}", {}))


def said(world: World, method: str, path: str, ids: dict[str, str], body: Any) -> tuple[int, str, Counter[str]]:
    """Status, text with its ids taken out, and the calls of AWS that it took."""
    before = world.counted.copy()
    headers = {"Authorization": f"Bearer {world.theirs.secret}", "X-Namespace": ids["namespace_id"]}
    answer = world.theirs.client.request(method, named(path, ids), headers=headers, json=body)
    text = re.sub(r'"(created|updated|expires)_at":"[^"]*"|task_[0-9a-f]+', "", answer.text)
    for id_ in sorted(set(ids.values()), key=len, reverse=True):
        text = text.replace(id_, "")
    return answer.status_code, text, world.counted - before


def test_every_route_answers_anothers_id_as_one_that_never_was(world: World) -> None:
    before, differing, unreached = everything(world.ours), [], []
    nobodys = {name: never(id_) for name, id_ in world.ids.items()}
    for method, path, takes_body in operations(world.app):
        names = set(re.findall(r"{(\w+)}", path)) - {"user_email"}
        body = body_of(method, path) if takes_body else None
        for inside in ({}, {"namespace_id": str(world.theirs.namespace)}):
            if not names - set(inside):
                continue  # it names nothing of the other's
            said(world, method, path, nobodys | inside, body)  # what only the first request asks is asked here
            other, none = (said(world, method, path, ids | inside, body) for ids in (world.ids, nobodys))
            if other != none:
                differing.append((method, path, other, none))
            if none[0] != 404:
                unreached.append((none[0], method, path))
    assert differing == []
    assert not unreached, "\n".join(map(str, unreached))
    assert everything(world.ours) == before


ACTIONS: list[tuple[str, str, Any]] = [
    ("PATCH", "/v1/namespaces/demo", {"description": "changed"}),
    ("POST", "/v1/namespaces", {"name": "second"}),
    ("DELETE", "/v1/namespaces/second", None),
    ("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA}),
    ("POST", "/v1/buckets", {"name": "more"}),
    ("PATCH", "/v1/buckets/docs", {"description": "changed"}),
    ("DELETE", "/v1/buckets/docs", None),
    ("POST", "/v1/buckets/docs/objects", OBJECT),
    ("POST", "/v1/buckets/docs/batches/trigger", None),
    ("PATCH", "/v1/collections/words", {"description": "changed"}),
    ("DELETE", "/v1/collections/words", None),
    ("DELETE", "/v1/plugins/my_extractor_1_0_0?force=true", None),
    ("DELETE", "/v1/namespaces/demo/plugins/my_extractor_1_0_0", None),
    ("POST", "/v1/namespaces/demo/plugins/my_extractor_1_0_0/deploy", None),
    ("POST", "/v1/namespaces/demo/plugins/org/my_extractor_1_0_0/enable", None),
    ("POST", "/v1/namespaces/demo/plugins/reconfigure", {"confirm": True}),
    ("DELETE", "/v1/models/weights_1_0_0?force=true", None),
    ("POST", "/v1/namespaces/demo/models/weights_1_0_0/deploy", None),
    ("DELETE", "/v1/namespaces/demo/models/weights_1_0_0", None),
    ("POST", "/v1/namespaces/demo/models/org/weights_1_0_0/enable", {"deploy": True}),
    ("POST", KEYS, {"name": "more"}),
    ("POST", f"{KEYS}/ci/rotate", None),
    ("DELETE", f"{KEYS}/ci", None),
    ("PUT", "/v1/organizations/secrets/token", {"secret_value": "changed"}),
    ("DELETE", "/v1/organizations/secrets/token", None),
]


def pair(door: Any) -> list[Api]:
    """Two new organizations that have the same of everything."""
    _, stores, _ = door
    both = [tenant(door), tenant(door)]
    for one in both:
        fill(one, stores.blobs, stores.settings.plugin_bucket)
    return both


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(steps=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(ACTIONS)), min_size=8, max_size=12))
def test_whatever_one_does_the_other_sees_no_difference(door: Any, steps: list[Any]) -> None:
    both = pair(door)
    seen: list[Any] = [None, None]
    for number, (method, path, body) in steps:
        actor, other = both[number], both[1 - number]
        before = seen[1 - number] or everything(other)

        status = actor.call(method, path, body).status_code

        seen[number], seen[1 - number] = None, everything(other)
        assert status < 500, (method, path)
        assert seen[1 - number] == before, (method, path)


def test_object_may_not_point_at_anothers_file(world: World) -> None:
    asked = {"filename": "b.txt", "content_type": "text/plain"}
    file = world.ours.ok("POST", "/v1/buckets/docs/uploads", asked)["s3_key"]
    world.theirs.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    bucket = world.app.state.stores.settings.object_bucket
    blob = {"property": "text", "type": "text", "url": f"s3://{bucket}/{file}"}

    assert "there is no file" in world.theirs.fails(422, "POST", "/v1/buckets/docs/objects", {"blobs": [blob]})
    assert world.ours.ok("POST", "/v1/buckets/docs/objects", {"blobs": [blob]})["blobs"][0]["url"] == blob["url"]
