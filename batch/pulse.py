"""Pulse: what runs in a worker tells the driver every second how far it is and what the plugin printed meanwhile."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, get_worker

from plugin_sdk.host import PluginHost
from plugin_sdk.host.flight import Progress

log = logging.getLogger(__name__)

TOPIC = "openpeek-progress"
EVERY_S = 1.0
LOG_CHARACTERS = 4_000
Message = dict[str, Any]


@dataclass(eq=False, slots=True)
class Call:
    """Rows that are in a host now, and how far."""

    facts: Message
    labels: list[str]
    rows: int
    host: PluginHost
    send: Callable[[str, Message], None]
    logged: int
    began: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    step: str = ""
    done: float = 0.0

    def hear(self, progress: Progress) -> None:
        """The host is so far."""
        at = self.labels.index(progress.step) if progress.step in self.labels else 0
        self.step = progress.step
        self.done = (at + progress.rows_done / max(progress.rows_total, 1)) / max(len(self.labels), 1)

    def rest_of_log(self) -> str:
        """What was printed and not told of yet."""
        with self.lock:
            text, self.logged = self.host.log_since(self.logged)
            return text

    def tell(self) -> None:
        """Send how far it is, and the newest lines."""
        text = self.rest_of_log()
        rows = int(self.rows * min(self.done, 1.0))
        self.send(TOPIC, self.facts | {"rows": rows, "step": self.step, "log": text[-LOG_CHARACTERS:]})


class Pulse:
    """The calls of one worker process, and the thread that tells of those that take longer than a second."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def of(self, facts: Message, labels: list[str], rows: int, host: PluginHost) -> Iterator[Call]:
        """A call that goes on now; `facts` name it."""
        call = Call(facts, labels, rows, host, get_worker().log_event, host.log_since(0)[1])
        with self._changed:
            self._calls.add(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
                self._thread.start()
            self._changed.notify()
        try:
            yield call
        finally:
            with self._changed:
                self._calls.discard(call)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._calls:
                    self._changed.wait()
            time.sleep(EVERY_S)
            with self._changed:
                calls = [c for c in self._calls if time.monotonic() - c.began >= EVERY_S]
            for call in calls:
                try:
                    call.tell()
                except Exception:  # progress is worth no failure; told again in a second
                    log.warning("progress was not told", exc_info=True)


class Listeners:
    """The driver's side: passes what workers tell on to whoever runs the batch."""

    def __init__(self, client: Client) -> None:
        self._by_run: dict[str, Callable[[Message], None]] = {}
        client.subscribe_topic(TOPIC, self._heard)

    @contextmanager
    def of(self, run_id: str, hear: Callable[[Message], None]) -> Iterator[None]:
        """`hear` is called, in another thread, with what workers tell of this run."""
        self._by_run[run_id] = hear
        try:
            yield
        finally:
            del self._by_run[run_id]

    def _heard(self, event: tuple[float, Message]) -> None:
        _, message = event
        hear = self._by_run.get(message.get("run_id", ""))
        if hear:
            hear(message)
