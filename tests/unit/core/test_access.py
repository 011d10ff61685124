"""Keys and namespaces: what a request may cost, and what is remembered for how long."""

from typing import Any

import pytest

from core import access
from core.access import authenticate, namespace_scope, require
from core.errors import Forbidden, NotFound, Unauthorized
from core.namespaces import create_namespace
from core.organizations import ADMIN_EMAIL, bootstrap, create_key, revoke_key
from core.stores import Stores


class Calls:
    """Counts a client's calls."""

    def __init__(self, client: Any) -> None:
        self.client, self.names = client, list[str]()

    def __getattr__(self, name: str) -> Any:
        self.names.append(name)
        return getattr(self.client, name)


@pytest.fixture
def calls(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the DynamoDB calls that are made."""
    counted = Calls(moto_stores.records._client)
    monkeypatch.setattr(moto_stores.records, "_client", counted)
    return counted.names


def test_key_and_namespace_are_asked_for_once(moto_stores: Stores, calls: list[str]) -> None:
    header = [f"Bearer {bootstrap(moto_stores)}"]
    create_namespace(moto_stores, authenticate(moto_stores, header), "demo")
    namespace_scope(moto_stores, authenticate(moto_stores, header), "demo")
    calls.clear()

    for _ in range(3):
        principal = authenticate(moto_stores, header)
        namespace_scope(moto_stores, principal, "demo")

    assert calls == []


def test_revoked_key_is_refused_once_its_memory_is_over(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "REMEMBERED_S", 0.0)
    owner = authenticate(moto_stores, [f"Bearer {bootstrap(moto_stores)}"])
    _, secret = create_key(moto_stores, owner, ADMIN_EMAIL, name="ci")
    assert authenticate(moto_stores, [f"Bearer {secret}"]).org_id == owner.org_id

    revoke_key(moto_stores, owner, ADMIN_EMAIL, "ci")

    with pytest.raises(Unauthorized, match="not valid"):
        authenticate(moto_stores, [f"Bearer {secret}"])


def test_use_of_a_key_is_noted_but_not_at_every_request(
    moto_stores: Stores, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "REMEMBERED_S", 0.0)
    header = [f"Bearer {bootstrap(moto_stores)}"]
    authenticate(moto_stores, header)
    calls.clear()

    authenticate(moto_stores, header)

    assert calls == ["get_item"]


def test_permission_that_is_lacking_is_named(moto_stores: Stores) -> None:
    owner = authenticate(moto_stores, [f"Bearer {bootstrap(moto_stores)}"])
    _, secret = create_key(moto_stores, owner, ADMIN_EMAIL, name="ci", permissions=["read"])
    reader = authenticate(moto_stores, [f"Bearer {secret}"])

    require(reader, "read")
    require(owner, "delete")
    with pytest.raises(Forbidden, match="'write'"):
        require(reader, "write")


@pytest.mark.parametrize("identifier", ["", "x" * 2000, "ns_", "a#b", "../demo", "ns_000000000000"])
def test_namespace_that_is_not_there_is_not_found(moto_stores: Stores, identifier: str) -> None:
    owner = authenticate(moto_stores, [f"Bearer {bootstrap(moto_stores)}"])

    with pytest.raises(NotFound, match="There is no namespace"):
        namespace_scope(moto_stores, owner, identifier)
