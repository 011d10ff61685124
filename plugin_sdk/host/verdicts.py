"""Why a host ended, in words that are short, stable and the same everywhere."""

import signal

from plugin_sdk.errors import HostFailed
from plugin_sdk.host.child_exit import OUT_OF_MEMORY
from plugin_sdk.host.flight import Flight
from plugin_sdk.host.settings import HostSettings
from plugin_sdk.outcomes import KILLED_FOR_MEMORY, KILLED_FOR_TIME

NEAR_LIMIT = 0.8
CRASHES = {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL, signal.SIGTRAP}


def verdict(code: int | None, peak_kib: int, memory_mb: int, *, ran_out: bool = False) -> str:
    """The reason behind an exit code; a crash near the memory limit is the limit's doing, `ran_out` the kernel's word."""
    if ran_out:
        return KILLED_FOR_MEMORY
    if code is None:
        return "died: its zygote ended"
    near = peak_kib >= NEAR_LIMIT * memory_mb * 1024
    if code == OUT_OF_MEMORY or (code < 0 and -code in CRASHES and near):
        return KILLED_FOR_MEMORY
    return f"died: signal {-code}" if code < 0 else f"exited: {code}"


def failure_of(reason: str, name: str, settings: HostSettings, flight: Flight, log: str) -> HostFailed:
    """The error for the caller, with what was in flight and the end of what the plugin said."""
    step = flight.step
    where = f" in step {step}" if step else ""
    problem = f"Plugin '{name}': its host ended{where}: {reason}."
    said = log.strip().splitlines()
    last = f" The plugin's last line: {said[-1][:300]}" if said else ""
    return HostFailed(problem, _fix(reason, settings) + last, reason, step, flight.rows)


def _fix(reason: str, settings: HostSettings) -> str:
    if reason == KILLED_FOR_MEMORY:
        return (
            f"Lower the step's batch_size, or raise the limit of {settings.memory_mb} MB: "
            "compute_profile.actor_memory_gb in manifest.py."
        )
    if reason == KILLED_FOR_TIME:
        return f"Lower the step's batch_size, or raise the limit of {settings.call_timeout_s:g} s for a batch."
    if reason.startswith("died: signal"):
        return "A native library crashed or the system ended the process; run the plugin on that input alone."
    if reason.startswith("exited"):
        return "The plugin ended its own process; raise an exception instead."
    return "Start another host."
