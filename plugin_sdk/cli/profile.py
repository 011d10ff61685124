"""Which platform, key and namespace a command speaks to: flags, then the environment, then the profile file."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin_sdk.errors import PlatformError

DEFAULT_URL = "http://127.0.0.1:8000"


class BadProfile(PlatformError):
    """The profile file can't be read."""

    code = "bad_profile"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where to speak to, and as whom."""

    base_url: str
    api_key: str | None
    namespace: str | None


def home() -> Path:
    """`$OPENPEEK_HOME`, else `~/.openpeek`: the local platform's state, models and profile."""
    return Path(os.environ.get("OPENPEEK_HOME") or Path.home() / ".openpeek")


def connection(base_url: str | None = None, api_key: str | None = None, namespace: str | None = None) -> Connection:
    """The connection that the flags, MIXPEEK_BASE_URL, MIXPEEK_API_KEY, MIXPEEK_NAMESPACE and the profile make.

    A key from the profile goes only to the profile's own platform.

    Raises:
        BadProfile: the profile is no JSON object.
    """
    kept = _profile()
    url = base_url or os.environ.get("MIXPEEK_BASE_URL") or kept.get("base_url") or DEFAULT_URL
    own = kept if url.rstrip("/") == str(kept.get("base_url", "")).rstrip("/") else {}
    return Connection(
        url,
        api_key or os.environ.get("MIXPEEK_API_KEY") or own.get("api_key"),
        namespace or os.environ.get("MIXPEEK_NAMESPACE") or own.get("namespace"),
    )


def _profile() -> dict[str, Any]:
    path = home() / "profile.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadProfile(f"{path} can't be read: {error}.", "Delete it; 'mixpeek up' writes it anew.") from error
    if not isinstance(kept, dict):
        raise BadProfile(f"{path} holds no JSON object.", "Delete it; 'mixpeek up' writes it anew.")
    return kept
