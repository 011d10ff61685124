"""Keys and namespaces: what a request may cost, and what is remembered for how long."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest

from core import access, key_uses
from core.access import authenticate, namespace_scope, require
from core.errors import Forbidden, NotFound, StoreUnavailable, Unauthorized
from core.namespaces import create_namespace
from core.organizations import ADMIN_EMAIL, bootstrap, create_key, key_by_hash, revoke_key
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


def test_uses_are_written_within_a_minute_with_the_time_of_the_last(
    moto_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = bootstrap(moto_stores)
    key = lambda: key_by_hash(moto_stores, hashlib.sha256(secret.encode()).hexdigest())  # noqa: E731
    clock = Mock(
        wraps=time, time=Mock(side_effect=[1e9, 1e9 + 20, 1e9 + 50, 1e9 + 70]), monotonic=Mock(return_value=0.0)
    )
    monkeypatch.setattr(key_uses, "time", clock)
    for _ in range(3):
        authenticate(moto_stores, [f"Bearer {secret}"])
    assert (key().uses, key().last_used_at) == (1, "2001-09-09T01:46:40+00:00")  # the first shows at once

    clock.monotonic.return_value = time.monotonic() + 2 * key_uses.EVERY_S
    authenticate(moto_stores, [f"Bearer {secret}"])

    assert (key().uses, key().last_used_at) == (4, "2001-09-09T01:47:50+00:00")


def test_uses_of_a_key_that_rests_are_written_by_the_requests_of_others(
    moto_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = [f"Bearer {bootstrap(moto_stores)}"]
    _, secret = create_key(moto_stores, authenticate(moto_stores, owner), ADMIN_EMAIL, name="ci")
    for _ in range(5):
        authenticate(moto_stores, [f"Bearer {secret}"])
    monkeypatch.setattr(key_uses, "EVERY_S", 0.0)

    authenticate(moto_stores, owner)

    found = key_by_hash(moto_stores, hashlib.sha256(secret.encode()).hexdigest())
    assert found is not None and found.uses == 5


def test_uses_that_could_not_be_written_are_kept(moto_stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = bootstrap(moto_stores)
    for _ in range(3):
        authenticate(moto_stores, [f"Bearer {secret}"])
    with monkeypatch.context() as patch:
        patch.setattr(moto_stores.records, "update", Mock(side_effect=StoreUnavailable("gone", "wait")))
        with pytest.raises(StoreUnavailable):
            access.write_uses(moto_stores)

    access.write_uses(moto_stores)

    found = key_by_hash(moto_stores, hashlib.sha256(secret.encode()).hexdigest())
    assert found is not None and found.uses == 3


def test_threads_lose_no_use(moto_stores: Stores) -> None:
    uses = key_uses.KeyUses()
    written: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_uses, "note_use", lambda stores, key, count, at: written.append(count))
        with ThreadPoolExecutor(8) as pool:
            for _ in range(8):
                pool.submit(
                    lambda: [uses.count("k") or (uses.write(moto_stores) if n % 7 == 0 else None) for n in range(500)]
                )
        uses.write(moto_stores)

    assert sum(written) == 4000


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
