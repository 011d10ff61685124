"""`mixpeek up`: start the platform on this machine."""

from typing import Annotated

import typer

from plugin_sdk.cli import options
from plugin_sdk.cli.local import run_local
from plugin_sdk.cli.output import Format


def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; else OPENPEEK_PORT, else 8000.")] = None,
    emulator_port: Annotated[
        int | None,
        typer.Option(help="Port of the local AWS; else OPENPEEK_EMULATOR_PORT, else 4566."),
    ] = None,
    format: options.Output = Format.TEXT,
) -> None:
    """Start the platform on this machine and wait until it works.

    Example: mixpeek up --port 8080
    """
    given = {"--port": port, "--emulator-port": emulator_port}
    ports = [part for flag, value in given.items() if value is not None for part in (flag, str(value))]
    run_local("up", [*ports, "--format", format.value])
