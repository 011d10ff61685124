"""The main job on real input, as a user would type it: `make demo`.

Starts the platform, takes the quick-start plugin through its life (test, publish, batch over 510 paragraphs, search,
serve), and stops what it started.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAME = "my_extractor_1_0_0"
QUERIES = ("a tea party with a rabbit", "chestnuts in the garden", "the right to education")


def main() -> int:
    """Run the demo; 0 when every command did what it should."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--keep-running", action="store_true", help="Leave the platform running at the end.")
    keep = arguments.parse_args().keep_running
    began = time.monotonic()
    was_running = _running()
    if not was_running:
        mixpeek("up")
    try:
        _life_of_a_plugin()
    finally:
        if not keep and not was_running:
            mixpeek("down")
    print(f"\nDone in {time.monotonic() - began:.0f} s.")
    return 0


def _life_of_a_plugin() -> None:
    namespace = ask("namespace", "create", f"demo_{int(time.time())}")["namespace_id"]
    os.environ["MIXPEEK_NAMESPACE"] = namespace
    plugin = str(HERE / "my_extractor")

    heading("1. Test the plugin here, in the sandboxed host that will run it there")
    mixpeek("plugin", "test", "--path", plugin)

    heading("2. Publish it: upload, security scan, manifest")
    mixpeek("plugin", "publish", "--path", plugin)
    mixpeek("plugin", "deploy", NAME)  # its model loads while the files go up

    heading("3. Upload 510 paragraphs in eight languages")
    mixpeek("bucket", "create", "prose", "--property", "text=text")
    mixpeek("bucket", "upload", "prose", str(HERE / "texts"))

    heading("4. Extract features on the cluster")
    extractor = ("--extractor", "my_extractor@1.0.0", "--param", "threshold=0.05")
    mixpeek("collection", "create", "prose", "--bucket", "prose", *extractor)
    mixpeek("batch", "run", "--bucket", "prose", "--watch")

    heading("5. Search by meaning")
    for query in QUERIES:
        mixpeek("search", query, "--collection", "prose", "--limit", "3")

    heading("6. Ask the realtime endpoint")
    _infer(namespace)


def _infer(namespace: str) -> None:
    import httpx

    from plugin_sdk.cli.plugin_deploy import wait_for
    from plugin_sdk.cli.remote import open_api

    with open_api(None, None, namespace, needs_namespace=True) as api:
        wait_for(api, NAME)
        url, key = f"{api.base_url}/inference/custom_plugin_{namespace}_{NAME}", api.api_key
    body = {"text": "Curiouser and curiouser!"}
    print(f"$ curl -X POST {url} -H 'Authorization: Bearer $API_KEY' -d '{json.dumps(body)}'")
    answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=60)
    answer.raise_for_status()
    out = answer.json()
    head = ", ".join(f"{x:.4f}" for x in out["embedding"][:4])
    print(f'{{"embedding": [{head}, … {len(out["embedding"])} numbers], "label": "{out["label"]}"}}')


def mixpeek(*words: str) -> None:
    """Show a command and run it; its failure ends the demo."""
    print(f"$ mixpeek {shlex.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "plugin_sdk.cli.app", *words], check=True)


def ask(*words: str) -> Any:
    """Run a command for its JSON answer."""
    print(f"$ mixpeek {shlex.join(words)}", flush=True)
    command = [sys.executable, "-m", "plugin_sdk.cli.app", *words, "--format", "json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def heading(text: str) -> None:
    """Say what comes next."""
    print(f"\n== {text} ==", flush=True)


def _running() -> bool:
    command = [sys.executable, "-m", "plugin_sdk.cli.app", "status", "--format", "json"]
    return subprocess.run(command, capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
