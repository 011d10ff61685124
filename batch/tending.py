"""Tending: collections compacted and indexed after their batches, in the background, by one owner at a time."""

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.document_counts import note_count
from core.errors import AlreadyExists, NotFound, StoreUnavailable
from core.stores import Stores
from core.stores.records import Entry
from core.stores.vectors import Vectors
from core.tenancy import Scope

log = logging.getLogger(__name__)

LEASE_S = 300.0
RENEWED_EVERY_S = 60.0
AGAIN_AFTER_S = 60.0
ATTEMPTS = 10
Place = tuple[Scope, str]


class Tender:
    """One thread that tends the collections it is told of, one after the other."""

    def __init__(self, stores: Stores, vectors: Vectors) -> None:
        self._stores, self._vectors = stores, vectors
        self._due: dict[Place, tuple[float, int]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def ask(self, scope: Scope, collection_id: str) -> None:
        """Tend the collection once it has rested for a while; asking again meanwhile changes nothing."""
        self._put((scope, collection_id), self._stores.settings.tend_after_s, ATTEMPTS)
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="tending", daemon=True)
                self._thread.start()

    def _put(self, place: Place, delay_s: float, attempts: int) -> None:
        with self._changed:
            self._due.setdefault(place, (time.monotonic() + delay_s, attempts))
            self._changed.notify()

    def _next(self) -> tuple[Place, int]:
        with self._changed:
            while True:
                if self._due:
                    place = min(self._due, key=lambda p: self._due[p][0])
                    at, attempts = self._due[place]
                    wait_s = at - time.monotonic()
                    if wait_s <= 0:
                        del self._due[place]
                        return place, attempts
                    self._changed.wait(wait_s)
                else:
                    self._changed.wait()

    def _run(self) -> None:
        while True:
            place, attempts = self._next()
            try:
                tended = tend(self._stores, self._vectors, *place)
            except Exception:  # the next batch asks again
                log.exception("tending failed", extra={"collection_id": place[1]})
                continue
            if not tended and attempts > 1:
                self._put(place, AGAIN_AFTER_S, attempts - 1)


def tend(stores: Stores, vectors: Vectors, scope: Scope, collection_id: str) -> bool:
    """Compact, index and clean the collection; False when another process is at it."""
    with leased(stores, scope, collection_id) as mine:
        if not mine:
            return False
        try:
            table = vectors.open(scope, collection_id)
        except NotFound:
            return True
        began = time.perf_counter()
        steps = table.tend(stores.settings.version_grace_s)
        if steps:
            took_ms = round((time.perf_counter() - began) * 1000)
            log.info("tended", extra={"collection_id": collection_id, "steps": steps, "ms": took_ms})
        note_count(stores.records, scope, collection_id, table)  # a writer that ended too early may not have
        return True


@contextmanager
def leased(stores: Stores, scope: Scope, collection_id: str) -> Iterator[bool]:
    """Whether the collection is this process's to tend for now; kept so by a heartbeat, given back at the end."""
    owner, done = secrets.token_hex(8), threading.Event()
    pk = scope.key("tending")
    if not _take(stores, pk, collection_id, owner):
        yield False
        return

    def renew() -> None:
        while not done.wait(RENEWED_EVERY_S):
            try:
                stores.records.update(pk, collection_id, lambda body: _lease(owner) if body["owner"] == owner else None)
            except StoreUnavailable:  # tried again at the next beat; the lease outlives a few
                log.warning("lease not renewed", exc_info=True)

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield True
    finally:
        done.set()
        thread.join()
        held = stores.records.get(pk, collection_id)
        if held and held.body["owner"] == owner:
            stores.records.delete_if(pk, collection_id, held.body)


def _take(stores: Stores, pk: str, collection_id: str, owner: str) -> bool:
    try:
        stores.records.create(Entry(pk, collection_id, _lease(owner)))
    except AlreadyExists:
        taken = stores.records.update(
            pk, collection_id, lambda body: _lease(owner) if body["until"] < time.time() else None
        )
        return taken is not None and taken.body["owner"] == owner
    return True


def _lease(owner: str) -> dict[str, object]:
    return {"owner": owner, "until": time.time() + LEASE_S}
