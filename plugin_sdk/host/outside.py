"""What a host may reach at each moment: what the operator names, and the web once a step or a handler is there for it."""

import logging
import os
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from plugin_sdk.host.network import NetworkPolicy
from plugin_sdk.host.proxy import Proxy, Usage
from plugin_sdk.outcomes import StepInfo
from plugin_sdk.pipeline import ResourceType

log = logging.getLogger(__name__)

HUB = ("huggingface.co", "*.huggingface.co", "hf.co", "*.hf.co")
"""Where models come from; `HF_ENDPOINT` adds another."""


class Outside:
    """One host's way out, closed until it is opened; what it leads to follows from what the host is asked to do.

    Steps of kind API and realtime handlers are there to ask others. Steps that compute reach no more than the operator's
    exceptions, and the models' hub where downloads are on.
    """

    def __init__(self, *, downloads: bool) -> None:
        self._hub = _hub() if downloads else ()
        self._policy: NetworkPolicy | None = None
        self._proxy: Proxy | None = None

    @property
    def usage(self) -> Usage | None:
        """What went through it; None where there is none."""
        return self._proxy.usage if self._proxy else None

    def open(self, listener: int, policy: NetworkPolicy, say: Callable[[str], None], process: int | None) -> None:
        """Answer at a listener, now the proxy's own; the other arguments are those of `Proxy`."""
        self._policy = policy
        self._proxy = Proxy(socket.socket(fileno=listener), self._narrow(policy), say, process)

    def open_for_steps(self, steps: Iterable[StepInfo]) -> None:
        """These steps are what runs from now on."""
        if self._proxy and self._policy:
            asks = any(step.resource_type == ResourceType.API for step in steps)
            self._proxy.policy = self._policy if asks else self._narrow(self._policy)

    def open_for_handler(self) -> None:
        """A realtime handler is what runs from now on."""
        if self._proxy and self._policy:
            self._proxy.policy = self._policy

    def close(self) -> None:
        """Cut all connections."""
        if self._proxy is not None:
            self._proxy.close()

    def _narrow(self, policy: NetworkPolicy) -> NetworkPolicy:
        return policy.limited_to(self._hub)


def _hub() -> tuple[str, ...]:
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname
    return (*HUB, endpoint) if endpoint else HUB
