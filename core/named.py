"""Named record: a noun's record beside the one that holds its name, so that where it lives nothing else has that name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from core.errors import AlreadyExists, NotFound
from core.expiring import Expiring
from core.names import check_name
from core.noun import Noun
from core.quotas import create_within
from core.stores import Stores
from core.stores.records import Body, Entry, Record, Records

N = TypeVar("N", bound=Noun)
Key = Callable[[str], str]
"""Makes the partition key of a kind of record where the noun lives: `scope.key`, or `principal.org_key`."""

REMEMBERED_S = 60.0
_ids: WeakKeyDictionary[Records, Expiring[tuple[str, str], str]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Named(Generic[N]):
    """The records of one noun, whose model has the fields `{kind}_id` and `{kind}_name`."""

    noun: type[N]
    kind: str
    id_prefix: str
    home: str = "The namespace"
    """Who has them, as an error says it."""
    missing_from: str = " in this namespace"

    def check(self, thing: N) -> N:
        """`thing`, if its name can be one.

        Raises:
            InvalidRequest: it can't; names the field.
        """
        check_name(self._name(thing), f"{self.kind}_name", self.id_prefix)
        return thing

    def create(self, stores: Stores, key: Key, thing: N) -> N:
        """Write a new one, and its name.

        Raises:
            AlreadyExists: the name is taken.
            QuotaExceeded: there are as many as may be.
        """
        entries = [Entry(key(self.kind), self._id(thing), thing.body()), self._claim(key, thing)]
        try:
            create_within(stores, f"{self.kind}s", key, self.kind, entries)
        except AlreadyExists as error:
            raise self._taken(thing) from error
        return thing

    def find(self, stores: Stores, key: Key, identifier: str) -> N:
        """The one of this id or name.

        Raises:
            NotFound: there is none.
        """
        for id_ in self.candidates(stores, key, identifier):
            record = stores.records.get(key(self.kind), id_)
            if record and self.is_meant(record, identifier):
                return self.noun.model_validate(record.body)
        raise self.missing(identifier)

    def all(self, stores: Stores, key: Key) -> list[N]:
        """Every one, oldest first."""
        found = [self.noun.model_validate(r.body) for r in stores.records.each(key(self.kind))]
        return sorted(found, key=lambda thing: (thing.created_at, self._id(thing)))

    def change(self, stores: Stores, key: Key, thing: N, change: Callable[[N], N]) -> N:
        """The one with `change` applied to what is stored; a new name must be free.

        Raises:
            AlreadyExists: the new name is taken.
            InvalidRequest: the new name can't be one.
            NotFound: it was deleted meanwhile.
        """
        wanted = change(thing)
        if self._name(wanted) != self._name(thing):
            try:
                stores.records.create(self._claim(key, self.check(wanted)))
            except AlreadyExists as error:
                raise self._taken(wanted) from error
        before = thing

        def changed(body: Body) -> Body:
            nonlocal before
            before = self.noun.model_validate(body)
            return change(before).body()

        record = stores.records.update(key(self.kind), self._id(thing), changed)
        if record is None:
            self.release(stores, key, wanted)
            raise NotFound(f"The {self.kind} {self._name(thing)!r} was deleted meanwhile.", "Create it again.")
        after = self.noun.model_validate(record.body)
        if self._name(before) != self._name(after):
            self.release(stores, key, before)
        return after

    def release(self, stores: Stores, key: Key, thing: N) -> None:
        """Free its name, unless another has taken it."""
        claim = self._claim(key, thing)
        stores.records.delete_if(claim.pk, claim.sk, claim.body)

    def candidates(self, stores: Stores, key: Key, identifier: str) -> Iterator[str]:
        """Ids that the identifier may mean: itself, what its name meant lately, what its name means now.

        What a name meant lately is only tried: `is_meant` says of the record whether it has that name still.
        """
        if not identifier or len(identifier) > 128:
            return
        if identifier.startswith(f"{self.id_prefix}_"):
            yield identifier
        ids = _ids.setdefault(stores.records, Expiring(REMEMBERED_S))
        place = (key(f"{self.kind}_name"), identifier)
        if lately := ids.get(place):
            yield lately
        if pointer := stores.records.get(*place):
            yield ids.put(place, pointer.body[f"{self.kind}_id"])

    def is_meant(self, record: Record, identifier: str) -> bool:
        """Whether the record has this id or name."""
        return identifier in (record.sk, record.body[f"{self.kind}_name"])

    def missing(self, identifier: str) -> NotFound:
        """The error for an id or name that nothing has."""
        return NotFound(
            f"There is no {self.kind} {identifier[:100]!r}{self.missing_from}.",
            f"List your {self.kind}s to see their names and ids.",
        )

    def _taken(self, thing: N) -> AlreadyExists:
        name = self._name(thing)
        return AlreadyExists(f"{self.home} has a {self.kind} {name!r}.", f"Use another name, or that {self.kind}.")

    def _claim(self, key: Key, thing: N) -> Entry:
        return Entry(key(f"{self.kind}_name"), self._name(thing), {f"{self.kind}_id": self._id(thing)})

    def _id(self, thing: N) -> str:
        return str(getattr(thing, f"{self.kind}_id"))

    def _name(self, thing: N) -> str:
        return str(getattr(thing, f"{self.kind}_name"))
