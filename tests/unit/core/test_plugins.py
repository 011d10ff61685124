"""Plugins: from a presigned PUT to a published record, and everything that can stand between."""

import threading
import time
from datetime import timedelta

import httpx
import pytest

from core.buckets import create_bucket
from core.collections import create_collection
from core.deployments import desired_deployments, request_deploy
from core.errors import (
    AlreadyExists,
    Expired,
    IllegalTransition,
    InvalidRequest,
    ManifestRejected,
    NotFound,
    SecurityScanFailed,
    UploadMissing,
)
from core.ids import now
from core.plugin_removal import delete_plugin
from core.plugins import (
    archive_files,
    archive_ref,
    confirm,
    create_upload,
    find_upload,
    get_plugin,
    list_plugins,
    upload_ref,
)
from core.scans import get_scan, scan_upload
from core.stores import Stores
from core.tenancy import Scope
from tests.unit.core.samples import FILES, MANIFEST, SCOPE, HereInspector, zipped

SCAN_WAIT_S = 60.0


@pytest.fixture
def quick(moto_stores):
    """Stores whose confirm does not wait for an event that nothing sends here."""
    return waiting(moto_stores, 0.1)


@pytest.fixture
def patient(moto_stores):
    """Stores whose confirm waits longer than a test may take."""
    return waiting(moto_stores, SCAN_WAIT_S)


def waiting(stores, scan_wait_s):
    settings = stores.settings.model_copy(update={"scan_wait_s": scan_wait_s})
    return Stores(settings, stores.records, stores.blobs, stores.queues)


@pytest.fixture
def inspector():
    return HereInspector()


def put(stores, data, name="my_extractor", version="1.0.0", scope=SCOPE):
    upload = create_upload(stores, scope, name, version).upload
    stores.blobs.put(upload_ref(stores, upload), data)
    return upload.upload_id


def test_confirm_publishes_what_was_put(quick, inspector):
    plugin = confirm(quick, SCOPE, put(quick, zipped()), inspector)

    assert plugin.plugin_id == "my_extractor_1_0_0"
    assert plugin.feature_uri == "mixpeek://my_extractor@1.0.0"
    assert plugin.manifest.features[0].embedding_dim == 4
    assert plugin.manifest.has_realtime
    assert archive_files(quick, plugin)["pipeline.py"] == FILES["pipeline.py"].encode()
    assert get_plugin(quick, SCOPE, "my_extractor@v1") == plugin


def test_confirm_again_gives_the_same_plugin_and_inspects_once(quick, inspector):
    upload_id = put(quick, zipped())

    first = confirm(quick, SCOPE, upload_id, inspector)

    assert confirm(quick, SCOPE, upload_id, inspector) == first
    assert inspector.inspected == 1


def test_confirms_at_once_publish_one_plugin(quick, inspector):
    upload_id = put(quick, zipped())
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(confirm(quick, SCOPE, upload_id, HereInspector())))
        for _ in range(6)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 6
    assert len({p.model_dump_json() for p in found}) == 1


def test_confirm_uses_the_verdict_that_the_event_gave(moto_stores, patient, inspector):
    upload_id = put(moto_stores, zipped())
    upload = find_upload(moto_stores, SCOPE, upload_id)
    event = threading.Timer(0.2, lambda: scan_upload(moto_stores, upload_ref(moto_stores, upload)))
    started = time.monotonic()

    event.start()
    confirm(patient, SCOPE, upload_id, inspector)
    event.join()

    assert time.monotonic() - started < SCAN_WAIT_S


def test_put_after_the_verdict_is_not_what_is_published(quick, inspector):
    upload_id = put(quick, zipped())
    upload = find_upload(quick, SCOPE, upload_id)
    scan_upload(quick, upload_ref(quick, upload))
    quick.blobs.put(upload_ref(quick, upload), zipped({**FILES, "evil.py": "import subprocess\n"}))

    plugin = confirm(quick, SCOPE, upload_id, inspector)

    assert "evil.py" not in archive_files(quick, plugin)


def test_archive_changed_behind_our_back_is_not_run(quick, inspector):
    plugin = confirm(quick, SCOPE, put(quick, zipped()), inspector)
    quick.blobs.put(archive_ref(quick, plugin), zipped({**FILES, "evil.py": "import subprocess\n"}))

    with pytest.raises(SecurityScanFailed, match="the scan recorded"):
        archive_files(quick, plugin)


def test_confirm_before_the_put_says_so_at_once(patient, inspector):
    upload_id = create_upload(patient, SCOPE, "my_extractor", "1.0.0").upload.upload_id
    started = time.monotonic()

    with pytest.raises(UploadMissing, match="PUT the archive to its presigned_url"):
        confirm(patient, SCOPE, upload_id, inspector)

    assert time.monotonic() - started < SCAN_WAIT_S


def test_unknown_upload_and_another_tenants_are_not_found(quick, inspector):
    upload_id = put(quick, zipped())

    for scope, wanted in ((SCOPE, "plu_000000000000"), (Scope("org_2", "ns_1"), upload_id)):
        with pytest.raises(NotFound):
            confirm(quick, scope, wanted, inspector)


def test_expired_upload_is_told(quick, inspector):
    upload_id = put(quick, zipped())
    past = (now() - timedelta(seconds=1)).isoformat()
    quick.records.update(SCOPE.key("plugin_upload"), upload_id, lambda body: body | {"expires_at": past})

    with pytest.raises(Expired, match=r"expired at.*Request a new upload"):
        confirm(quick, SCOPE, upload_id, inspector)


def test_forbidden_import_is_told_with_its_violations(quick, inspector):
    upload_id = put(quick, zipped({**FILES, "processors/core.py": "import subprocess\n"}))

    for _ in range(2):
        with pytest.raises(SecurityScanFailed) as caught:
            confirm(quick, SCOPE, upload_id, inspector)

    assert caught.value.violations[0]["message"] == "Forbidden import: subprocess"
    assert find_upload(quick, SCOPE, upload_id).status == "failed"
    assert inspector.inspected == 0
    assert list_plugins(quick, SCOPE) == []


def test_every_manifest_error_is_told_at_once(quick, inspector):
    wrong = MANIFEST.replace('"embedding_dim": 4', '"dimensions": 4').replace('"feature_type"', '"type"')

    with pytest.raises(ManifestRejected) as caught:
        confirm(quick, SCOPE, put(quick, zipped({**FILES, "manifest.py": wrong})), inspector)

    fields = [e["field"] for e in caught.value.errors]
    assert {"features[0].dimensions", "features[0].type"} <= set(fields)
    assert any("embedding_dim" in (e["hint"] or "") for e in caught.value.errors)


@pytest.mark.parametrize("missing", ["manifest.py", "pipeline.py"])
def test_missing_file_is_named(quick, inspector, missing):
    files = {name: text for name, text in FILES.items() if name != missing}

    with pytest.raises(ManifestRejected, match=f"{missing} is missing"):
        confirm(quick, SCOPE, put(quick, zipped(files)), inspector)


@pytest.mark.parametrize(
    ("name", "version", "field"),
    [("your_extractor", "1.0.0", "feature_extractor_name"), ("my_extractor", "1.0.1", "version")],
)
def test_manifest_of_another_name_or_version_is_refused(quick, inspector, name, version, field):
    with pytest.raises(ManifestRejected) as caught:
        confirm(quick, SCOPE, put(quick, zipped(), name, version), inspector)

    assert [e["field"] for e in caught.value.errors] == [field]


def test_dependency_that_is_not_installed_is_named(quick, inspector):
    wanted = MANIFEST + '\ndependencies = ["pydantic", "no_such_library"]\n'

    with pytest.raises(ManifestRejected, match="'no_such_library' is not installed"):
        confirm(quick, SCOPE, put(quick, zipped({**FILES, "manifest.py": wanted})), inspector)


def test_etag_and_size_are_held_against_what_was_scanned(quick, inspector):
    upload_id = put(quick, zipped())

    with pytest.raises(InvalidRequest, match="etag is"):
        confirm(quick, SCOPE, upload_id, inspector, etag='"0123"')
    with pytest.raises(InvalidRequest, match="file_size_bytes is 1"):
        confirm(quick, SCOPE, upload_id, inspector, size_bytes=1)

    etag = quick.blobs.head(upload_ref(quick, find_upload(quick, SCOPE, upload_id))).etag
    assert confirm(quick, SCOPE, upload_id, inspector, etag=etag, size_bytes=len(zipped())).upload_id == upload_id


def test_published_name_and_version_is_taken_at_presign_and_at_confirm(quick, inspector):
    first, second = put(quick, zipped()), put(quick, zipped())
    confirm(quick, SCOPE, first, inspector)
    advice = "Publish a new version or delete this one"

    with pytest.raises(AlreadyExists, match=advice):
        create_upload(quick, SCOPE, "my_extractor", "v1")
    with pytest.raises(AlreadyExists, match=advice):
        confirm(quick, SCOPE, second, inspector)


def test_two_organizations_hold_the_same_name(quick, inspector):
    other = Scope("org_2", "ns_1")

    plugins = [confirm(quick, s, put(quick, zipped(), scope=s), inspector) for s in (SCOPE, other)]

    assert plugins[0].plugin_id == plugins[1].plugin_id
    assert plugins[1].archive_key.startswith("org_2/ns_1/plugin_custom/")
    assert list_plugins(quick, SCOPE) == plugins[:1]


def test_builtins_name_is_refused(quick):
    with pytest.raises(InvalidRequest, match="'text_extractor' is a built-in"):
        create_upload(quick, SCOPE, "text_extractor", "1.0.0")


def test_plugin_that_a_collection_uses_is_only_deleted_by_force(quick, inspector):
    plugin = confirm(quick, SCOPE, put(quick, zipped()), inspector)
    request_deploy(quick, SCOPE, plugin)
    bucket = create_bucket(quick, SCOPE, "prose")
    source = {"type": "bucket", "bucket_ids": [bucket.bucket_id]}
    extractor = {"feature_extractor_name": "my_extractor", "version": "1.0.0"}
    create_collection(quick, SCOPE, "paragraphs", source, extractor)

    with pytest.raises(IllegalTransition, match=r"used by 1 collection: paragraphs \(col_.*force=true"):
        delete_plugin(quick, SCOPE, plugin)
    assert list(desired_deployments(quick)) != []

    assert delete_plugin(quick, SCOPE, plugin, force=True) is True
    assert list(desired_deployments(quick)) == []
    assert list_plugins(quick, SCOPE) == []
    with pytest.raises(NotFound):
        quick.blobs.head(archive_ref(quick, plugin))


def test_confirm_of_a_deleted_plugins_upload_does_not_bring_it_back(quick, inspector):
    upload_id = put(quick, zipped())
    delete_plugin(quick, SCOPE, confirm(quick, SCOPE, upload_id, inspector))

    with pytest.raises(IllegalTransition, match="has been deleted since"):
        confirm(quick, SCOPE, upload_id, inspector)
    assert confirm(quick, SCOPE, put(quick, zipped()), inspector).plugin_id == "my_extractor_1_0_0"


def test_presigned_url_takes_the_put(quick):
    upload, url = create_upload(quick, SCOPE, "my_extractor", "1.0.0")

    assert upload.upload_id.startswith("plu_")
    assert httpx.URL(url).path.endswith(f"uploads/org_1/ns_1/{upload.upload_id}.zip")
    assert "X-Amz-Signature" in httpx.URL(url).params
    assert get_scan(quick, upload.upload_id) is None


def test_unknown_plugin_lists_what_there_is(quick, inspector):
    confirm(quick, SCOPE, put(quick, zipped()), inspector)

    with pytest.raises(NotFound, match="It has my_extractor_1_0_0"):
        get_plugin(quick, SCOPE, "my_extractor@2.0.0")
