"""Organization: the tenant; its users and their API keys."""

import hashlib
import secrets
from datetime import datetime
from typing import Any

from core.errors import AlreadyExists, NotFound, StaleRecord
from core.ids import new_id, now
from core.names import check_name
from core.noun import Noun
from core.quotas import create_within
from core.stores import Stores
from core.stores.records import Body, Entry
from core.tenancy import Principal, Resource

PERMISSIONS = ["read", "write", "delete", "admin"]
ADMIN_EMAIL = "admin@localhost"


class Organization(Noun):
    """An organization as stored; `org_id` is the internal id that every key starts with."""

    org_id: str
    name: str


class User(Noun):
    """A user as stored; keys are listed by e-mail."""

    user_id: str
    email: str


class ApiKey(Noun):
    """An API key as stored: only the SHA-256 of the secret, never the secret."""

    key_id: str
    key_hash: str
    key_prefix: str
    org_id: str
    user_id: str
    user_email: str
    name: str
    description: str = ""
    permissions: list[str] = PERMISSIONS
    scopes: list[dict[str, Any]] = []
    rate_limit_override: int | None = None
    status: str = "active"
    expires_at: str | None = None
    last_used_at: str | None = None
    uses: int = 0
    created_by: str | None = None
    revoked_at: str | None = None
    revoked_by: str | None = None

    @property
    def namespaces(self) -> frozenset[str] | None:
        """Ids of the only namespaces that the key may enter; None when it may enter all."""
        places = frozenset(place for place, _ in self.grants)
        return None if not self.scopes or "" in places else places

    @property
    def grants(self) -> tuple[tuple[str, frozenset[str] | None], ...]:
        """Each scope's namespace, or "" for the organization, and the operations that it names."""
        return tuple(
            (s["resource_id"] if s["resource_type"] == "namespace" else "", _operations(s))
            for s in self.scopes
            if s["resource_type"] in ("namespace", "organization")
        )

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What the other scopes name."""
        return tuple(
            Resource(s["resource_type"], s["namespace_id"], s["resource_id"], _operations(s))
            for s in self.scopes
            if s["resource_type"] not in ("namespace", "organization")
        )


def bootstrap(stores: Stores, secret: str | None = None) -> str:
    """The secret of an admin key of the first organization, which is created unless `secret` is known already."""
    if secret and key_by_hash(stores, _hash(secret)):
        return secret
    secret = secret or _new_secret()
    create_organization(stores, "default", ADMIN_EMAIL, secret)
    return secret


def create_organization(stores: Stores, name: str, email: str, secret: str | None = None) -> tuple[Organization, str]:
    """A new organization with one user and that user's first key, and the key's secret."""
    organization = Organization(org_id=new_id("org"), name=check_name(name, "name"))
    owner = Principal(organization.org_id, new_id("usr"), "")
    stores.records.create_all(
        [
            Entry(owner.org_key("organization"), organization.org_id, organization.body()),
            Entry(owner.org_key("user"), email, User(user_id=owner.user_id, email=email).body()),
        ]
    )
    _, secret = create_key(stores, owner, email, name="default", secret=secret)
    return organization, secret


def create_key(
    stores: Stores, principal: Principal, email: str, *, name: str, secret: str | None = None, **fields: Any
) -> tuple[ApiKey, str]:
    """A new key of the user with this e-mail, and its secret, which nothing can tell again.

    Raises:
        AlreadyExists: the user has an active key of this name.
        NotFound: the organization has no such user.
        QuotaExceeded: the user has as many keys as may be.
    """
    user = get_user(stores, principal, email)
    secret = secret or _new_secret()
    key = ApiKey(
        key_id=new_id("key"),
        key_hash=_hash(secret),
        key_prefix=f"{secret[:9]}...",
        org_id=principal.org_id,
        user_id=user.user_id,
        user_email=email,
        name=check_name(name, "name"),
        created_by=principal.user_id,
        **fields,
    )
    try:
        of_user = lambda kind: principal.org_key(kind, email)  # noqa: E731
        create_within(stores, "api_keys", of_user, "api_key", [_entry(key), _named(key)])
    except AlreadyExists as error:
        raise AlreadyExists(f"{email} has a key {name!r}.", "Use another name, or rotate that key.") from error
    return key, secret


def get_user(stores: Stores, principal: Principal, email: str) -> User:
    """The organization's user with this e-mail."""
    record = stores.records.get(principal.org_key("user"), email) if len(email) < 512 else None
    if record is None:
        raise NotFound(f"Your organization has no user {email!r}.", f"The first user is {ADMIN_EMAIL}.")
    return User.model_validate(record.body)


def key_by_hash(stores: Stores, key_hash: str) -> ApiKey | None:
    """The key whose secret has this SHA-256, whatever its status."""
    record = stores.records.get(f"key#{key_hash}", "key")
    return ApiKey.model_validate(record.body) if record else None


def get_key(stores: Stores, principal: Principal, email: str, name: str) -> ApiKey:
    """The user's active key of this name."""
    get_user(stores, principal, email)
    pointer = stores.records.get(principal.org_key("api_key", email), name) if len(name) < 512 else None
    key = key_by_hash(stores, pointer.body["key_hash"]) if pointer else None
    if key is None:
        raise NotFound(f"{email} has no active key {name!r}.", "List the keys to see their names.")
    return key


def list_keys(stores: Stores, principal: Principal, email: str, *, include_revoked: bool = False) -> list[ApiKey]:
    """The user's keys by name; revoked ones, if wanted, come last."""
    get_user(stores, principal, email)
    kinds = ["api_key", "revoked_key"] if include_revoked else ["api_key"]
    hashes = [r.body["key_hash"] for kind in kinds for r in stores.records.each(principal.org_key(kind, email))]
    found = stores.records.get_many([(f"key#{h}", "key") for h in hashes])
    return [ApiKey.model_validate(r.body) for r in found]


def change_key(stores: Stores, principal: Principal, email: str, key_name: str, **fields: Any) -> ApiKey:
    """The key with these fields changed; a new `name` must be free."""
    key = get_key(stores, principal, email, key_name)
    name = fields.get("name", key_name)
    if name != key_name:
        check_name(name, "name")
        try:
            stores.records.create(_named(key.changed(name=name)))
        except AlreadyExists as error:
            raise AlreadyExists(f"{email} has a key {name!r}.", "Use another name.") from error
    record = stores.records.update(f"key#{key.key_hash}", "key", lambda body: _changed(body, fields))
    if record is None:
        _release(stores, key.changed(name=name))
        raise _changed_meanwhile(key_name)
    if name != key_name:
        _release(stores, key)
    return ApiKey.model_validate(record.body)


def revoke_key(stores: Stores, principal: Principal, email: str, name: str) -> ApiKey:
    """The key, of no use from now on; its name is free again.

    Raises:
        StaleRecord: it was rotated meanwhile; then the new secret is still of use.
    """
    key = get_key(stores, principal, email, name)
    revoked = {"status": "revoked", "revoked_at": now().isoformat(), "revoked_by": principal.user_id}
    record = stores.records.update(f"key#{key.key_hash}", "key", lambda body: _changed(body, revoked))
    if record is None or not _release(stores, key):
        raise _changed_meanwhile(name)
    listed = Entry(principal.org_key("revoked_key", email), key.key_id, {"key_hash": key.key_hash})
    stores.records.put_many([listed])
    return key.changed(**revoked)


def rotate_key(stores: Stores, principal: Principal, email: str, name: str) -> tuple[ApiKey, ApiKey, str]:
    """The key as it was, as it is with a new secret, and that secret; the old secret is of no use from now on.

    Raises:
        StaleRecord: it was rotated or revoked by someone else at the same time.
    """
    old = get_key(stores, principal, email, name)
    secret = _new_secret()
    key = old.changed(key_hash=_hash(secret), key_prefix=f"{secret[:9]}...", last_used_at=None)
    stores.records.create(_entry(key))
    pointer = stores.records.get(principal.org_key("api_key", email), name)
    try:
        if pointer is None or pointer.body != _named(old).body:
            raise _changed_meanwhile(name)
        stores.records.replace(pointer, _named(key).body)
    except StaleRecord:
        stores.records.delete(f"key#{key.key_hash}", "key")
        raise
    stores.records.delete(f"key#{old.key_hash}", "key")
    return old, key, secret


def note_use(stores: Stores, key_hash: str, uses: int, at: datetime) -> None:
    """Write down that the key was used so many times more, and when last."""

    def used(body: Body) -> Body:
        last = max(filter(None, (body.get("last_used_at"), at.isoformat())))
        return body | {"last_used_at": last, "uses": body.get("uses", 0) + uses}

    stores.records.update(f"key#{key_hash}", "key", used)


def count_request(stores: Stores, principal: Principal, minute: int) -> int:
    """Count one more request of the key within this minute; how many there are now, over all processes."""
    pk = principal.org_key("rate", principal.key_id)
    counted = stores.records.add(pk, str(minute), {"requests": 1}, expires_at=(minute + 10) * 60)
    return counted["requests"]


def _operations(scope: dict[str, Any]) -> frozenset[str] | None:
    return frozenset(scope.get("operations") or ()) or None


def _changed(body: Body, fields: dict[str, Any]) -> Body:
    return ApiKey.model_validate(body).changed(**fields).body()


def _entry(key: ApiKey) -> Entry:
    return Entry(f"key#{key.key_hash}", "key", key.body())


def _named(key: ApiKey) -> Entry:
    owner = Principal(key.org_id, key.user_id, key.key_id)
    return Entry(owner.org_key("api_key", key.user_email), key.name, {"key_hash": key.key_hash})


def _release(stores: Stores, key: ApiKey) -> bool:
    """Free the key's name, unless another key has taken it."""
    name = _named(key)
    return stores.records.delete_if(name.pk, name.sk, name.body)


def _changed_meanwhile(name: str) -> StaleRecord:
    return StaleRecord(f"Key {name!r} was changed by someone else.", "Read it again and retry.")


def _new_secret() -> str:
    return f"sk_{secrets.token_urlsafe(32)}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
