"""Settings of a plugin host on the author's own machine, from the environment."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from plugin_sdk.errors import PlatformError
from plugin_sdk.host.missing import WALLS, accepted
from plugin_sdk.host.model_view import downloads
from plugin_sdk.host.network import NetworkPolicy
from plugin_sdk.host.settings import HostSettings

LIMITS = {
    "MIXPEEK_HOST_TIMEOUT_S": "call_timeout_s",
    "MIXPEEK_HOST_MEMORY_MB": "memory_mb",
    "MIXPEEK_HOST_SCRATCH_MB": "scratch_mb",
}
"""Environment variable -> field of HostSettings."""


OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""Without a model cache a model is missing at once; the libraries would knock at the hub for minutes."""


ALLOW_MISSING = "MIXPEEK_HOST_ALLOW_MISSING"
LINUX = WALLS.keys() if sys.platform == "linux" else frozenset[str]()
"""The walls that this system could have."""


class BadSetting(PlatformError):
    """An environment variable holds what can't be used."""

    code = "bad_setting"


def local_host_settings(environ: Mapping[str, str] | None = None) -> HostSettings:
    """Limits from MIXPEEK_HOST_TIMEOUT_S, _MEMORY_MB and _SCRATCH_MB; models from HF_HOME, else the platform's own.

    _MEMORY_MB is also the most that a manifest may ask for.

    Walls that MIXPEEK_HOST_ALLOW_MISSING names may be missing; on other systems than Linux, which have none, all may:
    an author's plugin runs on the author's machine there. What the plugin may reach says MIXPEEK_NETWORK_ALLOW.

    Raises:
        BadSetting: a limit is no number above 0.
        UnknownWall: there is no such wall.
        BadNetworkRule: MIXPEEK_NETWORK_ALLOW or _CA can't be used.
    """
    env = os.environ if environ is None else environ
    limits = {field: _number(name, env[name]) for name, field in LIMITS.items() if env.get(name)}
    defaults = HostSettings()
    cache = model_cache(env)
    return HostSettings(
        memory_mb=int(limits.get("memory_mb", defaults.memory_mb)),
        max_memory_mb=int(limits.get("memory_mb", defaults.max_memory_mb)),
        max_memory_setting="MIXPEEK_HOST_MEMORY_MB",
        call_timeout_s=limits.get("call_timeout_s", defaults.call_timeout_s),
        scratch_mb=int(limits.get("scratch_mb", defaults.scratch_mb)),
        model_cache=cache,
        env=OFFLINE if cache is None and not downloads(env) else {},
        model_downloads=downloads(env),
        allow_missing=accepted(env.get(ALLOW_MISSING, ""), ALLOW_MISSING) | (WALLS.keys() - LINUX),
        network=NetworkPolicy.from_environment(env),
    )


def model_cache(env: Mapping[str, str]) -> Path | None:
    """HF_HOME; else, if it is there, `$OPENPEEK_HOME/models` (by default under ~/.openpeek)."""
    if env.get("HF_HOME"):
        return Path(env["HF_HOME"])
    home = Path(env["OPENPEEK_HOME"]) if env.get("OPENPEEK_HOME") else Path.home() / ".openpeek"
    return home / "models" if (home / "models").is_dir() else None


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9 or (name != "MIXPEEK_HOST_TIMEOUT_S" and value < 1):
        raise BadSetting(f"{name} is {text!r}.", "Set it to a number above 0, or unset it.")
    return value
