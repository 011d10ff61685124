"""Namespace: a tenant's space, which holds its buckets, collections, plugins and retrievers."""

from collections.abc import Iterator, Sequence
from typing import Any

from core.builtins import BUILTINS
from core.errors import InvalidRequest
from core.ids import new_id
from core.named import Named
from core.noun import Noun
from core.stores import Stores
from core.stores.records import Body
from core.tenancy import Principal


class Namespace(Noun):
    """A namespace as stored."""

    namespace_id: str
    namespace_name: str
    namespace_type: str = "standard"
    description: str | None = None
    feature_extractors: list[dict[str, Any]] = []
    payload_indexes: list[dict[str, Any]] | None = None
    auto_create_indexes: bool = False


NAMESPACES = Named(Namespace, "namespace", "ns", "Your organization", missing_from="")


def create_namespace(stores: Stores, principal: Principal, name: str, **fields: Any) -> Namespace:
    """A new namespace; its name is the organization's only one.

    Raises:
        AlreadyExists: the name is taken.
    """
    namespace = NAMESPACES.check(Namespace(namespace_id=new_id("ns"), namespace_name=name, **fields))
    return NAMESPACES.create(stores, principal.org_key, namespace)


def find_namespace(stores: Stores, principal: Principal, identifier: str) -> Namespace:
    """The namespace of this id or name.

    Raises:
        NotFound: the organization has none, or the key may not enter it.
    """
    for namespace_id in NAMESPACES.candidates(stores, principal.org_key, identifier):
        record = stores.records.get(principal.org_key("namespace"), namespace_id)
        if record and _may_enter(principal, namespace_id) and NAMESPACES.is_meant(record, identifier):
            return Namespace.model_validate(record.body)
    raise NAMESPACES.missing(identifier)


def each_namespace(stores: Stores, principal: Principal) -> Iterator[Namespace]:
    """The organization's namespaces that the key may enter, oldest first."""
    yield from (n for n in NAMESPACES.all(stores, principal.org_key) if _may_enter(principal, n.namespace_id))


def change_namespace(stores: Stores, principal: Principal, namespace: Namespace, **fields: Any) -> Namespace:
    """The namespace with these fields changed; a new name must be free."""
    return NAMESPACES.change(stores, principal.org_key, namespace, lambda found: found.changed(**fields))


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


def _may_enter(principal: Principal, namespace_id: str) -> bool:
    return principal.namespaces is None or namespace_id in principal.namespaces
