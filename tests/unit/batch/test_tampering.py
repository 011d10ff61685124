"""What was scanned is byte for byte what runs: at each hop from the upload to a host, somebody changes the plugin."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from batch import unpacked
from batch.unpacked import plugin_folder
from core.errors import SecurityScanFailed
from core.plugins import Plugin, archive_ref, confirm, create_upload, upload_ref
from core.scans import find_upload, scan_upload
from core.stores import Stores
from plugin_sdk.errors import InvalidArchive
from plugin_sdk.host import HostSettings, Zygote
from tests.unit.core.samples import FILES, SCOPE, HereInspector, zipped

REALTIME = """
from pathlib import Path

import pandas as pd

from .processors.words import WORDS

class RealtimeHandler:
    def predict(self, request):
        labels = pd.read_csv(Path(__file__).parent / "labels.csv")
        return {"said": WORDS, "labels": labels["label"].tolist()}
"""
PLUGIN: dict[str, str | bytes] = {
    **FILES,
    "realtime.py": REALTIME,
    "processors/words.py": 'WORDS = "honest"\n',
    "labels.csv": "label\ncat\ndog\n",
}
EVIL: dict[str, str | bytes] = {**PLUGIN, "processors/words.py": 'WORDS = "evil"\n'}
HONEST = {"said": "honest", "labels": ["cat", "dog"]}


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(HostSettings()) as zygote:
        yield zygote


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's folder that no other test has, and a worker that has just started."""
    root = tmp_path / "cache"
    root.mkdir(mode=0o700)
    monkeypatch.setattr(unpacked, "cache_root", lambda: root)
    restart()
    return root


def restart() -> None:
    """What a worker that starts anew remembers."""
    unpacked._known.clear()


@pytest.fixture
def stores(moto_stores: Stores) -> Stores:
    """Stores whose confirm does not wait for an event that nothing sends here."""
    settings = moto_stores.settings.model_copy(update={"scan_wait_s": 0.1})
    return Stores(settings, moto_stores.records, moto_stores.blobs, moto_stores.queues)


@pytest.fixture
def plugin(stores: Stores) -> Plugin:
    """Scanned and confirmed, with a second PUT at every moment in between."""
    upload_id = create_upload(stores, SCOPE, "my_extractor", "1.0.0").upload.upload_id
    upload = find_upload(stores, SCOPE, upload_id)
    assert upload is not None
    ref = upload_ref(stores, upload)
    stores.blobs.put(ref, zipped(PLUGIN))
    assert scan_upload(stores, ref).passed
    stores.blobs.put(ref, zipped(EVIL))
    confirmed = confirm(stores, SCOPE, upload_id, HereInspector())
    stores.blobs.put(ref, zipped(EVIL))
    return confirmed


@pytest.fixture
def fetched(stores: Stores, plugin: Plugin) -> Callable[[], Path]:
    """The folder that a worker starts a host from."""
    return lambda: plugin_folder(stores.blobs, archive_ref(stores, plugin), plugin.sha256)


def ran(zygote: Zygote, folder: Path) -> dict[str, Any]:
    """What a host says that it found."""
    with zygote.start(folder, name="plugin") as host:
        host.open_realtime()
        return host.predict({})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def scanned() -> dict[str, bytes]:
    return {name: text.encode() if isinstance(text, str) else text for name, text in PLUGIN.items()}


def test_an_upload_swapped_after_its_scan_is_not_what_runs(zygote: Zygote, fetched: Callable[[], Path]) -> None:
    folder = fetched()

    assert ran(zygote, folder) == HONEST
    assert contents(folder) == scanned()


def test_an_archive_swapped_in_the_bucket_is_not_run(stores: Stores, plugin: Plugin, cache: Path) -> None:
    stores.blobs.put(archive_ref(stores, plugin), zipped(EVIL))

    with pytest.raises(InvalidArchive, match="the scanned one has"):
        plugin_folder(stores.blobs, archive_ref(stores, plugin), plugin.sha256)
    assert list(cache.iterdir()) == []


def edited(folder: Path) -> None:
    (folder / "processors/words.py").write_text('WORDS = "evil"\n')


def replaced(folder: Path) -> None:
    new = folder / "processors/.new"
    new.write_text('WORDS = "evil!"\n')
    new.replace(folder / "processors/words.py")


def compiled_beside(folder: Path) -> None:
    (folder / "processors/__pycache__").mkdir()
    (folder / "processors/__pycache__/words.cpython-311.pyc").write_bytes(b"\xa7\r\r\n")


def package_before_module(folder: Path) -> None:
    (folder / "processors/words").mkdir()
    (folder / "processors/words/__init__.py").write_text('WORDS = "evil"\n')


def other_case(folder: Path) -> None:
    (folder / "Labels.csv").write_text("label\nevil\n")


def link_for_a_file(folder: Path) -> None:
    (folder.parent / "outside.csv").write_text("label\ncat\ndog\n")
    (folder / "labels.csv").unlink()
    (folder / "labels.csv").symlink_to(folder.parent / "outside.csv")


def file_taken_away(folder: Path) -> None:
    (folder / "labels.csv").unlink()


def link_for_the_folder(folder: Path) -> None:
    elsewhere = folder.with_name("elsewhere")
    folder.rename(elsewhere)
    edited(elsewhere)
    folder.symlink_to(elsewhere)


def file_for_the_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("not a folder")


TAMPERED = [
    edited, replaced, compiled_beside, package_before_module, other_case, link_for_a_file, file_taken_away,
    link_for_the_folder, file_for_the_folder,
]  # fmt: skip


@pytest.mark.parametrize("worker", ["the same worker", "a new worker"])
@pytest.mark.parametrize("tamper", TAMPERED)
def test_a_folder_changed_on_the_machine_is_replaced_before_the_next_start(
    fetched: Callable[[], Path], tamper: Callable[[Path], None], worker: str
) -> None:
    tamper(fetched())
    if worker == "a new worker":
        restart()

    folder = fetched()

    assert contents(folder) == scanned()
    assert not folder.is_symlink()


def test_a_host_started_after_a_change_runs_what_was_scanned(zygote: Zygote, fetched: Callable[[], Path]) -> None:
    before = ran(zygote, fetched())
    edited(fetched())

    assert before == ran(zygote, fetched()) == HONEST


def test_a_folder_that_lies_there_before_the_worker_starts_is_not_trusted(
    plugin: Plugin, cache: Path, zygote: Zygote, fetched: Callable[[], Path]
) -> None:
    planted = cache / plugin.sha256
    shutil.copytree(fetched(), planted.with_name("copy"))
    edited(planted)
    restart()

    assert ran(zygote, fetched()) == HONEST


def test_an_untouched_folder_is_neither_fetched_nor_read_again(
    stores: Stores, plugin: Plugin, fetched: Callable[[], Path]
) -> None:
    folder = fetched()
    stores.blobs.put(archive_ref(stores, plugin), b"gone")

    assert fetched() == folder


def test_what_the_confirm_call_scanned_is_what_is_kept(stores: Stores) -> None:
    upload_id = create_upload(stores, SCOPE, "my_extractor", "1.0.0").upload.upload_id
    upload = find_upload(stores, SCOPE, upload_id)
    assert upload is not None
    ref = upload_ref(stores, upload)
    stores.blobs.put(ref, zipped(PLUGIN))
    verdict = scan_upload(stores, ref)
    assert verdict.archive_key is not None
    stores.blobs.put(ref.__class__(ref.bucket, verdict.archive_key), zipped(EVIL))

    with pytest.raises(SecurityScanFailed, match="the scan recorded"):
        confirm(stores, SCOPE, upload_id, HereInspector())
