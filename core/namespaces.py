"""Namespace: a tenant's space, which holds its buckets, collections, plugins and retrievers; for a time, or for good.

One whose time has passed is there for nobody: it is not found and not listed, and its name is free. What it held goes
when the janitor finds its pointer (`core/upkeep.py`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from core.builtins import BUILTINS
from core.errors import AlreadyExists, InvalidRequest
from core.ids import new_id, now
from core.named import Named
from core.noun import Noun
from core.stores import Stores
from core.stores.records import Body, Entry
from core.tenancy import Principal, Scope

T = TypeVar("T")
ENDS = "namespace_ends"
MAX_TTL_S = 10 * 365 * 86400
GRACE_S = 60
"""Between a namespace's end and the time in its pointer: longer than a namespace takes to be written."""


class Namespace(Noun):
    """A namespace as stored."""

    namespace_id: str
    namespace_name: str
    namespace_type: str = "standard"
    description: str | None = None
    feature_extractors: list[dict[str, Any]] = []
    payload_indexes: list[dict[str, Any]] | None = None
    auto_create_indexes: bool = False
    ttl_seconds: int | None = None
    expires_at: datetime | None = None

    @property
    def expired(self) -> bool:
        """Whether its time has passed."""
        return self.expires_at is not None and self.expires_at <= now()


NAMESPACES = Named(Namespace, "namespace", "ns", "Your organization", missing_from="")


def create_namespace(stores: Stores, principal: Principal, name: str, **fields: Any) -> Namespace:
    """A new namespace; its name is the organization's only one.

    Raises:
        AlreadyExists: the name is taken.
    """
    namespace = NAMESPACES.check(Namespace(namespace_id=new_id("ns"), namespace_name=name, **_timed(fields)))
    _point(stores, principal, namespace)
    return _named(stores, principal, name, lambda: NAMESPACES.create(stores, principal.org_key, namespace))


def find_namespace(stores: Stores, principal: Principal, identifier: str) -> Namespace:
    """The namespace of this id or name.

    Raises:
        NotFound: the organization has none, or the key may not enter it.
    """
    for namespace_id in NAMESPACES.candidates(stores, principal.org_key, identifier):
        record = stores.records.get(principal.org_key("namespace"), namespace_id)
        if record and _may_enter(principal, namespace_id) and NAMESPACES.is_meant(record, identifier):
            namespace = Namespace.model_validate(record.body)
            if not namespace.expired:
                return namespace
    raise NAMESPACES.missing(identifier)


def each_namespace(stores: Stores, principal: Principal) -> Iterator[Namespace]:
    """The organization's namespaces that the key may enter, oldest first."""
    found = NAMESPACES.all(stores, principal.org_key)
    yield from (n for n in found if _may_enter(principal, n.namespace_id) and not n.expired)


def change_namespace(stores: Stores, principal: Principal, namespace: Namespace, **fields: Any) -> Namespace:
    """The namespace with these fields changed; a new name must be free, and a new `ttl_seconds` counts from now."""
    fields = _timed(fields)
    _point(stores, principal, namespace.changed(**fields))
    name = fields.get("namespace_name", namespace.namespace_name)

    def changing() -> Namespace:
        return NAMESPACES.change(stores, principal.org_key, namespace, lambda found: found.changed(**fields))

    changed = _named(stores, principal, name, changing)
    if changed.expires_at != namespace.expires_at:
        forget_end(stores, principal, namespace)
    return changed


def end_of(principal: Principal, namespace: Namespace) -> Entry | None:
    """The pointer by which the janitor finds the namespace once its time has passed."""
    if namespace.expires_at is None:
        return None
    due = int(namespace.expires_at.timestamp()) + GRACE_S
    place = {"org_id": principal.org_id, "namespace_id": namespace.namespace_id}
    return Entry(ENDS, "#".join((f"{due:012d}", *place.values())), place | {"due": due})


def ended_scopes(stores: Stores) -> set[Scope]:
    """The namespaces whose time has passed and that the janitor has not found yet, of all organizations."""
    soon = time.time() + GRACE_S
    due = [r.body for r in stores.records.query(ENDS, limit=1000).records if r.body["due"] <= soon]
    scopes = {(Principal(p["org_id"], "", "").org_key("namespace"), p["namespace_id"]): p["org_id"] for p in due}
    found = stores.records.get_many(list(scopes))
    return {Scope(scopes[r.pk, r.sk], r.sk) for r in found if Namespace.model_validate(r.body).expired}


def forget_end(stores: Stores, principal: Principal, namespace: Namespace) -> None:
    """Delete its pointer: it ends at another time, or is gone."""
    if entry := end_of(principal, namespace):
        stores.records.delete(entry.pk, entry.sk)


def check_extractors(extractors: Sequence[Body]) -> None:
    """Let pass extractors that every installation knows.

    Raises:
        InvalidRequest: one is unknown; the message lists those that are known.
    """
    for i, extractor in enumerate(extractors):
        builtin = BUILTINS.get(extractor["feature_extractor_name"])
        if builtin is None or extractor["version"] != builtin.manifest.version:
            known = ", ".join(f"{b.manifest.name}@{b.manifest.version}" for b in BUILTINS.values())
            raise InvalidRequest(
                f"There is no extractor {extractor['feature_extractor_name']!r} at version {extractor['version']!r}.",
                f"Known are {known}; a plugin of your own joins its namespace when it is published.",
                f"feature_extractors[{i}]",
            )


def with_ids(extractors: Sequence[Body]) -> list[Body]:
    """Feature extractors as the API answers them: `feature_extractor_id` is `{name}_{version}`."""
    return [
        e | {"feature_extractor_id": f"{e['feature_extractor_name']}_{e['version'].replace('.', '_')}"}
        for e in extractors
    ]


def _timed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, with the end that follows from `ttl_seconds` where that is one of them."""
    if "ttl_seconds" not in fields:
        return fields
    seconds = fields["ttl_seconds"]
    return fields | {"expires_at": None if seconds is None else now() + timedelta(seconds=seconds)}


def _point(stores: Stores, principal: Principal, namespace: Namespace) -> None:
    """Write its pointer, before the record that it leads to."""
    if entry := end_of(principal, namespace):
        stores.records.put_many([entry])


def _named(stores: Stores, principal: Principal, name: str, write: Callable[[], T]) -> T:
    """What `write` answers; where only a namespace whose time has passed has the name, that gives it up."""
    try:
        return write()
    except AlreadyExists:
        claim = stores.records.get(principal.org_key("namespace_name"), name)
        record = claim and stores.records.get(principal.org_key("namespace"), claim.body["namespace_id"])
        holder = Namespace.model_validate(record.body) if record else None
        if holder is None or not holder.expired:
            raise
        NAMESPACES.release(stores, principal.org_key, holder)
        return write()


def _may_enter(principal: Principal, namespace_id: str) -> bool:
    return principal.namespaces is None or namespace_id in principal.namespaces
