"""The broker: files, models and secrets of the plugin's own tenant reach its host, nobody else's, and no secret is ever told."""

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import save

from batch import assets
from batch.broker import broker_of
from batch.model_cache import model_file
from core.models import archive_ref, get_model
from core.organizations import create_organization
from core.stores import Stores
from core.tenancy import Scope
from functions.api.app import create_app
from plugin_sdk.errors import HostFailed, InvalidArchive, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, PluginHost, Zygote
from tests.unit.plugin_sdk.folders import write_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")

WEIGHTS = save({"w": np.arange(6, dtype=np.float32).reshape(2, 3), "empty": np.zeros((0, 3), np.int64)})
TOKEN = "tok-'zqj\"8e7d/6c+5b"
FILES = {
    "manifest.py": """
        metadata = {"feature_extractor_name": "probe", "version": "1.0.0", "description": "x", "category": "text"}
        output_schema = {"type": "object", "properties": {"label": {"type": "string"}}}
        features = []
    """,
    "pipeline.py": """
        from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps
        from .processor import Processor
        def build_steps(extractor_request):
            steps = [StepDefinition(service_class=Processor, batch_size=1)]
            return {"steps": build_pipeline_steps(PipelineDefinition(name="probe", version="1.0.0", steps=steps))}
    """,
    "processor.py": """
        from shared.models.loader import load_namespace_model
        from shared.plugins import get_secret
        class Processor:
            def __call__(self, batch):
                scope = {"batch": batch, "load_namespace_model": load_namespace_model, "get_secret": get_secret}
                exec(batch["data"].iloc[0], scope)
                batch["label"] = [str(scope["found"])]
                return batch
    """,
    "realtime.py": """
        import os, sys
        from shared.models.loader import load_namespace_model
        from shared.plugins import get_secret, open_asset
        class RealtimeHandler:
            def predict(self, request):
                scope = globals()
                exec(request["code"], scope)
                return {"found": scope["found"]}
    """,
}


class Tenant:
    """An organization with a namespace, its caller of the API, and a host for the probe."""

    def __init__(self, client: TestClient, stores: Stores, name: str) -> None:
        self._client, self._stores = client, stores
        organization, key = create_organization(stores, name, f"{name}@example.org")
        self._headers = {"Authorization": f"Bearer {key}"}
        made = self.call("POST", "/v1/namespaces", {"namespace_name": "main"})
        self.scope = Scope(organization.org_id, made["namespace_id"])

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self._client.request(method, path, json=body, headers=self._headers, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def upload(self, name: str, data: bytes, model_format: str, place: str = "") -> str:
        """A model, registered by the API; its id."""
        announced = {"name": name, "version": "1.0.0", "model_format": model_format}
        path = place or f"/v1/namespaces/{self.scope.namespace_id}/models"
        if place:
            made = self.call("POST", f"{place}/uploads", announced)
            self._stores.blobs._client.put_object(
                Bucket=self._stores.settings.plugin_bucket, Key=made["s3_key"], Body=data
            )
            return str(self.call("POST", f"{place}/uploads/{made['upload_id']}/confirm")["model_id"])
        sent = self._client.post(path, files={"file": ("m.bin", data)}, data=announced, headers=self._headers)
        assert sent.status_code < 300, sent.text
        return str(sent.json()["model_id"])

    def host(self, zygote: Zygote, plugin: Path) -> PluginHost:
        host = zygote.start(plugin, name="probe", broker=broker_of(self._stores, self.scope, "probe_1_0_0"))
        host.open_realtime()
        return host


@pytest.fixture(scope="module")
def stores(moto_clients: Stores, module_moto_stores: Stores) -> Stores:
    return module_moto_stores


@pytest.fixture(scope="module")
def client(stores: Stores) -> Iterator[TestClient]:
    app = create_app(stores)
    app.state.stores = stores
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("probe"), FILES)


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(HostSettings(call_timeout_s=60, scratch_mb=16)) as running:
        yield running


@pytest.fixture(scope="module")
def ours(client: TestClient, stores: Stores) -> Tenant:
    tenant = Tenant(client, stores, "acme")
    tenant.upload("weights", WEIGHTS, "safetensors")
    tenant.call("POST", "/v1/organizations/secrets", {"secret_name": "TOKEN", "secret_value": TOKEN})
    return tenant


@pytest.fixture(scope="module")
def theirs(client: TestClient, stores: Stores) -> Tenant:
    return Tenant(client, stores, "other")


@pytest.fixture(scope="module")
def host(ours: Tenant, zygote: Zygote, plugin: Path) -> Iterator[PluginHost]:
    with ours.host(zygote, plugin) as running:
        yield running


@pytest.fixture(scope="module")
def their_host(theirs: Tenant, zygote: Zygote, plugin: Path) -> Iterator[PluginHost]:
    with theirs.host(zygote, plugin) as running:
        yield running


def tried(host: PluginHost, code: str) -> Any:
    return host.predict({"code": code})["found"]


def refused(host: PluginHost, code: str) -> str:
    with pytest.raises(PluginRaised) as raised:
        host.predict({"code": code})
    return f"{raised.value.problem}\n{raised.value.traceback}"


# Assets


def put(stores: Stores, key: str, data: bytes, bucket: str = "") -> str:
    """A file; its URL."""
    bucket = bucket or stores.settings.object_bucket
    stores.blobs._client.put_object(Bucket=bucket, Key=key, Body=data)
    return f"s3://{bucket}/{key}"


READ = "with open_asset({!r}) as file:\n    found = file.read().decode()"


def test_a_file_of_the_namespace_reaches_its_plugin(host, ours, stores):
    url = put(stores, f"{ours.scope.prefix}/bkt_1/a.txt", b"ours")

    assert tried(host, READ.format(url)) == "ours"


def test_a_file_of_anybody_else_is_refused_whether_it_is_there_or_not(host, ours, theirs, stores):
    elsewhere = Scope(ours.scope.org_id, "ns_elsewhere")
    urls = [
        put(stores, f"{theirs.scope.prefix}/bkt_1/a.txt", b"theirs"),
        put(stores, f"{elsewhere.prefix}/bkt_1/a.txt", b"of another namespace"),
        put(stores, f"{ours.scope.prefix}x/a.txt", b"of a namespace with a longer name"),
        put(stores, f"{ours.scope.prefix}/plugin_custom/a.zip", b"plugin", stores.settings.plugin_bucket),
        f"s3://{stores.settings.object_bucket}/{ours.scope.prefix}/../../{theirs.scope.prefix}/bkt_1/a.txt",
        f"s3://{stores.settings.object_bucket}/{theirs.scope.prefix}/nothing.txt",
        "s3://somebody-s-bucket/a.txt",
    ]
    before = host.handed.assets

    for url in urls:
        assert "is not a file of this namespace" in refused(host, READ.format(url)), url
    for url in ("file:///etc/passwd", "http://169.254.169.254/", "s3://", "/etc/passwd"):
        assert refused(host, READ.format(url)), url
    assert host.handed.assets == before


def test_a_file_over_the_limit_is_refused_and_never_cut_short(host, ours, stores, monkeypatch):
    monkeypatch.setattr(assets, "MAX_ASSET_BYTES", 2 << 20)
    fits = put(stores, f"{ours.scope.prefix}/bkt_1/fits", b"x" * (2 << 20))
    larger = put(stores, f"{ours.scope.prefix}/bkt_1/larger", b"x" * ((2 << 20) + 1))

    assert len(tried(host, READ.format(fits))) == 2 << 20
    assert "has more than 2 MiB" in refused(host, READ.format(larger))


# Models


@pytest.mark.parametrize("name", ["weights_1_0_0", "weights@1.0.0", "mixpeek://models/weights_1_0_0"])
def test_uploaded_tensors_reach_the_handler_under_each_name_of_the_model(host, name):
    found = tried(host, f"m = load_namespace_model({name!r}); found = [m['w'].tolist(), list(m['empty'].shape)]")

    assert found == [[[0, 1, 2], [3, 4, 5]], [0, 3]]


def test_tensors_are_the_plugin_s_own_to_change_and_the_cached_file_stays(host, ours, stores):
    code = "m = load_namespace_model('weights_1_0_0')['w']; m += 1; found = m.sum().item()"

    assert tried(host, code) == 21
    model = get_model(stores, ours.scope, "weights_1_0_0")
    assert model_file(stores.blobs, archive_ref(stores, model), model.sha256).read_bytes() == WEIGHTS
    assert tried(host, "m = load_namespace_model('weights_1_0_0')['w']; m -= 1; found = m.sum().item()") == 15


def test_a_model_reaches_the_steps_of_a_batch(host):
    host.open_pipeline(ExtractorRequest.of("probe", "1.0.0", {}, {}))
    rows = pa.table({"data": ["found = load_namespace_model('weights_1_0_0')['w'][1].tolist()"], "document_id": ["d"]})

    result = host.run(rows)

    assert result.failures == []
    assert result.table["label"].to_pylist() == ["[3.0, 4.0, 5.0]"]


def test_torch_files_and_archives_are_loaded_as_data(host, ours):
    import torch

    saved, packed = io.BytesIO(), io.BytesIO()
    torch.save({"a": torch.ones(3)}, saved)
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo("model/weights.safetensors")
        info.size = len(WEIGHTS)
        archive.addfile(info, io.BytesIO(WEIGHTS))
    ours.upload("torch_model", saved.getvalue(), "pytorch")
    ours.upload("archive", packed.getvalue(), "safetensors")

    assert tried(host, "found = load_namespace_model('torch_model_1_0_0')['a'].tolist()") == [1, 1, 1]
    assert tried(host, "found = load_namespace_model('archive_1_0_0')['w'].tolist()") == [[0, 1, 2], [3, 4, 5]]
    assert tried(host, "found = [n for n in os.listdir('/scratch') if 'model' in n]") == []


def test_the_organization_s_model_is_there_once_it_is_enabled(host, ours):
    model_id = ours.upload("shared_model", WEIGHTS, "safetensors", place="/v1/models")
    code = f"found = load_namespace_model({model_id!r})['w'].shape[0]"
    assert "There is no model 'shared_model_1_0_0' here" in refused(host, code)

    ours.call("POST", f"/v1/namespaces/{ours.scope.namespace_id}/models/org/{model_id}/enable")

    assert tried(host, code) == 2


@pytest.mark.parametrize("name", ["weights_1_0_0", "../org_1/weights_1_0_0", "x" * 9000, "\x00", "weights@0"])
def test_a_model_of_another_tenant_is_as_one_that_never_was(their_host, name):
    problem = "has 9000 characters" if len(name) == 9000 else "There is no model"
    assert problem in refused(their_host, f"found = load_namespace_model({name!r})")


def test_a_model_that_changed_in_the_bucket_is_never_loaded(stores, ours, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model_id = ours.upload("changed", save({"w": np.zeros(7, np.float32)}), "safetensors")
    model = get_model(stores, ours.scope, model_id)
    stores.blobs.put(archive_ref(stores, model), WEIGHTS)

    with pytest.raises(InvalidArchive, match="someone changed the file"):
        model_file(stores.blobs, archive_ref(stores, model), model.sha256)
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_the_cache_forgets_what_is_longest_unused(stores, ours, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refs = []
    for n in range(3):
        model_id = ours.upload(f"cached{n}", save({"w": np.full(1000, n, np.float32)}), "safetensors")
        model = get_model(stores, ours.scope, model_id)
        refs.append(model_file(stores.blobs, archive_ref(stores, model), model.sha256, max_cache_bytes=9_000))

    assert [path.exists() for path in refs] == [False, True, True]


# Secrets


def test_a_secret_of_the_organization_reaches_its_plugin(host):
    before = host.handed.secrets

    assert tried(host, "found = get_secret('TOKEN')") == TOKEN
    assert host.handed.secrets == before + 1


def test_a_secret_of_another_organization_is_as_one_that_never_was(their_host, host):
    text = refused(their_host, "found = get_secret('TOKEN')")

    assert "Your organization has no secret 'TOKEN'" in text
    assert text.replace("TOKEN", "NOTHING") == refused(host, "found = get_secret('NOTHING')")
    assert their_host.handed.secrets == 0
    assert their_host.handed.refused_questions > 0


@pytest.mark.parametrize(
    "code",
    [
        "print('header', t)",
        "sys.stderr.write(repr({'t': t}) + chr(10))",
        "import json; print(json.dumps([t]))",
        "import urllib.parse; print('http://x/?key=' + urllib.parse.quote(t), urllib.parse.quote_plus(t))",
        "os.write(1, t[:5].encode()); os.write(1, t[5:].encode() + bytes([10]))",
        "print(('-' * 99 + t) * 2000)",
    ],
)
def test_a_secret_that_a_plugin_prints_is_not_in_its_log(host, code):
    tried(host, f"t = get_secret('TOKEN'); {code}; found = 1")

    assert "zqj" not in host.log[-2000:]
    assert "***" in host.log[-2000:]


def test_a_secret_in_an_error_is_neither_in_its_text_nor_in_its_traceback(host):
    text = refused(host, "raise ValueError('bad key ' + get_secret('TOKEN'))")

    assert "bad key ***" in text
    assert "zqj" not in text


def test_a_secret_in_a_failed_row_is_not_in_the_task_s_records(host):
    host.open_pipeline(ExtractorRequest.of("probe", "1.0.0", {}, {}))
    rows = pa.table({"data": ["raise RuntimeError('401 for ' + get_secret('TOKEN'))"], "document_id": ["d"]})

    (failure,) = host.run(rows).failures

    assert "401 for ***" in failure.reason
    assert "zqj" not in failure.reason + failure.traceback


def test_a_secret_in_a_host_s_last_words_is_not_in_why_it_ended(ours, zygote, plugin):
    host = ours.host(zygote, plugin)
    with pytest.raises(HostFailed) as raised:
        host.predict({"code": "print('using', get_secret('TOKEN'), flush=True); os._exit(3)"})

    assert "using ***" in str(raised.value)
    assert "zqj" not in str(raised.value)


def test_each_hand_out_is_a_line_in_the_log_without_the_value(host, ours, caplog):
    with caplog.at_level("INFO", "batch.broker"):
        tried(host, "found = get_secret('TOKEN')")

    (line,) = [r for r in caplog.records if r.message == "secret given to a plugin"]
    assert (line.org_id, line.plugin, line.secret) == (ours.scope.org_id, "probe_1_0_0", "TOKEN")
    assert "zqj" not in str(line.__dict__)


def test_a_manifest_gets_neither_models_nor_secrets(zygote, tmp_path):
    write_files(tmp_path, FILES | {"manifest.py": "from shared.plugins import get_secret; get_secret('TOKEN')"})
    tmp_path.chmod(0o755)

    with zygote.start(tmp_path, name="probe") as host, pytest.raises(Exception, match="gives no secrets"):
        host.inspect()
