"""The local inspector: manifests in real plugin hosts."""

from collections.abc import Iterator

import pytest

from batch.inspect import HostInspector
from core.settings import Settings
from plugin_sdk.manifest import ManifestIssues
from tests.unit.core.samples import FILES, MANIFEST

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def inspector() -> Iterator[HostInspector]:
    with HostInspector(Settings()) as running:
        yield running


def files(**changes: str) -> dict[str, bytes]:
    return {name: text.encode() for name, text in (FILES | changes).items()}


def test_manifest_is_read_and_no_other_file_runs(inspector):
    manifest = inspector.inspect(files(**{"pipeline.py": "raise RuntimeError\n", "processors/core.py": "1 / 0\n"}))

    assert (manifest.plugin_id, manifest.has_realtime) == ("my_extractor_1_0_0", True)


def test_issues_come_back_all_at_once(inspector):
    wrong = MANIFEST.replace('"embedding_dim"', '"dimensions"').replace('"category": "text"', '"category": "prose"')

    with pytest.raises(ManifestIssues) as caught:
        inspector.inspect(files(**{"manifest.py": wrong}))

    assert {"category", "features[0].dimensions"} <= {i.field for i in caught.value.issues}


def test_manifest_that_kills_its_host_is_an_issue_and_the_next_one_is_read(inspector):
    with pytest.raises(ManifestIssues, match=r"manifest\.py"):
        inspector.inspect(files(**{"manifest.py": "import os\nos._exit(3)\n"}))

    assert inspector.inspect(files()).name == "my_extractor"
