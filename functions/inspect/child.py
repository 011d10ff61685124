"""The process that runs one manifest: limits first, then the plugin's code, then its manifest as JSON."""

import json
import resource
import sys
from pathlib import Path
from typing import Any

from plugin_sdk.loading import load_plugin
from plugin_sdk.manifest import ManifestIssues

MEMORY_BYTES = 1024**3
CPU_S = 30
FILE_BYTES = 64 * 1024**2


def main(folder: str, answer: str) -> None:
    """Write `{"manifest": {…}}` or `{"issues": […]}` to `answer`."""
    limit()
    Path(answer).write_text(json.dumps(inspected(Path(folder))))


def inspected(folder: Path) -> dict[str, Any]:
    """What the plugin in `folder` declares, or what is wrong with it."""
    try:
        with load_plugin(folder) as plugin:
            return {"manifest": plugin.manifest().model_dump(mode="json")}
    except ManifestIssues as error:
        return {"issues": [issue.model_dump(mode="json") for issue in error.issues]}


def limit() -> None:
    """Bound what the manifest may take of the machine."""
    for what, most in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main(*sys.argv[1:])
