"""Idempotency keys over every POST that makes something, of both APIs: once done, told again, whoever comes at once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from core.stores.blobs import BlobRef
from core.web.routes import READS
from functions.api.openapi import shape
from tests.unit.api.test_bad_input import contents
from tests.unit.api.test_client_routes import PREPARED, World, archive, fresh, numbers, world
from tests.unit.api.whole import Place

__all__ = ["world"]

Call = dict[str, Any]
OWN_PLACE = ("cancel", "retry", "rotate", "submit", "trigger")
"""What changes things that others of these calls need."""

SECRET = ("/api-keys", "/rotate")


def routes(world: World) -> list[str]:
    """Every POST of the document that changes something."""
    document = world.tenant.client.get("/openapi.json").json()
    reads = (*READS, "/inference/{deployment_name}")
    return [path for path, methods in document["paths"].items() if "post" in methods and not path.endswith(reads)]


def prepared(world: World, path: str) -> Call:
    """A request to the route that succeeds, once."""
    route = f"post {shape(path)}"
    known = [route, f"post {shape(path.replace('/namespaces/{namespace_id}', '', 1))}"]
    route = next((r for r in known if r in PREPARED or r in fresh(world, world.shared)), known[0])
    place = world.new_place() if any(w in path for w in OWN_PLACE) else world.shared
    given = PREPARED[route](world, place) if route in PREPARED else {}
    if path.endswith("/objects/import"):
        given = {"body": {"upload_id": rows_upload(world, place), "format": "csv"}}
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", str(given.get(name) or place.id_of(name, path) or "none"))
    call: Call = {"url": path, "headers": {"X-Namespace": place.namespace}}
    if "file" in given:
        name = f"posted_{next(numbers)}"
        fields = {k: v for k, v in given.items() if k != "file"} | {"name": name}
        data = archive(name) if path.endswith("/plugins") else given["file"][1]
        return call | {"files": {"file": ("a", data)}, "data": fields}
    return call | {"json": given.get("body", fresh(world, place).get(route))}


def rows_upload(world: World, place: Place) -> str:
    """A file of rows in the place's bucket."""
    asked = {"filename": f"{next(numbers)}.csv", "content_type": "text/csv"}
    made = place.api.ok("POST", f"/v1/buckets/{place.ids['bucket_identifier']}/uploads", asked)
    bucket, _, key = urlsplit(made["presigned_url"]).path.removeprefix("/").partition("/")
    world.stores.blobs.put(BlobRef(bucket, key), b"text\none\n")
    return str(made["upload_id"])


def send(world: World, key: str, call: Call) -> Any:
    headers = {"Authorization": f"Bearer {world.tenant.secret}", "Idempotency-Key": key}
    sent = {k: v for k, v in call.items() if v is not None}
    return world.tenant.client.post(**(sent | {"headers": headers | call["headers"]}))


def changed(call: Call) -> Call:
    """The same request, asking for something else."""
    if "files" in call:
        return call | {"data": call["data"] | {"description": "another"}}
    return call | {"json": (call["json"] or {}) | {"description": "another"}}


def test_every_post_is_done_once_for_a_key(world: World) -> None:
    problems = []
    paths = routes(world)
    for number, path in enumerate(paths):
        call = prepared(world, path)
        first = send(world, f"k{number}", call)
        before = contents(world.stores)
        again, other = send(world, f"k{number}", call), send(world, f"k{number}", changed(call))

        if first.status_code >= 300:
            problems.append(f"{path}: {first.status_code} {first.text[:200]}")
            continue
        secret = path.endswith(SECRET)
        same = (again.status_code, again.content) == (first.status_code, first.content)
        if not (again.status_code == 409 if secret else same and "idempotency-replayed" in again.headers):
            problems.append(f"{path}: again {again.status_code} {again.text[:200]}")
        if other.status_code not in (409, 422) or "Idempotency-Key" not in other.text:
            problems.append(f"{path}: other {other.status_code} {other.text[:200]}")
        if contents(world.stores) != before:
            problems.append(f"{path}: something was written")

    assert problems == []
    assert len(paths) > 50


def test_every_post_is_done_once_for_many_at_once(world: World) -> None:
    problems = []
    with ThreadPoolExecutor(4) as pool:
        for number, path in enumerate(routes(world)[::2]):  # each route stands there in both of its forms
            call, key = prepared(world, path), f"at once {number}"
            answers = list(pool.map(lambda _, key=key, call=call: send(world, key, call), range(4)))  # type: ignore[misc]

            done = {answer.content for answer in answers if answer.status_code < 300}
            if len(done) != 1 or {a.status_code for a in answers if a.status_code >= 300} - {409}:
                problems.append(f"{path}: {[(a.status_code, a.text[:100]) for a in answers]}")

    assert problems == []


@pytest.mark.parametrize("path", ["/v1/buckets/list", "/v1/inference", "/v1/documents/search"])
def test_posts_that_read_are_done_again(world: World, path: str) -> None:
    call = {"url": path, "headers": {"X-Namespace": world.shared.namespace}, "json": {}}

    answers = [send(world, "read", call), send(world, "read", call | {"json": {"search": "other"}})]

    assert not any("idempotency-replayed" in a.headers or "Idempotency-Key" in a.text for a in answers)
