"""The emulator: it starts, keeps its state, and ends with everything it started."""

import os
import signal
import time
from pathlib import Path

import pytest

from core.settings import Settings
from core.stores import Stores
from core.stores.aws import client
from core.stores.blobs import BlobRef
from core.stores.records import Entry
from infra.emulator import Emulator, provision


def opened(emulator: Emulator) -> tuple[Settings, Stores]:
    settings = Settings(aws_endpoint_url=emulator.endpoint_url)
    return settings, Stores.open(settings)


def test_provision_twice_keeps_what_is_stored(emulator, settings, stores):
    stores.records.create(Entry("org_a#things", "thing_1", {"name": "first"}, index=("all", "thing_1")))

    provision(settings)

    assert stores.records.get("org_a#things", "thing_1").body == {"name": "first"}
    assert [r.sk for r in stores.records.query_index("all").records] == ["thing_1"]


def test_state_survives_an_orderly_stop_and_a_start_on_another_port(tmp_path: Path):
    with Emulator(tmp_path) as emulator:
        settings, stores = opened(emulator)
        provision(settings)
        stores.records.create(Entry("org_a#things", "thing_1", {"n": 1}))
        stores.blobs.put(BlobRef(settings.plugin_bucket, "uploads/a b.zip"), b"bytes", "application/zip")
        stores.queues.send(settings.jobs_queue, {"job": "batch"})

    with Emulator(tmp_path) as emulator:
        settings, stores = opened(emulator)
        assert stores.records.get("org_a#things", "thing_1").body == {"n": 1}
        stores.records.create(Entry("org_b#things", "thing_2", {"n": 2}))
        assert stores.blobs.get(BlobRef(settings.plugin_bucket, "uploads/a b.zip")) == b"bytes"
        assert stores.blobs.head(BlobRef(settings.plugin_bucket, "uploads/a b.zip")).content_type == "application/zip"
        assert [m.body for m in stores.queues.receive(settings.jobs_queue, wait_s=0)] == [{"job": "batch"}]


def test_killed_emulator_loses_no_more_than_the_last_seconds(tmp_path: Path):
    with Emulator(tmp_path) as emulator:
        settings, stores = opened(emulator)
        provision(settings)
        stores.records.create(Entry("org_a#things", "thing_1", {"n": 1}))
        saved = tmp_path / "state" / "dynamodb.json"
        deadline = time.monotonic() + 60
        while not (saved.exists() and "thing_1" in saved.read_text()) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.kill(emulator.pid, signal.SIGKILL)
        emulator.stop()
        emulator.start()

        assert stores.records.get("org_a#things", "thing_1").body == {"n": 1}


def test_emulator_ends_when_its_parent_is_gone(tmp_path: Path):
    emulator = Emulator(tmp_path).start()
    process = emulator._process
    process.stdin.close()  # what the kernel does when the parent dies

    assert process.wait(60) is not None
    emulator.stop()


def test_environment_of_the_parent_does_not_reach_the_emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-real-secret")
    with Emulator(tmp_path) as emulator:
        environment = Path(f"/proc/{emulator.pid}/environ").read_bytes()

    assert b"a-real-secret" not in environment
    assert f"GATEWAY_PORT={emulator.port}".encode() in environment


def test_states_are_saved_under_the_names_that_ministack_reads():
    from ministack.services import dynamodb, sqs

    from infra.emulator.saving import LIVE

    assert set(dynamodb.get_state()) == set(LIVE["dynamodb"])
    assert set(sqs.get_state()) == set(LIVE["sqs"])


def test_taken_port_is_told_by_the_system_error(emulator: Emulator, tmp_path: Path):
    with pytest.raises(OSError, match="Address already in use"):
        Emulator(tmp_path, port=emulator.port).start()


@pytest.mark.parametrize(
    "asked", ["bytes=0-9", "bytes=1000000-1999999", "bytes=2999990-", "bytes=-7", "bytes=0-99999999"]
)
def test_ranges_of_stored_files_are_what_was_written(stores: Stores, asked: str):
    data = bytes(range(256)) * 11_719
    ref = BlobRef(stores.settings.object_bucket, "ranges.bin")
    stores.blobs.put(ref, data)
    found = client("s3", stores.settings).get_object(Bucket=ref.bucket, Key=ref.key, Range=asked)["Body"].read()
    first, _, last = asked.removeprefix("bytes=").partition("-")
    assert found == (data[-int(last) :] if not first else data[int(first) : int(last) + 1 if last else None])
