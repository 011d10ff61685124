"""A GPU's memory, divided between processes of one machine, some of which are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batch.gpu_memory import GpuBusy, GpuMemory, Held
from batch.gpus import Gpu

GPU = Gpu("GPU-aaaa1111-0000", 10_000, 10_000)

HOLDER = """
import sys, time
from pathlib import Path
from batch.gpu_memory import GpuMemory
from batch.gpus import Gpu
lease = GpuMemory(Gpu(sys.argv[1], 10_000), Path(sys.argv[2])).lease(int(sys.argv[3]), "realtime replica")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def memory(tmp_path: Path) -> GpuMemory:
    return GpuMemory(GPU, tmp_path)


@contextmanager
def holder(root: Path, mb: int, gpu: str = GPU.name) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds so much."""
    command = [sys.executable, "-c", HOLDER, gpu, str(root), str(mb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_what_is_held_is_not_given_twice_and_comes_back(memory):
    first = memory.lease(6_000, "a@1")

    assert memory.held() == [Held("a@1", 6_000, os.getpid())]
    with pytest.raises(GpuBusy, match=r"b@1 asks for 5000 MB .* 4000 MB of 10000 MB were free .* Held: a@1 6000 MB"):
        memory.lease(5_000, "b@1")
    first.close()
    first.close()
    assert memory.lease(10_000, "b@1").mb == 10_000


def test_more_than_a_gpu_has_is_refused_at_once(memory):
    began = time.monotonic()

    with pytest.raises(GpuBusy, match="asks for 10001 MB of the GPU GPU-aaaa1111-0000, which has 10000 MB"):
        memory.lease(10_001, "large@1", wait_s=600)

    assert time.monotonic() - began < 60


def test_what_a_killed_process_held_is_free_at_once(memory, tmp_path):
    with holder(tmp_path, 8_000) as process:
        assert [(h.holder, h.mb, h.pid) for h in memory.held()] == [("realtime replica", 8_000, process.pid)]
        with pytest.raises(GpuBusy, match=f"realtime replica 8000 MB .process {process.pid}."):
            memory.lease(4_000, "batch@1")

        os.kill(process.pid, signal.SIGKILL)
        process.wait()

        assert memory.free_mb() == 10_000
        assert memory.lease(4_000, "batch@1").mb == 4_000


def test_who_waits_goes_on_when_the_holder_is_killed(memory, tmp_path):
    with holder(tmp_path, 8_000) as process:
        killing = threading.Timer(0.3, process.kill)
        killing.start()

        with memory.lease(4_000, "batch@1", wait_s=30) as lease:
            assert lease.mb == 4_000
        killing.join()


def test_gpus_are_held_apart(memory, tmp_path):
    with holder(tmp_path, 8_000, "GPU-bbbb2222-0000"):
        assert memory.free_mb() == 10_000


def test_many_that_ask_at_once_never_hold_more_than_there_is(memory):
    most, guard, count = [0], threading.Lock(), 0

    def hold(number: int) -> None:
        nonlocal count
        with GpuMemory(GPU, memory._folder.parents[1]).lease(3_000, f"{number}@1", wait_s=600):
            with guard:
                most[0] = max(most[0], sum(h.mb for h in memory.held()))
                count += 1

    threads = [threading.Thread(target=hold, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert count == 12
    assert 3_000 <= most[0] <= 9_000
    assert memory.held() == []
