"""Deployments over HTTP: from the deploy request to the answer, through failures, redeploys and restarts."""

import os
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from safetensors.numpy import save

from core.deployments import get_deployment, request_deploy, request_undeploy
from core.models import upload_model
from core.namespaces import create_namespace
from core.organizations import create_key
from core.secrets import create_secret
from core.status import DeploymentStatus
from core.stores import Stores
from core.stores.vectors import Vectors
from tests.integration.serving_fixtures import (
    PLUGINS,
    collection_of,
    publish,
    running,
    tenant,
    wait_for,
    write_documents,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick_stores(module_settings):
    """Stores whose handlers have two seconds a request."""
    return Stores.open(module_settings.model_copy(update={"inference_timeout_s": 2.0}))


@pytest.fixture(scope="module")
def place(quick_stores):
    """A tenant and a client of the running app."""
    mine = tenant(quick_stores)
    with running(quick_stores) as client:
        client.headers.update(mine.headers)
        yield quick_stores, mine, client


@pytest.fixture(scope="module")
def deployed(place):
    """The letters plugin, serving."""
    stores, mine, _ = place
    plugin = publish(stores, mine.scope, PLUGINS / "letters")
    return deploy(stores, mine.scope, plugin)


def deploy(stores, scope, plugin, status=DeploymentStatus.DEPLOYED):
    """Deploy it, and wait until its status is this."""
    wanted = request_deploy(stores, scope, plugin)
    wait_for(lambda: current(stores, scope, plugin.plugin_id, wanted.generation).status is status, 60)
    return get_deployment(stores, scope, plugin.plugin_id)


def current(stores, scope, plugin_id, generation):
    deployment = get_deployment(stores, scope, plugin_id)
    assert deployment.generation == generation
    return deployment


def test_deployed_handler_answers_on_its_route(place, deployed):
    answer = place[2].post(deployed.route_prefix, json={"text": "abba"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["embedding"] == [2.0, 2.0, 0.0]
    assert answer.json()["pid"] != os.getpid()
    assert deployed.deployed_at is not None


def test_handler_answers_quickly(place, deployed):
    """A generous bound: the figures belong to `make bench`."""
    times = []
    for _ in range(60):
        began = time.perf_counter()
        place[2].post(deployed.route_prefix, json={"text": "abba"})
        times.append(time.perf_counter() - began)

    assert statistics.median(times) < 1.0


def test_contract_route_finds_it_by_name_and_by_uri(place, deployed):
    client = place[2]

    by_name = client.post("/v1/inference", json={"inference_name": deployed.name, "inputs": {"text": "c"}})
    by_uri = client.post(
        "/v1/namespaces/main/inference", json={"feature_uri": "mixpeek://letters@v1", "inputs": {"text": "c"}}
    )

    assert by_name.json()["data"]["embedding"] == by_uri.json()["data"]["embedding"] == [0.0, 0.0, 1.0]
    assert by_name.json()["model"] == "letters_1_0_0"
    assert by_name.json()["latency_ms"] > 0


def test_trial_route_tells_what_came_back_or_went_wrong(place, deployed):
    client, path = place[2], "/v1/namespaces/main/plugins/letters_1_0_0/realtime/test"

    good = client.post(path, json={"inputs": {"text": "a"}}).json()
    bad = client.post(path, json={"inputs": {"do": "raise"}}).json()

    assert (good["status"], good["response_type"]) == ("success", "dict")
    assert "embedding" in good["response_keys"]
    assert bad["status"] == "error" and "no such letter" in bad["error"]
    assert client.post(path.replace("letters", "nothing"), json={}).status_code == 404


def test_models_and_secrets_of_the_tenant_reach_its_handler(module_stores, deployed, place):
    """On a node that gives a request more than two seconds: the first one imports torch."""
    mine = place[1]
    announced = {"name": "weights", "version": "1.0.0", "model_format": "safetensors"}
    upload_model(module_stores, mine.scope, announced, BytesIO(save({"w": np.ones(3, np.float32)})))
    create_secret(module_stores, mine.principal, "TOKEN", "a-secret")
    asked = {"do": "load", "model": "mixpeek://models/weights_1_0_0"}

    with running(module_stores) as client:
        client.headers.update(mine.headers)
        wait_for(lambda: client.post(deployed.route_prefix, json={"text": "a"}).status_code == 200, 60)
        answer = client.post(deployed.route_prefix, json=asked, timeout=60)
        missing = client.post(deployed.route_prefix, json=asked | {"model": "nothing_1_0_0"})

    assert answer.json() == {"sum": 3.0, "length": 8}
    assert "There is no model 'nothing_1_0_0' here" in missing.text


def test_exception_of_the_handler_is_named(place, deployed):
    answer = place[2].post(deployed.route_prefix, json={"do": "raise"})

    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error["type"] == "ProcessingError"
    assert "ValueError" in error["message"] and "no such letter" in error["message"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(("do", "told"), [("object", "object"), ("number", "dict")])
def test_answer_that_json_can_not_hold_is_explained(place, deployed, do, told):
    answer = place[2].post(deployed.route_prefix, json={"do": do})

    assert answer.status_code == 500
    assert told in answer.json()["error"]["message"]


def test_host_that_dies_fails_its_request_only(place, deployed):
    client = place[2]
    before = client.post(deployed.route_prefix, json={"text": ""}).json()["born"]

    dead = client.post(deployed.route_prefix, json={"do": "die"})
    after = client.post(deployed.route_prefix, json={"text": "a"})

    assert dead.status_code == 500
    assert "exited: 7" in dead.json()["error"]["message"]
    assert after.status_code == 200
    assert after.json()["born"] != before


def test_request_over_its_time_is_a_504_and_the_next_is_answered(place, deployed):
    client = place[2]

    late = client.post(deployed.route_prefix, json={"do": "sleep", "seconds": 30})
    next_one = wait_for(lambda: client.post(deployed.route_prefix, json={"text": "a"}).status_code == 200)

    assert late.status_code == 504
    assert late.json()["error"]["type"] == "InferenceServiceUnavailableError"
    assert next_one


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"{", "not JSON"), (b"[1]", "no object"), (b"", "not JSON"), (b'{"a":' * 2000 + b"1" + b"}" * 2000, "not JSON")],
)
def test_body_that_is_no_object_is_a_422(place, deployed, content, told):
    answer = place[2].post(deployed.route_prefix, content=content)

    assert answer.status_code == 422, answer.text
    assert told in answer.json()["error"]["message"]


def test_only_posts_with_a_key_are_answered(place, deployed):
    client = place[2]

    assert client.get(deployed.route_prefix).status_code == 405
    assert client.post(deployed.route_prefix, json={}, headers={"Authorization": ""}).status_code == 401
    assert client.post(deployed.route_prefix, json={}, headers={"Authorization": "Bearer sk_no"}).status_code == 401


def test_other_tenants_deployment_does_not_exist(place, deployed):
    stores, _, client = place
    other = tenant(stores, "rival")

    hidden = client.post(deployed.route_prefix, json={"text": "a"}, headers=other.headers)
    unknown = client.post("/inference/custom_plugin_ns_none_x_1_0_0", json={"text": "a"}, headers=other.headers)

    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json()["error"]["message"].replace(deployed.name, "X") == unknown.json()["error"]["message"].replace(
        "custom_plugin_ns_none_x_1_0_0", "X"
    )


def test_key_of_another_namespace_can_not_call_it(place, deployed):
    stores, mine, client = place
    elsewhere = create_namespace(stores, mine.principal, "elsewhere")
    scopes = [{"resource_type": "namespace", "resource_id": elsewhere.namespace_id}]
    _, secret = create_key(stores, mine.principal, "acme@example.org", name="narrow", scopes=scopes)

    answer = client.post(deployed.route_prefix, json={}, headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 404


def test_redeploy_moves_over_without_a_lost_request(place):
    stores, mine, client = place
    plugin = publish(stores, mine.scope, PLUGINS / "letters", {"manifest.py": ('"1.0.0"', '"2.0.0"')})
    first = deploy(stores, mine.scope, plugin)
    stop, statuses, versions = threading.Event(), [], []

    def ask():
        while not stop.is_set():
            answer = client.post(first.route_prefix, json={"text": "a"})
            statuses.append(answer.status_code)
            versions.append(answer.json().get("version"))

    asking = threading.Thread(target=ask)
    asking.start()
    changes = {"manifest.py": ('"1.0.0"', '"2.0.0"'), "realtime.py": ("VERSION = 1", "VERSION = 2")}
    deploy(stores, mine.scope, publish(stores, mine.scope, PLUGINS / "letters", changes))
    wait_for(lambda: versions[-1:] == [2])
    stop.set()
    asking.join(100)

    assert set(statuses) == {200}
    assert versions == sorted(versions) and set(versions) == {1, 2}


def test_failed_rollout_says_why_and_leaves_the_old_one_serving(place):
    stores, mine, client = place
    named = ('"1.0.0"', '"3.0.0"')
    good = deploy(stores, mine.scope, publish(stores, mine.scope, PLUGINS / "letters", {"manifest.py": named}))

    broken = publish(
        stores,
        mine.scope,
        PLUGINS / "letters",
        {
            "manifest.py": named,
            "realtime.py": (
                "        self.calls = 0\n\n    def warmup",
                "        raise KeyError('weights')\n\n    def warmup",
            ),
        },
    )
    failed = deploy(stores, mine.scope, broken, DeploymentStatus.FAILED)

    assert "realtime.py" in failed.error and "KeyError" in failed.error
    assert client.post(good.route_prefix, json={"text": "a"}).json()["embedding"] == [1.0, 0.0, 0.0]


def test_first_rollout_that_fails_is_a_503_with_the_reason(place):
    stores, mine, client = place
    changes = {
        "manifest.py": ('"1.0.0"', '"4.0.0"'),
        "realtime.py": ("import os\n", "import os\nimport not_there\n"),
    }
    failed = deploy(
        stores, mine.scope, publish(stores, mine.scope, PLUGINS / "letters", changes), DeploymentStatus.FAILED
    )

    answer = client.post(failed.route_prefix, json={"text": "a"})

    assert answer.status_code == 503
    assert "not_there" in answer.json()["error"]["message"]


def test_handler_that_loads_at_its_first_request_is_loaded_before_it_serves(place):
    stores, mine, client = place
    counted = ('"version": self.VERSION', '"version": self.calls')
    changes = {"manifest.py": ('"1.0.0"', '"8.0.0"'), "realtime.py": counted}
    deployment = deploy(stores, mine.scope, publish(stores, mine.scope, PLUGINS / "letters", changes))

    answer = client.post(deployment.route_prefix, json={"text": "a"})

    assert answer.json()["version"] == 2


def test_host_that_ends_at_its_trial_request_fails_the_rollout(place):
    stores, mine, _ = place
    ends = ("        self.calls += 1\n", "        os._exit(9)\n")
    changes = {"manifest.py": ('"1.0.0"', '"9.0.0"'), "realtime.py": ends}

    failed = deploy(
        stores, mine.scope, publish(stores, mine.scope, PLUGINS / "letters", changes), DeploymentStatus.FAILED
    )

    assert "exited: 9" in failed.error


def test_undeployed_handler_is_gone_and_says_how_to_bring_it_back(place):
    stores, mine, client = place
    plugin = publish(stores, mine.scope, PLUGINS / "letters", {"manifest.py": ('"1.0.0"', '"5.0.0"')})
    deployment = deploy(stores, mine.scope, plugin)
    assert client.post(deployment.route_prefix, json={}).status_code == 200

    request_undeploy(stores, mine.scope, plugin.plugin_id)

    answer = wait_for(lambda: (a := client.post(deployment.route_prefix, json={})).status_code == 404 and a)
    assert "deploy" in answer.json()["error"]["message"]


def test_batches_form_from_what_waits(place):
    stores, mine, client = place
    handler = (
        "    def predict(self, request):",
        "    def predict_batch(self, requests):\n        time.sleep(0.2)\n"
        "        return [{'size': len(requests), 'n': r['n']} for r in requests]\n\n    def predict(self, request):",
    )
    plugin = publish(
        stores, mine.scope, PLUGINS / "letters", {"manifest.py": ('"1.0.0"', '"6.0.0"'), "realtime.py": handler}
    )
    deployment = deploy(stores, mine.scope, plugin)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda n: client.post(deployment.route_prefix, json={"n": n}).json(), range(12)))

    assert [a.get("n", n) for n, a in enumerate(answers)] == list(range(12))
    assert max(a.get("size", 1) for a in answers) > 1


def test_restarted_node_serves_again_from_the_records(stores):
    mine = tenant(stores)
    plugin = publish(stores, mine.scope, PLUGINS / "letters")
    with running(stores) as client:
        deployment = deploy(stores, mine.scope, plugin)
        assert client.post(deployment.route_prefix, json={"text": "b"}, headers=mine.headers).status_code == 200

    with running(stores) as client:
        wait_for(lambda: client.post(deployment.route_prefix, json={}, headers=mine.headers).status_code == 200)
        assert get_deployment(stores, mine.scope, plugin.plugin_id).status is DeploymentStatus.DEPLOYED


@pytest.mark.parametrize("served", [True, False], ids=["by the deployed handler", "by the pipeline in a host"])
def test_query_text_is_embedded(stores, served):
    mine = tenant(stores)
    plugin = publish(stores, mine.scope, PLUGINS / "letters")
    collection = collection_of(stores, mine.scope, plugin, "texts", {"scale": 2.0})
    rows = [
        {"letters_embedding": v, "content": c} for v, c in (([1.0, 0, 0], "a"), ([0, 1.0, 0], "b"), ([0, 0, 1.0], "c"))
    ]
    write_documents(Vectors.at(stores.settings), mine.scope, collection, plugin, rows)
    with running(stores) as client:
        if served:
            deploy(stores, mine.scope, plugin)
        flat = {
            "type": "feature_search",
            "feature_extractor": {"type": "text"},
            "query": "bbb a",
            "collection_ids": [],
            "limit": 2,
        }
        body = {"stages": [flat], "inputs": {"query": "bbb a"}}
        answer = client.post("/v1/retrievers/execute", json=body, headers=mine.headers)
        searched = client.post(
            "/v1/documents/search", json={"query": "c", "collection_ids": ["texts"]}, headers=mine.headers
        )

    assert answer.status_code == 200, answer.text
    assert [r["content"] for r in answer.json()["results"]] == ["b", "a"]
    assert searched.json()["results"][0]["content"] == "c"


def test_query_that_the_plugin_can_not_embed_is_an_error_not_an_empty_list(stores):
    mine = tenant(stores)
    changes = {"processors/core.py": ("return [float(text.count(letter))", "return [float(text.index(letter))")}
    plugin = publish(stores, mine.scope, PLUGINS / "letters", changes)
    collection = collection_of(stores, mine.scope, plugin, "texts")
    write_documents(Vectors.at(stores.settings), mine.scope, collection, plugin, [{"letters_embedding": [1.0, 0, 0]}])
    with running(stores) as client:
        answer = client.post("/v1/documents/search", json={"query": "zzz"}, headers=mine.headers)

    assert answer.status_code == 500
    assert "ValueError" in answer.json()["error"]["message"]


def test_plugin_for_batches_only_says_so(place):
    stores, mine, client = place
    plugin = publish(stores, mine.scope, PLUGINS / "letters", {"manifest.py": ('"1.0.0"', '"7.0.0"')})
    deployment = request_deploy(stores, mine.scope, plugin, "batch_only")

    answer = client.post(deployment.route_prefix, json={})

    assert answer.status_code == 404
    assert "batches only" in answer.json()["error"]["message"]


def test_body_over_the_limit_is_a_413(place, deployed):
    answer = place[2].post(deployed.route_prefix, content=b'{"text": "' + b"a" * (33 * 1024 * 1024) + b'"}')

    assert answer.status_code == 413
    assert "bytes" in answer.json()["error"]["message"]
