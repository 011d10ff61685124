"""Names and unique keys that change hands at an awkward moment: nobody releases what another holds by now."""

from typing import Any

import pytest

from core import objects
from core.access import authenticate
from core.buckets import Bucket, change_bucket, create_bucket, find_bucket
from core.errors import AlreadyExists, StaleRecord
from core.namespaces import create_namespace
from core.objects import create_object, delete_object
from core.organizations import ADMIN_EMAIL, bootstrap, create_key, list_keys, revoke_key, rotate_key
from core.stores import Stores
from core.tenancy import Principal, Scope

SCHEMA = {"properties": {"title": {"type": "string"}}}


@pytest.fixture
def owner(moto_stores: Stores) -> Principal:
    """The first organization's admin."""
    return authenticate(moto_stores, [f"Bearer {bootstrap(moto_stores)}"])


@pytest.fixture
def scope(moto_stores: Stores, owner: Principal) -> Scope:
    """A namespace of that organization."""
    return owner.scope(create_namespace(moto_stores, owner, "demo").namespace_id)


def test_unique_key_taken_anew_while_its_old_claim_is_cleared_is_kept(
    moto_stores: Stores, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = create_bucket(moto_stores, scope, "docs", bucket_schema=SCHEMA, unique_key={"fields": ["title"]})
    first = create_object(moto_stores, scope, bucket, {"title": "A"})
    read = objects.objects_of
    second: list[str] = []

    def read_late(*args: Any) -> Any:
        """Between the claim's being read and its object: the object goes, and another takes its place."""
        if not second:
            second.append("")
            delete_object(moto_stores, scope, bucket, first.object_id)
            second[0] = create_object(moto_stores, scope, bucket, {"title": "A"}).object_id
        return read(*args)

    monkeypatch.setattr(objects, "objects_of", read_late)

    with pytest.raises(AlreadyExists, match="unique key"):
        create_object(moto_stores, scope, bucket, {"title": "A"})
    assert list(moto_stores.records.sort_keys(scope.key("object", bucket.bucket_id))) == second


def test_name_freed_by_a_rename_and_taken_by_another_bucket_is_kept(moto_stores: Stores, scope: Scope) -> None:
    as_read = create_bucket(moto_stores, scope, "docs")
    change_bucket(moto_stores, scope, as_read, bucket_name="first")
    newcomer = create_bucket(moto_stores, scope, "docs")

    renamed = change_bucket(moto_stores, scope, as_read, bucket_name="second")  # with what it read before

    assert find_bucket(moto_stores, scope, "docs").bucket_id == newcomer.bucket_id
    assert find_bucket(moto_stores, scope, "second") == renamed
    assert isinstance(create_bucket(moto_stores, scope, "first"), Bucket)  # the name between is free again


def test_key_rotated_by_two_at_once_has_one_secret(
    moto_stores: Stores, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(moto_stores, owner, ADMIN_EMAIL, name="ci")
    create = moto_stores.records.create
    secrets: list[str] = []

    def create_late(entry: Any) -> Any:
        monkeypatch.setattr(moto_stores.records, "create", create)
        secrets.append(rotate_key(moto_stores, owner, ADMIN_EMAIL, "ci")[2])
        return create(entry)

    monkeypatch.setattr(moto_stores.records, "create", create_late)

    with pytest.raises(StaleRecord, match="changed by someone else"):
        rotate_key(moto_stores, owner, ADMIN_EMAIL, "ci")
    items = moto_stores.records._client.scan(TableName=moto_stores.settings.table_name)["Items"]
    assert sum(i["pk"]["S"].startswith("key#") for i in items) == 2  # the first key, and this one
    assert authenticate(moto_stores, [f"Bearer {secrets[0]}"]).org_id == owner.org_id


def test_key_rotated_while_it_is_revoked_is_not_reported_revoked(
    moto_stores: Stores, owner: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_key(moto_stores, owner, ADMIN_EMAIL, name="ci")
    update = moto_stores.records.update

    def update_late(*args: Any) -> Any:
        monkeypatch.setattr(moto_stores.records, "update", update)
        rotate_key(moto_stores, owner, ADMIN_EMAIL, "ci")
        return update(*args)

    monkeypatch.setattr(moto_stores.records, "update", update_late)

    with pytest.raises(StaleRecord, match="changed by someone else"):
        revoke_key(moto_stores, owner, ADMIN_EMAIL, "ci")
    assert [k.status for k in list_keys(moto_stores, owner, ADMIN_EMAIL)] == ["active", "active"]
