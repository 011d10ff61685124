"""Deploys template.yaml to an AWS emulator: `make deploy-local`.

Run as `python -m infra.deploy`. Unless an emulator is named, it is that of `mixpeek up`, which is started if need be. It leaves the address of the HTTP API and an admin's key in `build/deployed.env`, which
`make test-deployed` reads, and where the data routes lead: to the node of `mixpeek up` where that runs on the same
emulator, else to a free port, on which `make test-deployed` starts a node of its own.
"""

import argparse
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from core.organizations import bootstrap
from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from infra.emulator.stack import deploy
from infra.lambdas import ROOT
from infra.local.home import Home
from infra.local.state import PlatformState

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
LEFT_AT = ROOT / "build" / "deployed.env"
URL, KEY = "OPENPEEK_TEST_URL", "OPENPEEK_TEST_KEY"
SERVING, ENDPOINT = "OPENPEEK_TEST_SERVING_URL", "OPENPEEK_TEST_ENDPOINT"


def api_url(settings: Settings, stack: str) -> str:
    """Where an emulator's HTTP API answers: by path, since the name that it has on AWS resolves nowhere here."""
    outputs = client("cloudformation", settings).describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    name = next(o["OutputValue"] for o in outputs if o["OutputKey"] == "ApiUrl")
    api_id = name.partition("://")[2].partition(".")[0]
    return f"{settings.aws_endpoint_url}/_aws/execute-api/{api_id}/$default"


def serving_place(endpoint: str, home: Home, before: str | None) -> str:
    """Where data routes lead if nobody says: the node that runs on this emulator, the place of `before`, or a free one."""
    platform = PlatformState.read(home)
    if platform and platform.supervisor.alive and platform.endpoint_url == endpoint:
        return platform.base_url
    return before or f"http://127.0.0.1:{_free_port()}"


def leave(path: Path, said: dict[str, str]) -> None:
    """Write addresses and key where only the user can read them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}='{value}'\n" for name, value in said.items()))


def left(path: Path) -> dict[str, str]:
    """What `leave` wrote, or nothing."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def emulator_of(home: Home) -> str:
    """The emulator of the platform in `home`, or what answers in its usual place; a platform is started for want of both.

    Raises:
        SystemExit: it did not start.
    """
    platform = PlatformState.read(home)
    if platform and platform.supervisor.alive:
        return platform.endpoint_url
    if not _answers(DEFAULT_ENDPOINT):
        print("No emulator runs; the platform is started: mixpeek up (mixpeek down stops it)", flush=True)
        if code := subprocess.run([sys.executable, "-m", "plugin_sdk.cli.app", "up"]).returncode:
            raise SystemExit(code)
        platform = PlatformState.read(home)
    return platform.endpoint_url if platform else DEFAULT_ENDPOINT


def _answers(endpoint: str) -> bool:
    try:
        _require_running(endpoint)
    except SystemExit:
        return False
    return True


def _require_running(endpoint: str) -> None:
    try:
        urllib.request.urlopen(endpoint, timeout=5).close()
    except urllib.error.HTTPError:
        return  # it answers
    except (urllib.error.URLError, OSError) as error:
        raise SystemExit(
            f"Nothing answers at {endpoint}: {error}. Start an emulator (mixpeek up, or localstack start), "
            "or name another by AWS_ENDPOINT_URL."
        ) from error


def main() -> None:
    """Deploy, make sure that there is an admin's key, and say where the API answers."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=main.__doc__)
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL"))
    parser.add_argument("--stack", default="openpeek")
    served_at = os.environ.get("OPENPEEK_SERVING_URL")
    parser.add_argument(
        "--serving-url", default=served_at, help='where inference, documents and search are served; "" leaves them out'
    )
    asked = parser.parse_args()
    endpoint = asked.endpoint or emulator_of(Home.of())
    _require_running(endpoint)
    before = left(LEFT_AT)
    serving_url = asked.serving_url
    if serving_url is None:
        serving_url = serving_place(endpoint, Home.of(), before.get(SERVING))
    settings = Settings(aws_endpoint_url=endpoint, uploads_queue=f"{asked.stack}-uploads")
    changed = deploy(settings, asked.stack, serving_url=serving_url)
    key = bootstrap(Stores.open(settings), before.get(KEY))
    url = api_url(settings, asked.stack)
    leave(LEFT_AT, {URL: url, KEY: key, SERVING: serving_url, ENDPOINT: endpoint})
    print(f"{'deployed' if changed else 'unchanged'}: {url}")
    print(f"data routes lead to {serving_url}" if serving_url else "there are no data routes")
    print(f"an admin's key is in {LEFT_AT}")


if __name__ == "__main__":
    main()
