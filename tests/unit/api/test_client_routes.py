"""Every route that the official client has and the contract lists, called once through the client's generated classes."""

import inspect
import io
import itertools
import re
import typing
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import save

from batch.serving.app import create_app as data_app
from core.batches import set_status
from core.status import TaskStatus
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from core.stores.vectors import Vectors
from core.tenancy import Scope
from functions.api.app import create_app
from functions.api.openapi import shape
from infra.local.gateway import Gateway
from tests import official as mixpeek
from tests.contract.schemas import contract
from tests.served import served
from tests.unit.api.whole import SCHEMA, Place, new_place, new_tenant
from tests.unit.core.samples import FILES, HereInspector

Json = dict[str, Any]
Call = dict[str, Any]
MODEL = {"version": "1.0.0", "model_format": "safetensors"}
WEIGHTS = save({"w": np.ones((2, 3), np.float32)})
EXTRACTOR = {"feature_extractor_name": "passthrough_extractor", "version": "v1"}
BLOB = {"property": "text", "type": "text", "data": "rain"}
NONE_SERVES = {"post /v1/inference"}
"""No replica runs here: the client must be told so in its own exception."""

SENDS = r"def (_\w+_serialize)\(.*?method='(\w+)',\s+resource_path='([^']+)'"

numbers = itertools.count(1)


def client_routes() -> dict[str, tuple[str, str, list[str]]]:
    """By the contract's method and path: the class, the method, and its path parameters in order."""
    found: dict[str, tuple[str, str, list[str]]] = {}
    wanted = {
        f"{method} {shape(path)}"
        for path, methods in contract()["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict)
    }
    for class_name, called, method, path in sorted(client_methods()):
        route = f"{method.lower()} {shape(path)}"
        if route in wanted:
            name = called[1 : -len("_serialize")]
            found.setdefault(route, (class_name, name, re.findall(r"{(\w+)}", path)))
    return found


def client_methods() -> Iterator[tuple[str, str, str, str]]:
    """Class, method, HTTP method and path of all that the client calls, read without importing it."""
    package = find_spec("mixpeek")
    assert package and package.origin
    for file in Path(package.origin).parent.glob("api/*_api.py"):
        text = file.read_text(encoding="utf-8")
        (class_name,) = re.findall(r"^class (\w+Api)\b", text, re.M)
        for name, method, path in re.findall(SENDS, text, re.S):
            yield class_name, name, method, path


ROUTES = client_routes()


class World:
    """A platform behind a socket, an organization's own things, and namespaces in it."""

    def __init__(self, stores: Stores, api: Any, tenant: Any) -> None:
        self.stores, self.api, self.tenant = stores, api, tenant
        self.shared = self.new_place()
        self.plugin_id = self.publish_plugin()
        self.model_id = self.publish_model()
        tenant.ok("POST", "/v1/organizations/secrets", {"secret_name": "token", "secret_value": "s"})

    def new_place(self) -> Place:
        return new_place(self.stores, self.tenant, f"place-{next(numbers)}")

    def put(self, made: Json, data: bytes) -> str:
        """PUT to what a presign answered; the upload's id."""
        bucket = self.stores.settings.plugin_bucket
        self.stores.blobs.put(BlobRef(bucket, made["s3_key"]), data)
        return str(made["upload_id"])

    def plugin_upload(self, root: str) -> str:
        name = f"made_{next(numbers)}"
        made = self.tenant.ok("POST", f"{root}/uploads", {"name": name, "version": "1.0.0"})
        return self.put(made, archive(name))

    def publish_plugin(self) -> str:
        upload_id = self.plugin_upload("/v1/plugins")
        return str(self.tenant.ok("POST", f"/v1/plugins/uploads/{upload_id}/confirm")["plugin_id"])

    def model_upload(self) -> str:
        made = self.tenant.ok("POST", "/v1/models/uploads", MODEL | {"name": f"made_{next(numbers)}"})
        return self.put(made, WEIGHTS)

    def publish_model(self) -> str:
        return str(self.tenant.ok("POST", f"/v1/models/uploads/{self.model_upload()}/confirm")["model_id"])

    def enabled(self, place: Place, kind: str, item: str) -> str:
        self.tenant.ok("POST", f"/v1/namespaces/{place.namespace}/{kind}/org/{item}/enable", {"deploy": False})
        return item

    def bucket_upload(self, place: Place) -> str:
        base = f"/v1/buckets/{place.ids['bucket_identifier']}/uploads"
        asked = {"filename": f"{next(numbers)}.txt", "content_type": "text/plain", "blob_property": "text"}
        made = place.api.ok("POST", base, asked)
        key = re.match(r"https?://[^/]+/(.+?)\?", made["presigned_url"])
        assert key
        bucket = self.stores.settings.object_bucket
        self.stores.blobs.put(BlobRef(bucket, key[1].removeprefix(f"{bucket}/")), b"rain", "text/plain")
        return str(made["upload_id"])


def archive(name: str) -> bytes:
    """A plugin of this name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for file, content in FILES.items():
            written.writestr(file, content.replace("my_extractor", name))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def world(module_moto_stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The platform, and the client's way to it."""
    app = app_of(module_moto_stores, tmp_path_factory.mktemp("vectors"))
    tenant = new_tenant(module_moto_stores, TestClient(app))
    with served(app, lifespan=False) as address, mixpeek.ApiClient(mixpeek.Configuration(host=address)) as api:
        api.set_default_header("Authorization", f"Bearer {tenant.secret}")
        yield World(module_moto_stores, api, tenant)


def app_of(stores: Stores, folder: Path) -> Gateway:
    """The gateway; nothing here sends the events that uploads are scanned by, so nothing waits for them."""
    settings = stores.settings.model_copy(update={"data_uri": str(folder), "scan_wait_s": 0.05})
    mine = type(stores)(**{f: getattr(stores, f) for f in stores.__slots__} | {"settings": settings})
    return Gateway(create_app(mine, HereInspector()), data_app(mine, Vectors.at(settings), settings))


def fresh(_world: World, place: Place) -> Json:
    """Bodies that need nothing but a name that is new."""
    n = next(numbers)
    ids = place.ids
    bucket, collection = ids["bucket_identifier"], ids["collection_identifier"]
    stage = {
        "stage_name": "all",
        "config": {"stage_id": "attribute_filter", "parameters": {"field": "text", "operator": "eq", "value": "hi"}},
    }
    upload = {"filename": f"{n}.txt", "content_type": "text/plain"}
    plugin = {"name": f"plugin_{n}", "version": "1.0.0"}
    return {
        "post /v1/namespaces": {"namespace_name": f"n-{n}", "feature_extractors": [EXTRACTOR]},
        "patch /v1/namespaces/{}": {"description": "d"},
        "put /v1/namespaces/{}": {"description": "d"},
        "post /v1/buckets": {"bucket_name": f"b-{n}", "bucket_schema": SCHEMA},
        "patch /v1/buckets/{}": {"description": "d"},
        "put /v1/buckets/{}": {"description": "d"},
        "post /v1/buckets/{}/objects": {"blobs": [BLOB]},
        "post /v1/buckets/{}/objects/batch": {"objects": [{"blobs": [BLOB]}]},
        "patch /v1/buckets/{}/objects/{}": {"title": "two"},
        "post /v1/buckets/{}/uploads": upload,
        "post /v1/buckets/{}/uploads/batch": {"uploads": [upload]},
        "post /v1/buckets/{}/uploads/{}/confirm": {},
        "post /v1/buckets/{}/batches": {"object_ids": [ids["object_identifier"]]},
        "patch /v1/buckets/{}/batches/{}": {"metadata": {"run": 1}},
        "post /v1/buckets/{}/batches/{}/objects": {"object_ids": [ids["object_identifier"]]},
        "post /v1/buckets/{}/batches/{}/retry": {"retry_mode": "all"},
        "post /v1/collections": {
            "collection_name": f"collection-{n}",
            "source": {"type": "bucket", "bucket_ids": [bucket]},
            "feature_extractor": EXTRACTOR,
        },
        "patch /v1/collections/{}": {"description": "d"},
        "post /v1/collections/{}/documents": {"collection_id": collection, "text": "snow"},
        "patch /v1/collections/{}/documents/{}": {"title": "two"},
        "put /v1/collections/{}/documents/{}": {"title": "three"},
        "post /v1/collections/{}/documents/batch": {
            "updates": [{"document_id": ids["document_id"], "update_data": {"title": "four"}}]
        },
        "delete /v1/collections/{}/documents/batch": {"document_ids": [ids["document_id"]]},
        "post /v1/retrievers": {
            "retriever_name": f"r-{n}",
            "collection_identifiers": [collection],
            "stages": [stage],
            "input_schema": {},
        },
        "patch /v1/retrievers/{}": {"description": "d"},
        "post /v1/retrievers/{}/execute": {"inputs": {}},
        "post /v1/retrievers/execute": {
            "collection_identifiers": [collection],
            "input_schema": {},
            "inputs": {},
            "stages": [stage],
        },
        "post /v1/organizations/users/{}/api-keys": {"name": f"key-{n}-made"},
        "patch /v1/organizations/users/{}/api-keys/{}": {"description": "d"},
        "post /v1/organizations/secrets": {"secret_name": f"s{n}", "secret_value": "v"},
        "put /v1/organizations/secrets/{}": {"secret_value": "w"},
        "post /v1/namespaces/{}/plugins/uploads": plugin,
        "post /v1/plugins/uploads": plugin,
        "post /v1/namespaces/{}/plugins/reconfigure": {"confirm": True},
        "post /v1/namespaces/{}/plugins/{}/realtime/test": {"inputs": {"text": "a"}},
        "post /v1/models/uploads": MODEL | {"name": f"model_{n}"},
        "post /v1/inference": {"feature_uri": "mixpeek://my_extractor@1.0.0", "inputs": {"text": "a"}},
    }


def failed_batch(world: World, place: Place) -> str:
    """A batch that ended with a failed row."""
    org_id = world.tenant.ok("GET", f"/v1/namespaces/{place.namespace}/plugins/{place.ids['plugin_id']}")["plugin"][
        "organization_id"
    ]
    scope, bucket, batch = Scope(org_id, place.namespace), place.ids["bucket_identifier"], place.ids["batch_id"]
    for status in (TaskStatus.PROCESSING, TaskStatus.COMPLETED_WITH_ERRORS):
        set_status(world.stores, scope, bucket, batch, status)
    row = {"object_id": place.ids["object_identifier"], "collection_id": "c", "tier_num": 0, "error_type": "network"}
    row |= {"document_id": "doc_1", "message": "none", "step": None, "retry_count": 0}
    world.stores.records.put_many([Entry(scope.key("failed", batch), "00#c#000000", {"failed": [row]})])
    return batch


def draft(_world: World, place: Place) -> str:
    """A batch that was not submitted."""
    made = place.api.ok(
        "POST",
        f"/v1/buckets/{place.ids['bucket_identifier']}/batches",
        {"object_ids": [place.ids["object_identifier"]]},
    )
    return str(made["batch_id"])


def ended(_world: World, place: Place) -> str:
    """A batch that was canceled."""
    place.api.ok("POST", f"/v1/buckets/{place.ids['bucket_identifier']}/batches/{place.ids['batch_id']}/cancel")
    return place.ids["batch_id"]


PREPARED: Mapping[str, Callable[[World, Place], Json]] = {
    "post /v1/buckets/{}/batches/{}/objects": lambda w, p: {"batch_id": draft(w, p)},
    "post /v1/buckets/{}/batches/{}/submit": lambda w, p: {"batch_id": draft(w, p)},
    "post /v1/buckets/{}/batches/{}/retry": lambda w, p: {"batch_id": failed_batch(w, p)},
    "delete /v1/buckets/{}/batches/{}": lambda w, p: {"batch_id": ended(w, p)},
    "delete /v1/namespaces/{}": lambda w, p: {"namespace_id": p.namespace, "ended": ended(w, p)},
    "post /v1/buckets/{}/uploads/{}/confirm": lambda w, p: {"upload_id": w.bucket_upload(p)},
    "post /v1/buckets/{}/uploads/confirm/batch": lambda w, p: {
        "body": {"confirmations": [{"upload_id": w.bucket_upload(p)}]}
    },
    "post /v1/namespaces/{}/plugins/uploads/{}/confirm": lambda w, p: {
        "upload_id": w.plugin_upload(f"/v1/namespaces/{p.namespace}/plugins")
    },
    "post /v1/plugins/uploads/{}/confirm": lambda w, p: {"upload_id": w.plugin_upload("/v1/plugins")},
    "post /v1/models/uploads/{}/confirm": lambda w, p: {"upload_id": w.model_upload()},
    "post /v1/namespaces/{}/plugins": lambda w, p: {
        "file": ("made.zip", archive("posted")),
        "name": "posted",
        "version": "1.0.0",
    },
    "post /v1/namespaces/{}/models": lambda w, p: MODEL | {"file": ("w.bin", WEIGHTS), "name": "posted"},
    "post /v1/namespaces/{}/plugins/org/{}/enable": lambda w, p: {"plugin_id": w.plugin_id},
    "post /v1/namespaces/{}/plugins/org/{}/disable": lambda w, p: {"plugin_id": w.enabled(p, "plugins", w.plugin_id)},
    "post /v1/namespaces/{}/models/org/{}/enable": lambda w, p: {"model_id": w.model_id},
    "post /v1/namespaces/{}/models/org/{}/disable": lambda w, p: {"model_id": w.enabled(p, "models", w.model_id)},
    "get /v1/namespaces/{}/models/{}": lambda w, p: {"model_id": w.enabled(p, "models", w.model_id)},
    "post /v1/namespaces/{}/models/{}/deploy": lambda w, p: {"model_id": w.enabled(p, "models", w.model_id)},
    "delete /v1/namespaces/{}/models/{}": lambda w, p: {"model_id": w.enabled(p, "models", w.model_id)},
    "get /v1/plugins/{}": lambda w, p: {"plugin_id": w.plugin_id},
    "get /v1/models/{}": lambda w, p: {"model_id": w.model_id},
    "delete /v1/plugins/{}": lambda w, p: {"plugin_id": w.publish_plugin()},
    "delete /v1/models/{}": lambda w, p: {"model_id": w.publish_model()},
    "put /v1/organizations/secrets/{}": lambda w, p: {"secret_name": "token"},
    "delete /v1/organizations/secrets/{}": lambda w, p: {"secret_name": secret(w)},
}
ENDS_OTHERS = ("delete ", "cancel", "rotate", "retry", "put /v1/collections/{}/documents")


def secret(world: World) -> str:
    """A secret of its own."""
    name = f"s{next(numbers)}"
    world.tenant.ok("POST", "/v1/organizations/secrets", {"secret_name": name, "secret_value": "v"})
    return name


def test_the_client_has_most_of_the_contract() -> None:
    assert len(ROUTES) >= 110


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_client_calls_it_and_reads_the_answer(world: World, route: str) -> None:
    place = world.new_place() if any(word in route for word in ENDS_OTHERS) else world.shared
    class_name, name, in_path = ROUTES[route]
    function = getattr(getattr(mixpeek, class_name)(world.api), name)
    given = PREPARED[route](world, place) if route in PREPARED else {}

    arguments = arguments_of(world, place, route, function, in_path, given)

    if route in NONE_SERVES:
        with pytest.raises(mixpeek.exceptions.ApiException) as told:
            function(**arguments)
        assert told.value.status in (404, 503)
    else:
        function(**arguments)


def arguments_of(world: World, place: Place, route: str, function: Any, in_path: list[str], given: Json) -> Json:
    """What to call the client's method with: things that exist, and the body that the route needs."""
    signature = inspect.signature(function).parameters
    known = dict(zip(in_path, theirs(route), strict=True))
    path = route.partition(" ")[2]
    arguments = {n: given.get(known[n]) or place.id_of(known[n], path_of(route)) for n in in_path}
    assert all(arguments.values()), f"{path} needs {arguments}"
    if "x_namespace" in signature:
        arguments["x_namespace"] = place.namespace
    body = given.get("body", fresh(world, place).get(route))
    for name, parameter in signature.items():
        if name.endswith(("_request", "request_body")) and not name.startswith("_"):
            required = parameter.default is inspect.Parameter.empty
            if body is not None:
                arguments[name] = as_model(parameter.annotation, body)
            assert not required or body is not None, f"{route} needs a body"
        elif name in given and name not in arguments:
            arguments[name] = given[name]
    return arguments


def path_of(route: str) -> str:
    """The contract's path of a route."""
    method, _, wanted = route.partition(" ")
    return next(p for p, methods in contract()["paths"].items() if shape(p) == wanted and method in methods)


def theirs(route: str) -> list[str]:
    """The contract's names of the parameters in the path."""
    return re.findall(r"{(\w+)}", path_of(route))


def as_model(annotation: Any, body: Json) -> Any:
    """The body as the client's own class, where it has one."""
    for option in (annotation, *typing.get_args(annotation)):
        if hasattr(option, "from_dict"):
            return option.from_dict(body)
    return body
