"""The inspector on this machine: a manifest is run in a plugin host of its own, which ends with it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from batch.hosts import allow_missing
from core.settings import Settings
from plugin_sdk.archives import unpack
from plugin_sdk.errors import HostFailed
from plugin_sdk.host import HostSettings, Zygote
from plugin_sdk.manifest import Issue, Manifest, ManifestIssues

TIMEOUT_S = 60.0
SCRATCH_MB = 64


class HostInspector:
    """Asks plugin hosts; any thread may. A context manager, whose zygote starts with the first plugin if not before."""

    def __init__(self, settings: Settings) -> None:
        limits = HostSettings(
            memory_mb=settings.host_memory_mb,
            call_timeout_s=TIMEOUT_S,
            scratch_mb=SCRATCH_MB,
            allow_missing=allow_missing(settings),
            cgroup=settings.host_cgroup,
        )
        self._zygote = Zygote(limits)

    def __enter__(self) -> "HostInspector":
        self._zygote.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the zygote."""
        self._zygote.close()

    def inspect(self, files: Mapping[str, bytes]) -> Manifest:
        """See `core.plugins.Inspector`; a manifest that kills or hangs its host is an issue of that manifest.

        Raises:
            ManifestIssues: it breaks rules; all of them.
            HostFailed: no host could be started.
        """
        with tempfile.TemporaryDirectory(prefix="openpeek-inspect-") as name:
            folder = Path(name)
            unpack(files, folder)
            folder.chmod(0o755)  # a host may run as another user
            with self._zygote.start(folder, name="manifest.py") as host:
                try:
                    return host.inspect()
                except HostFailed as error:
                    hint = "Let manifest.py only declare things; load models in the processor."
                    raise ManifestIssues([Issue(field="manifest.py", message=error.problem, hint=hint)]) from error
