"""A plugin's files → its manifest, read by running it in a child process that inherits nothing.

The function's role permits nothing, and the child's environment is empty besides: what a manifest does when it is
imported can harm neither another tenant nor the next plugin, whose child is a fresh one in a fresh folder.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from plugin_sdk.archives import unpack

TIMEOUT_S = 40
ROOT = Path(__file__).resolve().parents[2]


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A manifest, or what is wrong with it.

    Args:
        event: `{"files": {path: base64}, "packages": {"modules": […], "distributions": […]} or null}`; `packages` is what
            workers have.

    Returns:
        `{"manifest": {…}}` or `{"issues": [{field, message, hint, severity}]}`.
    """
    files = {name: base64.b64decode(text) for name, text in event["files"].items()}
    with tempfile.TemporaryDirectory(prefix="inspect-") as scratch:
        folder = Path(scratch, "plugin")
        folder.mkdir()
        unpack(files, folder)
        return inspect_in_child(folder, Path(scratch), event.get("packages"), TIMEOUT_S)


def inspect_in_child(folder: Path, scratch: Path, packages: Any, timeout_s: float) -> dict[str, Any]:
    """What `functions.inspect.child` answers about the plugin in `folder`, where workers have these packages."""
    answer = scratch / "answer.json"
    environment = {"HOME": str(scratch), "TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(map(str, _paths()))}
    command = [sys.executable, "-S", "-P", "-m", "functions.inspect.child", str(folder), str(answer)]
    try:
        ended = subprocess.run(
            command,
            cwd=scratch,
            env=environment,
            input=json.dumps(packages).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            start_new_session=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _unanswered(f"did not finish within {timeout_s:g} s", "Load models in the processor, not on import.")
    if not answer.is_file():
        return _unanswered(f"ended its process with {ended.returncode}", "Let manifest.py only declare things.")
    found: dict[str, Any] = json.loads(answer.read_bytes())
    return found


def _paths() -> list[Path]:
    """Where modules are found here: all that the child gets. The current folder never counts."""
    return [ROOT, *(Path(p) for p in sys.path if p and Path(p) != ROOT)]


def _unanswered(what: str, hint: str) -> dict[str, Any]:
    return {"issues": [{"field": "manifest.py", "message": f"{what}.", "hint": hint, "severity": "error"}]}
