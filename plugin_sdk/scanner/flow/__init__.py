"""What every expression of a plugin may be; `Flow` is the whole of it, built in layers, one module each."""

from plugin_sdk.scanner.flow.flow import Flow, TooTangled
from plugin_sdk.scanner.flow.paths import LISTED

__all__ = ["LISTED", "Flow", "TooTangled"]
