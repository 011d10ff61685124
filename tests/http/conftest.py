"""The doors that the HTTP suite goes through: the local gateway, and API Gateway with the deployed functions behind it.

With OPENPEEK_TEST_URL and the other variables that `infra.deploy` leaves, it goes through that door alone
(`make test-deployed`).
"""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from batch.serving.app import create_app as data_app
from core.organizations import bootstrap
from core.settings import Settings
from core.stores import Stores
from core.stores.vectors import Vectors
from infra.deploy import ENDPOINT, KEY, SERVING, URL, api_url
from infra.emulator import Emulator
from infra.emulator.stack import deploy
from infra.local.gateway import create_gateway
from tests.conftest import provisioned
from tests.served import served
from tests.unit.api.conftest import Api

GIVEN = URL in os.environ
_numbers = itertools.count()


@pytest.fixture(scope="session")
def given_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """What `make deploy-local` deployed; where its data routes lead to nobody, a serving node is started there."""
    with ExitStack() as stack:
        serving_url = os.environ.get(SERVING)
        if serving_url and not answers(serving_url):
            settings = Settings(aws_endpoint_url=os.environ[ENDPOINT], data_uri=str(tmp_path_factory.mktemp("data")))
            node = data_app(Stores.open(settings), Vectors.at(settings), settings)
            stack.enter_context(served(node, lifespan=True, port=urlsplit(serving_url).port or 80))
        yield Api(stack.enter_context(httpx.Client(base_url=os.environ[URL], timeout=60)), os.environ[KEY])


def answers(url: str) -> bool:
    """Whether a server is there, whatever it says."""
    try:
        httpx.get(url, timeout=60)
    except httpx.TransportError:
        return False
    return True


@pytest.fixture(scope="session")
def functions_door(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The functions; deployed once, since the stack keeps the address of the serving node that it was deployed with."""
    yield from behind_functions(emulator, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def gateway_door(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The gateway of one machine."""
    settings = provisioned(emulator, tmp_path_factory.mktemp("data"))
    yield from behind_gateway(settings.model_copy(update={"scan_wait_s": 0.01}))


@pytest.fixture(scope="session", params=["given"] if GIVEN else ["gateway", "functions"])
def door(request: pytest.FixtureRequest) -> Api:
    """An admin of a new organization, and a way in."""
    found: Api = request.getfixturevalue(f"{request.param}_door")
    return found


def behind_functions(emulator: Emulator, folder: Path) -> Iterator[Api]:
    """The stack of template.yaml, entered through its HTTP API; a serving node answers the data routes."""
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="http-table",
        plugin_bucket="http-plugins",
        object_bucket="http-objects",
        jobs_queue="http-jobs",
        uploads_queue="http-uploads",
    )
    stores, data = Stores.open(settings), settings.model_copy(update={"data_uri": str(folder)})
    with served(data_app(stores, Vectors.at(data), data), lifespan=True) as serving_url:
        deploy(settings, "http", serving_url=serving_url)
        with httpx.Client(base_url=api_url(settings, "http"), timeout=60) as client:
            yield Api(client, bootstrap(stores))


def behind_gateway(settings: Settings) -> Iterator[Api]:
    """The gateway of one machine, over real HTTP."""
    secret = bootstrap(Stores.open(settings))
    with served(create_gateway(settings), lifespan=True) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield Api(client, secret)


@pytest.fixture
def namespace(door: Api) -> Iterator[Api]:
    """The door, within a namespace of this test's own."""
    name = f"http_{os.getpid()}_{next(_numbers)}_{time.time_ns() % 10**6}"
    made = door.ok("POST", "/v1/namespaces", {"namespace_name": name})
    yield door.within(made["namespace_id"])
    door.ok("DELETE", f"/v1/namespaces/{made['namespace_id']}?force=true")


@pytest.fixture(scope="session")
def serving(door: Api) -> Api:
    """The door, where a serving node is behind it."""
    answer = door.client.post("/v1/documents/search", headers={"Authorization": f"Bearer {door.secret}"}, json={})
    if answer.status_code == 404:
        pytest.skip("deployed without a ServingUrl, so the data routes are not there")
    return door


@pytest.fixture
def events(request: pytest.FixtureRequest, namespace: Api) -> Api:
    """A namespace whose files are told of by S3's events."""
    if "gateway" in request.node.callspec.params.values():
        pytest.skip("no functions run behind the gateway here")
    return namespace
