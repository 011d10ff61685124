"""`mixpeek down`: stop the platform on this machine."""

from plugin_sdk.cli import options
from plugin_sdk.cli.local import run_local
from plugin_sdk.cli.output import Format


def down(format: options.Output = Format.TEXT) -> None:
    """Stop the platform on this machine; what it holds stays. Does nothing where nothing runs.

    Example: mixpeek down
    """
    run_local("down", ["--format", format.value])
