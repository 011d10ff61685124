"""A PUT to the presigned URL alone leads to a verdict: ObjectCreated, the scan queue, the scan function."""

import time
from pathlib import Path

import httpx
import pytest

from core.plugins import Presigned, create_upload
from core.scans import ScanRecord, get_scan
from core.settings import Settings
from core.stores import Stores
from core.stores.blobs import BlobRef
from core.tenancy import Scope
from infra.emulator import Emulator
from infra.emulator.stack import deploy
from plugin_sdk.archives import pack

QUICK_START = Path(__file__).parents[2] / "examples" / "my_extractor"
SCOPE = Scope("org_trigger", "ns_trigger")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scanning(emulator: Emulator) -> Stores:
    """The whole stack, with its scan function."""
    settings = Settings(
        aws_endpoint_url=emulator.endpoint_url,
        table_name="trigger-table",
        plugin_bucket="trigger-plugins",
        object_bucket="trigger-objects",
        jobs_queue="trigger-jobs",
    )
    deploy(settings, "trigger")
    return Stores.open(settings)


def put(presigned: Presigned, data: bytes) -> None:
    answer = httpx.put(presigned.url, content=data, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 200, answer.text


def verdict(stores: Stores, presigned: Presigned, timeout_s: float = 100.0) -> ScanRecord:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if record := get_scan(stores, presigned.upload.upload_id):
            return record
        time.sleep(0.02)
    raise AssertionError("no scan record came")


def test_put_alone_leads_to_a_scan_record_and_a_kept_archive(scanning):
    presigned = create_upload(scanning, SCOPE, "my_extractor", "1.0.0")
    packed = pack(QUICK_START)

    put(presigned, packed.data)

    record = verdict(scanning, presigned)
    assert record.passed
    assert record.sha256 == packed.sha256
    kept = BlobRef(scanning.settings.plugin_bucket, record.archive_key)
    assert kept.key == f"{SCOPE.prefix}/plugin_custom/my_extractor/1.0.0/{packed.sha256}.zip"
    assert scanning.blobs.get(kept) == packed.data


def test_forbidden_import_is_found_by_the_function(scanning, tmp_path):
    (tmp_path / "manifest.py").write_text("metadata = {}\n")
    (tmp_path / "pipeline.py").write_text("import subprocess\n")
    presigned = create_upload(scanning, SCOPE, "bad_extractor", "1.0.0")

    put(presigned, pack(tmp_path).data)

    record = verdict(scanning, presigned)
    assert not record.passed
    assert [(v["file"], v["line"], v["column"]) for v in record.violations] == [("pipeline.py", 1, 0)]


def test_burst_of_uploads_loses_none(scanning, tmp_path):
    (tmp_path / "manifest.py").write_text("metadata = {}\n")
    (tmp_path / "pipeline.py").write_text("x = 1\n")
    data = pack(tmp_path).data
    uploads = [create_upload(scanning, SCOPE, f"burst_{i}", "1.0.0") for i in range(40)]

    for presigned in uploads:
        put(presigned, data)

    assert all(verdict(scanning, presigned).passed for presigned in uploads)


def test_file_that_belongs_to_no_upload_does_not_hold_up_the_queue(scanning, tmp_path):
    scanning.blobs.put(BlobRef(scanning.settings.plugin_bucket, "uploads/stray.zip"), b"stray")
    presigned = create_upload(scanning, SCOPE, "not_a_zip", "1.0.0")

    put(presigned, b"this is no archive")

    record = verdict(scanning, presigned)
    assert not record.passed
    assert record.error
