"""Deploys template.yaml to a running AWS emulator: `make deploy-local`.

Run as `python -m infra.deploy`. It leaves the address of the HTTP API and an admin's key in `build/deployed.env`, which
`make test-deployed` reads.
"""

import argparse
import os
import urllib.error
import urllib.request
from pathlib import Path

from core.organizations import bootstrap
from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from infra.emulator.stack import deploy
from infra.lambdas import ROOT

DEFAULT_ENDPOINT = "http://127.0.0.1:4566"
LEFT_AT = ROOT / "build" / "deployed.env"
URL, KEY = "OPENPEEK_TEST_URL", "OPENPEEK_TEST_KEY"


def api_url(settings: Settings, stack: str) -> str:
    """Where an emulator's HTTP API answers: by path, since the name that it has on AWS resolves nowhere here."""
    outputs = client("cloudformation", settings).describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    name = next(o["OutputValue"] for o in outputs if o["OutputKey"] == "ApiUrl")
    api_id = name.partition("://")[2].partition(".")[0]
    return f"{settings.aws_endpoint_url}/_aws/execute-api/{api_id}/$default"


def leave(path: Path, url: str, key: str) -> None:
    """Write address and key where only the user can read them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{URL}='{url}'\n{KEY}='{key}'\n")


def left(path: Path) -> dict[str, str]:
    """What `leave` wrote, or nothing."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: value.strip("'") for name, _, value in (line.partition("=") for line in lines)}


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
    parser.add_argument("--endpoint", default=os.environ.get("AWS_ENDPOINT_URL", DEFAULT_ENDPOINT))
    parser.add_argument("--stack", default="openpeek")
    served_at = os.environ.get("OPENPEEK_SERVING_URL", "")
    parser.add_argument("--serving-url", default=served_at, help="where inference, documents and search are served")
    asked = parser.parse_args()
    _require_running(asked.endpoint)
    settings = Settings(aws_endpoint_url=asked.endpoint, uploads_queue=f"{asked.stack}-uploads")
    changed = deploy(settings, asked.stack, serving_url=asked.serving_url)
    key = bootstrap(Stores.open(settings), left(LEFT_AT).get(KEY))
    url = api_url(settings, asked.stack)
    leave(LEFT_AT, url, key)
    print(f"{'deployed' if changed else 'unchanged'}: {url}\nan admin's key is in {LEFT_AT}")


if __name__ == "__main__":
    main()
