"""Loading a plugin's folder: its manifest, its pipeline and its realtime handler, with errors that name file and line."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from plugin_sdk.building import Pipeline, build_pipeline
from plugin_sdk.errors import InvalidPipeline, InvalidRealtime, PlatformError, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.importing import FINDER
from plugin_sdk.manifest import Installed, Issue, Manifest, ManifestIssues, importable, manifest_from_module
from plugin_sdk.realtime import Handler, load_handler
from plugin_sdk.tracebacks import last_line_in, traceback_text


def load_plugin(folder: Path) -> "Plugin":
    """Make the folder importable; none of its code runs yet."""
    offer_compat()
    return Plugin(folder.resolve())


def offer_compat() -> None:
    """Make `engine.*` and `shared.*` importable where the installation has not done so (a wheel does)."""
    compat = Path(__file__).parent / "compat"
    if compat.is_dir() and str(compat) not in sys.path and importlib.util.find_spec("engine") is None:
        sys.path.append(str(compat))


class Plugin:
    """A plugin's folder as a package of its own in this process; a context manager that unloads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = FINDER.add(folder)

    def __enter__(self) -> "Plugin":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unload()

    def unload(self) -> None:
        """Take its modules out of this process."""
        FINDER.remove(self.package)

    def has(self, name: str) -> bool:
        """Whether the plugin has this module at its top."""
        return (self.folder / f"{name}.py").is_file() or (self.folder / name / "__init__.py").is_file()

    def module(self, name: str) -> ModuleType:
        """A module of the plugin, e.g. `pipeline` or `processors.core`; its code runs at the first call.

        Raises:
            PluginRaised: its code raised; the problem names file and line.
        """
        try:
            return importlib.import_module(f"{self.package}.{name}")
        except (Exception, SystemExit) as error:
            raise self.raised(error, f"{name}.py can't be imported") from error

    def manifest(self, installed: Installed = importable) -> Manifest:
        """What manifest.py declares; `installed` judges its dependencies.

        Raises:
            ManifestIssues: it is missing, does not run, or breaks rules; all of them at once.
        """
        if not self.has("manifest"):
            raise ManifestIssues([Issue(field="manifest.py", message="is missing.", hint="Add manifest.py.")])
        try:
            module = self.module("manifest")
        except PluginRaised as error:
            raise ManifestIssues([Issue(field="manifest.py", message=error.problem, hint=error.fix)]) from error
        return manifest_from_module(module, self.has("realtime"), installed)

    def pipeline(self, request: ExtractorRequest, **offered: Any) -> Pipeline:
        """The steps for this request; `offered` are `container`, `base_steps`, `dataset_size`, `content_flags`.

        Raises:
            InvalidPipeline: pipeline.py is missing, or gives no steps that can run.
            PluginRaised: its code raised.
        """
        if not self.has("pipeline"):
            raise InvalidPipeline("pipeline.py is missing.", "Add pipeline.py with a function build_steps.")
        module = self.module("pipeline")
        try:
            return build_pipeline(module, request, **offered)
        except PlatformError:
            raise
        except (Exception, SystemExit) as error:
            raise self.raised(error, "pipeline.py: build_steps failed") from error

    def handler(self) -> Handler:
        """The realtime handler, constructed.

        Raises:
            InvalidRealtime: realtime.py is missing, or has no handler.
            PluginRaised: its code raised.
        """
        if not self.has("realtime"):
            raise InvalidRealtime("realtime.py is missing.", "Add realtime.py with a class RealtimeHandler.")
        module = self.module("realtime")
        try:
            return load_handler(module)
        except PlatformError:
            raise
        except (Exception, SystemExit) as error:
            raise self.raised(error, "realtime.py: the handler can't be built") from error

    def raised(self, error: BaseException, what: str) -> PluginRaised:
        """The error of the plugin's own code, with where it stands and what to do about it."""
        where = self._line_of(error)
        problem = f"{what}: {where}{type(error).__name__}: {_message(error)}"
        return PluginRaised(problem.rstrip(". ") + ".", self._advice(error), traceback_text(error, self.folder))

    def _line_of(self, error: BaseException) -> str:
        if isinstance(error, SyntaxError) and error.filename and error.filename.startswith(f"{self.folder}/"):
            return f"{error.filename.removeprefix(f'{self.folder}/')} line {error.lineno}: "
        found = last_line_in(error, self.folder)
        return f"{found[0]} line {found[1]}: " if found else ""

    def _advice(self, error: BaseException) -> str:
        if not isinstance(error, ModuleNotFoundError) or not error.name:
            return "Correct the plugin's code."
        inner = error.name.removeprefix(f"{self.package}.")
        if inner != error.name:
            return f"Add {inner.replace('.', '/')}.py, or correct the import."
        top = error.name.partition(".")[0]
        if (self.folder / top).is_dir() or (self.folder / f"{top}.py").is_file():
            return f"A plugin imports its own files by relative imports: from .{top} import ..."
        return f"'{top}' is not installed where plugins run."


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return str(error.msg)
    return (str(error).splitlines() or ["no message"])[0]
