"""Secrets: sealed for one organization and one name, and opened nowhere else."""

from dataclasses import replace

import orjson
import pytest

from core.errors import AlreadyExists, NotFound, StoreUnavailable
from core.secrets import change_secret, create_secret, delete_secret, reveal_secret, secret_names
from core.stores import Stores
from core.stores.records import Entry
from core.tenancy import Principal
from infra.emulator.resources import create_key

OURS, THEIRS = (Principal(org, "usr_1", "key_1", frozenset(["admin"])) for org in ("org_1", "org_2"))
VALUE = "ghp_0123456789"


@pytest.fixture
def stores(moto_stores: Stores) -> Stores:
    """Stores whose key exists."""
    create_key(moto_stores.settings)
    return moto_stores


def test_value_comes_back_as_it_was_given(stores: Stores) -> None:
    create_secret(stores, OURS, "github", VALUE)
    change_secret(stores, OURS, "github", "Ünï\ncode")

    assert reveal_secret(stores, "org_1", "github") == "Ünï\ncode"
    assert secret_names(stores, OURS) == ["github"]
    delete_secret(stores, OURS, "github")
    with pytest.raises(NotFound):
        reveal_secret(stores, "org_1", "github")


def test_table_holds_no_trace_of_the_value(stores: Stores) -> None:
    create_secret(stores, OURS, "github", VALUE)

    record = stores.records.get(OURS.org_key("secret"), "github")

    assert record is not None
    assert VALUE.encode() not in orjson.dumps(record.body)
    assert stores.secrets.seal("org_1", "github", VALUE) != stores.secrets.seal("org_1", "github", VALUE)


@pytest.mark.parametrize(("org_id", "name"), [("org_2", "github"), ("org_1", "other")])
def test_record_that_was_moved_does_not_open(stores: Stores, org_id: str, name: str) -> None:
    create_secret(stores, OURS, "github", VALUE)
    record = stores.records.get(OURS.org_key("secret"), "github")
    assert record is not None
    stores.records.create(Entry(Principal(org_id, "", "").org_key("secret"), name, record.body))

    with pytest.raises(StoreUnavailable):
        reveal_secret(stores, org_id, name)


def test_equal_names_of_two_organizations_are_two_secrets(stores: Stores) -> None:
    create_secret(stores, OURS, "github", VALUE)
    create_secret(stores, THEIRS, "github", "other")

    with pytest.raises(AlreadyExists):
        create_secret(stores, OURS, "github", "again")
    delete_secret(stores, THEIRS, "github")
    assert reveal_secret(stores, "org_1", "github") == VALUE
    with pytest.raises(NotFound):
        change_secret(stores, THEIRS, "github", "x")


def test_missing_key_is_the_operators_to_mend_and_tells_no_value(moto_stores: Stores) -> None:
    settings = moto_stores.settings.model_copy(update={"secrets_key": "alias/none"})

    with pytest.raises(StoreUnavailable, match="alias/none") as told:
        create_secret(replace(moto_stores, settings=settings), OURS, "github", VALUE)

    assert VALUE not in str(told.value)
