"""A Dask cluster elsewhere: what is refused at the start, what each failure to connect says, what a worker keeps its own."""

import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster
from distributed.security import Security

from batch import service
from batch.cluster import CONFIG, _config
from batch.partitions import Extraction
from batch.remote import ClusterMisconfigured, SchedulerUnreachable, check_remote, connected, look, own_settings
from batch.worker import WorkerSetup
from core.collections import ExtractorConfig
from core.settings import Settings
from core.tenancy import Scope
from tests.certificates import as_config, dask_tls

ELSEWHERE = "s3://data/openpeek"


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return dask_tls(tmp_path_factory.mktemp("tls") / "own")


@pytest.fixture(scope="module")
def scheduler(tls: dict[str, str]) -> Iterator[str]:
    """A scheduler without workers, over TLS."""
    with dask.config.set(as_config(tls)):
        with LocalCluster(
            n_workers=0, host="127.0.0.1", protocol="tls", security=Security(), dashboard_address="127.0.0.1:0"
        ) as cluster:
            yield cluster.scheduler_address


def remote(**more: object) -> Settings:
    return Settings.model_validate({"dask_address": "tls://dask:8786", "data_uri": ELSEWHERE} | more)


def test_data_in_a_folder_are_refused_with_workers_elsewhere() -> None:
    with pytest.raises(ClusterMisconfigured) as refused:
        check_remote(remote(data_uri="/srv/data"))

    assert "OPENPEEK_DATA_URI is '/srv/data'" in refused.value.problem
    assert "OPENPEEK_DATA_URI=s3://" in refused.value.fix


def test_the_batch_service_does_not_start_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENPEEK_DASK_ADDRESS", "tcp://dask:8786")
    monkeypatch.setenv("OPENPEEK_DATA_URI", "data")
    monkeypatch.setattr(service.logs, "configure", lambda: None)
    monkeypatch.setattr(service, "scrub_environment", lambda: None)

    with pytest.raises(ClusterMisconfigured, match="OPENPEEK_DATA_URI"):
        service.main()


@pytest.mark.parametrize("address", ["dask:8786", "tls://dask", "https://dask:8786", "tls://dask:port", ""])
def test_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ClusterMisconfigured, match="is no scheduler's address") as refused:
        check_remote(remote(dask_address=address))

    assert f"'{address}'" in refused.value.problem


def test_scheduler_of_this_machine_may_have_data_in_a_folder() -> None:
    for address in ("tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"):
        check_remote(remote(dask_address=address, data_uri="data"))

    with pytest.raises(ClusterMisconfigured):
        check_remote(remote(dask_address="tcp://10.0.0.7:8786", data_uri="data"))


def test_nothing_is_asked_of_a_cluster_that_is_started_here() -> None:
    settings = Settings(data_uri="data")

    check_remote(settings)

    assert own_settings(settings) is settings


@pytest.mark.parametrize("name", ["ca-file", "client.cert", "client.key"])
def test_tls_without_a_file_names_setting_and_variable(name: str, tls: dict[str, str]) -> None:
    config = as_config(tls) | {f"distributed.comm.tls.{name}": None}

    with dask.config.set(config), pytest.raises(ClusterMisconfigured) as refused:
        check_remote(remote())

    assert f"distributed.comm.tls.{name} is empty" in refused.value.problem
    assert f"DASK_DISTRIBUTED__COMM__TLS__{name.upper().replace('.', '__').replace('-', '_')}" in refused.value.fix


def test_tls_files_that_are_missing_or_no_certificates_are_named(tls: dict[str, str], tmp_path: Path) -> None:
    config = as_config(tls)
    text = tmp_path / "text.pem"
    text.write_text("not a certificate")

    with dask.config.set(config | {"distributed.comm.tls.client.key": str(tmp_path / "gone.key")}):
        with pytest.raises(ClusterMisconfigured, match=r"gone\.key', which can't be read: No such file"):
            check_remote(remote())
    with dask.config.set(config | {"distributed.comm.tls.client.cert": str(text)}):
        with pytest.raises(ClusterMisconfigured, match="no certificates with their key"):
            check_remote(remote())
    with dask.config.set(config):
        check_remote(remote())


def test_client_with_a_certificate_of_the_authority_is_let_in(scheduler: str) -> None:
    with connected(scheduler) as client:
        assert client.status == "running"
        assert client.scheduler_info()["address"] == scheduler


def test_certificates_may_be_given_as_their_text(scheduler: str, tls: dict[str, str]) -> None:
    as_text = {k: Path(v).read_text() for k, v in as_config(tls).items() if k.endswith((".cert", ".key", "-file"))}

    with dask.config.set(as_text):
        check_remote(remote())
        with connected(scheduler) as client:
            assert client.status == "running"


def test_certificate_of_another_authority_is_told(scheduler: str, tmp_path: Path) -> None:
    with dask.config.set(as_config(dask_tls(tmp_path / "other"))):
        with pytest.raises(SchedulerUnreachable, match="not of the authority in ca-file") as refused:
            look(scheduler)

    assert "one authority" in refused.value.fix


def test_client_that_the_scheduler_does_not_trust_is_told(scheduler: str, tls: dict[str, str], tmp_path: Path) -> None:
    other = as_config(dask_tls(tmp_path / "other"))
    ours = as_config(tls)
    mixed = other | {"distributed.comm.tls.ca-file": ours["distributed.comm.tls.ca-file"]}

    with dask.config.set(mixed), pytest.raises(SchedulerUnreachable, match="refuses our certificate"):
        look(scheduler)


def test_nobody_there_and_unknown_names_are_told(tls: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(SchedulerUnreachable, match="nothing listens there") as refused:
        look(f"tcp://127.0.0.1:{port}")
    with pytest.raises(SchedulerUnreachable, match="name is not known"):
        look("tcp://nowhere.invalid:8786")

    assert "OPENPEEK_DASK_ADDRESS" in refused.value.fix


def test_the_other_protocol_is_told(scheduler: str, tls: dict[str, str]) -> None:
    with speaking(b"\x10\x00\x00\x00plain words") as port, dask.config.set(as_config(tls)):
        with pytest.raises(SchedulerUnreachable, match="does not speak TLS"):
            look(f"tls://127.0.0.1:{port}")
    with pytest.raises(SchedulerUnreachable) as refused:
        look(scheduler.replace("tls://", "tcp://"), timeout_s=0.5)

    assert "write tls://" in refused.value.fix


def test_silence_is_told(tls: dict[str, str]) -> None:
    with speaking(b"") as port, dask.config.set(as_config(tls)):
        with pytest.raises(SchedulerUnreachable, match="no answer in time"):
            look(f"tls://127.0.0.1:{port}", timeout_s=0.3)


@contextmanager
def speaking(words: bytes) -> Iterator[int]:
    """A server that says `words` to whoever comes, and listens no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(words)
                done.wait(100)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            thread.join()


def test_worker_keeps_what_describes_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = remote(model_cache="/service/models", host_memory_mb=64_000, table_name="theirs", step_timeout_s=5)
    unlike = own_settings(sent)
    monkeypatch.setenv("OPENPEEK_MODEL_CACHE", "/worker/models")
    monkeypatch.setenv("OPENPEEK_HOST_MEMORY_MB", "2048")
    monkeypatch.setenv("OPENPEEK_TABLE_NAME", "mine")

    used = own_settings(sent)

    assert (unlike.model_cache, unlike.host_memory_mb) == (None, 64_000)  # that folder is not on this machine
    assert (used.model_cache, used.host_memory_mb) == (Path("/worker/models"), 2048)
    assert (used.table_name, used.step_timeout_s, used.data_uri) == ("theirs", 5, ELSEWHERE)


def test_no_credential_travels_with_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "wJalrXUtnFEMI"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "OPENPEEK_ADMIN_KEY"):
        monkeypatch.setenv(name, secret)
    extractor = ExtractorConfig(feature_extractor_name="passthrough_extractor", version="v1")
    extraction = Extraction(remote(), Scope("org_1", "ns_1"), "bkt_1", "btch_1", "col_1", extractor)

    sent = pickle.dumps([extraction, WorkerSetup(extraction.settings)])

    assert b"org_1" in sent
    assert secret.encode() not in sent


def test_operator_may_set_what_is_set_of_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP", "42s")

    used = _config()

    assert "distributed.comm.timeouts.tcp" not in used
    assert used == {k: v for k, v in CONFIG.items() if k != "distributed.comm.timeouts.tcp"}
