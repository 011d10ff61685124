"""Access: which key came with a request, what it permits, and which namespace the request means.

Both answers are kept for a few seconds in each process, so that a request costs no store call for them. A key that is
revoked here is refused here at once, and elsewhere within `REMEMBERED_S`.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

from core.errors import Forbidden, TooManyRequests, Unauthorized
from core.expiring import Expiring
from core.ids import now
from core.key_uses import KeyUses, long_ago
from core.log import note
from core.namespaces import NAMESPACES, find_namespace
from core.organizations import ApiKey, count_request, key_by_hash
from core.stores import Stores
from core.stores.records import Records
from core.tenancy import Principal, Scope

REMEMBERED_S = 5.0


@dataclass(frozen=True, slots=True)
class _Holder:
    principal: Principal
    key_hash: str
    expires_at: datetime | None
    per_minute: int | None


@dataclass(frozen=True, slots=True)
class _Place:
    scope: Scope
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Memory:
    holders: Expiring[str, _Holder] = field(default_factory=lambda: Expiring(REMEMBERED_S))
    scopes: Expiring[tuple[str, str], _Place] = field(default_factory=lambda: Expiring(REMEMBERED_S))
    uses: KeyUses = field(default_factory=KeyUses)


_memories: WeakKeyDictionary[Records, _Memory] = WeakKeyDictionary()


def authenticate(stores: Stores, authorization_headers: Sequence[str]) -> Principal:
    """The holder of the request's key; repeated headers count once where they agree.

    Raises:
        Unauthorized: there is no key, two that differ, or one that is unknown, revoked or expired.
        TooManyRequests: the key has a limit of its own, and has reached it.
    """
    key_hash = hashlib.sha256(_secret(authorization_headers).encode()).hexdigest()
    memory = _memory(stores)
    holder, key = memory.holders.get(key_hash), None
    if holder is None:
        key = _active_key(stores, key_hash)
        holder = memory.holders.put(key_hash, _holder(key))
    principal = _admitted(memory, holder)
    if holder.per_minute is not None:
        _count(stores, principal, holder.per_minute)
    if memory.uses.due:
        memory.uses.write(stores)
    elif key is not None and long_ago(key):
        memory.uses.write(stores, [key_hash])
    return principal


def remembered(stores: Stores, authorization_headers: Sequence[str]) -> Principal | None:
    """What `authenticate` answers, where that takes no store call; else None."""
    memory = _memory(stores)
    holder = memory.holders.get(hashlib.sha256(_secret(authorization_headers).encode()).hexdigest())
    return _admitted(memory, holder) if holder is not None and holder.per_minute is None else None


def require(principal: Principal, permission: str) -> None:
    """Let pass who has `permission`; admin has all.

    Raises:
        Forbidden: the key lacks it.
    """
    if permission not in principal.permissions and "admin" not in principal.permissions:
        raise Forbidden(f"The API key lacks the permission {permission!r}.", "Use a key that has it.")


def require_organization(principal: Principal) -> None:
    """Let pass whose key is not limited to namespaces: it could lift that limit here.

    Raises:
        Forbidden: it is.
    """
    if principal.namespaces is not None:
        raise Forbidden(
            "The API key is limited to namespaces, and this belongs to the whole organization.",
            "Use a key without scopes.",
        )


def namespace_scope(stores: Stores, principal: Principal, identifier: str) -> Scope:
    """The namespace that `identifier`, an id or a name, means for this key.

    Raises:
        NotFound: the organization has no such namespace, or the key may not enter it.
    """
    scopes, asked = _memory(stores).scopes, (principal.org_id, identifier)
    place = scopes.get(asked)
    if place is None:
        namespace = find_namespace(stores, principal, identifier)
        place = scopes.put(asked, _Place(principal.scope(namespace.namespace_id), namespace.expires_at))
    return _entered(principal, place, identifier)


def scope_remembered(stores: Stores, principal: Principal, identifier: str) -> Scope | None:
    """What `namespace_scope` answers, where that takes no store call; else None."""
    place = _memory(stores).scopes.get((principal.org_id, identifier))
    return _entered(principal, place, identifier) if place is not None else None


def write_uses(stores: Stores) -> None:
    """Write down what this process has counted of keys' uses: keys are about to be shown, or the process ends."""
    _memory(stores).uses.write(stores)


def forget_key(stores: Stores, key_hash: str) -> None:
    """Ask the table again for this key: it was changed, rotated or revoked."""
    _memory(stores).holders.forget(lambda holder: holder.key_hash == key_hash)


def forget_namespace(stores: Stores, scope: Scope) -> None:
    """Ask the table again for this namespace: it was changed or deleted."""
    _memory(stores).scopes.forget(lambda place: place.scope == scope)


def _memory(stores: Stores) -> _Memory:
    return _memories.get(stores.records) or _memories.setdefault(stores.records, _Memory())


def _admitted(memory: _Memory, holder: _Holder) -> Principal:
    if holder.expires_at and holder.expires_at <= now():
        raise Unauthorized("The API key has expired.", "Ask an admin of your organization for a new one.")
    memory.uses.count(holder.key_hash)
    note(org_id=holder.principal.org_id, key_id=holder.principal.key_id)
    return holder.principal


def _entered(principal: Principal, place: _Place, identifier: str) -> Scope:
    namespace_id = place.scope.namespace_id
    shut = principal.namespaces is not None and namespace_id not in principal.namespaces
    if shut or (place.expires_at is not None and place.expires_at <= now()):
        raise NAMESPACES.missing(identifier)
    note(namespace_id=namespace_id)
    return place.scope


def _secret(headers: Sequence[str]) -> str:
    """A gateway may join repeated headers with commas; a key holds none."""
    values = {part.strip() for header in headers for part in header.split(",") if part.strip()}
    if not values:
        raise Unauthorized("The request has no API key.", "Send the header 'Authorization: Bearer sk_…'.")
    if len(values) > 1:
        raise Unauthorized("The request has two Authorization headers that disagree.", "Send one.")
    scheme, _, secret = values.pop().partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Unauthorized("The Authorization header holds no bearer token.", "Send 'Authorization: Bearer sk_…'.")
    return secret.strip()


def _active_key(stores: Stores, key_hash: str) -> ApiKey:
    key = key_by_hash(stores, key_hash)
    if key is None or key.status != "active":
        raise Unauthorized("The API key is not valid.", "Use a key that is active, or ask an admin for a new one.")
    return key


def _holder(key: ApiKey) -> _Holder:
    expires_at = datetime.fromisoformat(key.expires_at) if key.expires_at else None
    return _Holder(_principal(key), key.key_hash, expires_at, key.rate_limit_override)


def _count(stores: Stores, principal: Principal, per_minute: int) -> None:
    seconds = int(time.time())
    if count_request(stores, principal, seconds // 60) > per_minute:
        raise TooManyRequests(
            f"The API key may make {per_minute} requests a minute.",
            "Wait until the minute is over, or ask an admin to change its rate_limit_override.",
            60 - seconds % 60,
        )


def _principal(key: ApiKey) -> Principal:
    return Principal(
        key.org_id, key.user_id, key.key_id, frozenset(key.permissions), key.namespaces, key.grants, key.resources
    )
