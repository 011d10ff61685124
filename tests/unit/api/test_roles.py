"""Each function's role, held against the calls that the function makes: it allows all of them, and nothing else."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest

from core import arrivals, namespaces, removal, upkeep, uploads
from core.buckets import Bucket, create_bucket
from core.collections import create_collection
from core.ids import now
from core.namespaces import create_namespace
from core.plugins import create_upload, upload_ref
from core.settings import Settings
from core.stores import Stores
from core.tenancy import Principal, Scope
from core.uploads import Upload, create_uploads, file_of
from functions.janitor import handler as janitor
from functions.scan import handler as scan
from functions.uploads import handler as arriving
from tests.unit.api.conftest import Api, NewTenant
from tests.unit.api.worlds import KEYS, OBJECT, SCHEMA, everything, fill, settle
from tests.unit.core.samples import FILES, SCOPE, published, zipped
from tests.unit.infra.iam import Need, actions, allows, recorded

LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
POLLING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
"""What Lambda itself does with a role whose function a queue calls."""


def assert_allowed(function: str, needs: list[Need], settings: Settings) -> None:
    mine = [n for n in needs if ":table/" not in n.resource or f":table/{settings.table_name}" in n.resource]
    refused = {n for n in mine if not allows(function, n, settings)}  # threads of other tests have tables of their own
    assert mine
    assert not refused, f"{function} may not do {refused}"


def assert_needed(function: str, needs: list[Need], own: set[str]) -> None:
    """Fail where the role allows what neither the calls nor `own` need; of its table a function may do what it likes."""
    asked = {action for action in actions(function) if not action.startswith("dynamodb:")}
    assert asked <= {n.action for n in needs} | own | {"s3:AbortMultipartUpload"}  # a copy that failed half-way


def event(bucket: str, *keys: str) -> dict[str, Any]:
    """SQS's message of S3's event."""
    records = [{"s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}}} for key in keys]
    return {"Records": [{"messageId": "m", "body": json.dumps({"Records": records})}]}


@pytest.fixture
def stores(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Stores:
    for module in (scan, arriving, janitor):
        monkeypatch.setattr(module, "stores", lambda: moto_stores)
    monkeypatch.setattr(arrivals, "QUIET_S", 0)
    return moto_stores


@pytest.fixture
def bucket(stores: Stores) -> Bucket:
    """A bucket that is processed on upload and feeds one collection."""
    published(stores)
    made = create_bucket(stores, SCOPE, "prose", bucket_schema=SCHEMA, process_on_upload=True)
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    create_collection(stores, SCOPE, "prose", {"type": "bucket", "bucket_ids": [made.bucket_id]}, extractor)
    return made


def upload_of(stores: Stores, bucket: Bucket, content: bytes | None, **asked: Any) -> Upload:
    """An upload and, unless its content is None, its file."""
    asked = {"filename": "a.txt", "content_type": "text/plain"} | asked
    upload = create_uploads(stores, SCOPE, bucket, [asked])[0][0]
    if content is not None:
        stores.blobs.put(file_of(stores, upload), content, "text/plain")
    return upload


def answer_messages(stores: Stores) -> None:
    """Let the uploads function take what waits for it, as Lambda does."""
    for message in stores.queues.receive(stores.settings.uploads_queue, wait_s=0):
        arriving.handler({"Records": [{"messageId": "m", "body": json.dumps(message.body)}]}, None)
        stores.queues.delete(message)


@pytest.mark.parametrize("scope", [Scope("org_1", "ns_1"), Scope("org_1", "organization")])
def test_scan_function(stores: Stores, scope: Scope) -> None:
    bucket = stores.settings.plugin_bucket
    archives = {"good": zipped(), "bad": zipped({**FILES, "evil.py": "import socket\n"})}
    made = {name: create_upload(stores, scope, f"{name}_one", "1.0.0").upload for name in archives}
    for name, data in archives.items():
        stores.blobs.put(upload_ref(stores, made[name]), data)
    keys = [upload.s3_key for upload in made.values()]

    with recorded() as needs:
        answers = [scan.handler(event(bucket, *keys, "uploads/org_1/ns_1/plu_0.zip"), None) for _ in range(2)]

    assert answers == [{"batchItemFailures": []}] * 2
    needs = [n for n in needs if n.action != "s3:ListBucket"]  # 403 of a file that is gone will do
    assert_allowed("ScanFunction", needs, stores.settings)
    assert_needed("ScanFunction", needs, LAMBDA | POLLING)


def test_uploads_function(stores: Stores, bucket: Bucket) -> None:
    made = [upload_of(stores, bucket, content) for content in (b"words", b"more", None)]
    keys = [upload.s3_key for upload in made]

    with recorded() as needs:
        arriving.handler(event(stores.settings.object_bucket, *keys), None)
        for _ in range(3):  # the window grows once, and closes
            answer_messages(stores)

    assert stores.queues.receive(stores.settings.jobs_queue, wait_s=0)
    assert_allowed("UploadsFunction", needs, stores.settings)
    assert_needed("UploadsFunction", needs, LAMBDA | POLLING)


def test_janitor_function(stores: Stores, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "GRACE_S", -2 * 86400)
    monkeypatch.setattr(upkeep, "SILENT", timedelta(0))
    monkeypatch.setattr(upkeep, "WINDOW_LOST_AFTER_S", -1)
    monkeypatch.setattr(removal, "DELAY_S", 0)
    for content, asked in ((None, {}), (b"words", {}), (b"wrong", {"file_size_bytes": 3})):
        upload_of(stores, bucket, content, **asked)

    principal = Principal(SCOPE.org_id, "", "")
    with monkeypatch.context() as patch:
        patch.setattr(namespaces, "now", lambda: now() - timedelta(hours=1))
        create_namespace(stores, principal, "short", ttl_seconds=60)

    done = []
    needs: list[Need] = []
    for _ in range(upkeep.REQUEUED_AT_MOST + 3):
        with recorded() as needed:
            done.append(janitor.handler({}, None))
        needs += needed
        answer_messages(stores)
        for message in stores.queues.receive(stores.settings.jobs_queue, wait_s=0):
            stores.queues.delete(message)  # nobody works on it

    assert all(sum(d[name] for d in done) for name in done[0]), done
    assert_allowed("JanitorFunction", needs, stores.settings)
    assert_needed("JanitorFunction", needs, LAMBDA)


def test_api_function(stores: Stores, publishing: Stores, new_tenant: NewTenant) -> None:
    settings, tenant = stores.settings, new_tenant()

    with recorded() as needs:
        settle(tenant)
        made = fill(tenant, stores.blobs, settings.plugin_bucket)
        everything(tenant)
        live(tenant, made)
        end(tenant, made)

    assert_allowed("ApiFunction", needs, settings)
    signed = [Need("s3:PutObject", f"arn:aws:s3:::{settings.object_bucket}/org/ns/bkt/upl/a.txt")]
    signed.append(Need("s3:GetObject", signed[0].resource))
    signed.append(Need("s3:PutObject", f"arn:aws:s3:::{settings.plugin_bucket}/uploads/org/ns/plu_0.zip"))
    signed.append(Need("lambda:InvokeFunction", "arn:aws:other:::InspectFunction"))
    assert_allowed("ApiFunction", signed, settings)
    assert_needed("ApiFunction", needs + signed, LAMBDA)


def live(tenant: Api, made: dict[str, str]) -> None:
    """What `fill` and `everything` do not ask for: deployments, secrets, health, counters, idempotent and limited calls."""
    root = f"/v1/namespaces/{tenant.namespace}"
    tenant.ok("GET", "/v1/health?metrics=true&deep=true")
    tenant.ok("POST", f"{root}/plugins/{made['plugin_id']}/deploy")
    tenant.ok("GET", f"{root}/plugins/{made['plugin_id']}?return_presigned_urls=true")
    tenant.ok("PUT", "/v1/organizations/secrets/token", {"secret_value": "other"})
    tenant.ok("POST", f"{KEYS}/ci/rotate")
    tenant.ok("PATCH", f"{KEYS}/ci", {"name": "ci2"})
    objects = {"objects": [OBJECT] * 30}
    tenant.ok("POST", "/v1/buckets/docs/objects/batch", objects, headers={"Idempotency-Key": "k"})
    tenant.ok("POST", "/v1/buckets/docs/objects", {"blobs": [{"property": "text", "type": "text", "data": "y"}]})
    tenant.ok("PATCH", "/v1/buckets/docs", {"description": "d"})


def end(tenant: Api, made: dict[str, str]) -> None:
    """Delete all of it."""
    root = f"/v1/namespaces/{tenant.namespace}"
    for path in (
        f"/v1/buckets/docs/objects/{made['object_identifier']}",
        f"/v1/buckets/docs/uploads/{made['bucket_upload']}",
        f"/v1/retrievers/{made['retriever_id']}",
        f"/v1/collections/{made['collection_identifier']}",
        "/v1/buckets/docs",
        f"{root}/plugins/{made['plugin_id']}",
        f"{root}/models/{made['model_id']}",
        "/v1/organizations/secrets/token",
        f"{KEYS}/ci2",
        root,
    ):
        assert tenant.call("DELETE", path).status_code < 300, path


def test_inspect_function_may_do_nothing() -> None:
    assert actions("InspectFunction") == set()


def test_roles_are_told_apart_by_what_they_hold(stores: Stores) -> None:
    settings = stores.settings
    stolen = Need("s3:GetObject", f"arn:aws:s3:::{settings.plugin_bucket}/org/ns/plugin_custom/a/1.0.0/0.zip")
    record = {"dynamodb:LeadingKeys": ("org_1#ns_1#plugin",)}
    table = f"arn:aws:dynamodb:::table/{settings.table_name}"

    assert allows("ApiFunction", stolen, settings)
    assert not allows("ScanFunction", stolen, settings)
    assert not allows("UploadsFunction", stolen, settings)
    for action in ("GetItem", "PutItem"):
        assert not allows("ScanFunction", Need(f"dynamodb:{action}", table, record), settings)
    assert not allows("UploadsFunction", Need("dynamodb:Query", f"{table}/index/by_index"), settings)
