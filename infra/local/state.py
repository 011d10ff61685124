"""What the supervisor says of itself and its services, in a file that the commands read."""

import contextlib
import os
import signal
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from infra.local.home import Home, read_json, write_json

STARTING, READY, FAILED, STOPPING = "starting", "ready", "failed", "stopping"


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that cannot be taken for a later one with the same number."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "Ran | None":
        """The process that has this number now."""
        with contextlib.suppress(psutil.Error):
            return cls(pid, psutil.Process(pid).create_time())
        return None

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        return False

    def kill_group(self) -> None:
        """End it and the session that it leads, if it still runs."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


@dataclass(slots=True)
class ServiceState:
    """One service: `state` is starting, running, down or unresponsive; `note` says what is wrong."""

    state: str
    log: str
    process: Ran | None = None
    restarts: int = 0
    note: str = ""


@dataclass(slots=True)
class PlatformState:
    """The whole platform; `step` is what start-up is at, `error` is `{problem, fix}` of what failed."""

    supervisor: Ran
    phase: str
    base_url: str
    endpoint_url: str
    step: str = ""
    error: dict[str, str] | None = None
    namespace: str | None = None
    new_key: bool = False
    services: dict[str, ServiceState] = field(default_factory=dict)

    def write(self, home: Home) -> None:
        """Put it where the commands find it."""
        write_json(home.state_file, asdict(self))

    @classmethod
    def read(cls, home: Home) -> "PlatformState | None":
        """What was written last, by a supervisor that may be gone."""
        found = read_json(home.state_file)
        if found is None:
            return None
        services = {
            name: ServiceState(**{**said, "process": _ran(said["process"])}) for name, said in found["services"].items()
        }
        return cls(**{**found, "supervisor": Ran(**found["supervisor"]), "services": services})

    def kill_leftovers(self) -> None:
        """End every process that this state names and that still runs."""
        for process in (self.supervisor, *(s.process for s in self.services.values())):
            if process:
                process.kill_group()


def _ran(said: dict[str, Any] | None) -> Ran | None:
    return Ran(**said) if said else None
