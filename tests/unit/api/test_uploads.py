"""Routes of uploads."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests

from core.arrivals import register_file
from core.buckets import find_bucket
from core.confirmations import confirm_upload
from core.stores import Stores
from core.stores.blobs import BlobRef
from tests.unit.api.conftest import Api
from tests.unit.api.test_objects import scope_of

SCHEMA = {"properties": {"text": {"type": "text"}, "picture": {"type": "image"}, "title": {"type": "string"}}}
UPLOADS = "/v1/buckets/docs/uploads"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(40)


@pytest.fixture
def docs(api: Api) -> Api:
    """A tenant with a bucket `docs`."""
    api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA})
    return api


def asked(filename: str = "a.txt", content_type: str = "text/plain", **more: Any) -> dict[str, Any]:
    return {"filename": filename, "content_type": content_type, **more}


def put(upload: dict[str, Any], data: bytes) -> None:
    requests.put(upload["presigned_url"], data=data, timeout=100).raise_for_status()


def test_file_is_put_confirmed_and_becomes_an_object(docs: Api, moto_stores: Stores) -> None:
    upload = docs.ok("POST", UPLOADS, asked("über uns.txt", object_metadata={"title": "T"}, metadata={"page": 3}))
    put(upload, "grüße".encode())

    confirmed = docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm", {})

    assert upload["s3_key"].endswith(f"{upload['bucket_id']}/{upload['upload_id']}/über uns.txt")
    assert (confirmed["status"], confirmed["file_size_bytes"]) == ("COMPLETED", 7)
    made = docs.ok("GET", f"/v1/buckets/docs/objects/{confirmed['object_id']}")
    blob = made["blobs"][0]
    assert (made["title"], blob["property"], blob["type"]) == ("T", "text", "text")
    folder, _, name = upload["s3_key"].rpartition("/")
    etag = hashlib.md5("grüße".encode()).hexdigest()
    assert blob["url"] == f"s3://{moto_stores.settings.object_bucket}/{folder}/{etag}/{name}"
    assert blob["details"] | {"hash": None} == {
        "filename": "über uns.txt",
        "size_bytes": 7,
        "mime_type": "text/plain",
        "hash": None,
    }
    shown = docs.ok("GET", f"{UPLOADS}/{upload['upload_id']}?return_presigned_urls=true")
    assert (shown["status"], shown["object_id"], shown["presigned_url"]) == ("COMPLETED", made["object_id"], None)


def test_confirming_again_and_at_once_makes_one_object(docs: Api, moto_stores: Stores) -> None:
    upload = docs.ok("POST", UPLOADS, asked())
    put(upload, b"hello")
    scope = scope_of(docs, moto_stores)
    bucket = find_bucket(moto_stores, scope, "docs")

    with ThreadPoolExecutor(6) as pool:
        confirm = lambda _: confirm_upload(moto_stores, scope, bucket, upload["upload_id"]).object_id  # noqa: E731
        ids = set(pool.map(confirm, range(6)))

    assert ids == {docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm")["object_id"]}
    assert docs.ok("GET", "/v1/buckets/docs")["object_count"] == 1
    stats = docs.ok("POST", f"{UPLOADS}/list")["stats"]
    assert (stats["uploads_by_status"], stats["total_size_bytes"]) == ({"COMPLETED": 1}, 5)


def files(stores: Stores) -> dict[str, bytes]:
    """What lies in the bucket of objects, by the last part of its key."""
    refs = list(stores.blobs.each(stores.settings.object_bucket, ""))
    return {ref.key.rpartition("/")[2]: stores.blobs.get(ref) for ref in refs}


@pytest.mark.parametrize("makes_object", [True, False])
def test_what_was_confirmed_stays_whatever_is_put_later(docs: Api, moto_stores: Stores, makes_object: bool) -> None:
    upload = docs.ok("POST", UPLOADS, asked(blob_property="text", create_object_on_confirm=makes_object))
    put(upload, b"hello")
    docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm")
    assert files(moto_stores) == {"a.txt": b"hello"}

    put(upload, b"other")
    register_file(moto_stores, BlobRef(moto_stores.settings.object_bucket, upload["s3_key"]))

    assert files(moto_stores) == {"a.txt": b"hello"}
    assert docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm")["etag"] == hashlib.md5(b"hello").hexdigest()
    blob = {"property": "text", "type": "text", "upload_id": upload["upload_id"]}
    made = docs.ok("POST", "/v1/buckets/docs/objects", {"blobs": [blob]})
    assert moto_stores.blobs.get(BlobRef.parse(made["blobs"][0]["url"])) == b"hello"


def test_file_that_is_refused_leaves_no_copy(docs: Api, moto_stores: Stores) -> None:
    upload = docs.ok("POST", UPLOADS, asked("b.png", "image/png", blob_property="picture"))
    put(upload, b"this is text")

    docs.fails(422, "POST", f"{UPLOADS}/{upload['upload_id']}/confirm")

    assert [ref.key for ref in moto_stores.blobs.each(moto_stores.settings.object_bucket, "")] == [upload["s3_key"]]


def test_content_decides_the_type_not_the_name(docs: Api) -> None:
    picture = docs.ok("POST", UPLOADS, asked("a.txt", "image/png", blob_property="picture", blob_type="IMAGE"))
    put(picture, PNG)
    assert docs.ok("POST", f"{UPLOADS}/{picture['upload_id']}/confirm")["status"] == "COMPLETED"

    wrong = docs.ok("POST", UPLOADS, asked("b.png", "image/png", blob_property="picture"))
    put(wrong, b"this is text")

    message = docs.fails(422, "POST", f"{UPLOADS}/{wrong['upload_id']}/confirm")
    assert "is text/plain; 'picture' takes image" in message
    assert docs.ok("GET", "/v1/buckets/docs")["object_count"] == 1


@pytest.mark.parametrize(
    ("confirmation", "said"),
    [
        ({"file_size_bytes": 4}, "file_size_bytes is 4; the uploaded file has 5 bytes"),
        ({"etag": "abc"}, "etag is 'abc'"),
        ({"size": 5}, "size: there is no such field"),
    ],
)
def test_file_that_differs_from_what_was_said_is_refused(docs: Api, confirmation: dict[str, Any], said: str) -> None:
    upload = docs.ok("POST", UPLOADS, asked())
    put(upload, b"hello")

    assert said in docs.fails(422, "POST", f"{UPLOADS}/{upload['upload_id']}/confirm", confirmation)
    etag = hashlib.md5(b"hello").hexdigest()
    right = {"etag": f'"{etag}"', "file_size_bytes": 5}
    assert docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm", right)["status"] == "COMPLETED"


def test_confirm_before_the_put_says_what_to_do(docs: Api) -> None:
    upload = docs.ok("POST", UPLOADS, asked())

    assert "PUT it" in docs.fails(400, "POST", f"{UPLOADS}/{upload['upload_id']}/confirm", {})
    put(upload, b"")
    assert "is empty" in docs.fails(422, "POST", f"{UPLOADS}/{upload['upload_id']}/confirm", {})
    docs.fails(404, "POST", f"{UPLOADS}/upl_unknown/confirm", {})


def test_hash_is_held_against_the_file_and_finds_duplicates(docs: Api) -> None:
    digest = hashlib.sha256(b"hello").hexdigest()
    upload = docs.ok("POST", UPLOADS, asked(file_hash=digest))
    put(upload, b"hallo")
    assert "file_hash" in docs.fails(422, "POST", f"{UPLOADS}/{upload['upload_id']}/confirm")
    put(upload, b"hello")
    object_id = docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm")["object_id"]

    again = docs.ok("POST", UPLOADS, asked(file_hash=digest))

    assert (again["is_duplicate"], again["duplicate_of_upload_id"]) == (True, upload["upload_id"])
    assert (again["existing_object_id"], again["presigned_url"], again["status"]) == (object_id, None, "COMPLETED")
    anyway = docs.ok("POST", UPLOADS, asked(file_hash=digest, skip_duplicates=False))
    assert anyway["presigned_url"]


def test_batch_of_uploads_is_created_and_confirmed(docs: Api) -> None:
    body = {
        "uploads": [asked(f"{i}.txt") for i in range(20)],
        "shared_object_metadata": {"title": "all"},
        "shared_metadata": {"run": 1},
    }
    made = docs.ok("POST", f"{UPLOADS}/batch", body)
    assert made["total"] == 20
    for upload in made["uploads"][1:]:
        put(upload, b"hello")

    answer = docs.ok(
        "POST", f"{UPLOADS}/confirm/batch", {"confirmations": [{"upload_id": u["upload_id"]} for u in made["uploads"]]}
    )

    assert (answer["status"], answer["confirmations_count"]) == ("COMPLETED_WITH_ERRORS", 20)
    outputs = docs.ok("GET", f"/v1/tasks/{answer['task_id']}")["outputs"]
    assert [o["status"] for o in outputs] == ["FAILED"] + ["COMPLETED"] * 19
    assert "PUT it" in outputs[0]["error"]
    objects = docs.ok("POST", "/v1/buckets/docs/objects/list", {"filters": {"title": "all"}})["results"]
    assert len(objects) == 10
    assert objects[0]["blobs"][0]["properties"]["run"] == 1


def test_list_and_delete(docs: Api, moto_stores: Stores) -> None:
    made = docs.ok("POST", f"{UPLOADS}/batch", {"uploads": [asked(f"{i}.txt") for i in range(3)]})["uploads"]
    put(made[0], b"hello")

    page = docs.ok("POST", f"{UPLOADS}/list", {"limit": 2, "return_presigned_urls": True})
    assert [u["filename"] for u in page["results"]] == ["0.txt", "1.txt"]
    assert all(u["presigned_url"] for u in page["results"])
    assert page["stats"]["uploads_by_status"] == {"PENDING": 3}
    docs.ok("DELETE", f"{UPLOADS}/{made[0]['upload_id']}")
    docs.fails(404, "GET", f"{UPLOADS}/{made[0]['upload_id']}")
    assert list(moto_stores.blobs.each(moto_stores.settings.object_bucket, "")) == []
    assert docs.ok("POST", f"{UPLOADS}/list", {"search": "2.TXT"})["stats"]["total_uploads"] == 2


def test_unique_key_that_is_taken_skips_the_object(api: Api) -> None:
    api.ok("POST", "/v1/buckets", {"name": "docs", "bucket_schema": SCHEMA, "unique_key": {"fields": ["title"]}})
    first, second = (api.ok("POST", UPLOADS, asked(object_metadata={"title": "A"})) for _ in range(2))
    for upload in (first, second):
        put(upload, b"hello")

    kept = api.ok("POST", f"{UPLOADS}/{first['upload_id']}/confirm")["object_id"]

    assert api.ok("POST", f"{UPLOADS}/{second['upload_id']}/confirm")["object_id"] == kept
    assert api.ok("GET", f"{UPLOADS}/{second['upload_id']}")["skipped_unique_key"] is True
    assert api.ok("GET", "/v1/buckets/docs")["object_count"] == 1


def test_object_may_name_an_upload_as_its_blob(docs: Api) -> None:
    upload = docs.ok(
        "POST", UPLOADS, asked("p.png", "image/png", blob_property="picture", create_object_on_confirm=False)
    )
    blob = {"property": "picture", "type": "image", "upload_id": upload["upload_id"]}
    assert "PUT it" in docs.fails(400, "POST", "/v1/buckets/docs/objects", {"blobs": [blob]})
    put(upload, PNG)
    assert docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm")["object_id"] is None

    made = docs.ok("POST", "/v1/buckets/docs/objects", {"blobs": [blob], "title": "T"})

    assert made["blobs"][0]["details"]["mime_type"] == "image/png"
    assert "upload_id" in docs.fails(422, "POST", "/v1/buckets/docs/objects", {"blobs": [blob | {"data": "x"}]})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (asked("../a.txt"), "filename is '../a.txt'"),
        (asked("a\0.txt"), "filename: it holds a NUL"),
        (asked("n" * 256), "filename"),
        (asked(blob_property="body"), "no property 'body'"),
        (asked(blob_property="text", blob_type="image"), "says that 'text' is 'text'"),
        (asked(object_metadata={"title": 1}), "object_metadata.title is 1, not of type string"),
        (asked(presigned_url_expiration=59), "presigned_url_expiration"),
        (asked(file_hash="x"), "file_hash"),
        (asked(file_size_bytes="5"), "file_size_bytes: Input should be a valid integer"),
        (asked("a.bin", "application/zip"), "2 that hold blobs"),
    ],
)
def test_wrong_upload_is_refused_by_the_field(docs: Api, body: dict[str, Any], said: str) -> None:
    assert said in docs.fails(422, "POST", UPLOADS, body)
    assert docs.ok("POST", f"{UPLOADS}/list")["stats"]["total_uploads"] == 0


def test_upload_that_an_object_names_goes_without_its_file(docs: Api, moto_stores: Stores) -> None:
    upload = docs.ok("POST", UPLOADS, asked(create_object_on_confirm=False))
    put(upload, b"hello")
    blob = {"property": "text", "type": "text", "upload_id": upload["upload_id"]}
    made = docs.ok("POST", "/v1/buckets/docs/objects", {"blobs": [blob]})

    docs.ok("DELETE", f"{UPLOADS}/{upload['upload_id']}")

    ref = BlobRef.parse(made["blobs"][0]["url"])
    assert moto_stores.blobs.get(ref) == b"hello"
    assert "There is no upload" in docs.fails(404, "GET", f"{UPLOADS}/{upload['upload_id']}")


def test_confirmation_beyond_the_quota_leaves_no_copy_and_can_be_repeated(docs: Api, moto_stores: Stores) -> None:
    upload = docs.ok("POST", UPLOADS, asked())
    put(upload, b"hello")
    before, app = files(moto_stores), docs.client.app
    app.state.stores = replace(moto_stores, settings=moto_stores.settings.model_copy(update={"max_objects": 0}))

    docs.fails(403, "POST", f"{UPLOADS}/{upload['upload_id']}/confirm", {})

    assert files(moto_stores) == before
    app.state.stores = moto_stores
    assert docs.ok("POST", f"{UPLOADS}/{upload['upload_id']}/confirm", {})["object_id"]
