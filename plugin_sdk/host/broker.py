"""The broker, in the worker: what a plugin asks for beside its rows, each answer given for its own tenant alone."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from plugin_sdk.errors import PlatformError
from plugin_sdk.host.connection import Connection, HostEnded
from plugin_sdk.host.lent import Lender
from plugin_sdk.host.protocol import Frame, Op, ProtocolError
from plugin_sdk.host.transport import share_bytes

log = logging.getLogger(__name__)

MAX_SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Broker:
    """Who answers the questions of one plugin's hosts; each checks the tenant, and raises what the plugin is told.

    Attributes:
        assets: the bytes behind a URL.
        models: the file of a model, by its id; nobody changes it any more.
        secrets: a secret's value, by its name.
    """

    assets: Callable[[str], bytes] | None = None
    models: Callable[[str], Path] | None = None
    secrets: Callable[[str], str] | None = None


@dataclass(slots=True)
class Handed:
    """How often a host was given something."""

    assets: int = 0
    models: int = 0
    secrets: int = 0
    programs: int = 0
    refused_questions: int = 0


class Answer(NamedTuple):
    """What goes back, and a descriptor that goes with it."""

    told: dict[str, Any]
    fd: int | None = None


class Refusal(PlatformError):
    """This host gives nothing of the kind."""

    code = "not_given"


class Answerer:
    """Answers one host's questions; whatever it sends is hostile input."""

    def __init__(self, broker: Broker, name: str, connection: Connection, lender: Lender) -> None:
        self.handed = Handed()
        self._broker, self._name = broker, name
        self._connection, self._lender, self._masks = connection, lender, connection.masks
        self._answers: dict[int, Callable[[str], Answer]] = {
            Op.ASSET: self._asset,
            Op.MODEL: self._model,
            Op.SECRET: self._secret,
        }

    def takes(self, op: int) -> bool:
        """Whether frames of this kind are questions."""
        return op in self._answers or op == Op.PROGRAM

    @contextlib.contextmanager
    def answered(self, frame: Frame, deadline: float) -> Iterator[Answer]:
        """The answer to a question; its descriptor is closed at the end.

        Args:
            deadline: a program that still runs then is killed.

        Raises:
            ProtocolError: the question has no form that an honest host's has.
        """
        about = frame.decoded()
        if frame.op == Op.PROGRAM:
            answer = self._answer(lambda: self._program(about, deadline), "a program")
        elif isinstance(about, str):
            answer = self._answer(lambda: self._answers[frame.op](about), about)
        else:
            raise ProtocolError("a question is no text")
        try:
            yield answer
        finally:
            if answer.fd is not None:
                os.close(answer.fd)

    def _answer(self, give: Callable[[], Answer], about: str) -> Answer:
        try:
            return give()
        except (ProtocolError, HostEnded):
            raise
        except PlatformError as error:
            problem, fix = error.problem, error.fix
        except Exception as error:
            log.warning("a plugin's question failed", exc_info=True, extra={"plugin": self._name})
            problem, fix = f"{about[:200]}: {type(error).__name__}: {error}", "Try again."
        self.handed.refused_questions += 1
        return Answer({"error": [problem[:MAX_SHOWN], fix[:MAX_SHOWN]]})

    def _asset(self, url: str) -> Answer:
        data = _given(self._broker.assets, f"{url}: this host gives no assets.")(url)
        self.handed.assets += 1
        return Answer({"error": None, "size": len(data)}, share_bytes(data) if data else None)

    def _model(self, model_id: str) -> Answer:
        path = _given(self._broker.models, f"{model_id!r}: this host gives no models.")(model_id)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.handed.models += 1
        return Answer({"error": None, "name": path.name, "size": os.fstat(fd).st_size}, fd)

    def _secret(self, name: str) -> Answer:
        value = _given(self._broker.secrets, f"{name!r}: this host gives no secrets.")(name)
        self._masks.add(value)
        self.handed.secrets += 1
        return Answer({"error": None, "value": value})

    def _program(self, about: Any, deadline: float) -> Answer:
        """One turn of a run; a descriptor is taken from the host only while one is under way."""
        fd = self._connection.take_descriptor()
        try:
            return self._turn(about, deadline, fd)
        finally:
            if fd is not None:
                os.close(fd)
            if self._lender.takes_files:
                self._connection.expect_descriptor()

    def _turn(self, about: Any, deadline: float, fd: int | None) -> Answer:
        match about:
            case ["begin", str(program), list(arguments)] if all(isinstance(a, str) for a in arguments):
                told = self._lender.begin(program, arguments)
                self.handed.programs += 1
            case ["put", int(number), str(name)] if fd is not None:
                told = {}
                self._lender.put(number, name, fd)
            case ["run"]:
                told = self._lender.run(deadline, self._connection.handle)
            case ["take", int(number)]:
                return Answer({"error": None}, self._lender.take(number))
            case ["end"]:
                told = {}
                self._lender.close()
            case _:
                raise ProtocolError("a program's turn has another form than it should")
        return Answer({"error": None, **told})


def _given(source: Callable[[str], Any] | None, problem: str) -> Callable[[str], Any]:
    if source is None:
        raise Refusal(problem, "Ask for it in a processor or a realtime handler.")
    return source
