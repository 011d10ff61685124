"""The plugin host with real processes: what it answers, and what is left of it when the plugin misbehaves."""

import contextlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from plugin_sdk.errors import InvalidPipeline, InvalidRealtime
from plugin_sdk.extractor_request import ExtractorRequest
from plugin_sdk.host import Broker, HostFailed, HostSettings, PluginHost, PluginRaised, Zygote
from plugin_sdk.host import board as boards
from plugin_sdk.host.zygote import THREADS
from plugin_sdk.manifest import ManifestIssues
from tests.unit.plugin_sdk.folders import write_files

SECRET = "a-secret-of-the-worker"

MANIFEST = """
    from pydantic import BaseModel

    class Output(BaseModel):
        embedding: list[float]
        label: str

    metadata = {"feature_extractor_name": "sample", "version": "1.0.0", "description": "A sample.", "category": "text"}
    output_schema = Output
    features = [{"feature_name": "sample_embedding", "feature_type": "embedding", "embedding_dim": 4,
                 "distance_metric": "cosine"}]
"""
PIPELINE = """
    from engine.plugins.extractors.pipeline import (
        PipelineDefinition, ResourceType, RowCondition, StepDefinition, build_pipeline_steps
    )
    from .processor import Processor

    def build_steps(extractor_request, **kwargs):
        parameters = extractor_request.extractor_config.parameters
        step = StepDefinition(
            service_class=Processor, condition=RowCondition.IS_TEXT, batch_size=parameters.get("batch_size", 4),
            resource_type=ResourceType(parameters.get("resource_type", "CPU")),
        )
        return {"steps": build_pipeline_steps(PipelineDefinition(name="sample", version="1.0.0", steps=[step]))}
"""
HONEST = """
    class Processor:
        def __call__(self, batch):
            batch["sample_embedding"] = [[float(len(text)), 1.0, 2.0, 3.0] for text in batch["data"]]
            batch["label"] = batch["data"].str.upper()
            return batch
"""
MiB = 1 << 20


def table(texts: list[str | None]) -> pa.Table:
    count = len(texts)
    return pa.table(
        {
            "document_id": [f"doc_{i}" for i in range(count)],
            "data": texts,
            "mime_type": ["text/plain"] * count,
            "size_bytes": pa.array(range(count), pa.int64()),
        }
    )


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Started by a worker that has a secret in its environment."""
    settings = HostSettings(
        memory_mb=1024, call_timeout_s=100, env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with Zygote(settings) as running:
            yield running


@pytest.fixture
def start(zygote: Zygote, tmp_path: Path) -> Iterator[Callable[..., PluginHost]]:
    """Start a host for a plugin whose processor.py (or other files) is given as text."""
    hosts: list[PluginHost] = []

    def _start(processor: str = HONEST, files: dict[str, str] | None = None, **options: object) -> PluginHost:
        folder = tmp_path / f"plugin{len(hosts)}"
        write_files(
            folder, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": processor} | (files or {})
        )
        hosts.append(zygote.start(folder, name="sample@1.0.0", **options))  # type: ignore[arg-type]
        return hosts[-1]

    yield _start
    for host in hosts:
        host.close()


def opened(host: PluginHost, **parameters: object) -> PluginHost:
    host.open_pipeline(ExtractorRequest.of("sample", "1.0.0", parameters))
    return host


def test_inspect_gives_the_manifest_and_loads_nothing_else(start):
    host = start("raise RuntimeError('must not be loaded')")

    manifest = host.inspect()

    assert manifest.uri == "mixpeek://sample@1.0.0"
    assert manifest.features[0].embedding_dim == 4


def test_run_returns_every_row_with_its_vector_and_fields(start):
    host = opened(start())

    result = host.run(table(["a", "bc", "def", "g", "hi"]))

    assert result.table["document_id"].to_pylist() == [f"doc_{i}" for i in range(5)]
    assert result.table["label"].to_pylist() == ["A", "BC", "DEF", "G", "HI"]
    assert result.table.schema.field("sample_embedding").type == pa.list_(pa.float32(), 4)
    assert result.table["sample_embedding"].to_pylist()[2] == [3.0, 1.0, 2.0, 3.0]
    assert (result.failures, result.rows_in, result.rows_dropped) == ([], 5, 0)
    assert result.written == ("sample_embedding", "label")
    assert result.step_seconds["Processor"] > 0


def test_a_host_keeps_its_processor_between_calls(start):
    host = opened(
        start("""
        class Processor:
            def __init__(self):
                self.calls = 0
            def __call__(self, batch):
                self.calls += 1
                batch["sample_embedding"] = [[float(self.calls), 0.0, 0.0, 0.0]] * len(batch)
                return batch
    """)
    )

    first, second = host.run(table(["a"])), host.run(table(["a"]))

    assert first.table["sample_embedding"].to_pylist() == [[1.0, 0.0, 0.0, 0.0]]
    assert second.table["sample_embedding"].to_pylist() == [[2.0, 0.0, 0.0, 0.0]]


def test_parameters_and_steps_are_those_of_the_request(start):
    host = start()

    (step,) = host.open_pipeline(ExtractorRequest.of("sample", "1.0.0", {"batch_size": 3, "resource_type": "API"}))

    assert (step.label, step.resource_type, step.condition) == ("Processor", "API", "IS_TEXT")
    assert (step.batch_size, step.max_concurrency) == (3, 8)


def test_failed_rows_come_back_with_reason_and_traceback_and_the_others_pass(start):
    host = opened(
        start("""
        class Processor:
            def __call__(self, batch):
                if "bad" in batch["data"].tolist():
                    raise ValueError("this one")
                batch["sample_embedding"] = [[1.0] * (3 if text == "short" else 4) for text in batch["data"]]
                return batch
    """)
    )

    result = host.run(table(["ok", "bad", "short", "ok"]))

    assert result.table["document_id"].to_pylist() == ["doc_0", "doc_3"]
    raised, short = sorted(result.failures, key=lambda failure: failure.row)
    assert (raised.row, raised.document_id, raised.reason) == (
        1,
        "doc_1",
        "Step Processor raised ValueError: this one.",
    )
    assert "processor.py" in raised.traceback
    assert (short.column, "wrote 3 numbers into 'sample_embedding', the manifest says 4" in short.reason) == (
        "sample_embedding",
        True,
    )


def test_added_rows_get_ids_of_their_own_and_keep_every_column(start):
    host = opened(
        start("""
        import pandas as pd
        class Processor:
            def __call__(self, batch):
                batch = pd.concat([batch, batch[batch["data"] == "twice"]])
                batch["sample_embedding"] = [[1.0] * 4] * len(batch)
                return batch
    """)
    )

    result = host.run(table(["once", "twice"]))

    assert result.table["document_id"].to_pylist() == ["doc_0", "doc_1", "doc_1_1"]
    assert result.table["size_bytes"].to_pylist() == [0, 1, 1]


def test_columns_that_the_plugin_did_not_touch_come_back_exactly(start):
    sent = table(["a", "b"])
    sent = sent.append_column("big", pa.array([2**60 + 1, None], pa.int64()))
    sent = sent.append_column("tags", pa.array([["x"], None], pa.list_(pa.string())))

    result = opened(start()).run(sent)

    assert result.table.select(sent.column_names).equals(sent)


def test_progress_tells_rows_done_step_by_step(start):
    heard = []

    slow = step_of("import time; time.sleep(0.5); batch['sample_embedding'] = [[1.0] * 4] * len(batch); return batch")
    opened(start(slow), batch_size=2).run(table(["a"] * 5), on_progress=heard.append)

    told = [(p.step, p.rows_done, p.rows_total) for p in heard]
    assert told == [
        ("Processor", n, 5) for n in (2, 4, 5) if ("Processor", n, 5) in told
    ]  # looked at from time to time
    assert len(told) > 1 and told[-1] == ("Processor", 5, 5)


def test_a_worker_that_gives_up_in_a_call_ends_the_host_and_not_itself(start):
    host = opened(start(step_of("import time; time.sleep(0.2); return batch")))

    def stop(_: object) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        host.run(table(["a"] * 20), on_progress=stop)

    assert not host.alive
    assert not psutil.pid_exists(host.pid)


def test_printed_lines_are_kept_apart_from_the_answer_and_only_the_last_64_kib(start):
    host = opened(
        start("""
        import sys
        class Processor:
            def __call__(self, batch):
                print("x" * 200_000, flush=True)
                print("to the error stream", file=sys.stderr)
                batch["sample_embedding"] = [[1.0] * 4] * len(batch)
                print("last line")
                return batch
    """)
    )

    result = host.run(table(["a"]))

    assert result.table.num_rows == 1
    assert result.log.endswith("to the error stream\nlast line\n")
    assert 64_000 <= len(result.log) <= 64 * 1024


def test_files_and_realtime_of_the_plugin_can_be_wrong_and_say_so(start):
    with pytest.raises(ManifestIssues) as issues:
        start(files={"manifest.py": "metadata = {'feature_extractor_name': 'x!', 'version': '1'}"}).inspect()
    assert len(issues.value.errors) >= 2

    with pytest.raises(PluginRaised) as raised:
        opened(start("import no_such_module"))
    assert "no_such_module" in raised.value.problem
    assert "processor.py" in raised.value.traceback

    with pytest.raises(InvalidPipeline):
        opened(start(files={"pipeline.py": "def build_steps(extractor_request): return 7"}))

    host = start()
    with pytest.raises(InvalidRealtime):
        host.open_realtime()
    assert host.alive
    assert host.inspect().name == "sample"


def test_what_was_not_opened_cannot_be_run(start):
    host = start()

    with pytest.raises(InvalidPipeline, match="open_pipeline first"):
        host.run(table(["a"]))
    with pytest.raises(InvalidRealtime, match="open_realtime first"):
        host.predict({})
    assert host.alive


# Realtime

REALTIME = """
    import numpy as np

    class RealtimeHandler:
        def warmup(self):
            self.warm = True

        def predict(self, request):
            if request.get("fail") == "os":
                raise FileNotFoundError("no such file")
            if request.get("fail") == "object":
                return {"x": object()}
            if request.get("fail") == "set":
                return [1]
            return {"echo": request, "vector": np.arange(3, dtype=np.float32), "warm": self.warm, "n": np.int64(2)}
"""


def test_realtime_answers_plain_values(start):
    host = start(files={"realtime.py": REALTIME})

    info = host.open_realtime()
    answer = host.predict({"text": "ü", "nested": [1, None, {"a": 0.5}]})

    assert not info.batches
    assert answer["echo"] == {"text": "ü", "nested": [1, None, {"a": 0.5}]}
    assert answer["vector"] == [0.0, 1.0, 2.0]
    assert (answer["warm"], answer["n"]) == (True, 2)


@pytest.mark.parametrize(
    ("fail", "error"), [("os", PluginRaised), ("object", InvalidRealtime), ("set", InvalidRealtime)]
)
def test_a_request_that_fails_leaves_the_host_alive(start, fail, error):
    host = start(files={"realtime.py": REALTIME})
    host.open_realtime()

    with pytest.raises(error) as raised:
        host.predict({"fail": fail})

    assert "realtime" in str(raised.value) or "FileNotFoundError" in str(raised.value)
    assert host.predict({})["n"] == 2


def test_an_answer_that_is_too_large_is_an_error_and_no_end(start):
    handler = """
        class RealtimeHandler:
            def predict(self, request):
                return {"text": "x" * (request["mb"] << 20)}
    """
    host = start(files={"realtime.py": handler})
    host.open_realtime()

    with pytest.raises(InvalidRealtime, match="at most 64 are taken"):
        host.predict({"mb": 65})
    assert len(host.predict({"mb": 60})["text"]) == 60 * MiB


def test_a_bad_request_of_a_batch_fails_alone(start):
    host = start(
        files={
            "realtime.py": """
        class RealtimeHandler:
            max_batch_size = 7
            def predict(self, request):
                raise NotImplementedError
            def predict_batch(self, requests):
                return [{"half": 1 / request["n"], "together": len(requests)} for request in requests]
    """
        }
    )

    info = host.open_realtime()
    good = host.predict_batch([{"n": 1}, {"n": 2}])
    mixed = host.predict_batch([{"n": 1}, {"n": 0}, {"n": 4}])

    assert (info.batches, info.max_batch_size) == (True, 7)
    assert good == [{"half": 1.0, "together": 2}, {"half": 0.5, "together": 2}]
    assert [mixed[0], mixed[2]] == [{"half": 1.0, "together": 1}, {"half": 0.25, "together": 1}]
    assert isinstance(mixed[1], PluginRaised)
    assert "ZeroDivisionError" in mixed[1].problem


def test_requests_of_several_threads_each_get_their_own_answer(start):
    host = start(files={"realtime.py": REALTIME})
    host.open_realtime()
    wrong = []

    def ask(name: int) -> None:
        for i in range(50):
            if host.predict({"i": [name, i]})["echo"] != {"i": [name, i]}:
                wrong.append((name, i))

    threads = [threading.Thread(target=ask, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


# Assets

READS_ASSETS = """
    from plugin_sdk.host import brokered
    class Processor:
        def __call__(self, batch):
            batch["label"] = [brokered.asset(url).decode() for url in batch["data"]]
            batch["sample_embedding"] = [[1.0] * 4] * len(batch)
            return batch
"""


def test_assets_are_fetched_by_the_worker(start):
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return f"bytes of {url}".encode()

    host = opened(start(READS_ASSETS, broker=Broker(fetch)), resource_type="API", batch_size=1)
    result = host.run(table([f"s3://bucket/{i}" for i in range(6)]))

    assert result.table["label"].to_pylist() == [f"bytes of s3://bucket/{i}" for i in range(6)]
    assert sorted(asked) == [f"s3://bucket/{i}" for i in range(6)]


def test_a_refused_asset_is_an_error_of_its_row_alone(start):
    def fetch(url: str) -> bytes:
        if url.endswith("secret"):
            raise PermissionError("not yours")
        return b"" if url.endswith("empty") else b"ok"

    result = opened(start(READS_ASSETS, broker=Broker(fetch))).run(
        table(["s3://a/ok", "s3://b/secret", "s3://a/empty"])
    )

    assert result.table["label"].to_pylist() == ["ok", ""]
    assert "not yours" in result.failures[0].reason


# What ends a host


def step_of(body: str) -> str:
    return "class Processor:\n    def __call__(self, batch):\n" + textwrap.indent(textwrap.dedent(body), " " * 8)


def ends(host: PluginHost, reason: str, rows: tuple[int, ...] = (0,)) -> HostFailed:
    began = time.monotonic()
    with pytest.raises(HostFailed) as failed:
        host.run(table(["a"] * len(rows)))
    assert time.monotonic() - began < 60
    assert failed.value.reason == reason
    assert (failed.value.step, failed.value.rows) == ("Processor", rows)
    assert not host.alive
    assert not psutil.pid_exists(host.pid)
    return failed.value


def test_a_busy_loop_is_ended_by_the_time_limit(tmp_path):
    folder = write_files(
        tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": step_of("while True: pass")}
    )
    with Zygote(HostSettings(call_timeout_s=2.5)) as zygote, zygote.start(folder, name="loop") as host:
        error = ends(opened(host), "killed: time limit", (0, 1, 2))

    assert "2.5 s" in error.fix


def test_the_time_limit_holds_for_each_batch_and_not_for_all_together(tmp_path):
    slow = step_of("import time; time.sleep(0.6); batch['sample_embedding'] = [[1.0] * 4] * len(batch); return batch")
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": slow})
    with Zygote(HostSettings(call_timeout_s=3.0)) as zygote, zygote.start(folder, name="slow") as host:
        result = opened(host, batch_size=1).run(table(["a"] * 6))

    assert result.table.num_rows == 6
    assert result.step_seconds["Processor"] > 3.0


def test_a_segfault_ends_its_host_alone(start):
    healthy = opened(start())
    crash = opened(start(step_of("import ctypes; ctypes.string_at(0)")), batch_size=2)

    ends(crash, "died: signal 11", (0, 1))

    assert healthy.run(table(["a"])).table.num_rows == 1
    with pytest.raises(HostFailed, match="signal 11"):
        crash.run(table(["a"]))


def test_an_exit_is_reported_with_its_code(start):
    error = ends(opened(start(step_of("import os; print('leaving'); os._exit(3)"))), "exited: 3")

    assert "The plugin ended its own process" in error.fix


def test_a_memory_bomb_of_python_fails_its_rows_and_names_the_limit(start):
    bomb = step_of("""
        hoard = []
        while "bomb" in batch["data"].tolist():
            hoard.append(bytearray(10_000_000))
        batch["sample_embedding"] = [[1.0] * 4] * len(batch)
        return batch
    """)

    result = opened(start(bomb)).run(table(["a", "bomb", "c"]))

    assert result.table["document_id"].to_pylist() == ["doc_0", "doc_2"]
    assert [f.row for f in result.failures] == [1]
    assert result.failures[0].reason.startswith("killed: memory limit")


def test_a_memory_bomb_of_native_code_is_ended_by_the_limit(start):
    bomb = step_of("""
        import ctypes
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.malloc.argtypes = [ctypes.c_size_t]
        while True:
            block = libc.malloc(16 << 20)
            ctypes.memset(block, 1, 16 << 20)
    """)

    ends(opened(start(bomb)), "killed: memory limit")


def test_a_killed_host_says_by_which_signal(start):
    host = opened(start(step_of("import time; print('asleep', flush=True); time.sleep(60)")))
    threading.Timer(0.5, os.kill, (host.pid, signal.SIGKILL)).start()

    ends(host, "died: signal 9")


def test_a_worker_can_end_a_call_from_another_thread(start):
    host = opened(start(step_of("import time; time.sleep(60)")))
    threading.Timer(0.5, host.kill, ("killed: the batch was cancelled",)).start()

    ends(host, "killed: the batch was cancelled")


def test_a_kill_between_calls_leaves_nothing_behind(zygote, start):
    host = opened(start())

    host.kill()

    assert not psutil.pid_exists(host.pid)
    with pytest.raises(HostFailed, match="by its worker"):
        host.run(table(["a"]))


def test_endless_printing_neither_blocks_nor_outlives_the_time_limit(tmp_path):
    shout = step_of("while True: print('y' * 1000)")
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": shout})
    with Zygote(HostSettings(call_timeout_s=2.5)) as zygote, zygote.start(folder, name="shout") as host:
        ends(opened(host), "killed: time limit")
        assert 0 < len(host.log) <= 64 * 1024


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os.closerange(3, 2000)", "exited: 70"),
        ("import os; os.write(800, b'\\xff' * 100)\nwhile True: pass", "killed: broke the protocol"),
        ("import os; os.write(800, b'\\x45\\xff\\xff\\xff\\xff')\nwhile True: pass", "killed: broke the protocol"),
        ("import os; os.write(800, b'\\x45\\x00\\x00\\x00\\x01\\xc1')\nwhile True: pass", "killed: broke the protocol"),
        ("import os; os.write(800, b'\\x46\\x00\\x00\\x00\\x01\\xc0')\nwhile True: pass", "killed: broke the protocol"),
        ("import socket; socket.socket(fileno=800).shutdown(2)\nwhile True: pass", "killed: closed its connection"),
    ],
)
def test_a_plugin_that_touches_the_protocol_s_descriptors_ends_only_itself(start, body, reason):
    host = opened(start(step_of(body)))

    with pytest.raises(HostFailed) as failed:
        host.run(table(["a"]))

    assert failed.value.reason.startswith(reason)
    assert not psutil.pid_exists(host.pid)


def forging(body: str) -> str:
    """A processor that takes the host's place at the socket and answers the run by itself."""
    return step_of(
        "import sys\n"
        "from plugin_sdk.host import brokered, tables\n"
        "from plugin_sdk.host.protocol import Op\n"
        "from plugin_sdk.host.transport import mapped\n"
        "import pyarrow as pa\n"
        "channel = brokered._channel\n"
        "SUMMARY = {'failures': [], 'tracebacks': [], 'rows_dropped': 0, 'step_seconds': {}}\n"
        "def reply(batch, options=None, swap=(b'', b'')):\n"
        "    sink = pa.BufferOutputStream()\n"
        "    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:\n"
        "        writer.write(batch)\n"
        "    data = sink.getvalue()\n"
        "    import gc\n"
        "    from plugin_sdk.host.child import Host\n"
        "    (host,) = [found for found in gc.get_objects() if isinstance(found, Host)]\n"
        "    memoryview(host._passed.output).cast('B')[: data.size] = data.to_pybytes().replace(*swap)\n"
        "    channel.send(Op.RESULT, {'size': data.size, **SUMMARY})\n"
        "def columns(origin, ordinal, **more):\n"
        "    places = {'.origin': pa.array(origin, pa.int64()), '.ordinal': pa.array(ordinal, pa.int64())}\n"
        "    return placed(pa.record_batch(places | more))\n"
        "def placed(batch): return batch.replace_schema_metadata({'openpeek.rows': 'placed'})\n"
        + textwrap.dedent(body)
        + "\nimport time; time.sleep(60)"
    )


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("channel.ask(Op.RESULT, {'size': 1 << 50, **SUMMARY})", "at most 1024 MB"),
        ("channel.ask(Op.RESULT, {'size': -1, **SUMMARY})", "-1 bytes"),
        ("channel.ask(Op.RESULT, {'size': 8})", "another form"),
        ("channel.ask(Op.RESULT, {'size': 8, **SUMMARY, 'failures': [[99, None, '', None, '', 0]]})", "not sent"),
        ("channel.send(Op.RESULT, {'size': 64, **SUMMARY})", "no valid table"),
        ("channel.ask(Op.RESULT, {'size': 17 << 20, **SUMMARY}); channel.send(Op.WRITTEN)", "no valid table"),
        ("reply(columns([5], [0]))", "outside the table"),
        ("reply(columns([-1], [0]))", "outside the table"),
        ("reply(columns([1, 0], [0, 0]))", "out of order"),
        ("reply(columns([0, 0], [0, 0]))", "same document"),
        ("reply(placed(pa.record_batch({'x': pa.array([1])})))", "where its rows come from"),
        ("reply(pa.record_batch({'x': pa.array([1])}))", "1 rows for 2"),
        ("reply(pa.record_batch({'object_id': pa.array(['mine'] * 2)}))", "says where rows come from"),
        ("reply(columns([0], [0], object_id=pa.array(['mine'])))", "says where rows come from"),
        ("reply(columns([0], [0], label=pa.array([1])))", "has type int64"),
        ("reply(columns([0], [0], sample_embedding=pa.array([[1.0]])))", "has type list"),
        (
            "reply(columns([0], [0], sample_embedding=pa.array([[float('nan')] * 4], pa.list_(pa.float32(), 4))))",
            "not finite",
        ),
        ("reply(columns([0], [0], x=pa.array(['a']).dictionary_encode()))", "dictionary"),
        ("reply(columns([0], [0], x=pa.nulls(1)))", "of type null"),
        ("reply(columns([0] * 9, [0] * 9), pa.ipc.IpcWriteOptions(compression='zstd'))", "compressed"),
        (
            "reply(columns([0], [0], x=pa.array(['abcdefg'])), swap=(b'\\0\\0\\0\\0\\7\\0\\0\\0', b'\\0\\0\\0\\0\\xff\\0\\0\\0'))",
            "no valid table",
        ),
        ("channel.ask(Op.RESULT, {'size': 8, **SUMMARY, 'gone': [5]})", "another form"),
        ("SUMMARY['gone'] = ['data']; reply(columns([0], [0]))", "no earlier step wrote"),
        ("channel.send(Op.READY)", "out of place"),
        ("channel.send(Op.PREDICTION, {})", "out of place"),
        ("channel.send(Op.ASSET, 7)", "no text"),
    ],
)
def test_a_forged_reply_is_refused_and_ends_its_host(start, body, what):
    host = opened(start(forging(body)))

    with pytest.raises(HostFailed) as failed:
        host.run(table(["a", "b"]))

    assert failed.value.reason.startswith("killed: broke the protocol")
    assert what in failed.value.reason


def test_the_sent_table_cannot_be_changed_by_its_receiver(start):
    host = opened(
        start("""
        import mmap, os
        def start_of(fd):
            try:
                return os.pread(fd, 4096, 0)
            except OSError:
                return b""
        class Processor:
            def __call__(self, batch):
                (fd,) = [fd for fd in range(3, 800) if b"mime_type" in start_of(fd)]
                done = []
                for change in (lambda: os.pwrite(fd, b"x", 0), lambda: os.ftruncate(fd, 0), lambda: mmap.mmap(fd, 1)):
                    try:
                        done.append(change())
                    except PermissionError:
                        done.append("refused")
                batch["label"] = " ".join(map(str, done))
                batch["sample_embedding"] = [[1.0] * 4] * len(batch)
                return batch
    """)
    )

    assert host.run(table(["a"])).table["label"].to_pylist() == ["refused refused refused"]


# What a host has


def test_a_host_has_no_credentials_no_descriptors_and_nothing_of_the_platform(start):
    host = opened(
        start("""
        import json, os, sys
        def size_of(fd):
            try:
                return os.fstat(fd).st_size
            except OSError:
                return None
        class Processor:
            def __call__(self, batch):
                found = {"fds": [size for fd in range(3, 4096) if fd not in (800, 801) and (size := size_of(fd))],
                         "cwd": os.getcwd(), "home": os.environ["HOME"], "env": sorted(os.environ), "argv": sys.argv,
                         "sid": os.getsid(0), "pid": os.getpid(), "initial": os.path.exists("/proc/self/environ")}
                for name in ("core", "batch", "functions", "infra", "tests"):
                    try:
                        __import__(name)
                        found[name] = "imported"
                    except ModuleNotFoundError:
                        pass
                print(json.dumps(found))
                batch["sample_embedding"] = [[1.0] * 4] * len(batch)
                return batch
    """)
    )

    found = json.loads(host.run(table(["a"])).log)

    assert sorted(found["fds"]) == [boards.SIZE, 16 << 20, 16 << 20]  # the board, what was sent, what comes back
    assert found["cwd"] == found["home"] != str(Path.cwd())
    assert found["argv"] == [""]
    assert found["sid"] == found["pid"]
    assert not {"core", "batch", "functions", "infra", "tests"} & set(found)
    assert not [name for name in found["env"] if "AWS" in name or "KEY" in name or name == "TOKEN"]
    assert not found["initial"]


def test_scratch_is_private_to_a_host_and_gone_with_it(start):
    keeps = """
        import os, pathlib, tempfile
        class Processor:
            def __call__(self, batch):
                before = sorted(os.listdir(tempfile.gettempdir()))
                with tempfile.NamedTemporaryFile(prefix="kept-", delete=False) as file:
                    file.write(b"x")
                assert pathlib.Path(file.name).read_bytes() == b"x"
                batch["label"] = [",".join(before)] * len(batch)
                batch["sample_embedding"] = [[1.0] * 4] * len(batch)
                return batch
    """
    first, second = opened(start(keeps)), opened(start(keeps))

    seen = [host.run(table(["a"])).table["label"].to_pylist()[0] for host in (first, first, second)]

    assert seen[0] == seen[2] == ".etc,.shm"
    assert "kept-" in seen[1]
    assert not list(Path(tempfile.gettempdir()).glob("openpeek-hosts-*/**/kept-*"))


def test_a_file_over_the_scratch_limit_is_an_error_and_no_crash(tmp_path):
    big = step_of("open('big', 'wb').write(b'x' * (3 << 20)); return batch")
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": big})
    with Zygote(HostSettings(scratch_mb=1)) as zygote, zygote.start(folder, name="big") as host:
        result = opened(host).run(table(["a"]))

    assert "No space left" in result.failures[0].reason


@pytest.mark.slow
def test_torch_imported_before_the_fork_computes_with_threads_in_every_host(tmp_path):
    processor = step_of("""
        import torch
        weights = torch.ones(300, 4)
        batch["sample_embedding"] = list((torch.ones(len(batch), 300) @ weights).numpy())
        batch["label"] = f"{torch.get_num_threads()} threads"
        return batch
    """)
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": processor})
    with Zygote(HostSettings(preload_torch=True, call_timeout_s=100, env=dict.fromkeys(THREADS, "2"))) as zygote:
        results = [opened(zygote.start(folder, name="torch")).run(table(["a"])) for _ in range(2)]

    for result in results:
        assert result.table["sample_embedding"].to_pylist() == [[300.0] * 4]
        assert result.table["label"].to_pylist() == ["2 threads"]


# Zygote and worker


def test_a_killed_zygote_takes_its_hosts_along_and_is_replaced(tmp_path):
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": HONEST})
    with Zygote(HostSettings()) as zygote:
        host = zygote.start(folder, name="orphan")
        assert zygote.pid is not None
        os.kill(zygote.pid, signal.SIGKILL)
        assert gone(host.pid)
        with pytest.raises(HostFailed):
            host.inspect()

        assert zygote.start(folder, name="next").inspect().name == "sample"


def test_a_host_of_a_zygote_that_is_gone_is_not_taken_for_one_of_the_next(tmp_path):
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": HONEST})
    with Zygote(HostSettings()) as zygote:
        before = zygote.start(folder, name="before")._connection.number
        os.kill(zygote.pid or 0, signal.SIGKILL)
        assert gone(zygote.pid or 0)
        host = zygote.start(folder, name="next")

        assert zygote.exit_of(before) == (None, 0)  # both may have the same number; the one that runs is not waited for
        assert host.inspect().name == "sample"


@pytest.mark.parametrize("where", ["plugin_sdk.host.zygote.Channel", "plugin_sdk.host.zygote.Plan"])
def test_a_zygote_that_is_killed_as_it_starts_or_forks_is_no_fault_of_the_plugins(tmp_path, monkeypatch, where):
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": HONEST})
    made = pkgutil.resolve_name(where)

    def killing(*given: object, **named: object) -> object:
        os.kill(zygote.pid or 0, signal.SIGKILL)
        assert gone(zygote.pid or 0)
        return made(*given, **named)

    with contextlib.closing(Zygote(HostSettings())) as zygote:  # it starts with its first host
        with monkeypatch.context() as patch, pytest.raises(HostFailed) as failed:
            patch.setattr(where, killing)
            zygote.start(folder, name="killed")

        assert failed.value.reason == "zygote ended"
        assert zygote.start(folder, name="next").inspect().name == "sample"


def test_a_killed_worker_takes_zygote_and_hosts_along(tmp_path):
    folder = write_files(
        tmp_path / "plugin", {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": HONEST}
    )
    code = f"""
        import sys, tempfile
        from pathlib import Path
        from plugin_sdk.host import HostSettings, Zygote
        tempfile.tempdir = {str(tmp_path)!r}
        zygote = Zygote(HostSettings())
        host = zygote.start(Path({str(folder)!r}), name="x")
        print(zygote.pid, host.pid, flush=True)
        sys.stdin.read()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdout is not None
        zygote_pid, host_pid = map(int, worker.stdout.readline().split())
        assert psutil.pid_exists(zygote_pid)
        assert psutil.pid_exists(host_pid)

        worker.kill()

        assert gone(host_pid)
        assert gone(zygote_pid)
        assert [p.name for p in tmp_path.iterdir()] == ["plugin"]


def test_a_zygote_that_cannot_start_says_what_its_process_said():
    with pytest.raises(HostFailed) as failed:
        Zygote(
            HostSettings(
                env={"ARROW_DEFAULT_MEMORY_POOL": "system", "LD_PRELOAD": "/no/such/library.so"}, start_timeout_s=0.001
            )
        ).__enter__()

    assert failed.value.reason == "zygote did not start"


def test_closing_the_zygote_ends_every_host(tmp_path):
    folder = write_files(tmp_path, {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": HONEST})
    with Zygote(HostSettings()) as zygote:
        hosts = [zygote.start(folder, name=str(i)) for i in range(3)]

    assert all(gone(host.pid) for host in hosts)
    zygote.close()


def gone(pid: int) -> bool:
    """Whether the process ends within seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
