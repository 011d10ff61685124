"""The platform's home on this machine, `$OPENPEEK_HOME`: where state, documents, models, logs and the profile lie."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DEFAULT_HOME = "~/.openpeek"


@dataclass(frozen=True, slots=True)
class Profile:
    """What the CLI needs to talk to the platform; the file is for its owner's eyes only."""

    base_url: str
    api_key: str
    namespace: str


@dataclass(frozen=True, slots=True)
class Home:
    """The folder and the places in it."""

    path: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Home":
        """The home that `OPENPEEK_HOME` names, else `~/.openpeek`."""
        return cls(Path(environment.get("OPENPEEK_HOME") or DEFAULT_HOME).expanduser().absolute())

    @property
    def emulator(self) -> Path:
        """State of the local AWS."""
        return self.path / "aws"

    @property
    def data(self) -> Path:
        """Documents and vectors."""
        return self.path / "data"

    @property
    def models(self) -> Path:
        """Hugging Face cache."""
        return self.path / "models"

    @property
    def logs(self) -> Path:
        """One file a service."""
        return self.path / "logs"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it runs."""
        return self.path / "run" / "lock"

    @property
    def state_file(self) -> Path:
        """What the supervisor says of itself and its services."""
        return self.path / "run" / "platform.json"

    @property
    def profile_file(self) -> Path:
        """Address, key and namespace of the platform that runs here."""
        return self.path / "profile.json"

    def prepare(self) -> None:
        """Make the folders; what holds records, files and logs is closed to other users."""
        for private in (self.emulator, self.logs, self.lock.parent):
            private.mkdir(parents=True, exist_ok=True)
            private.chmod(0o700)

    def profile(self) -> Profile | None:
        """The profile, if the platform has ever run here."""
        found = read_json(self.profile_file)
        return Profile(found["base_url"], found["api_key"], found["namespace"]) if found else None

    def keep_profile(self, profile: Profile) -> None:
        """Write the profile."""
        write_json(self.profile_file, asdict(profile))

    def log(self, service: str) -> Path:
        """The log file of a service."""
        return self.logs / f"{service}.log"


def read_json(path: Path) -> dict[str, Any] | None:
    """What the file says, or None when there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return found


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole, readable for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    beside.replace(path)
