"""`mixpeek status`: what of the platform runs on this machine."""

from plugin_sdk.cli import options
from plugin_sdk.cli.local import run_local
from plugin_sdk.cli.output import Format


def status(format: options.Output = Format.TEXT) -> None:
    """Say what of the platform runs here, its address, key and namespace; exit 1 unless all of it runs.

    Example: mixpeek status --format json
    """
    run_local("status", ["--format", format.value])
