"""The platform on this machine, asked by the CLI: `python -m infra.local` of the repository, in a process of its own."""

import importlib.util
import subprocess
import sys
from collections.abc import Sequence

import typer


def run_local(command: str, arguments: Sequence[str]) -> None:
    """Run `python -m infra.local COMMAND ARGUMENTS…`, and exit as it does."""
    if importlib.util.find_spec("infra") is None or importlib.util.find_spec("infra.local") is None:
        typer.echo(f"'mixpeek {command}' needs the platform, and only the plugin SDK is installed here.", err=True)
        typer.echo("Clone the OpenPeek repository and run 'make setup' in it.", err=True)
        raise typer.Exit(1)
    process = subprocess.Popen([sys.executable, "-P", "-m", "infra.local", command, *arguments])
    raise typer.Exit(_wait(process))


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """The exit code; Ctrl-C reaches the process too, which stops what it began before it ends."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
