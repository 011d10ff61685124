"""The inspect function: a manifest run in a real child process, and what it can't do to its parent."""

import base64

import pytest

from functions.inspect import handler as module
from functions.inspect.handler import handler
from plugin_sdk.manifest import Manifest
from tests.unit.core.samples import FILES, MANIFEST

pytestmark = pytest.mark.slow


def inspect(**changes):
    files = {name.replace("__", "."): text for name, text in changes.items()}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in (FILES | files).items()}
    return handler({"files": encoded}, None)


def test_manifest_comes_back_whole():
    manifest = Manifest.model_validate(inspect()["manifest"])

    assert (manifest.name, manifest.version, manifest.has_realtime) == ("my_extractor", "1.0.0", True)
    assert manifest.parameter_schema["properties"]["threshold"]["default"] == 0.5


def test_every_issue_comes_back():
    wrong = MANIFEST.replace('"embedding_dim"', '"dimensions"')

    issues = inspect(manifest__py=wrong)["issues"]

    assert "features[0].dimensions" in [i["field"] for i in issues]


def test_manifest_that_raises_is_an_issue_with_its_line():
    (issue,) = inspect(manifest__py="value = 1 / 0\n")["issues"]

    assert issue["field"] == "manifest.py"
    assert "ZeroDivisionError" in issue["message"]


def test_manifest_that_ends_its_process_is_an_issue():
    (issue,) = inspect(manifest__py="import os\nos._exit(7)\n")["issues"]

    assert "ended its process with 7" in issue["message"]


def test_manifest_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 3)

    (issue,) = inspect(manifest__py="while True:\n    pass\n")["issues"]

    assert "did not finish within 3 s" in issue["message"]


def test_child_inherits_no_secret(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    shown = MANIFEST + '\nimport os\nmetadata["description"] = ",".join(sorted(os.environ))\n'

    description = inspect(manifest__py=shown)["manifest"]["description"]

    assert set(description.split(",")) <= {"HOME", "TMPDIR", "PYTHONPATH", "LC_CTYPE"}
