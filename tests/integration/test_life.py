"""The whole life of a plugin on one machine: the CLI, the owner's HTTP calls, bad input, and a restart."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from tests.integration.platforms import Platform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK_START = EXAMPLES / "my_extractor"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(tmp_path_factory.mktemp("life") / "home")
    platform.up()
    yield platform
    platform.run("down")


@pytest.fixture(scope="module")
def namespace(platform) -> str:
    """A namespace with the bucket `prose`: twelve of the example texts."""
    namespace = platform.ask("namespace", "create", "life")["namespace_id"]
    texts = platform.home.parent / "texts"
    for text in sorted((EXAMPLES / "texts" / "en").glob("botchan_00*.txt")) + sorted(
        (EXAMPLES / "texts" / "ja").glob("*_00[1-3].txt")
    ):
        texts.mkdir(exist_ok=True)
        shutil.copy(text, texts)
    platform.ask("bucket", "create", "prose", "--property", "text=text", "-n", namespace)
    uploaded = platform.ask("bucket", "upload", "prose", str(texts), "-n", namespace)
    assert (uploaded["files"], len(uploaded["object_ids"])) == (12, 12)
    return namespace


@pytest.fixture(scope="module")
def prose(platform, namespace) -> str:
    """The quick-start plugin published, and the collection `prose` filled by it."""
    platform.ask("plugin", "publish", "--path", str(QUICK_START), "-n", namespace)
    extractor = ("--extractor", "my_extractor@1.0.0", "--param", "threshold=0.7")
    platform.ask("collection", "create", "prose", "--bucket", "prose", *extractor, "-n", namespace)
    run = platform.ask("batch", "run", "--bucket", "prose", "--watch", "-n", namespace)
    assert run["task"]["status"] == "COMPLETED", run
    assert run["task"]["additional_data"]["documents_written"] == 12
    return namespace


def test_quick_start_is_published_run_and_found_by_meaning(platform, prose):
    found = platform.ask("search", "chestnuts in the garden", "-c", "prose", "-l", "3", "-n", prose)

    best = found["results"][0]
    assert "chestnut" in best["text"]
    assert best["label"] in {"positive", "negative"}
    assert best["score"] == max(hit["score"] for hit in found["results"])


def test_archive_lies_under_organization_and_namespace(platform, prose):
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{platform.emulator_port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="openpeek-plugins")["Contents"]]

    archived = [k for k in keys if f"/{prose}/plugin_custom/my_extractor/1.0.0/" in k]
    assert len(archived) == 1
    assert archived[0].startswith("org_")


def test_owners_http_calls_work_as_printed(platform, namespace, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "my_extractor"), "zip", QUICK_START)
    other = platform.ask("namespace", "create", "by_curl")["namespace_id"]
    plugins = f"/v1/namespaces/{other}/plugins"

    body = {"name": "my_extractor", "version": "1.0.0"}
    upload = platform.request("POST", f"{plugins}/uploads", json=body).json()
    assert {"upload_id", "presigned_url", "expires_at"} <= set(upload)
    data = Path(archive).read_bytes()
    put = httpx.put(upload["presigned_url"], content=data, headers={"Content-Type": "application/zip"})
    assert put.status_code == 200
    confirmed = platform.request("POST", f"{plugins}/uploads/{upload['upload_id']}/confirm").json()
    assert confirmed["success"] is True
    assert confirmed["plugin_id"] == "my_extractor_1_0_0"
    assert confirmed["validation_status"] == "passed"
    assert confirmed["feature_uri"] == "mixpeek://my_extractor@1.0.0"

    deployed = platform.request("POST", f"{plugins}/my_extractor_1_0_0/deploy").json()
    assert deployed["status"] == "queued"
    assert deployed["message"] == "Plugin queued for deployment. Will start within 30 seconds."
    assert deployed["route_prefix"] == f"/inference/custom_plugin_{other}_my_extractor_1_0_0"
    assert deployed["estimated_completion_seconds"] > 0
    seen = status_until(platform, f"{plugins}/my_extractor_1_0_0/status", "DEPLOYED")
    assert seen == [s for s in ("QUEUED", "IN_PROGRESS", "DEPLOYED") if s in seen]
    answer = platform.request("POST", deployed["route_prefix"], json={"text": "hello"}).json()
    assert len(answer["embedding"]) == 384

    deleted = platform.request("DELETE", f"{plugins}/my_extractor_1_0_0").json()
    assert deleted["deployment_removed"] is True
    gone = time.monotonic() + 60
    while platform.request("POST", deployed["route_prefix"], json={"text": "hello"}).status_code != 404:
        assert time.monotonic() < gone, "the endpoint still answers"


def status_until(platform, path: str, wanted: str) -> list[str]:
    """The statuses seen on the way, in order."""
    seen: list[str] = []
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        told = platform.get(path).json()
        if not seen or seen[-1] != told["status"]:
            seen.append(told["status"])
        if told["status"] in {wanted, "FAILED"}:
            break
        time.sleep(0.05)
    assert seen[-1] == wanted, told
    return seen


def test_owners_collection_is_created_by_the_official_client(platform, prose):
    import mixpeek

    profile = platform.profile
    client = mixpeek.Mixpeek(api_key=profile["api_key"], base_url=profile["base_url"] + "/v1", namespace=prose)
    bucket = bucket_id(platform, prose)

    created = client.collections.create(
        name="my_collection",
        source={"type": "bucket", "bucket_ids": [bucket]},
        feature_extractor={
            "feature_extractor_name": "my_extractor",
            "version": "1.0.0",
            "parameters": {"threshold": 0.7},
        },
    )

    assert created["collection_name"] == "my_collection"
    assert created["feature_extractor"]["params"] == {"threshold": 0.7}


def test_newer_client_leads_a_collection_through_its_life(platform, prose):
    client = Path(sys.prefix) / "clients" / "mixpeek-1.3"
    assert client.is_dir(), "run 'make setup': it installs the client's 1.3 series apart"
    profile = platform.profile
    words = (
        profile["base_url"] + "/v1",
        profile["api_key"],
        prose,
        bucket_id(platform, prose),
        "chestnuts in the garden",
    )
    script = Path(__file__).with_name("client_1_3.py")

    ran = subprocess.run(
        [sys.executable, script, *words],
        env=os.environ | {"PYTHONPATH": str(client)},
        capture_output=True,
        text=True,
        timeout=170,
    )

    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert (seen["status"], seen["parameters"], seen["listed"]) == ("COMPLETED", {"threshold": 0.7}, 5)
    assert "chestnut" in seen["best"]
    assert seen["by_search"] == seen["best"]
    assert seen["objects"] == 13
    assert prose in seen["namespaces"]


def bucket_id(platform, namespace: str) -> str:
    return platform.request("GET", "/v1/buckets/prose", headers={"X-Namespace": namespace}).json()["bucket_id"]


def broken(tmp_path: Path, file: str, find: str, put: str) -> Path:
    """The quick-start plugin with one thing wrong."""
    folder = tmp_path / "my_extractor"
    shutil.copytree(QUICK_START, folder)
    source = (folder / file).read_text()
    assert find in source
    (folder / file).write_text(source.replace(find, put))
    return folder


BREAKS = {
    "feature key": ("manifest.py", '"embedding_dim": 384', '"dimensions": 384', "embedding_dim"),
    "syntax": ("manifest.py", "metadata = {", "metadata = {{", "manifest.py"),
    "forbidden import": ("processors/core.py", "import pandas as pd", "import subprocess", "subprocess"),
    "unknown metric": ("manifest.py", '"cosine"', '"manhattan"', "distance_metric"),
}


@pytest.mark.parametrize("kind", BREAKS)
def test_broken_plugin_is_refused_before_upload_with_the_reason(platform, namespace, tmp_path, kind):
    file, find, put, named = BREAKS[kind]

    done = platform.mixpeek("plugin", "publish", "--path", str(broken(tmp_path, file, find, put)), "-n", namespace)

    assert done.returncode == 1
    assert named in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_folder_without_manifest_is_refused(platform, namespace, tmp_path):
    folder = broken(tmp_path, "manifest.py", "metadata", "metadata")
    (folder / "manifest.py").unlink()

    done = platform.mixpeek("plugin", "publish", "--path", str(folder), "-n", namespace)

    assert done.returncode == 1
    assert "manifest.py" in done.stderr


def test_forbidden_import_answers_the_owners_json(platform, namespace, tmp_path):
    folder = broken(tmp_path, "processors/core.py", "import pandas as pd", "import subprocess")
    answer = sent(platform, namespace, Path(shutil.make_archive(str(tmp_path / "p"), "zip", folder)).read_bytes())

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Security scan failed"
    violation = {"file": "processors/core.py", "line": 2, "column": 0, "severity": "error"}
    assert {**violation, "message": "Forbidden import: subprocess"} in answer.json()["violations"]


def test_archive_that_is_none_is_refused(platform, namespace):
    answer = sent(platform, namespace, b"just some text")

    assert answer.status_code == 400
    assert "not an archive" in json.dumps(answer.json())


def sent(platform, namespace: str, archive: bytes) -> httpx.Response:
    """The confirm call's answer to this archive."""
    plugins = f"/v1/namespaces/{namespace}/plugins/uploads"
    body = {"name": "my_extractor", "version": "9.9.9"}
    upload = platform.request("POST", plugins, json=body).json()
    assert httpx.put(upload["presigned_url"], content=archive).status_code == 200
    return platform.request("POST", f"{plugins}/{upload['upload_id']}/confirm")


def test_unknown_things_are_named(platform, prose):
    calls = [
        (("plugin", "list", "-n", "ns_none"), "ns_none"),
        (("plugin", "show", "none_1_0_0", "-n", prose), "none_1_0_0"),
        (("bucket", "upload", "nowhere", str(QUICK_START), "-n", prose), "nowhere"),
        (("batch", "run", "--bucket", "nowhere", "-n", prose), "nowhere"),
        (("collection", "create", "one", "-b", "nowhere", "-e", "my_extractor@1.0.0", "-n", prose), "nowhere"),
        (("collection", "create", "two", "-b", "prose", "-e", "none@1.0.0", "-n", prose), "none"),
        (("collection", "create", "three", "-b", "prose", "-e", "my_extractor@2.0.0", "-n", prose), "1.0.0"),
        (("search", "anything", "-c", "nowhere", "-n", prose), "nowhere"),
    ]
    for words, named in calls:
        done = platform.mixpeek(*words)
        assert done.returncode == 1, words
        assert named in done.stderr, words
        assert "Traceback" not in done.stderr


def test_parameter_out_of_bounds_is_named(platform, prose):
    words = ("collection", "create", "four", "-b", "prose", "-e", "my_extractor@1.0.0", "--param", "threshold=7")

    done = platform.mixpeek(*words, "-n", prose)

    assert done.returncode == 1
    assert "threshold" in done.stderr


def test_a_file_of_rows_is_imported_and_its_rows_are_objects(platform, prose, tmp_path):
    platform.ask("bucket", "create", "rows", "-p", "text=text", "-p", "year=integer", "-n", prose)
    file = tmp_path / "rows.csv"
    file.write_text('body,year\n"first, quoted",1\nsecond,2\n')

    made = platform.ask("bucket", "import", "rows", str(file), "--text", "text=body", "-m", "year", "-n", prose)
    listed = platform.request("POST", "/v1/buckets/rows/objects/list", headers={"X-Namespace": prose}, json={}).json()
    file.write_text("body\n")
    refused = platform.mixpeek("bucket", "import", "rows", str(file), "-t", "text=no", "-n", prose)

    assert (made["status"], made["rows"]) == ("COMPLETED", 2)
    found = [(o["blobs"][0]["data"], o["year"]) for o in listed["results"]]
    assert found == [("first, quoted", 1), ("second", 2)]
    assert refused.returncode == 1
    assert "has no column 'no'" in refused.stderr


def test_empty_bucket_can_not_be_run(platform, prose):
    platform.ask("bucket", "create", "empty", "-n", prose)
    platform.ask("collection", "create", "of_nothing", "-b", "empty", "-e", "my_extractor@1.0.0", "-n", prose)

    done = platform.mixpeek("batch", "run", "--bucket", "empty", "--watch", "-n", prose)

    assert done.returncode == 1
    assert "no objects" in done.stderr


FAULTS = {
    "raises": ("raise ValueError('no such word')", "no such word"),
    "too_short": ("batch['vector'] = [[0.5]] * len(batch); return batch", "1 numbers into 'vector'"),
    "null": ("batch['vector'] = None; return batch", "'vector'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_batch_without_a_document_fails_with_the_reason(platform, namespace, tmp_path, fault):
    statement, told = FAULTS[fault]
    folder = tmp_path / "faulty"
    folder.mkdir()
    (folder / "manifest.py").write_text(
        f"feature_extractor_name = 'faulty_{fault}'\nversion = '1.0.0'\n"
        "output_schema = {'type': 'object', 'properties': {'vector': {'type': 'array', 'items': {'type': 'number'}}}}\n"
        "features = [{'feature_name': 'vector', 'feature_type': 'embedding', 'embedding_dim': 4, "
        "'distance_metric': 'cosine'}]\n"
    )
    (folder / "pipeline.py").write_text(
        f"class Faulty:\n    def __call__(self, batch):\n        {statement}\n\n\n"
        "def build_steps(extractor_request, **kwargs):\n    return {'steps': [Faulty]}\n"
    )
    platform.ask("plugin", "publish", "--path", str(folder), "-n", namespace)
    words = ("-b", "prose", "-e", f"faulty_{fault}@1.0.0", "-n", namespace)
    collection = platform.ask("collection", "create", f"faulty_{fault}", *words)["collection_id"]

    done = platform.mixpeek("batch", "run", "--bucket", "prose", "-c", collection, "--watch", "-n", namespace)

    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert told in done.stdout + done.stderr


def test_state_survives_down_and_up(platform, prose):
    question = ("search", "chestnuts in the garden", "-c", "prose", "-l", "1", "-n", prose)
    before = platform.ask(*question)["results"][0]["document_id"]
    key = platform.profile["api_key"]

    assert platform.run("down").returncode == 0
    platform.up()

    assert platform.profile["api_key"] == key
    assert platform.ask(*question)["results"][0]["document_id"] == before
    plugins = platform.ask("plugin", "list", "-n", prose)["plugins"]
    assert "my_extractor_1_0_0" in {p["plugin_id"] for p in plugins}
