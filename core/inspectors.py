"""The inspector on AWS: manifests run in a function whose role permits nothing, and that knows what workers have."""

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from core.errors import StoreUnavailable
from core.plugins import Inspector
from core.stores import Stores
from core.stores.aws import client
from core.stores.functions import Functions
from core.worker_packages import told
from plugin_sdk.manifest import Issue, Manifest, ManifestIssues

MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""Lambda takes 6 MB of JSON; base64 adds a third."""


@dataclass(frozen=True, slots=True)
class FunctionInspector:
    """Asks the inspect function."""

    functions: Functions
    name: str
    stores: Stores

    def inspect(self, files: Mapping[str, bytes]) -> Manifest:
        """See `Inspector`; only sources are sent, since a manifest may open no file."""
        sources = {name: data for name, data in files.items() if name.endswith(".py")}
        size = sum(map(len, sources.values()))
        if size > MAX_SOURCE_BYTES:
            message = f"the plugin's sources take {size} bytes, {MAX_SOURCE_BYTES} can be inspected."
            raise ManifestIssues([Issue(field="manifest.py", message=message, hint="Move data out of the code.")])
        packages = told(self.stores)
        event = {
            "files": {name: base64.b64encode(data).decode() for name, data in sources.items()},
            "packages": asdict(packages) if packages else None,
        }
        answer = self.functions.call(self.name, event)
        if "issues" in answer:
            raise ManifestIssues(Issue.model_validate(issue) for issue in answer["issues"])
        return Manifest.model_validate(answer["manifest"])


@dataclass(frozen=True, slots=True)
class NoInspector:
    """Stands where none was set up: publishing then says so."""

    def inspect(self, files: Mapping[str, bytes]) -> Manifest:
        """Refuse."""
        raise StoreUnavailable(
            "No inspector is set up to read manifests.", "Set OPENPEEK_INSPECT_FUNCTION, or start it with 'mixpeek up'."
        )


def inspector_of(stores: Stores) -> Inspector:
    """The inspect function that the settings name."""
    settings = stores.settings
    if settings.inspect_function is None:
        return NoInspector()
    return FunctionInspector(Functions(client("lambda", settings)), settings.inspect_function, stores)
