"""The inspect function of the deployed stack: a manifest goes in, and what it declares or breaks comes back."""

import pytest

from core.errors import StoreUnavailable
from core.inspectors import FunctionInspector, inspector_of
from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from core.stores.functions import Functions
from core.worker_packages import tell
from infra.emulator import Emulator
from infra.emulator.stack import deploy
from plugin_sdk.manifest import ManifestIssues, Packages
from tests.unit.core.samples import FILES, MANIFEST

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployed(emulator: Emulator) -> Stores:
    """The whole stack, with its inspect function."""
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="inspect-table",
        plugin_bucket="inspect-plugins",
        object_bucket="inspect-objects",
        jobs_queue="inspect-jobs",
        inspect_function="inspecting-inspect",
    )
    deploy(settings, "inspecting")
    return Stores.open(settings)


def files(**changes: str) -> dict[str, bytes]:
    return {name: text.encode() for name, text in (FILES | changes).items()}


def test_manifest_comes_back_from_the_function(deployed):
    manifest = inspector_of(deployed).inspect(files(**{"weights.bin": "x" * 10_000_000}))

    assert (manifest.plugin_id, manifest.has_realtime) == ("my_extractor_1_0_0", True)


def test_issues_come_back_from_the_function(deployed):
    wrong = MANIFEST.replace('"embedding_dim"', '"dimensions"')

    with pytest.raises(ManifestIssues) as caught:
        inspector_of(deployed).inspect(files(**{"manifest.py": wrong}))

    assert "features[0].dimensions" in {i.field for i in caught.value.issues}


def test_sources_too_long_for_a_call_are_an_issue(deployed):
    with pytest.raises(ManifestIssues, match="can be inspected"):
        inspector_of(deployed).inspect(files(**{"table.py": "#" * 5_000_000}))


def test_dependencies_are_judged_by_what_the_workers_told(deployed):
    asked = MANIFEST + "dependencies = ['worker_lib', 'fastapi']\n"
    inspector = inspector_of(deployed)

    before = inspector.inspect(files(**{"manifest.py": "import worker_lib\n" + asked}))
    tell(deployed, Packages(("worker_lib",), ()))
    with pytest.raises(ManifestIssues) as caught:
        inspector.inspect(files(**{"manifest.py": "import worker_lib\n" + asked}))

    assert [w.field for w in before.warnings] == ["dependencies[0]"]
    assert [i.field for i in caught.value.issues] == ["dependencies[1]"]


def test_function_that_fails_is_told(deployed):
    functions = Functions(client("lambda", deployed.settings))

    with pytest.raises(StoreUnavailable, match=r"inspecting-inspect failed.*files"):
        functions.call("inspecting-inspect", {"wrong": {}})


def test_without_a_function_publishing_says_what_to_set(deployed):
    inspector = inspector_of(Stores.open(Settings(aws_endpoint_url=deployed.settings.aws_endpoint_url)))

    assert not isinstance(inspector, FunctionInspector)
    with pytest.raises(StoreUnavailable, match="OPENPEEK_INSPECT_FUNCTION"):
        inspector.inspect({})
