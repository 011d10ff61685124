"""Sharing: what an organization has once, its namespaces may have too, each by a record of its own that says so."""

from core.errors import AlreadyExists, Conflict, NotFound
from core.namespaces import Namespace, each_namespace
from core.quotas import create_within
from core.stores import Stores
from core.stores.records import Body, Entry
from core.tenancy import Principal, Scope


def share(stores: Stores, principal: Principal, scope: Scope, kind: str, id_: str, body: Body) -> None:
    """Give the namespace the organization's thing, or change what it was given.

    Raises:
        AlreadyExists: the namespace has a thing of this id itself.
        NotFound: the organization's was deleted meanwhile.
        QuotaExceeded: the namespace has as many as it may.
    """
    pk = scope.key(kind)
    try:
        if stores.records.get(pk, id_) is not None:
            raise AlreadyExists(f"{id_} exists.", "Change it.")
        create_within(stores, f"{kind}s", scope.key, kind, [Entry(pk, id_, body)])
    except AlreadyExists as error:
        record = stores.records.update(pk, id_, lambda held: body if held.get("shared") else None)
        if record is None or not record.body.get("shared"):
            raise AlreadyExists(
                f"The namespace has a {kind} {id_} itself.", f"Delete that {kind} first, or keep it."
            ) from error
    if stores.records.get(principal.organization.key(kind), id_) is None:
        stores.records.delete(pk, id_)
        raise NotFound(f"The {kind} {id_!r} was deleted meanwhile.", "Upload it again.")


def shared_in(stores: Stores, scope: Scope, kind: str) -> set[str]:
    """Ids of what the namespace has of the organization's things."""
    return {r.sk for r in stores.records.each(scope.key(kind)) if r.body.get("shared")}


def holders(stores: Stores, principal: Principal, kind: str, id_: str) -> list[Namespace]:
    """The namespaces that have the organization's thing."""
    places = {principal.scope(n.namespace_id).key(kind): n for n in each_namespace(stores, principal)}
    found = stores.records.get_many([(pk, id_) for pk in places])
    return [places[r.pk] for r in found if r.body.get("shared")]


def refuse_while_held(stores: Stores, principal: Principal, kind: str, id_: str) -> None:
    """Let pass what no namespace has.

    Raises:
        Conflict: some have it; the message names them.
    """
    users = holders(stores, principal, kind, id_)
    if users:
        named = ", ".join(f"{n.namespace_name} ({n.namespace_id})" for n in users)
        raise Conflict(
            f"The {kind} {id_} is enabled in {len(users)} namespace{'s' if len(users) > 1 else ''}: {named}.",
            "Disable it there first, or repeat the call with ?force=true, which takes it from them.",
        )
