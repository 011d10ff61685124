"""Namespace: a tenant's space, which holds its buckets, collections, plugins and retrievers."""

from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from core.builtins import BUILTINS
from core.errors import AlreadyExists, InvalidRequest, NotFound
from core.expiring import Expiring
from core.ids import new_id
from core.names import check_name
from core.noun import Noun
from core.quotas import check_room
from core.stores import Stores
from core.stores.records import Body, Entry, Records
from core.tenancy import Principal

REMEMBERED_S = 60.0
_ids: WeakKeyDictionary[Records, Expiring[tuple[str, str], str]] = WeakKeyDictionary()


class Namespace(Noun):
    """A namespace as stored."""

    namespace_id: str
    namespace_name: str
    namespace_type: str = "standard"
    description: str | None = None
    feature_extractors: list[dict[str, Any]] = []
    payload_indexes: list[dict[str, Any]] | None = None
    auto_create_indexes: bool = False


def create_namespace(stores: Stores, principal: Principal, name: str, **fields: Any) -> Namespace:
    """A new namespace; its name is the organization's only one.

    Raises:
        AlreadyExists: the name is taken.
    """
    namespace = Namespace(namespace_id=new_id("ns"), namespace_name=_checked(name), **fields)
    check_room(stores, "namespaces", principal.org_key("namespace"))
    try:
        stores.records.create_all([_entry(principal, namespace), _named(principal, namespace)])
    except AlreadyExists as error:
        raise _taken(name) from error
    return namespace


def find_namespace(stores: Stores, principal: Principal, identifier: str) -> Namespace:
    """The namespace of this id or name.

    Raises:
        NotFound: the organization has none, or the key may not enter it.
    """
    for namespace_id in _candidates(stores, principal, identifier):
        record = stores.records.get(principal.org_key("namespace"), namespace_id)
        entered = principal.namespaces is None or namespace_id in principal.namespaces
        if record and entered and identifier in (namespace_id, record.body["namespace_name"]):
            return Namespace.model_validate(record.body)
    raise NotFound(f"There is no namespace {identifier[:100]!r}.", "List your namespaces to see their names and ids.")


def each_namespace(stores: Stores, principal: Principal) -> Iterator[Namespace]:
    """The organization's namespaces that the key may enter, oldest first."""
    found = [Namespace.model_validate(r.body) for r in stores.records.each(principal.org_key("namespace"))]
    for namespace in sorted(found, key=lambda n: (n.created_at, n.namespace_id)):
        if principal.namespaces is None or namespace.namespace_id in principal.namespaces:
            yield namespace


def change_namespace(stores: Stores, principal: Principal, namespace: Namespace, **fields: Any) -> Namespace:
    """The namespace with these fields changed; a new name must be free."""
    changed = namespace.changed(**fields)
    if changed.namespace_name != namespace.namespace_name:
        _checked(changed.namespace_name)
        try:
            stores.records.create(_named(principal, changed))
        except AlreadyExists as error:
            raise _taken(changed.namespace_name) from error
    before: list[Namespace] = []

    def change(body: Body) -> Body:
        before[:] = [Namespace.model_validate(body)]
        return before[0].changed(**fields).body()

    record = stores.records.update(principal.org_key("namespace"), namespace.namespace_id, change)
    if record is None:
        release_name(stores, principal, changed)
        raise NotFound(f"Namespace {namespace.namespace_name!r} was deleted meanwhile.", "Create it again.")
    if before[0].namespace_name != record.body["namespace_name"]:
        release_name(stores, principal, before[0])
    return Namespace.model_validate(record.body)


def release_name(stores: Stores, principal: Principal, namespace: Namespace) -> None:
    """Free the namespace's name, unless another namespace has taken it."""
    name = _named(principal, namespace)
    stores.records.delete_if(name.pk, name.sk, name.body)


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


def _checked(name: str) -> str:
    return check_name(name, "namespace_name", "ns")


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"Your organization has a namespace {name!r}.", "Use another name, or that namespace.")


def _candidates(stores: Stores, principal: Principal, identifier: str) -> Iterator[str]:
    """Ids that the identifier may mean: itself, what its name meant lately, what its name means now.

    What a name meant lately is only tried: the namespace's own record says whether it has that name still.
    """
    if not identifier or len(identifier) > 128:
        return
    if identifier.startswith("ns_"):
        yield identifier
    ids = _ids.setdefault(stores.records, Expiring(REMEMBERED_S))
    place = (principal.org_key("namespace_name"), identifier)
    if lately := ids.get(place):
        yield lately
    if pointer := stores.records.get(*place):
        yield ids.put(place, pointer.body["namespace_id"])


def _entry(principal: Principal, namespace: Namespace) -> Entry:
    return Entry(principal.org_key("namespace"), namespace.namespace_id, namespace.body())


def _named(principal: Principal, namespace: Namespace) -> Entry:
    pointer = {"namespace_id": namespace.namespace_id}
    return Entry(principal.org_key("namespace_name"), namespace.namespace_name, pointer)
