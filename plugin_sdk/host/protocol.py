"""Frames between a worker and its plugin host: one byte of kind, four of length, then msgpack, each kind capped."""

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import msgpack

HEADER = struct.Struct(">BI")
KIB, MIB = 1 << 10, 1 << 20

MAX_ANSWER = 64 * MIB
"""Largest answer of a realtime handler."""

MAX_VALUES, MAX_CONTAINERS = 8_000_000, 1_000_000
"""Values, and lists and dicts among them, of one frame: a byte may stand for one, and a Python object takes 50 more."""

FIRST_BYTES = 4 * KIB
"""Room that a frame is given at first; the usual quarter of a MiB takes longer to get than a small one to write."""

SMALL = 64 * KIB
"""A frame up to this size can't hold too many of them."""


class Op(IntEnum):
    """What a frame asks or tells."""

    # worker to zygote, and its answers
    FORK = 1
    FORKED = 2
    WAIT = 3
    ENDED = 4
    WARM = 5
    # worker to host
    INSPECT = 16
    OPEN_PIPELINE = 17
    RUN = 18
    OUTPUT = 19
    OPEN_REALTIME = 20
    PREDICT = 21
    PREDICT_BATCH = 22
    ANSWER = 23
    # host to worker
    READY = 64
    MANIFEST = 65
    PIPELINE = 66
    RESULT = 67
    WRITTEN = 68
    REALTIME = 69
    PREDICTION = 70
    PREDICTIONS = 71
    ASSET = 72
    RAISED = 73
    LISTENING = 74
    MODEL = 75
    SECRET = 76
    PROGRAM = 77


FROM_ZYGOTE: dict[int, int] = {Op.WARM: 16 * KIB, Op.FORKED: KIB, Op.ENDED: KIB}
TO_HOST = dict.fromkeys(range(256), (1 << 32) - 1)
"""A host trusts its worker, and so does the zygote."""


def from_host(max_reply: int) -> dict[int, int]:
    """Most bytes of each kind of frame that a host may send; `max_reply` bounds its answers."""
    small = {Op.READY: KIB, Op.WRITTEN: KIB, Op.REALTIME: KIB, Op.LISTENING: KIB}
    small |= {Op.ASSET: 8 * KIB, Op.MODEL: 8 * KIB, Op.SECRET: 8 * KIB, Op.PROGRAM: 512 * KIB}
    large = {Op.MANIFEST: 4 * MIB, Op.PIPELINE: MIB, Op.RAISED: MIB, Op.RESULT: 64 * MIB}
    answers = dict.fromkeys((Op.PREDICTION, Op.PREDICTIONS), min(max_reply, MAX_ANSWER))
    return {int(op): cap for op, cap in (small | large | answers).items()}


class ProtocolError(ValueError):
    """The other side sent what no honest one sends."""


class Frame(NamedTuple):
    """One frame as received; `body` is still msgpack."""

    op: int
    body: bytes

    def decoded(self) -> Any:
        """The body's value: dicts, lists, texts, bytes, numbers, booleans, None.

        Raises:
            ProtocolError: it is no msgpack, is nested too deep, has too many values or an extension type.
        """
        limits = _Count().limits() if len(self.body) > SMALL else {}
        try:
            # timestamp=1: msgpack's own extension never reaches the hook; as a float it is a plain value too
            return msgpack.unpackb(self.body, raw=False, ext_hook=_refuse_extension, timestamp=1, **limits)
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            raise ProtocolError(f"a frame of kind {self.op} is no msgpack: {error}") from error


class _Count:
    """Counts the values of a frame as they are read, and stops it at too many."""

    def __init__(self) -> None:
        self._values = self._containers = 0

    def limits(self) -> dict[str, Any]:
        """For msgpack's reader."""
        most = {"max_array_len": MAX_VALUES, "max_map_len": MAX_VALUES // 2}
        return {"list_hook": self._counted, "object_hook": self._counted, **most}

    def _counted(self, container: Any) -> Any:
        self._values += len(container)
        self._containers += 1
        if self._values > MAX_VALUES or self._containers > MAX_CONTAINERS:
            raise ProtocolError(f"more than {MAX_VALUES} values, or {MAX_CONTAINERS} lists and dicts")
        return container


class FrameReader:
    """Cuts a stream of bytes into frames; a frame over its kind's cap is refused at its header."""

    def __init__(self, caps: Mapping[int, int]) -> None:
        self._caps = caps
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes.

        Raises:
            ProtocolError: a kind is unknown, or its length over the cap.
        """
        if not self._buffer and len(data) >= HEADER.size:
            op, length = HEADER.unpack_from(data)
            if HEADER.size + length == len(data):  # mostly it is one frame, and whole
                self._check(op, length)
                return [Frame(op, data[HEADER.size :])]
        self._buffer += data
        return self._cut()

    def _cut(self) -> list[Frame]:
        """The whole frames at the buffer's start, which are taken from it."""
        frames, start = [], 0
        while len(self._buffer) - start >= HEADER.size:
            op, length = HEADER.unpack_from(self._buffer, start)
            self._check(op, length)
            end = start + HEADER.size + length
            if len(self._buffer) < end:
                break
            frames.append(Frame(op, bytes(memoryview(self._buffer)[start + HEADER.size : end])))
            start = end
        del self._buffer[:start]
        return frames

    def _check(self, op: int, length: int) -> None:
        cap = self._caps.get(op)
        if cap is None:
            raise ProtocolError(f"frames of kind {op} are not known here")
        if length > cap:
            raise ProtocolError(f"a frame of kind {op} has {length} bytes, at most {cap} are taken")


def encode(op: int, value: Any = None) -> bytes:
    """One frame."""
    body = packed(value)
    return HEADER.pack(op, len(body)) + body


def packed(value: Any) -> bytes:
    """`value` as msgpack."""
    return bytes(msgpack.Packer(use_bin_type=True, buf_size=FIRST_BYTES).pack(value))


def _refuse_extension(code: int, data: bytes) -> Any:
    raise ProtocolError(f"msgpack extension {code} is not taken")
