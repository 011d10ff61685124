"""Idempotency: a POST that is sent again with its key is not done again, and is answered as the first time.

A key belongs to an organization and a route. It is claimed by a conditional write before the work begins; the answer
is kept beside the claim for a day. An attempt that failed gives its claim back, and one whose process died loses it
after `LEASE_S`.
"""

import asyncio
import base64
import hashlib
import logging
import re
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.errors import AlreadyExists, InProgress, InvalidRequest, StaleRecord
from core.stores import Stores
from core.stores.records import Entry, Record, chunks
from core.tenancy import Principal

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
LIVES_S = 24 * 3600
LEASE_S = 300
PIECE = 300_000
KEY = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answered:
    """An HTTP answer; `again` says that it was made for an earlier request."""

    status: int
    body: bytes
    again: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: whose, where, under which key, and the hash of what it asks for."""

    org_key: str
    name: str
    digest: str

    @classmethod
    def of(cls, principal: Principal, route: str, key: str, digest: str) -> "Attempt":
        """The attempt; keys that may enter some namespaces only have idempotency keys of their own.

        Raises:
            InvalidRequest: the key is empty, too long, or has other characters than printable ASCII.
        """
        if not KEY.fullmatch(key):
            raise InvalidRequest(
                f"{HEADER} is {key[:40]!r}.", "Use 1 to 255 printable ASCII characters, e.g. a UUID.", HEADER
            )
        limited = principal.key_id if principal.namespaces is not None else ""
        name = hashlib.sha256("\n".join((route, limited, key)).encode()).hexdigest()
        return cls(principal.org_key("idempotency"), name, digest)


async def once(
    stores: Stores, attempt: Attempt, work: Callable[[], Awaitable[Answered]], *, secret: bool = False
) -> Answered:
    """What `work` answers, or answered for the same request before; only successes are kept.

    Args:
        secret: the answer holds what may not be stored: a repetition is told so.

    Raises:
        InvalidRequest: the key was used with another body.
        InProgress: the first request is still being answered.
    """
    claim = await asyncio.to_thread(_claim, stores, attempt)
    if isinstance(claim, Answered):
        return claim
    try:
        answer = await work()
    except BaseException:
        await asyncio.to_thread(_release, stores, claim)
        raise
    if answer.status < 300:
        await asyncio.to_thread(_keep, stores, claim, answer, secret)
    else:
        await asyncio.to_thread(_release, stores, claim)
    return answer


def _claim(stores: Stores, attempt: Attempt) -> Record | Answered:
    """The right to do the work, or the answer that it had."""
    begun = {"digest": attempt.digest, "begun_at": time.time()}
    while True:
        try:
            return stores.records.create(
                Entry(attempt.org_key, attempt.name, begun, expires_at=int(time.time()) + LIVES_S)
            )
        except AlreadyExists:
            record = stores.records.get(attempt.org_key, attempt.name)
        if record is None:
            continue  # given back, or expired, between the two calls
        if record.body["digest"] != attempt.digest:
            raise InvalidRequest(
                f"The {HEADER} was used for another request.", "Use a new key for a new request.", HEADER
            )
        if "status" in record.body:
            return _stored(stores, record)
        if time.time() - record.body["begun_at"] > LEASE_S:
            try:
                return stores.records.replace(record, begun)
            except StaleRecord:
                continue
        raise InProgress("A request with this Idempotency-Key is being answered.", "Send it again in a moment.")


def _keep(stores: Stores, claim: Record, answer: Answered, secret: bool) -> None:
    text = "" if secret else base64.b64encode(zlib.compress(answer.body)).decode()
    pieces = list(chunks(text, PIECE))
    pk = f"{claim.pk}#{claim.sk}"
    try:
        stores.records.put_many(
            [Entry(pk, f"{n:06d}", {"text": piece}, expires_at=claim.expires_at) for n, piece in enumerate(pieces)]
        )
        told = {"status": answer.status, "pieces": len(pieces), "secret": secret}
        stores.records.replace(claim, claim.body | told)
    except StaleRecord:  # it took longer than the lease, and someone else does it too
        log.warning("answer came too late to be kept", extra={"key": claim.sk})


def _release(stores: Stores, claim: Record) -> None:
    stores.records.delete_if(claim.pk, claim.sk, claim.body)


def _stored(stores: Stores, record: Record) -> Answered:
    if record.body["secret"]:
        raise AlreadyExists(
            "This request was done, and its answer held a secret that is told once.", "Rotate the key to get a new one."
        )
    pk = f"{record.pk}#{record.sk}"
    keys = [(pk, f"{n:06d}") for n in range(record.body["pieces"])]
    text = "".join(piece.body["text"] for piece in stores.records.get_many(keys))
    return Answered(record.body["status"], zlib.decompress(base64.b64decode(text)), again=True)
