"""The control API as the deployed function answers it: HTTP API, Lambda, FastAPI, and the inspect function behind it."""

import httpx
import pytest

from core.organizations import bootstrap
from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from infra.emulator import Emulator
from infra.emulator.stack import deploy
from plugin_sdk.archives import pack
from tests.integration.test_scan_trigger import QUICK_START

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def api(emulator: Emulator):
    """A client of the stack's HTTP API, with an admin's key."""
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="api-table",
        plugin_bucket="api-plugins",
        object_bucket="api-objects",
        jobs_queue="api-jobs",
    )
    deploy(settings, "api")
    outputs = client("cloudformation", settings).describe_stacks(StackName="api")["Stacks"][0]["Outputs"]
    address = next(o["OutputValue"] for o in outputs if o["OutputKey"] == "ApiUrl")
    headers = {
        "Host": address.removeprefix("http://"),  # its name resolves on AWS alone
        "Authorization": f"Bearer {bootstrap(Stores.open(settings))}",
    }
    with httpx.Client(base_url=emulator.endpoint_url, headers=headers, timeout=60) as session:
        yield session


def test_function_answers_health_and_refuses_a_call_without_a_key(api):
    assert api.get("/v1/health/liveness").json() == {"status": "OK"}

    refused = api.get("/v1/namespaces", headers={"Authorization": ""})

    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_plugin_is_published_by_the_functions_alone(api):
    namespace = api.post("/v1/namespaces", json={"namespace_name": "deployed"}).json()["namespace_id"]
    plugins = f"/v1/namespaces/{namespace}/plugins"
    upload = api.post(f"{plugins}/uploads", json={"name": "my_extractor", "version": "1.0.0"}).json()
    packed = pack(QUICK_START)
    put = httpx.put(upload["presigned_url"], content=packed.data, headers={"Content-Type": "application/zip"})

    confirmed = api.post(f"{plugins}/uploads/{upload['upload_id']}/confirm")

    assert put.status_code == 200
    assert confirmed.status_code == 200, confirmed.text
    assert confirmed.json()["plugin_id"] == "my_extractor_1_0_0"
    assert confirmed.json()["validation_status"] == "passed"
    assert "my_extractor_1_0_0" in api.get(plugins).text
