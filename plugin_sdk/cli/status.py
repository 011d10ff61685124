"""`mixpeek status`: what of the platform runs on this machine."""

from typing import Annotated

import typer

from plugin_sdk.cli.local import run_local


def status(format: Annotated[str, typer.Option(help="text or json.")] = "text") -> None:
    """Say what of the platform runs here, its address, key and namespace; exit 1 unless all of it runs.

    Example: mixpeek status --format json
    """
    run_local("status", ["--format", format])
