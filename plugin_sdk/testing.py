"""Checking a plugin on the author's machine, in the host that runs it in production: layout, scan, manifest, pipeline,
a run over sample data, realtime."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plugin_sdk.archives import collect
from plugin_sdk.assets import AssetUnavailable, read_directly
from plugin_sdk.check_report import Check, CheckFailed, CheckReport, ScanRejected
from plugin_sdk.errors import HostFailed, PlatformError, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import HostSettings, PluginHost, Zygote
from plugin_sdk.host.memory import memory_of
from plugin_sdk.local_broker import local_broker
from plugin_sdk.local_host import local_host_settings
from plugin_sdk.manifest import Manifest
from plugin_sdk.outcomes import KILLED_FOR_MEMORY
from plugin_sdk.sample_records import Record
from plugin_sdk.sample_tables import to_records, to_table
from plugin_sdk.samples import find_sample, path_of, sample_request, sample_rows

MODELS = (
    "Models are read from the model cache and not downloaded: set HF_HOME to a cache that has this one, "
    "or run 'mixpeek up' once to make the platform's own."
)
CHECKS = ("layout", "scan", "manifest", "pipeline", "run", "realtime")
REQUIRED = ("manifest.py", "pipeline.py")


def check_plugin(
    folder: Path,
    *,
    sample: Path | None = None,
    scan: bool = True,
    settings: HostSettings | None = None,
    on_check: Callable[[Check], None] = lambda check: None,
) -> CheckReport:
    """Check the plugin in `folder`, each step as far as those before it allow.

    Args:
        folder: the plugin.
        sample: rows for the run; left out, those under its tests/, else made up from the input schema.
        scan: False leaves the security scan out.
        settings: the host's limits; left out, those of the environment.
        on_check: told of each check as it is done.

    """
    run = _Run(folder.resolve(), sample, on_check)
    with run.timed("total_s"), run.stops():
        limits = settings or run.limits()
        run.check("layout", lambda: _layout(run.folder))
        run.check("scan", lambda: _scan(run.folder) if scan else "Left out.")
        with Zygote(limits) as zygote:
            with run.host(zygote) as host:
                run.check("manifest", lambda: run.read_manifest(host, limits) + _missing(zygote))
                with run.host(zygote, instead_of=host) as fitting:
                    run.check("pipeline", lambda: run.open_pipeline(fitting))
                    run.check("run", lambda: run.run_sample(fitting))
            with run.host(zygote) as host:
                run.check("realtime", lambda: run.ask_realtime(host))
    return run.report


def check_for_upload(folder: Path) -> Manifest:
    """The manifest of a plugin that may be uploaded.

    Raises:
        PlatformError: files are missing, the scan rejects it, or the manifest breaks rules.
    """
    _layout(folder)
    _scan(folder)
    with Zygote(local_host_settings()) as zygote, zygote.start(folder.resolve(), name=folder.resolve().name) as host:
        return host.inspect()


class _Stopped(Exception):
    """A check failed that the next ones need."""


class _Run:
    """The state between the checks of one plugin."""

    def __init__(self, folder: Path, sample: Path | None, on_check: Callable[[Check], None]) -> None:
        self.folder, self.report = folder, CheckReport()
        self._on_check = on_check
        self._sample = sample.resolve() if sample is not None else None
        self._manifest: Manifest | None = None
        self._memory_mb: int | None = None
        self._rows: list[Record] = []

    def limits(self) -> HostSettings:
        """The host's limits by the environment; a setting that can't be used is a check that failed."""
        try:
            return local_host_settings()
        except PlatformError as error:
            self._note("settings", error)
        raise _Stopped

    def check(self, name: str, look: Callable[[], str]) -> None:
        """Do one check and note what it found; one that failed ends the run."""
        with self.timed(f"{name}_s"):
            try:
                self._add(Check(name, True, look()))
                return
            except PlatformError as error:
                self._note(name, error)
        raise _Stopped

    @contextmanager
    def stops(self) -> Iterator[None]:
        """Where a failed check ends up; the checks that were not reached are named."""
        try:
            yield
        except _Stopped:
            failed = self.report.checks[-1].name
            missed = CHECKS[CHECKS.index(failed) + 1 :] if failed in CHECKS else CHECKS
            for name in missed:
                self._add(Check(name, False, f"Not reached: {failed} failed."))
        except PlatformError as error:  # the host did not come up
            self._note("host", error)

    @contextmanager
    def host(self, zygote: Zygote, instead_of: PluginHost | None = None) -> Iterator[PluginHost]:
        """A host for the plugin, with the memory that its manifest asks for; what it printed goes into the report.

        Args:
            instead_of: one that was started before that was known; given back if it has that much.
        """
        if instead_of is not None and self._memory_mb in (None, zygote.settings.memory_mb):
            yield instead_of
            return
        broker = local_broker(self.folder, self._asset)
        with zygote.start(self.folder, name=self.folder.name, broker=broker, memory_mb=self._memory_mb) as host:
            try:
                yield host
            finally:
                self.report.logs += host.log

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note the seconds that the block takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.report.timings[name] = round(time.perf_counter() - began, 4)

    def read_manifest(self, host: PluginHost, limits: HostSettings) -> str:
        """Check the manifest."""
        self._manifest = manifest = host.inspect()
        self._memory_mb = memory_of(manifest, limits)
        notes = "".join(f" Warning: {warning}" for warning in manifest.warnings)
        return f"{manifest.uri} with {_count(len(manifest.features), 'feature')}.{notes}"

    def open_pipeline(self, host: PluginHost) -> str:
        """Check the pipeline with the default parameters, where the schema has one for each."""
        manifest = self._known()
        params = _default_params(manifest)
        request = ExtractorRequest.of(manifest.name, manifest.version, params, manifest.input_mappings)
        steps = host.open_pipeline(request, dataset_size=1)
        if not steps:
            raise CheckFailed("pipeline.py gives no enabled step.", "Enable one step or more with default parameters.")
        return ", ".join(f"{s.label} ({s.resource_type}, {s.condition}, {s.batch_size} rows)" for s in steps) + "."

    def run_sample(self, host: PluginHost) -> str:
        """Run the steps over the sample."""
        self._sample = self._sample or find_sample(self.folder)
        self._rows = sample_rows(self._known(), self._sample)
        result = host.run(to_table(self._rows))
        self.report.documents = to_records(result.table)
        self.report.failed_documents = [
            {"row": f.row, "step": f.step, "column": f.column, "reason": f.reason} for f in result.failures
        ]
        self.report.timings |= {f"step {label}_s": round(s, 4) for label, s in result.step_seconds.items()}
        if result.failures:
            first = result.failures[0]
            raise CheckFailed(
                f"{len(result.failures)} of {_count(result.rows_in, 'row')} failed; row {first.row}: {first.reason}",
                MODELS if "huggingface.co" in first.reason else "Correct the processor, or the sample data.",
            )
        if not self.report.documents:
            raise CheckFailed(f"No document came out of {_count(result.rows_in, 'row')}.", "Return the rows.")
        if not result.written:
            kinds = ", ".join(sorted({str(row["mime_type"]) for row in self._rows}))
            raise CheckFailed(
                f"No step had a row to handle: the sample is {kinds}.", "Give sample data that the conditions allow."
            )
        dropped = f", {result.rows_dropped} dropped" if result.rows_dropped else ""
        source = self._sample.name if self._sample is not None else "made-up texts"
        return f"{_count(len(self.report.documents), 'document')} from {source}{dropped}."

    def ask_realtime(self, host: PluginHost) -> str:
        """Ask the realtime handler for one answer."""
        manifest = self._known()
        if not manifest.has_realtime:
            return "No realtime.py: for batches only."
        host.open_realtime()
        answer = host.predict(sample_request(manifest, self._rows[0]))
        found = [_check_vector(manifest, f.feature_name, f.embedding_dim, answer) for f in manifest.features]
        note = "" if any(found) or not found else " It has no feature of the manifest."
        return f"Answered with {', '.join(answer)}.{note}"

    def _known(self) -> Manifest:
        assert self._manifest is not None
        return self._manifest

    def _asset(self, url: str) -> bytes:
        """Files beside the sample and web addresses: what the plugin would get of its own tenant."""
        sample = self._sample or self.folder
        beside = sample if sample.is_dir() else sample.parent
        if url.startswith("file:"):
            if not path_of(url).resolve().is_relative_to(beside.resolve()):
                raise AssetUnavailable(f"{url} is not part of the sample data.", "Put the file beside the sample.")
        elif not url.startswith(("http://", "https://")):
            raise AssetUnavailable(f"{url} can't be read in a local run.", "Use files beside the sample.")
        return read_directly(url)

    def _add(self, check: Check) -> None:
        self.report.checks.append(check)
        self._on_check(check)

    def _note(self, name: str, error: PlatformError) -> None:
        self._add(Check(name, False, str(error)))
        self.report.error = error.reason if isinstance(error, HostFailed) and error.reason else error.problem
        if isinstance(error, PluginRaised) and error.traceback:
            self.report.logs += f"{error.traceback}\n"
        if isinstance(error, CheckFailed) and self.report.failed_documents:
            reasons = [str(failed["reason"]) for failed in self.report.failed_documents]
            killed = any(reason.startswith(KILLED_FOR_MEMORY) for reason in reasons)
            self.report.error = KILLED_FOR_MEMORY if killed else None  # for all else the rows tell


def _missing(zygote: Zygote) -> str:
    """A word on walls that are not there: what passes here may be refused where they are."""
    names = ", ".join(zygote.missing)
    return f" Warning: it runs without kernel walls, this system lacks {names}." if names else ""


def _layout(folder: Path) -> str:
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise CheckFailed(
            f"{folder} has no {' and no '.join(missing)}.",
            "Run this in a plugin's folder, or make one with 'mixpeek plugin init'.",
        )
    return f"{_count(len(collect(folder)), 'file')}."


def _scan(folder: Path) -> str:
    from plugin_sdk.scanner import scan_folder

    report = scan_folder(folder)
    if not report.passed:
        raise ScanRejected(report)
    warned = "; ".join(f"{v.file}:{v.line}:{v.column}: {v.message}" for v in report.violations)
    return f"Passed with {_count(len(report.violations), 'warning')}: {warned}." if warned else "Passed."


def _default_params(manifest: Manifest) -> dict[str, Any]:
    """The defaults; required parameters without one are taken from their examples, so that the pipeline can be built."""
    schema = manifest.parameter_schema or {}
    properties = schema.get("properties", {})
    given = {
        key: properties[key]["examples"][0]
        for key in schema.get("required", ())
        if isinstance(properties.get(key), dict) and properties[key].get("examples")
    }
    return manifest.validate_params(given)


def _check_vector(manifest: Manifest, name: str, dim: int, answer: Record) -> bool:
    """Whether the answer has the feature; one of the wrong length is an error."""
    key = name if name in answer else manifest.output_field(name)
    vector = answer.get(key)
    if vector is None:
        return False
    if not isinstance(vector, list) or len(vector) != dim:
        size = f"{len(vector)} numbers" if isinstance(vector, list) else f"a {type(vector).__name__}"
        raise CheckFailed(f"realtime.py answered {size} as '{key}', the manifest says {dim}.", "Make the two agree.")
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in vector):
        raise CheckFailed(f"realtime.py answered '{key}' with something that is no number.", "Answer finite numbers.")
    return True


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
