"""Bad input over every route: each is told what is wrong by the field's name, none is a 500, and nothing is written."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.stores import Stores
from core.web.bodies import MAX_BODY_BYTES, MAX_FORM_BYTES
from tests.contract.schemas import assert_answers, template_of
from tests.unit.api.test_openapi import METHODS, resolved
from tests.unit.api.whole import Place, new_place, new_tenant, whole_app

Json = dict[str, Any]
DEEP = 10_000
WRONG: dict[str, Any] = {
    "string": {"no": "text"},
    "integer": "1",
    "number": "1",
    "boolean": "true",
    "array": "no list",
    "object": "no object",
}


@pytest.fixture(scope="module")
def place(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A namespace with one thing of each kind."""
    app = whole_app(module_moto_stores, tmp_path_factory.mktemp("vectors"))
    client = TestClient(app, raise_server_exceptions=False)
    return new_place(module_moto_stores, new_tenant(module_moto_stores, client), "demo")


@pytest.fixture(scope="module")
def document(place: Place) -> Json:
    """The OpenAPI document."""
    served: Json = place.api.client.get("/openapi.json").json()
    return served


@pytest.fixture
def untouched(module_moto_stores: Stores, place: Place) -> Iterator[None]:
    """Fails a test that changed anything in the table or in the buckets."""
    before = contents(module_moto_stores)
    yield
    assert contents(module_moto_stores) == before


def contents(stores: Stores) -> list[Any]:
    """Every record but the keys', which note when they were used, and every file."""
    client, table = stores.records._client, stores.settings.table_name
    items = client.scan(TableName=table)["Items"]
    kept = [item for item in items if not item["pk"]["S"].startswith("key#") and "api_key" not in item["pk"]["S"]]
    files = [
        ref.key
        for bucket in (stores.settings.plugin_bucket, stores.settings.object_bucket)
        for ref in stores.blobs.each(bucket, "")
    ]
    return [sorted(kept, key=lambda i: (i["pk"]["S"], i["sk"]["S"])), sorted(files)]


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of every route that asks for a key."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS and operation.get("security") != []:
                yield method.upper(), path, operation


def with_json(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and body schema of every route that takes JSON."""
    for method, path, operation in operations(document):
        content = (operation.get("requestBody") or {}).get("content", {})
        if "application/json" in content:
            yield method, path, resolved(document, content["application/json"]["schema"])


def send(place: Place, method: str, path: str, content: bytes | None, **headers: str) -> Any:
    """The answer; in the contract's form where the contract has the route."""
    given = {"Authorization": f"Bearer {place.api.secret}", "X-Namespace": place.namespace}
    if content is not None:
        given["Content-Type"] = "application/json"
    path = place.filled(path)
    return place.api.client.request(method, path, content=content, headers=given | headers)


def refused(answer: Any, where: str, statuses: tuple[int, ...] = (422,), naming: str = "") -> str:
    """What is wrong with an answer that should refuse, or nothing."""
    if answer.status_code not in statuses:
        return f"{where}: {answer.status_code} {answer.text[:200]}"
    body = answer.json()
    if body["success"] is not False or body["status"] != answer.status_code:
        return f"{where}: no envelope: {answer.text[:200]}"
    if naming.lower() not in answer.text.lower():
        return f"{where}: does not name {naming}: {answer.text[:300]}"
    return ""


BODIES = [
    ("malformed", b'{"a": ', "body"),
    ("trailing", b"{} {}", "body"),
    ("single quotes", b"{'a': 1}", "body"),
    ("not a number", b'{"a": NaN}', "body"),
    ("not UTF-8", b'{"a": "\xff\xfe"}', "body"),
    ("deep lists", b"[" * DEEP + b"]" * DEEP, "body"),
    ("deep objects", b'{"a":' * DEEP + b"1" + b"}" * DEEP, "body"),
    ("deep enough to be read", b'{"first":' + b"[" * 500 + b"]" * 500 + b"}", "first"),
    ("NUL", b'{"first": ["a", {"second": "b\\u0000c"}]}', "first[1].second"),
    ("NUL in a name", b'{"fi\\u0000rst": 1}', "fi?rst"),
    ("lone surrogate", b'{"first": "\\ud800"}', "first"),
    ("a list", b"[1]", ""),
    ("a text", b'"text"', ""),
]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("content", "naming"), [b[1:] for b in BODIES], ids=[b[0] for b in BODIES])
def test_body_that_is_no_plain_json_object_is_refused(
    place: Place, document: Json, content: bytes, naming: str
) -> None:
    problems = [
        refused(send(place, method, path, content), f"{method} {path}", naming=naming)
        for method, path, _ in with_json(document)
    ]

    assert len(problems) > 60
    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_unknown_field_is_refused_by_its_name(place: Place, document: Json) -> None:
    problems, open_ = [], []
    for method, path, schema in with_json(document):
        if schema.get("additionalProperties") or not schema.get("properties"):
            open_.append(path)
            continue
        answer = send(place, method, path, b'{"no_such_field": 1}')
        problems.append(refused(answer, f"{method} {path}", naming="no_such_field: there is no such field"))

    assert not list(filter(None, problems))
    assert len(problems) > 3 * len(set(open_))


@pytest.mark.usefixtures("untouched")
def test_value_of_another_type_is_refused_by_the_fields_name(place: Place, document: Json) -> None:
    problems = []
    for method, path, schema in with_json(document):
        for name, declared in schema.get("properties", {}).items():
            wrong = WRONG.get(str(resolved(document, declared).get("type")))
            if wrong is not None:
                answer = send(place, method, path, json.dumps({name: wrong}).encode())
                problems.append(refused(answer, f"{method} {path} {name}", naming=name))

    assert len(problems) > 200
    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_query_value_of_another_type_or_with_nul_is_refused_by_its_name(place: Place, document: Json) -> None:
    problems = []
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["in"] != "query":
                continue
            name = parameter["name"]
            values = ["%00"]
            if resolved(document, parameter["schema"]).get("type") in ("integer", "boolean"):
                values += ["x", "1e400", "-1", str(10**30)]
            for value in values:
                answer = send(place, method, f"{place.filled(path)}?{name}={value}", b"{}" if method != "GET" else None)
                problems.append(refused(answer, f"{method} {path} {name}={value}", naming=name))

    assert len(problems) > 60
    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_compressed_and_oversized_bodies_are_refused_unread(place: Place, document: Json) -> None:
    bomb = gzip.compress(b'{"a": "' + b"x" * 10_000_000 + b'"}')
    problems = []
    for method, path, _ in with_json(document):
        for encoding in ("gzip", "deflate", "br"):
            answer = send(place, method, path, bomb, **{"Content-Encoding": encoding})
            problems.append(refused(answer, f"{method} {path} {encoding}", (415,), "Content-Encoding"))
        told = send(place, method, path, b"{}", **{"Content-Length": str(MAX_BODY_BYTES + 1)})
        problems.append(refused(told, f"{method} {path} too long", (413,)))

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_oversized_form_is_refused_and_a_form_without_a_key_is_not_read(place: Place) -> None:
    path = f"/v1/namespaces/{place.namespace}/plugins"
    form = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": f"Bearer {place.api.secret}"}

    def endless() -> Iterator[bytes]:
        yield b"--b\r\n"
        raise AssertionError("read on without a key")

    long = place.api.client.post(path, content=b"", headers=form | {"Content-Length": str(MAX_FORM_BYTES + 1)})
    unknown = place.api.client.post(path, content=b"--b", headers=form | {"Authorization": "Bearer sk_no"})

    assert long.status_code == 413
    assert unknown.status_code == 401


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["X-Namespace", "Content-Type", "Idempotency-Key"])
def test_headers_that_disagree_are_refused_by_name(place: Place, document: Json, name: str) -> None:
    problems = []
    for method, path, _ in with_json(document):
        headers = [("Authorization", f"Bearer {place.api.secret}"), ("X-Namespace", place.namespace)]
        headers += [("Content-Type", "application/json"), ("Idempotency-Key", "k"), (name, "another")]
        answer = place.api.client.request(method, place.filled(path), content=b"{", headers=headers)
        problems.append(refused(answer, f"{method} {path}", naming=name))

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_keys_that_are_missing_wrong_or_two_are_refused_everywhere(place: Place, document: Json) -> None:
    problems = []
    mine = f"Bearer {place.api.secret}"
    for method, path, _ in operations(document):
        for values in ([], ["Bearer sk_no"], [mine, "Bearer sk_no"], [f"{mine}, Bearer sk_no"], ["Basic eDp5"], [""]):
            headers = [("Authorization", value) for value in values] + [("X-Namespace", place.namespace)]
            content = b"{}" if method != "GET" else None
            answer = place.api.client.request(method, place.filled(path), content=content, headers=headers)
            problems.append(refused(answer, f"{method} {path} {values}", (401,)))

    assert not list(filter(None, problems))


TRICKS = ["%00", "..%2F..", "%2e%2e", "a%2Fb", "%F0%9F%9A%97", "%FF", "x" * 3000, "'%20OR%201=1", "%23", "$%7Bjndi%7D"]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("trick", [*TRICKS, "another kind's id"])
def test_id_that_is_none_is_not_found(place: Place, document: Json, trick: str) -> None:
    problems = []
    for method, path, operation in operations(document):
        parts = [part for part in path.split("/") if part.startswith("{")]
        if not parts or method not in ("GET", "DELETE", "PATCH"):
            continue
        kind = "object_identifier" if parts[-1] != "{object_identifier}" else "batch_id"
        wrong = place.ids[kind] if trick == "another kind's id" else trick
        target = place.filled(path.replace(parts[-1], wrong))
        answer = send(place, method, target, b"{}" if body_of(operation) else None)
        problems.append(refused(answer, f"{method} {path} {wrong[:40]}", (400, 404, 405, 422)))

    assert len(problems) > 40
    assert not list(filter(None, problems))


def body_of(operation: Json) -> bool:
    """Whether the operation takes one."""
    return "requestBody" in operation


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", "..", ".", "", " ", "a\nb", "x" * 300, "a#b", "a\u202eb"])
def test_names_that_trick_paths_are_refused_by_their_field(place: Place, name: str) -> None:
    plugins, uploads = (
        f"/v1/namespaces/{place.namespace}/plugins",
        f"/v1/buckets/{place.ids['bucket_identifier']}/uploads",
    )
    cases = [
        ("/v1/namespaces", {"namespace_name": name}, "namespace_name"),
        ("/v1/buckets", {"bucket_name": name}, "bucket_name"),
        (f"{plugins}/uploads", {"name": name, "version": "1.0.0"}, "name"),
        (f"{plugins}/uploads", {"name": "fine", "version": name}, "version"),
    ]
    if name not in (" ", "a#b", "a\u202eb"):
        cases.append((uploads, {"filename": name, "content_type": "text/plain"}, "filename"))
    problems = []
    for path, body, field in cases:
        answer = send(place, "POST", path, json.dumps(body).encode())
        problems.append(refused(answer, f"{path} {field}={name!r}", naming=field))

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_answers_to_bad_input_are_in_the_contract(place: Place, document: Json) -> None:
    for method, path, _ in with_json(document):
        answer = send(place, method, path, b"{")
        if template_of(method, place.filled(path)):
            assert_answers(method, place.filled(path), answer.status_code, answer.json())


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("content", [b'{"a": Infinity}', b'{"a": -Infinity}', b'{"a": 1e400}', b'{"a":1}' + b"\x00"])
def test_number_that_json_does_not_have_is_refused(place: Place, document: Json, content: bytes) -> None:
    problems = [
        refused(send(place, method, path, content), f"{method} {path}") for method, path, _ in with_json(document)
    ]

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_number_beyond_64_bits_is_refused_by_its_field(place: Place, document: Json) -> None:
    problems = []
    for method, path, schema in with_json(document):
        for name, declared in schema.get("properties", {}).items():
            if resolved(document, declared).get("type") == "integer":
                answer = send(place, method, path, json.dumps({name: 10**400}).encode())
                problems.append(refused(answer, f"{method} {path} {name}", naming=name))

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_field_that_comes_twice_is_refused_by_its_name(place: Place, document: Json) -> None:
    problems = [
        refused(send(place, method, path, b'{"twice": 1, "twice": 2}'), f"{method} {path}", naming="twice")
        for method, path, _ in with_json(document)
    ]

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
def test_query_parameter_that_comes_twice_or_is_unknown_is_refused_by_its_name(place: Place, document: Json) -> None:
    problems = []
    for method, path, operation in operations(document):
        content = b"{}" if body_of(operation) else None
        known = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        queries = [(name, f"{name}=1&{name}=2") for name in known] + [("no_such", "no_such=1")]
        for name, query in queries:
            if method == "GET" or content or name == "no_such":
                answer = send(place, method, f"{place.filled(path)}?{query}", content)
                problems.append(refused(answer, f"{method} {path} {query}", naming=name))

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "nonsense", ""])
def test_content_of_another_type_is_refused(place: Place, document: Json, kind: str) -> None:
    problems = [
        refused(send(place, method, path, b"<a/>", **{"Content-Type": kind}), f"{method} {path}", (400, 415, 422))
        for method, path, _ in with_json(document)
    ]

    assert not list(filter(None, problems))


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("trick", ["%00", "%2e%2e", "a%2Fb", "%ED%A0%80", "x" * 3000])
def test_no_id_in_a_path_is_read_as_another(place: Place, document: Json, trick: str) -> None:
    """Whichever part of the path it is, whatever the method."""
    problems = []
    for method, path, operation in operations(document):
        for part in {part for part in path.split("/") if part.startswith("{")}:
            target = place.filled(path.replace(part, trick, 1))
            answer = send(place, method, target, b"{}" if body_of(operation) else None)
            problems.append(refused(answer, f"{method} {path} {part}={trick[:20]}", (400, 404, 405, 409, 422)))

    assert not list(filter(None, problems))
