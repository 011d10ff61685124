"""The process that runs one manifest: limits first, then the plugin's code, then its manifest as JSON.

What workers have and this function has not is stood in for, so that a manifest is judged as it is where plugins run.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from functions.inspect.stand_ins import ValueUnknown, offer, stood_in
from plugin_sdk.loading import load_plugin
from plugin_sdk.manifest import Installed, Issue, ManifestIssues, Packages, importable

MEMORY_BYTES = 1024**3
CPU_S = 30
FILE_BYTES = 64 * 1024**2


def main(folder: str, answer: str) -> None:
    """Write `{"manifest": {…}}` or `{"issues": […]}` to `answer`; what workers have stands in standard input, or null."""
    told = json.load(sys.stdin)
    packages = None if told is None else Packages(tuple(told["modules"]), tuple(told["distributions"]))
    limit()
    Path(answer).write_text(json.dumps(inspected(Path(folder), packages)))


def inspected(folder: Path, packages: Packages | None) -> dict[str, Any]:
    """What the plugin in `folder` declares, or what is wrong with it."""
    offer(_missing(folder, packages))
    try:
        with load_plugin(folder) as plugin:
            return {"manifest": plugin.manifest(_installed(packages)).model_dump(mode="json")}
    except ManifestIssues as error:
        return {"issues": [issue.model_dump(mode="json") for issue in error.issues]}
    except ValueUnknown as error:  # asked for while the schemas were made
        return {"issues": [Issue(field="manifest.py", message=error.problem, hint=error.fix).model_dump(mode="json")]}


def _missing(folder: Path, packages: Packages | None) -> Callable[[str], bool]:
    """Which modules to stand in for: those of the workers or, while none has told of its own, all but the plugin's."""
    if packages is not None:
        return packages.modules.__contains__
    own = {path.stem for path in folder.iterdir()}
    return lambda top: top not in own and top not in sys.stdlib_module_names


def _installed(packages: Packages | None) -> Installed:
    if packages is not None:
        return packages.has
    return lambda package: (importable(package) and not stood_in(package.replace("-", "_"))) or None


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
