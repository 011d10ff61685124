"""The memory of a plugin's hosts: what its manifest asks for, as far as the operator lets it."""

from plugin_sdk.errors import PlatformError
from plugin_sdk.host.settings import HostSettings
from plugin_sdk.manifest import Manifest

LEAST_MB = 128
"""Less would not even import what a plugin is made of."""


class TooMuchMemory(PlatformError):
    """A manifest asks for more memory than its host may have."""

    code = "too_much_memory"


def memory_of(manifest: Manifest, settings: HostSettings) -> int:
    """MB of private memory for each host of the plugin: `compute_profile`'s `actor_memory_gb`, else the usual.

    Raises:
        TooMuchMemory: it asks for more than the operator's maximum.
    """
    asked_gb = manifest.compute_profile.actor_memory_gb if manifest.compute_profile else None
    if asked_gb is None:
        return settings.memory_mb
    if asked_gb * 1024 > settings.max_memory_mb:
        raise TooMuchMemory(
            f"manifest.py, compute_profile.actor_memory_gb is {asked_gb:g}, that is {asked_gb * 1024:.0f} MB; the operator "
            f"allows a plugin host {settings.max_memory_mb} MB.",
            f"Ask for up to {settings.max_memory_mb / 1024:g}, or have the operator raise {settings.max_memory_setting}.",
        )
    return max(LEAST_MB, round(asked_gb * 1024))
