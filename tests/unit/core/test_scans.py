"""Scans: one verdict an upload, on the very bytes that are then kept."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import NotFound
from core.plugins import create_upload
from core.scans import get_scan, scan_upload
from core.stores.blobs import BlobRef
from tests.contract.schemas import assert_is
from tests.unit.core.samples import FILES, SCOPE, tarred, zipped


@pytest.fixture
def upload(moto_stores):
    return create_upload(moto_stores, SCOPE, "my_extractor", "1.0.0").upload


@pytest.fixture
def put(moto_stores, upload):
    """Puts bytes where the presigned URL would."""
    ref = BlobRef(moto_stores.settings.plugin_bucket, upload.s3_key)

    def put(data):
        moto_stores.blobs.put(ref, data)
        return ref

    return put


def archives(stores):
    return [ref.key for ref in stores.blobs.each(stores.settings.plugin_bucket, SCOPE.prefix)]


@pytest.mark.parametrize(("pack", "suffix"), [(zipped, "zip"), (tarred, "tar.gz")])
def test_archive_that_passes_is_kept_under_its_hash(moto_stores, put, pack, suffix):
    data = pack()
    sha256 = hashlib.sha256(data).hexdigest()

    verdict = scan_upload(moto_stores, put(data))

    assert verdict.passed
    assert verdict.sha256 == sha256
    assert verdict.archive_key == f"org_1/ns_1/plugin_custom/my_extractor/1.0.0/{sha256}.{suffix}"
    assert moto_stores.blobs.get(BlobRef(moto_stores.settings.plugin_bucket, verdict.archive_key)) == data
    assert get_scan(moto_stores, verdict.upload_id) == verdict


def test_forbidden_import_is_found_where_it_stands_and_no_archive_is_kept(moto_stores, put):
    core = "import json\n\n\ndef run():\n    import subprocess\n"

    verdict = scan_upload(moto_stores, put(zipped({**FILES, "processors/core.py": core})))

    assert not verdict.passed
    (violation,) = [v for v in verdict.violations if v["severity"] == "error"]
    assert_is("SecurityViolation", violation)
    assert (violation["file"], violation["line"], violation["column"]) == ("processors/core.py", 5, 4)
    assert violation["message"] == "Forbidden import: subprocess"
    assert archives(moto_stores) == []


def test_second_put_after_the_scan_changes_nothing(moto_stores, put):
    first = scan_upload(moto_stores, put(zipped()))

    second = scan_upload(moto_stores, put(zipped({**FILES, "evil.py": "import subprocess\n"})))

    assert second == first
    assert archives(moto_stores) == [first.archive_key]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "not an archive"),
        (b"", "0 bytes"),
        (zipped({"../evil.py": "x = 1\n", "manifest.py": ""}), "evil.py"),
        (zipped()[:-30], "damaged"),
    ],
)
def test_what_is_no_safe_archive_gets_a_violation(moto_stores, put, data, message):
    verdict = scan_upload(moto_stores, put(data))

    assert not verdict.passed
    assert message in verdict.violations[0]["message"]
    assert message in verdict.error
    assert_is("SecurityViolation", verdict.violations[0])
    assert archives(moto_stores) == []


def test_every_entry_that_could_leave_the_folder_is_named(moto_stores, put):
    verdict = scan_upload(moto_stores, put(zipped({"../a.py": "", "/b.py": "", "manifest.py": ""})))

    assert [v["file"] for v in verdict.violations] == ["../a.py", "/b.py"]


def test_scans_at_once_agree_on_one_verdict(moto_stores, put):
    ref = put(zipped())

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda _: scan_upload(moto_stores, ref), range(16)))

    assert len({v.model_dump_json() for v in verdicts}) == 1
    assert len(archives(moto_stores)) == 1


@pytest.mark.parametrize(
    "key",
    ["uploads/org_1/ns_1/plu_00.zip", "uploads/org_1/ns_1/notes.txt", "uploads/plu_00.zip", "other/org/ns/plu_00.zip"],
)
def test_file_that_no_upload_asked_for_is_not_scanned(moto_stores, upload, key):
    ref = BlobRef(moto_stores.settings.plugin_bucket, key)
    moto_stores.blobs.put(ref, zipped())

    with pytest.raises(NotFound, match="belongs to no plugin upload"):
        scan_upload(moto_stores, ref)


def test_upload_in_another_namespace_is_not_found(moto_stores, upload):
    ref = BlobRef(moto_stores.settings.plugin_bucket, f"uploads/org_1/ns_2/{upload.upload_id}.zip")
    moto_stores.blobs.put(ref, zipped())

    with pytest.raises(NotFound):
        scan_upload(moto_stores, ref)
