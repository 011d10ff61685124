"""Loading plugin folders: relative imports, any name, no leakage, calling conventions, errors with file and line."""

import sys

import pytest

from plugin_sdk import pipeline
from plugin_sdk.errors import InvalidPipeline, InvalidRealtime, PluginRaised
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.loading import load_plugin
from plugin_sdk.manifest import ManifestIssues
from tests.unit.plugin_sdk import quickstart
from tests.unit.plugin_sdk.folders import write_files

REQUEST = ExtractorRequest.of("my_extractor", "1.0.0", {"threshold": 0.7})


@pytest.fixture
def load(tmp_path):
    """Write files into a folder of the given name and load it."""
    loaded = []

    def _load(files, name="my_extractor"):
        plugin = load_plugin(write_files(tmp_path / name, files))
        loaded.append(plugin)
        return plugin

    yield _load
    for plugin in loaded:
        plugin.unload()


def steps_of(load, body, **offered):
    return load({"pipeline.py": body}).pipeline(REQUEST, **offered)


@pytest.mark.parametrize("name", ["my_extractor", "my-extractor 1.0", "123", "json", "ünïcode"])
def test_quick_start_loads_from_a_folder_of_any_name(load, name):
    plugin = load(quickstart.FILES, name)

    built = plugin.pipeline(REQUEST)

    assert plugin.manifest().plugin_id == "my_extractor_1_0_0"
    assert plugin.manifest().has_realtime
    assert [step.label for step in built.steps] == ["MyProcessor"]
    assert built.steps[0].config.threshold == 0.7
    assert built.prepare("ds") == "ds"


def test_relative_imports_work_without_init_files(load):
    plugin = load(
        {
            "manifest.py": "NAME = 'x'\n",
            "processors/deep/core.py": "from ...manifest import NAME\nfrom ..other import TWICE\n",
            "processors/other.py": "from ..manifest import NAME\nTWICE = NAME * 2\n",
        }
    )

    assert plugin.module("processors.deep.core").TWICE == "xx"


def test_init_files_run_when_they_are_there(load):
    plugin = load({"processors/__init__.py": "from .core import A\n", "processors/core.py": "A = 1\n"})

    assert plugin.module("processors").A == 1


def test_two_plugins_with_the_same_modules_do_not_meet(load):
    first = load({"manifest.py": "WHO = 'first'\n", "pipeline.py": "from .manifest import WHO\n"}, "one")
    second = load({"manifest.py": "WHO = 'second'\n", "pipeline.py": "from .manifest import WHO\n"}, "two")

    assert first.module("pipeline").WHO == "first"
    assert second.module("pipeline").WHO == "second"
    assert "manifest" not in sys.modules


def test_unloaded_plugin_leaves_no_module_behind(load):
    plugin = load({"manifest.py": "A = 1\n"})
    plugin.module("manifest")

    plugin.unload()

    assert not [name for name in sys.modules if name.startswith(plugin.package)]


def test_compiled_files_are_neither_read_nor_written(load, tmp_path):
    plugin = load({"manifest.py": "A = 1\n"})
    (plugin.folder / "hidden.pyc").write_bytes(b"anything")

    plugin.module("manifest")

    assert not list(plugin.folder.rglob("__pycache__"))
    with pytest.raises(PluginRaised):
        plugin.module("hidden")


def test_import_of_own_file_by_absolute_name_is_explained(load):
    plugin = load({"pipeline.py": "from processors.core import A\n", "processors/core.py": "A = 1\n"})

    with pytest.raises(PluginRaised) as raised:
        plugin.pipeline(REQUEST)

    assert "relative imports: from .processors" in raised.value.fix
    assert "pipeline.py line 1" in raised.value.problem


def test_import_of_a_package_that_is_not_there_is_explained(load):
    with pytest.raises(PluginRaised) as raised:
        load({"pipeline.py": "import nowhere_to_be_found\n"}).pipeline(REQUEST)

    assert "'nowhere_to_be_found' is not installed" in raised.value.fix


def test_error_in_build_steps_shows_the_authors_lines_alone(load):
    with pytest.raises(PluginRaised) as raised:
        steps_of(load, "def build_steps(extractor_request):\n    return 1 / 0\n")

    assert "pipeline.py line 2: ZeroDivisionError" in raised.value.problem
    assert 'File "pipeline.py", line 2, in build_steps' in raised.value.traceback
    assert "plugin_sdk" not in raised.value.traceback


def test_missing_and_broken_manifests_are_issues(load):
    for files, message in (
        ({}, "is missing"),
        ({"manifest.py": "x = = 1\n"}, "manifest.py line 1: SyntaxError"),
        ({"manifest.py": "1 / 0\n"}, "manifest.py line 1: ZeroDivisionError"),
        ({"manifest.py": "raise SystemExit(3)\n"}, "SystemExit"),
        ({"manifest.py": "raise ValueError\n"}, "ValueError: no message"),
    ):
        with pytest.raises(ManifestIssues) as raised:
            load({"other.py": "", **files}, f"p{len(files)}{message[:14]}").manifest()
        assert message in raised.value.errors[0].message
        assert raised.value.errors[0].field == "manifest.py"


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("extractor_request", "[request]"),
        ("extractor_request, container=None", "[request, container]"),
        ("extractor_request, base_steps=None, **kwargs", "[request, base_steps, sorted(kwargs)]"),
        ("request, *, dataset_size", "[request, dataset_size]"),
        ("anything, /, content_flags=None", "[anything, content_flags]"),
    ],
)
def test_only_declared_arguments_are_passed(load, signature, expected):
    seen = expected.replace("[request", f"[{signature.partition(',')[0]}")
    body = f"def build_steps({signature}):\n    build_steps.seen = {seen}\n    return {{'steps': []}}\n"
    plugin = load({"pipeline.py": body})

    plugin.pipeline(REQUEST, container="c", base_steps=["b"], dataset_size=9, content_flags={"f": 1})

    by_name = {"container": "c", "base_steps": ["b"], "dataset_size": 9, "content_flags": {"f": 1}}
    got = plugin.module("pipeline").build_steps.seen
    assert got[0] is REQUEST
    for name in by_name:
        if f" {name}" in expected:
            assert by_name[name] in got
    if "kwargs" in expected:
        assert got[-1] == ["container", "content_flags", "dataset_size"]


def test_unknown_required_argument_is_named(load):
    with pytest.raises(InvalidPipeline, match="'database'"):
        steps_of(load, "def build_steps(extractor_request, database):\n    return {'steps': []}\n")


def test_extract_may_return_an_object(load):
    built = steps_of(
        load,
        """
        class Answer:
            steps = [len]
            prepare = None

        def extract(extractor_request, **kwargs):
            return Answer()
        """,
    )

    assert built.steps[0].service_class is len
    assert built.prepare(5) == 5


def test_prepare_is_kept(load):
    built = steps_of(load, "def build_steps(r):\n    return {'steps': [], 'prepare': lambda ds: ds + 1}\n")

    assert built.prepare(1) == 2


@pytest.mark.parametrize("answer", ["None", "[]", "{}", "{'steps': None}", "{'steps': 'abc'}"])
def test_answer_without_steps_is_refused(load, answer):
    with pytest.raises(InvalidPipeline) as raised:
        steps_of(load, f"def build_steps(extractor_request):\n    return {answer}\n")

    assert "steps" in raised.value.fix


def test_missing_pipeline_and_missing_function_are_told(load):
    with pytest.raises(InvalidPipeline, match=r"pipeline\.py is missing"):
        load({"manifest.py": ""}).pipeline(REQUEST)
    with pytest.raises(InvalidPipeline, match="no function build_steps"):
        load({"pipeline.py": "A = 1\n"}).pipeline(REQUEST)


def test_missing_realtime_is_told(load):
    with pytest.raises(InvalidRealtime, match=r"realtime\.py is missing"):
        load({"manifest.py": ""}).handler()


def test_plugins_see_the_same_classes_as_the_platform(load):
    plugin = load({"pipeline.py": "from engine.plugins.extractors.pipeline import StepDefinition\n"})

    assert plugin.module("pipeline").StepDefinition is pipeline.StepDefinition


def test_builtin_services_compose_as_documented(load):
    built = steps_of(
        load,
        """
        from engine.inference.openai.whisper_api.services import WhisperConfig, WhisperTranscriptionBatch
        from engine.inference.intfloat.multilingual_e5_large_instruct.services import E5Config, E5TextEmbeddingBatch
        from engine.plugins.extractors.pipeline import (
            PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps
        )

        def build_steps(extractor_request, **kwargs):
            steps = [
                StepDefinition(
                    service_class=WhisperTranscriptionBatch,
                    resource_type=ResourceType.API,
                    config=WhisperConfig(output_column_name="transcription"),
                    condition=RowCondition.IS_AUDIO,
                ),
                StepDefinition(
                    service_class=E5TextEmbeddingBatch,
                    resource_type=ResourceType.CPU,
                    config=E5Config(text_column="transcription", output_column_name="embedding"),
                ),
            ]
            return {"steps": build_pipeline_steps(PipelineDefinition(name="transcribe_embed", version="v1", steps=steps))}
        """,
    )

    assert [step.label for step in built.steps] == ["WhisperTranscriptionBatch", "E5TextEmbeddingBatch"]
    assert [step.resource_type.value for step in built.steps] == ["API", "CPU"]
