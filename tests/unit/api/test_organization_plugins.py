"""Routes of the organization's plugins: one publication, enabled per namespace, with what each namespace may do to it."""

from typing import Any

import pytest

from core.deployments import desired_deployments
from core.stores import Stores
from core.stores.blobs import BlobRef
from tests.unit.api.conftest import Api, NewTenant
from tests.unit.core.samples import FILES, zipped

ID = "my_extractor_1_0_0"


@pytest.fixture(autouse=True)
def stores(publishing: Stores) -> Stores:
    return publishing


def publish(api: Api, stores: Stores, files: dict[str, str] = FILES, root: str = "/v1/plugins") -> dict[str, Any]:
    made = api.ok("POST", f"{root}/uploads", {"name": "my_extractor", "version": "1.0.0"})
    stores.blobs.put(BlobRef(stores.settings.plugin_bucket, made["s3_key"]), zipped(files))
    answer: dict[str, Any] = api.ok("POST", f"{root}/uploads/{made['upload_id']}/confirm")
    return answer


def own(api: Api) -> str:
    return f"/v1/namespaces/{api.namespace}/plugins"


def collection(api: Api, **extractor: Any) -> Any:
    api.call(
        "POST", "/v1/buckets", {"bucket_name": "docs", "bucket_schema": {"properties": {"text": {"type": "text"}}}}
    )
    config = {"feature_extractor_name": "my_extractor", "version": "1.0.0", **extractor}
    source = {"type": "bucket", "bucket_ids": ["docs"]}
    return api.ok(
        "POST", "/v1/collections", {"collection_name": "words", "source": source, "feature_extractor": config}
    )


def test_published_once_and_enabled_where_it_is_wanted(api: Api, stores: Stores) -> None:
    publish(api, stores)
    other = api.within(api.ok("POST", "/v1/namespaces", {"namespace_name": "other"})["namespace_id"])

    enabled = api.ok("POST", f"{own(api)}/org/{ID}/enable", {"deploy": False})

    assert (enabled["plugin_id"], enabled["deployment_status"]) == (ID, "skipped")
    assert [p["enabled_in_namespace"] for p in api.ok("GET", f"{own(api)}/available")["plugins"]] == [True]
    assert [p["enabled_in_namespace"] for p in other.ok("GET", f"{own(other)}/available")["plugins"]] == [False]
    assert [p["plugin_id"] for p in api.ok("GET", own(api))["plugins"]] == [ID]
    other.fails(404, "GET", f"{own(other)}/{ID}")
    assert api.ok("GET", f"{own(api)}/{ID}?return_presigned_urls=true")["presigned_download_url"]
    assert collection(api)["feature_extractor"]["feature_extractor_name"] == "my_extractor"


def test_organization_detail_names_hash_and_archive(api: Api, stores: Stores) -> None:
    publish(api, stores)

    plugin = api.ok("GET", f"/v1/plugins/{ID}")["plugin"]

    assert len(plugin["code_hash"]) == 64
    assert f"/organization/plugin_custom/my_extractor/1.0.0/{plugin['code_hash']}.zip" in plugin["s3_archive_url"]
    assert [p["plugin_id"] for p in api.ok("GET", "/v1/plugins")["plugins"]] == [ID]


def test_parameters_given_at_enable_are_the_collections_defaults(api: Api, stores: Stores) -> None:
    publish(api, stores)

    assert "threshold" in api.fails(422, "POST", f"{own(api)}/org/{ID}/enable", {"params": {"threshold": 7}})
    api.ok("POST", f"{own(api)}/org/{ID}/enable", {"params": {"threshold": 0.25}})
    api.ok("POST", f"{own(api)}/org/{ID}/enable", {"params": {"threshold": 0.75}})

    assert collection(api)["feature_extractor"]["params"] == {"threshold": 0.75}


def test_enabled_plugin_with_an_endpoint_is_deployed_and_disabling_takes_it_down(api: Api, stores: Stores) -> None:
    publish(api, stores)

    assert api.ok("POST", f"{own(api)}/org/{ID}/enable")["deployment_status"] == "pending"
    assert [d.plugin_id for d in desired_deployments(stores)] == [ID]
    api.ok("POST", f"{own(api)}/org/{ID}/disable")

    assert list(desired_deployments(stores)) == []
    assert api.ok("GET", f"/v1/plugins/{ID}")["plugin"]["validation_status"] == "passed"


def test_disable_is_refused_while_a_collection_needs_it(api: Api, stores: Stores) -> None:
    publish(api, stores)
    api.ok("POST", f"{own(api)}/org/{ID}/enable")
    made = collection(api)

    assert made["collection_id"] in api.fails(409, "POST", f"{own(api)}/org/{ID}/disable")
    api.ok("POST", f"{own(api)}/org/{ID}/disable?force=true")

    api.fails(404, "POST", f"{own(api)}/org/{ID}/disable")


def test_deleting_names_the_namespaces_that_have_it_and_by_force_takes_it_from_them(api: Api, stores: Stores) -> None:
    publish(api, stores)
    api.ok("POST", f"{own(api)}/org/{ID}/enable")

    assert "demo" in api.fails(409, "DELETE", f"/v1/plugins/{ID}")
    api.ok("DELETE", f"/v1/plugins/{ID}?force=true")

    api.fails(404, "GET", f"/v1/plugins/{ID}")
    api.fails(404, "GET", f"{own(api)}/{ID}")
    kept = f"{api.ok('GET', '/v1/plugins')['organization_id']}/organization/"
    assert not list(stores.blobs.each(stores.settings.plugin_bucket, kept))


def test_namespace_with_a_plugin_of_the_same_id_keeps_its_own(api: Api, stores: Stores) -> None:
    publish(api, stores)
    publish(api, stores, root=own(api))

    assert "itself" in api.fails(409, "POST", f"{own(api)}/org/{ID}/enable")
    api.fails(404, "POST", f"{own(api)}/org/{ID}/disable")
    assert api.ok("GET", f"{own(api)}/available")["plugins"][0]["enabled_in_namespace"] is False


def test_deleting_it_in_a_namespace_leaves_it_to_the_organization(api: Api, stores: Stores) -> None:
    publish(api, stores)
    api.ok("POST", f"{own(api)}/org/{ID}/enable")

    api.ok("DELETE", f"{own(api)}/{ID}")

    api.ok("POST", f"{own(api)}/org/{ID}/enable")
    assert api.ok("GET", f"{own(api)}/{ID}?return_presigned_urls=true")["success"] is True


def test_extractors_include_what_could_be_enabled(api: Api, stores: Stores) -> None:
    publish(api, stores)
    root = f"/v1/namespaces/{api.namespace}/extractors"

    assert api.ok("GET", f"{root}?source=custom")["custom_count"] == 0
    (found,) = api.ok("GET", f"{root}?source=custom&include_disabled=true")["extractors"]
    assert (found["plugin_id"], found["enabled"]) == (ID, False)
    api.ok("POST", f"{own(api)}/org/{ID}/enable")

    (found,) = api.ok("GET", f"{root}?source=custom&include_disabled=true")["extractors"]
    assert found["enabled"] is True


def test_reconfigure_lists_what_is_published_and_what_must_be_processed_again(api: Api, stores: Stores) -> None:
    publish(api, stores, root=own(api))
    made = collection(api)

    first = api.ok("POST", f"{own(api)}/reconfigure", {"confirm": True})
    again = api.ok("POST", f"{own(api)}/reconfigure", {"confirm": True})
    api.ok("DELETE", f"{own(api)}/{ID}?force=true")
    publish(api, stores, FILES | {"manifest.py": FILES["manifest.py"].replace('dim": 4', 'dim": 8')}, own(api))
    later = api.ok("POST", f"{own(api)}/reconfigure", {"confirm": True})

    uri = "mixpeek://my_extractor@1.0.0/my_extractor_embedding"
    assert (first["status"], first["vectors_added"], first["vectors_total"]) == ("reconfigured", [uri], [uri])
    assert (again["status"], again["vectors_added"], again["vectors_total"]) == ("no_changes_needed", [], [uri])
    assert first["collections_to_reprocess"] == []
    assert later["collections_to_reprocess"] == [made["collection_id"]]
    shown = api.ok("GET", f"/v1/namespaces/{api.namespace}")["feature_extractors"]
    assert [e["feature_extractor_name"] for e in shown] == ["my_extractor"]
    api.fails(422, "POST", f"{own(api)}/reconfigure", {"confirm": False})


def test_another_organizations_plugin_is_like_one_that_never_was(new_tenant: NewTenant, stores: Stores) -> None:
    ours, theirs = new_tenant(), new_tenant()
    ours_in = ours.within(ours.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})["namespace_id"])
    theirs_in = theirs.within(theirs.ok("POST", "/v1/namespaces", {"namespace_name": "demo"})["namespace_id"])
    publish(ours, stores)

    assert theirs.ok("GET", "/v1/plugins")["plugins"] == []
    theirs.fails(404, "GET", f"/v1/plugins/{ID}")
    theirs.fails(404, "DELETE", f"/v1/plugins/{ID}")
    theirs_in.fails(404, "POST", f"{own(theirs_in)}/org/{ID}/enable")
    theirs_in.fails(404, "POST", f"{own(ours_in)}/org/{ID}/enable")
    publish(theirs, stores)
    assert ours.ok("GET", f"/v1/plugins/{ID}")["plugin"]["plugin_id"] == ID
