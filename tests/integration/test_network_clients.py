"""What goes through a host's proxy: every HTTP client that plugins may use, and downloads of models from a hub."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest

from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, NetworkPolicy, PluginHost, Zygote
from plugin_sdk.host.network import allowances
from tests.integration import test_proxy
from tests.integration.test_walls import FILES, opened, tried
from tests.unit.plugin_sdk.folders import write_files

service = test_proxy.service
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HELD, FRESH = "models--acme--held", "acme/fresh"
PIPELINE = """
    from engine.plugins.extractors.pipeline import (
        PipelineDefinition, ResourceType, StepDefinition, build_pipeline_steps
    )
    class Processor:
        def __call__(self, batch):
            import requests
            batch["label"] = [requests.get(url).status_code for url in batch["data"]]
            batch["probe_embedding"] = [[1.0] * 4] * len(batch)
            return batch
    def build_steps(extractor_request):
        kind = ResourceType(extractor_request.extractor_config.parameters.get("kind", "CPU"))
        steps = [StepDefinition(service_class=Processor, resource_type=kind)]
        return {"steps": build_pipeline_steps(PipelineDefinition(name="probe", version="1.0.0", steps=steps))}
"""


class Hub(BaseHTTPRequestHandler):
    """A stand-in for a model hub: one repository with one file."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        data = b'{"from": "hub"}' if self.path.startswith(f"/{FRESH}/resolve/") else b""
        self.send_response(200 if data else 404)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", '"e1"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def hub() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def policy(service: test_proxy.Service, hub: ThreadingHTTPServer) -> NetworkPolicy:
    rules = f"api.test:80=127.0.0.1:{service.port},hub.test:80=127.0.0.1:{hub.server_address[1]}"
    return NetworkPolicy(allow=allowances(rules), connect_timeout_s=0.5, resolve=test_proxy.resolve)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model cache that has one model."""
    cache = tmp_path_factory.mktemp("cache")
    cache.chmod(0o755)
    write_files(
        cache,
        {f"hub/{HELD}/refs/main": COMMIT, f"hub/{HELD}/snapshots/{COMMIT}/config.json": '{"from": "cache"}'},
    )
    return cache


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("probe"), FILES | {"pipeline.py": PIPELINE})


@pytest.fixture(scope="module")
def zygote(policy: NetworkPolicy, cache: Path) -> Iterator[Zygote]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://hub.test")
        settings = HostSettings(call_timeout_s=60, model_cache=cache, model_downloads=True, network=policy)
        with Zygote(settings) as running:
            yield running


@pytest.fixture(scope="module")
def host(zygote: Zygote, plugin: Path) -> Iterator[PluginHost]:
    with opened(zygote, plugin) as host:
        yield host


def test_aiohttp_goes_through_the_proxy_with_and_without_being_told_to(host):
    pytest.importorskip("aiohttp")

    found = tried(
        host,
        """
        import aiohttp, asyncio
        async def get(**options):
            async with aiohttp.ClientSession(**options) as session:
                async with session.get("http://api.test/aio") as answer:
                    return (await answer.json(content_type=None))["path"]
        async def refused():
            async with aiohttp.ClientSession() as session:
                async with session.get("http://169.254.169.254/") as answer:
                    return answer.status
        found = [asyncio.run(get(trust_env=True)), asyncio.run(get()), asyncio.run(refused())]
        """,
    )

    assert found == ["/aio", "/aio", 403]


def test_urllib3_goes_through_the_proxy_that_the_environment_names(host):
    found = tried(
        host,
        """
        import urllib3
        answer = urllib3.ProxyManager(os.environ["HTTP_PROXY"]).request("GET", "http://api.test/three")
        found = json.loads(answer.data)["path"]
        """,
    )

    assert found == "/three"


def test_a_model_that_is_not_in_the_cache_is_downloaded_through_the_proxy(host, hub):
    connections = host.network_usage.connections

    found = tried(
        host,
        f"""
        import huggingface_hub
        path = huggingface_hub.hf_hub_download({FRESH!r}, "config.json")
        found = [path.startswith("/scratch/"), json.load(open(path))["from"]]
        """,
    )

    assert found == [True, "hub"]
    assert hub.asked
    assert host.network_usage.connections > connections


def test_a_model_of_the_shared_cache_is_found_without_the_hub(host, hub):
    hub.asked.clear()

    found = tried(
        host,
        """
        from shared.models.loader import load_hf_model
        found = load_hf_model("acme/held", lambda files: json.load(open(files + "/config.json"))["from"])
        """,
    )

    assert found == "cache"
    assert hub.asked == []


def test_downloads_change_nothing_in_the_shared_cache(host, cache):
    assert tried(host, f"found = outcome(lambda: open({str(cache)!r} + '/hub/x', 'w').close())") in ("EROFS", "EACCES")
    assert sorted(path.name for path in (cache / "hub").iterdir()) == [HELD]


def test_a_tenant_s_own_rules_hold_for_its_hosts_alone(zygote, plugin, policy):
    with zygote.start(plugin, name="probe", network=replace(policy, deny=("api.test",))) as denied:
        denied.open_realtime()
        code = "import requests; answer = requests.get('http://api.test/'); found = [answer.status_code, answer.text]"
        status, text = tried(denied, code)

    assert status == 403
    assert "api.test:80: the operator denies this host" in text


def test_what_a_batch_used_of_the_network_is_in_its_log(host):
    host.open_pipeline(ExtractorRequest.of("probe", "1.0.0", {}, {}))
    rows = pa.table({"data": ["http://api.test/1", "http://10.0.0.1/"], "document_id": ["a", "b"]})

    log = host.run(rows).log

    used = next(line for line in log.splitlines() if line.startswith("used: "))
    assert "2 connections, 1 refused connections" in used
    assert "bytes sent" in used
    assert "bytes received" in used


@pytest.mark.parametrize(
    ("kind", "public"),
    [
        ("CPU", 403),
        ("GPU", 403),
        ("API", 502),  # the name is looked up, and not found
    ],
)
def test_only_api_steps_reach_more_than_the_operator_names(zygote, plugin, kind, public):
    with zygote.start(plugin, name="probe") as host:
        host.open_pipeline(ExtractorRequest.of("probe", "1.0.0", {"kind": kind}, {}))
        asked = ["http://api.test/1", "http://hub.test/", "http://example.test/"]
        result = host.run(pa.table({"data": asked, "document_id": ["a", "b", "c"]}))
        said = host.log

    assert result.table["label"].to_pylist() == [200, 404, public]
    assert ("no step has resource_type=ResourceType.API" in said) == (public == 403)


def test_where_models_are_downloaded_their_hub_is_reached_by_every_step(plugin, cache, policy, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "https://models.test")
    asked = ["http://huggingface.co/", "http://cdn.hf.co/", "http://models.test/", "http://example.test/"]
    found = {}
    nowhere = replace(policy, resolve=lambda host, port: [])
    for downloads in (True, False):
        settings = HostSettings(call_timeout_s=60, model_cache=cache, model_downloads=downloads, network=nowhere)
        with Zygote(settings) as running, running.start(plugin, name="probe") as host:
            host.open_pipeline(ExtractorRequest.of("probe", "1.0.0", {}, {}))
            rows = pa.table({"data": asked, "document_id": asked})
            found[downloads] = host.run(rows).table["label"].to_pylist()

    assert found == {True: [502, 502, 502, 403], False: [403] * 4}  # 502: looked up, without an address
