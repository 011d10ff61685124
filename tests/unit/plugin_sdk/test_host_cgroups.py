"""Control groups of hosts: where they may be made, and what a folder that can't be used is told to be."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin_sdk.errors import HostFailed
from plugin_sdk.host.cgroups import HIERARCHY, Group, groups
from plugin_sdk.host.verdicts import verdict
from plugin_sdk.outcomes import KILLED_FOR_MEMORY


@pytest.fixture
def delegated() -> Iterator[Path]:
    """A cgroup of this machine that may be divided."""
    folder = HIERARCHY / "openpeek-test"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup v2 that may be divided: {error.strerror}")
    if "memory" not in _read(folder / "cgroup.controllers"):
        folder.rmdir()
        pytest.skip("cgroup v2 has no memory controller here")
    yield folder
    folder.rmdir()


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_a_process_over_its_group_s_memory_is_ended_and_that_is_told(delegated: Path) -> None:
    code = "import sys; sys.stdin.readline(); x = b'x' * (256 << 20); print(len(x))"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        found = groups(str(delegated))
        assert found is not None
        group = found.admit(process.pid, 64)
        process.communicate(b"\n", timeout=60)

    assert process.returncode == -9
    assert group.ran_out()
    assert verdict(-9, 0, 4096, ran_out=group.ran_out()) == KILLED_FOR_MEMORY
    group.close()
    assert [path for path in delegated.iterdir() if path.is_dir()] == []


def folder_of(root: Path, controllers: str, given: str) -> Path:
    """A folder with the files of a cgroup, on an ordinary file system."""
    root.mkdir(parents=True)
    (root / "cgroup.controllers").write_text(f"{controllers}\n")
    (root / "cgroup.subtree_control").write_text(f"{given}\n")
    (root / "cgroup.procs").write_text("")
    return root


def membership(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "membership"
    file.write_text(text)
    return file


def test_the_worker_s_own_group_is_used_where_it_hands_memory_down(tmp_path: Path) -> None:
    own = folder_of(tmp_path / "fs/service/worker", "cpu memory pids", "memory pids")
    of = membership(tmp_path, "4:memory:/old\n0::/service/worker\n")

    found = groups("", tmp_path / "fs", of)

    assert found is not None
    assert found.folder == own


@pytest.mark.parametrize("text", ["", "4:memory:/old\n", "0::/service/other\n"])
def test_without_a_group_that_may_be_divided_there_are_none(tmp_path: Path, text: str) -> None:
    folder_of(tmp_path / "fs/service/worker", "cpu memory", "cpu")

    assert groups("", tmp_path / "fs", membership(tmp_path, text)) is None
    assert groups("", tmp_path / "fs", membership(tmp_path, "0::/service/worker\n")) is None
    assert groups("", tmp_path / "fs", tmp_path / "missing") is None


def test_a_host_gets_limits_before_it_is_put_in(tmp_path: Path) -> None:
    found = groups(str(folder_of(tmp_path / "fs", "memory pids", "memory pids")))
    assert found is not None

    found.admit(42, 64)

    (made,) = (path for path in (tmp_path / "fs").iterdir() if path.is_dir())
    assert (made / "memory.max").read_text() == str(64 << 20)
    assert (made / "cgroup.procs").read_text() == "42"


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        (Path("/nowhere/group"), "it is no cgroup v2"),
        (Path("/etc"), "it is no cgroup v2"),
    ],
)
def test_a_setting_that_names_no_group_is_refused(folder: Path, why: str) -> None:
    with pytest.raises(HostFailed, match=why) as raised:
        groups(str(folder))
    assert "OPENPEEK_HOST_CGROUP" in str(raised.value)


def test_a_group_without_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostFailed, match="does not hand the memory controller down"):
        groups(str(folder_of(tmp_path / "fs", "cpu pids", "cpu")))


@pytest.mark.parametrize(
    ("text", "expected"), [("oom 1\noom_kill 1\n", True), ("oom 0\noom_kill 0\n", False), (None, False)]
)
def test_what_the_kernel_counted_says_whether_memory_ran_out(tmp_path: Path, text: str | None, expected: bool) -> None:
    if text is not None:
        (tmp_path / "memory.events").write_text(text)

    assert Group(tmp_path).ran_out() is expected
