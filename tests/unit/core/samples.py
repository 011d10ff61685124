"""Plugins for the tests of records: real folders' worth of files, and an inspector that reads them in this process."""

import io
import sys
import tarfile
import types
import zipfile
from collections.abc import Mapping
from typing import Any

from core.ids import long_id
from core.plugins import Plugin
from core.stores import Stores
from core.stores.records import Entry
from core.tenancy import Scope
from plugin_sdk.manifest import Manifest, manifest_from_names

MANIFEST = """
from typing import List

from pydantic import BaseModel, Field


class MyInput(BaseModel):
    text: str


class MyOutput(BaseModel):
    embedding: List[float]
    label: str


class MyParams(BaseModel):
    threshold: float = Field(default=0.5, ge=0, le=1)


metadata = {
    "feature_extractor_name": "my_extractor",
    "version": "1.0.0",
    "description": "My custom extractor",
    "category": "text",
}
input_schema = MyInput
output_schema = MyOutput
parameter_schema = MyParams
supported_input_types = ["text"]
features = [
    {
        "feature_name": "my_extractor_embedding",
        "feature_type": "embedding",
        "embedding_dim": 4,
        "distance_metric": "cosine",
    },
]
"""
PIPELINE = """
def build_steps(extractor_request, **kwargs):
    return {"steps": []}
"""
REALTIME = """
class RealtimeHandler:
    def predict(self, request):
        return {"embedding": [0.0] * 4}
"""
FILES = {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "realtime.py": REALTIME}
SCOPE = Scope("org_1", "ns_1")


def zipped(files: Mapping[str, str | bytes] = FILES) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, str] = FILES) -> bytes:
    """A tar.gz of these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            archive.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


class HereInspector:
    """Reads a manifest in this process: for tests, whose manifests are their own."""

    def __init__(self) -> None:
        self.inspected = 0

    def inspect(self, files: Mapping[str, bytes]) -> Manifest:
        """The manifest of a plugin of these files."""
        self.inspected += 1
        module = types.ModuleType("inspected_manifest")
        sys.modules[module.__name__] = module  # pydantic resolves annotations through it
        exec(compile(files["manifest.py"], "manifest.py", "exec"), module.__dict__)
        return manifest_from_names(vars(module), "realtime.py" in files)


def manifest(**changes: Any) -> Manifest:
    """The manifest of `FILES`, with these changes."""
    files = {name: content.encode() for name, content in FILES.items()}
    return HereInspector().inspect(files).model_copy(update=changes)


def published(stores: Stores, scope: Scope = SCOPE, **changes: Any) -> Plugin:
    """A plugin record as confirm writes it, without an archive."""
    declared = manifest(**changes)
    plugin = Plugin(
        plugin_id=declared.plugin_id,
        upload_id=long_id("plu"),
        name=declared.name,
        version=declared.version,
        archive_key=f"{scope.prefix}/plugin_custom/{declared.name}/{declared.version}/0.zip",
        sha256="0" * 64,
        size_bytes=1,
        manifest=declared,
    )
    stores.records.create(Entry(scope.key("plugin"), plugin.plugin_id, plugin.body()))
    return plugin
