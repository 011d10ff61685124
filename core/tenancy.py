"""Who asks, and the part of every store that is theirs: each key starts with the organization's id."""

from dataclasses import dataclass, field

ORGANIZATION = "organization"
"""Stands where a namespace's id stands, for what all namespaces of an organization may have; ids are `ns_…`."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One namespace of one organization: the only way to form a record key or an archive path for its things."""

    org_id: str
    namespace_id: str

    def key(self, kind: str, *parts: str) -> str:
        """Partition key of `kind` in this namespace, e.g. `org_1#ns_2#object#bkt_3`."""
        return "#".join((self.org_id, self.namespace_id, kind, *parts))

    @property
    def prefix(self) -> str:
        """Where this namespace's files live in S3 and on disk, e.g. `org_1/ns_2`."""
        return f"{self.org_id}/{self.namespace_id}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A bucket, collection or retriever that a key's scope names, and the only operations on it, None for all."""

    kind: str
    namespace_id: str
    resource_id: str
    operations: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """The holder of a valid API key; `namespaces` are the only ones it may enter, None all of the organization's.

    `grants` are what its scopes name: a namespace, or "" for the whole organization, and the only operations there,
    None for all. A key without scopes may do everything that its permissions allow. `resources` give nothing by
    themselves: `core/narrowing.py` makes a grant of one for a request that leads to it.
    """

    org_id: str
    user_id: str
    key_id: str
    permissions: frozenset[str] = field(default_factory=frozenset)
    namespaces: frozenset[str] | None = None
    grants: tuple[tuple[str, frozenset[str] | None], ...] = ()
    resources: tuple[Resource, ...] = ()

    def operations(self, place: str) -> frozenset[str] | None:
        """What the key may do in this namespace ("": the whole organization, "*": anywhere); None is everything."""
        found = [allowed for where, allowed in self.grants if place == "*" or where in ("", place)]
        if not self.grants or None in found:
            return None
        return frozenset().union(*(allowed for allowed in found if allowed is not None))

    def scope(self, namespace_id: str) -> Scope:
        """One of the organization's own namespaces; whether it exists is the caller's to check."""
        return Scope(self.org_id, namespace_id)

    @property
    def organization(self) -> Scope:
        """Where the plugins and models lie that belong to the organization as a whole."""
        return Scope(self.org_id, ORGANIZATION)

    def org_key(self, kind: str, *parts: str) -> str:
        """Partition key of something that belongs to the organization as a whole."""
        return "#".join((self.org_id, kind, *parts))
