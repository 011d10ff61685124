"""The plugin host: a plugin's code in a long-lived process of its own, without credentials, asked over a socket."""

from plugin_sdk.errors import HostFailed, PluginRaised
from plugin_sdk.host.broker import Broker
from plugin_sdk.host.flight import Progress
from plugin_sdk.host.host import PluginHost
from plugin_sdk.host.network import NetworkPolicy
from plugin_sdk.host.replies import RealtimeInfo, Result
from plugin_sdk.host.settings import HostSettings
from plugin_sdk.host.zygote import Zygote
from plugin_sdk.outcomes import RowFailure, StepInfo

RunResult = Result

__all__ = [
    "Broker",
    "HostFailed",
    "HostSettings",
    "NetworkPolicy",
    "PluginHost",
    "PluginRaised",
    "Progress",
    "RealtimeInfo",
    "Result",
    "RowFailure",
    "RunResult",
    "StepInfo",
    "Zygote",
]
