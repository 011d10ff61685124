"""What can go wrong, told as a problem and the next step; the root of every error that the platform raises."""

from typing import ClassVar


class PlatformError(Exception):
    """What went wrong, and the next thing to do about it. `code` is public and stable, the wording is not.

    Both texts are positional, so that an error raised in a worker process unpickles as it was.
    """

    code: ClassVar[str] = "platform_error"

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem, fix)
        self.problem, self.fix = problem, fix

    def __str__(self) -> str:
        return f"{self.problem} {self.fix}"


class InvalidArchive(PlatformError):
    """The uploaded file is no plugin archive, or could write outside its folder; `entry` is the name at fault."""

    code = "invalid_archive"

    def __init__(self, problem: str, fix: str, entry: str = "") -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, entry)
        self.entry = entry


class InvalidManifest(PlatformError):
    """The plugin's manifest.py cannot be used as it is; `field` names the key, e.g. `features[0].dimensions`."""

    code = "invalid_manifest"

    def __init__(self, problem: str, fix: str, field: str = "") -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, field)
        self.field = field


class InvalidPipeline(PlatformError):
    """The plugin's pipeline.py does not return steps that can be run."""

    code = "invalid_pipeline"


class UnknownGpu(PlatformError):
    """A setting names a GPU that this machine does not have."""

    code = "unknown_gpu"


class HostFailed(PlatformError):
    """The plugin host ended, hung past its time limit, or broke the protocol; the worker lives on.

    `reason` is short and stable: "killed: memory limit", "killed: time limit", "died: signal 11", "exited: 1", …
    `step` and `rows` tell what was in flight: the step's label, the positions of its rows in the table that was sent.
    """

    code = "host_failed"

    def __init__(self, problem: str, fix: str, reason: str = "", step: str = "", rows: tuple[int, ...] = ()) -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, reason, step, rows)
        self.reason, self.step, self.rows = reason, step, rows


class PluginRaised(PlatformError):
    """The plugin's own code raised; `traceback` is its text, as the author would see it locally."""

    code = "plugin_raised"

    def __init__(self, problem: str, fix: str, traceback: str = "") -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, traceback)
        self.traceback = traceback


class InvalidParameters(PlatformError):
    """A parameter breaks the plugin's schema; `field` is its dotted path."""

    code = "invalid_parameters"

    def __init__(self, problem: str, fix: str, field: str = "") -> None:
        super().__init__(problem, fix)
        self.args = (problem, fix, field)
        self.field = field


class InvalidRealtime(PlatformError):
    """The plugin's realtime.py has no handler that can be used, or the handler's answer is no answer."""

    code = "invalid_realtime"
