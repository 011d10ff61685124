"""Which of a machine's GPUs hosts are given, by what the driver tells in /proc."""

from pathlib import Path

import pytest

from plugin_sdk.errors import UnknownGpu
from plugin_sdk.host.gpu import Grant, grant

FIRST, SECOND = "GPU-aaaa1111-0000", "GPU-bbbb2222-0000"


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """A machine whose GPUs have their device numbers in another order than the bus."""
    for bus, uuid, minor in (("0000:01:00.0", FIRST, 1), ("0000:41:00.0", SECOND, 0)):
        file = tmp_path / "gpus" / bus / "information"
        file.parent.mkdir(parents=True)
        file.write_text(f"Model: \t\t NVIDIA A10\nIRQ:   \t\t 42\nGPU UUID: \t {uuid}\nDevice Minor: \t {minor}\n")
    return tmp_path


def nodes(given: Grant) -> set[str]:
    return {Path(path).name for path in given.devices} - {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"}


@pytest.mark.parametrize(
    ("visible", "uuids", "files"),
    [
        ("0", FIRST, {"nvidia1"}),
        ("1", SECOND, {"nvidia0"}),
        ("1,0", f"{SECOND},{FIRST}", {"nvidia0", "nvidia1"}),
        (SECOND, SECOND, {"nvidia0"}),
        ("GPU-aaaa", FIRST, {"nvidia1"}),
    ],
)
def test_gpus_go_to_hosts_by_uuid_with_the_files_that_are_theirs(driver, visible, uuids, files):
    given = grant(visible, {}, driver)

    assert given.variables()["CUDA_VISIBLE_DEVICES"] == uuids
    assert nodes(given) == files


def test_of_proc_and_sys_a_host_reads_what_is_about_its_own_gpu(driver):
    facts = grant("1", {}, driver).facts

    assert {"/proc/driver/nvidia/gpus/0000:41:00.0", "/sys/bus/pci/devices/0000:41:00.0"} <= set(facts)
    assert not any("0000:01:00.0" in fact for fact in facts)


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles"])
def test_no_gpu_is_nothing_at_all(driver, visible):
    given = grant(visible, {}, driver)

    assert (given, given.variables()) == (Grant(), {})


@pytest.mark.parametrize("visible", ["2", "GPU-cccc", "x", "0,7", "GPU-"])
def test_a_gpu_that_is_not_there_is_told_beside_those_that_are(driver, visible):
    with pytest.raises(UnknownGpu, match=f"this machine has: 0 .{FIRST}., 1 .{SECOND}"):
        grant(visible, {}, driver)


def test_a_part_of_a_gpu_is_refused(driver):
    with pytest.raises(UnknownGpu, match="MIG-1234, a part of a GPU"):
        grant("MIG-1234", {}, driver)


def test_where_the_driver_tells_nothing_the_number_is_that_of_the_file(tmp_path):
    given = grant("3", {}, tmp_path)

    assert (nodes(given), given.variables()["CUDA_VISIBLE_DEVICES"]) == ({"nvidia3"}, "0")


def test_the_folder_of_the_drivers_library_is_readable_and_searched(tmp_path):
    (tmp_path / "lib64").mkdir()
    (tmp_path / "lib64/libcuda.so.1").touch()

    given = grant("0", {"LD_LIBRARY_PATH": f"/nowhere:{tmp_path}/lib64:relative"}, tmp_path)

    assert f"{tmp_path}/lib64" in given.facts
    assert given.variables()["LD_LIBRARY_PATH"] == f"{tmp_path}/lib64"
