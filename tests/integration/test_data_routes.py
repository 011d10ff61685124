"""The data routes of the HTTP API: exactly those of the serving node, and they lead there."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import yaml
from fastapi.openapi.utils import get_openapi

from core.settings import Settings
from core.stores.aws import client
from infra.emulator import Emulator
from infra.emulator.stack import TEMPLATE, deploy
from infra.local.gateway import DATA_ROUTE, create_gateway

pytestmark = pytest.mark.slow


class Template(yaml.SafeLoader):
    """Reads CloudFormation's short forms as plain values."""


Template.add_multi_constructor("!", lambda loader, _tag, node: getattr(node, "value", None))


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """Paths of the control API and of the serving node."""
    data = str(tmp_path_factory.mktemp("data"))
    gateway = create_gateway(Settings(aws_endpoint_url="http://127.0.0.1:1", data_uri=data))
    apps = (gateway._control, gateway._data.routes)  # the control app's own document shows the data routes too
    control, serving = (get_openapi(title="", version="", routes=app.routes) for app in apps)
    return set(control["paths"]), set(serving["paths"]) | {"/inference/{name}"}


def template_routes() -> list[re.Pattern[str]]:
    resources = yaml.load(TEMPLATE.read_text(), Template)["Resources"].values()
    kinds = [r for r in resources if r["Type"] == "AWS::ApiGatewayV2::Route" and r.get("Condition") == "Serves"]
    paths = [r["Properties"]["RouteKey"].split(" ")[1] for r in kinds]
    return [re.compile(re.sub(r"\{\w+\}", "[^/]+", p.replace("{proxy+}", ".+")) + "$") for p in paths]


def test_gateway_and_template_send_the_serving_node_what_it_serves(routes):
    _control, serving = routes
    patterns = template_routes()

    assert [p for p in serving if not DATA_ROUTE.match(p)] == []
    assert [p for p in serving if not any(r.match(p) for r in patterns)] == []


def test_gateway_and_template_leave_the_control_api_what_it_serves(routes):
    control, _serving = routes
    patterns = template_routes()

    assert [p for p in control if DATA_ROUTE.match(p)] == []
    assert [p for p in control if any(r.match(p) for r in patterns)] == []


class Echo(BaseHTTPRequestHandler):
    """Says which path it was asked."""

    def do_POST(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    """Address of a server that stands where the serving nodes are."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_deployed_data_route_leads_to_the_serving_nodes(emulator: Emulator, echo):
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="routes-table",
        plugin_bucket="routes-plugins",
        object_bucket="routes-objects",
        jobs_queue="routes-jobs",
    )
    deploy(settings, "routes", serving_url=echo)
    outputs = client("cloudformation", settings).describe_stacks(StackName="routes")["Stacks"][0]["Outputs"]
    host = next(o["OutputValue"] for o in outputs if o["OutputKey"] == "ApiUrl").removeprefix("http://")

    with httpx.Client(base_url=emulator.endpoint_url, headers={"Host": host}, timeout=60) as session:
        answers = [
            session.post("/inference/custom_plugin_ns_1_my_extractor_1_0_0").text,
            session.post("/v1/namespaces/ns_1/collections/col_1/documents/list").text,
            session.get("/v1/health/liveness").json(),
        ]

    assert answers == [
        "/inference/custom_plugin_ns_1_my_extractor_1_0_0",
        "/v1/namespaces/ns_1/collections/col_1/documents/list",
        {"status": "OK"},
    ]
