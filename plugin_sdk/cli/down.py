"""`mixpeek down`: stop the platform on this machine."""

from typing import Annotated

import typer

from plugin_sdk.cli.local import run_local


def down(format: Annotated[str, typer.Option(help="text or json.")] = "text") -> None:
    """Stop the platform on this machine; what it holds stays. Does nothing where nothing runs.

    Example: mixpeek down
    """
    run_local("down", ["--format", format])
