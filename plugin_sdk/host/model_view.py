"""A model cache that a host may add to: what the shared cache has by links, and downloads in the host's own scratch."""

import os
from collections.abc import Mapping
from pathlib import Path

from plugin_sdk.host.network import BadNetworkRule

SETTING = "MIXPEEK_NETWORK_DOWNLOADS"
DOWNLOADS = "OPENPEEK_MODEL_DOWNLOADS"
FOLDER = ".models"


def downloads(env: Mapping[str, str]) -> bool:
    """Whether MIXPEEK_NETWORK_DOWNLOADS allows downloads.

    Raises:
        BadNetworkRule: it is neither on nor off.
    """
    text = env.get(SETTING, "off").strip().lower()
    if text not in ("on", "off"):
        raise BadNetworkRule(f"{SETTING} is {text!r}.", "Set it to on or off.")
    return text == "on"


def open_view(scratch: Path) -> None:
    """Where the operator allows downloads, have the hub's libraries use a cache in `scratch` that shows the shared one."""
    if not os.environ.get(DOWNLOADS):
        return
    own = scratch / FOLDER / "hub"
    own.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ["HF_HOME"], "hub") if "HF_HOME" in os.environ else None
    if shared is not None and os.access(shared, os.R_OK | os.X_OK):
        for model in shared.glob("models--*"):
            (own / model.name).symlink_to(model)
    os.environ.update({"HF_HOME": str(own.parent), "HF_HUB_CACHE": str(own), "HF_HUB_DISABLE_XET": "1"})
