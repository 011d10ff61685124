"""All memory that a host holds, shared maps too, which no limit of a process counts; looked at while it works.

Where hosts have control groups the kernel counts it by itself (`cgroups.py`).
"""

from pathlib import Path

MIB = 1 << 20
COUNTED = ("RssAnon:", "RssShmem:", "VmSwap:")


class Resident:
    """One host's memory, beyond what came with the fork."""

    def __init__(self, pid: int, allowed_mb: int) -> None:
        self._file = Path(f"/proc/{pid}/status")
        self._allowed = allowed_mb * MIB
        self._at_start = self._held()

    def is_over(self, lent: int) -> bool:
        """Whether it holds more than it may, and more than the `lent` bytes of files that the worker shares with it."""
        return self._held() > self._at_start + self._allowed + lent

    def _held(self) -> int:
        """Bytes; none where the system does not tell."""
        try:
            lines = self._file.read_text("ascii", "replace").splitlines()
        except OSError:
            return 0
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(COUNTED))
