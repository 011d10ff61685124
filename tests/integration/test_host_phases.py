"""A host that is killed, or hangs, in whatever it does: the call ends with why, nothing is left, the next one starts."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from plugin_sdk.host import Broker, HostFailed, HostSettings, PluginHost, Zygote
from tests.integration.test_host import HONEST, MANIFEST, PIPELINE, forging, opened, step_of, table
from tests.unit.plugin_sdk.folders import write_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the host's walls are Linux's")

WAIT = "print('here', flush=True); import time; time.sleep(1000)"
REALTIME = f"""
    class RealtimeHandler:
        def predict(self, request):
            {WAIT}
"""
WARM = f"""
    class RealtimeHandler:
        def __init__(self):
            {WAIT}
        def predict(self, request):
            return {{}}
"""


def realtime(host: PluginHost) -> None:
    host.open_realtime()
    host.predict({})


PHASES: dict[str, tuple[dict[str, str], Callable[[PluginHost], object]]] = {
    "reading the manifest": ({"manifest.py": WAIT}, lambda host: host.inspect()),
    "loading the pipeline": ({"pipeline.py": WAIT}, opened),
    "importing a processor": ({"processor.py": WAIT}, opened),
    "building a processor": (
        {
            "processor.py": f"class Processor:\n    def __init__(self): {WAIT}\n    def __call__(self, batch): return batch"
        },
        lambda host: opened(host).run(table(["a", "b"])),
    ),
    "a batch": ({"processor.py": step_of(WAIT)}, lambda host: opened(host).run(table(["a", "b"]))),
    "a warm-up": ({"realtime.py": WARM}, lambda host: host.open_realtime()),
    "a request": ({"realtime.py": REALTIME}, realtime),
    "a question": (
        {"processor.py": step_of("from shared.plugins import open_asset; open_asset('http://a/b')")},
        lambda host: opened(host).run(table(["a", "b"])),
    ),
    "writing a large result": (
        {"processor.py": forging(f"channel.send(Op.RESULT, {{'size': 20 << 20, **SUMMARY}}); {WAIT}")},
        lambda host: opened(host).run(table(["a", "b"])),
    ),
}


class Slow:
    """Assets that take until somebody lets go."""

    def __init__(self) -> None:
        self.asked, self.over = threading.Event(), threading.Event()

    def __call__(self, url: str) -> bytes:
        self.asked.set()
        assert self.over.wait(100)
        return b"late"


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(HostSettings(call_timeout_s=200)) as running:
        yield running


@pytest.fixture(scope="module")
def hasty() -> Iterator[Zygote]:
    """With a short time limit."""
    with Zygote(HostSettings(call_timeout_s=3)) as running:
        yield running


def folder_of(tmp_path: Path, files: dict[str, str]) -> Path:
    usual = {"manifest.py": MANIFEST, "pipeline.py": PIPELINE, "processor.py": HONEST}
    return write_files(tmp_path / "plugin", usual | files)


def is_gone(host: PluginHost) -> bool:
    end = time.monotonic() + 60
    while psutil.pid_exists(host.pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not psutil.pid_exists(host.pid)


@pytest.mark.parametrize("phase", PHASES)
def test_a_host_that_is_killed_says_so_in_whatever_it_does(zygote: Zygote, tmp_path: Path, phase: str) -> None:
    files, call = PHASES[phase]
    slow = Slow()
    folder = folder_of(tmp_path, files)
    host = zygote.start(folder, name="sample", broker=Broker(assets=slow))

    def kill() -> None:
        end = time.monotonic() + 100
        while not slow.asked.is_set() and "here" not in host.log and time.monotonic() < end:
            time.sleep(0.01)
        os.kill(host.pid, signal.SIGKILL)
        slow.over.set()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(HostFailed) as failed:
        call(host)
    killer.join()

    assert failed.value.reason == "died: signal 9"
    assert not host.alive
    assert is_gone(host)
    with pytest.raises(HostFailed, match="signal 9"):
        host.inspect()
    with zygote.start(folder_of(tmp_path / "next", {}), name="next") as after:
        assert opened(after).run(table(["a"])).table.num_rows == 1


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase != "a question"])
def test_a_host_that_hangs_is_ended_by_the_time_limit_in_whatever_it_does(
    hasty: Zygote, tmp_path: Path, phase: str
) -> None:
    files, call = PHASES[phase]
    host = hasty.start(folder_of(tmp_path, files), name="sample")

    with pytest.raises(HostFailed) as failed:
        call(host)

    assert failed.value.reason == "killed: time limit"
    assert is_gone(host)
