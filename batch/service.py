"""Batch service: takes jobs from the queue, many at a time, and does not die of a store that is away for a while.

A job that is not finished, because the service was stopped or killed or a store was away, comes back to the queue and
is done again; what it committed before is replaced, never doubled.
"""

import logging
import secrets
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

from distributed import Client

from batch.cluster import cluster, scrub_environment, slots
from batch.hosts import host_settings
from batch.jobs import SERVICE, Work, job_of
from batch.line import Job, Line
from batch.packages import tell_packages
from batch.patience import lose_patience
from batch.remote import SchedulerUnreachable, check_remote
from batch.runner import Engine, EngineLost, Interrupted
from batch.tending import Tender
from batch.worker import WorkerSetup
from core import log as logs
from core.errors import StoreUnavailable
from core.heartbeats import EVERY_S, beat
from core.metrics import measured
from core.settings import Settings
from core.stores import Stores
from core.stores.vectors import Vectors

log = logging.getLogger(__name__)

WAIT_S = 2
VISIBLE_AFTER_S = 30
HEARTBEAT_S = 8.0
MAX_BACKOFF_S = 10.0
AT_ONCE = 10
"""Messages of one call, as many as SQS gives."""

HELD = 500
"""Jobs that this service keeps from others, waiting or running."""


class Service:
    """The loop. `stop` may be called from a signal handler or another thread."""

    def __init__(self, stores: Stores, vectors: Vectors, client: Client) -> None:
        self._stores, self._client = stores, client
        self._stopping = threading.Event()
        self._line = Line(stores.settings.running_batches)
        self._work = Work(stores, vectors, Engine.on(client), Tender(stores, vectors), self._stopping.is_set)
        self._threads: set[threading.Thread] = set()
        self._lost: EngineLost | None = None
        self._told = False

    def stop(self) -> None:
        """Give the current jobs back and leave the loop."""
        self._stopping.set()

    def run(self) -> None:
        """Take jobs until stopped, or until the cluster is lost.

        Raises:
            EngineLost: the scheduler is gone; a new service with a new cluster goes on where this one was.
        """
        self._client.register_plugin(WorkerSetup(self._stores.settings))
        for call, every_s in ((self._beat, EVERY_S), (self._keep_hidden, HEARTBEAT_S)):
            threading.Thread(target=self._repeat, args=(call, every_s), name=call.__name__, daemon=True).start()
        try:
            self._take_jobs()
        finally:
            self._stopping.set()
            for job in self._line.clear():
                self._give_back(job)
            for thread in list(self._threads):
                thread.join()
        if self._lost:
            raise self._lost

    def _take_jobs(self) -> None:
        backoff_s = 0.5
        while not self._stopping.is_set():
            room = HELD - len(self._line.jobs())
            if room < 1:
                self._stopping.wait(WAIT_S)
                continue
            try:
                messages = self._stores.queues.receive(
                    self._stores.settings.jobs_queue,
                    wait_s=WAIT_S,
                    visible_after_s=VISIBLE_AFTER_S,
                    limit=min(AT_ONCE, room),
                )
                for message in messages:
                    self._line.add(job_of(self._stores, message))
                    self._start()
                backoff_s = 0.5
            except Exception:  # the loop outlives whatever a store does to it; the jobs come back by themselves
                log.warning("no job could be taken", exc_info=True)
                self._stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)

    def _start(self) -> None:
        """Start all jobs whose turn it is."""
        while not self._stopping.is_set() and (job := self._line.next()):
            thread = threading.Thread(target=self._do, args=(job,), name=job.thing[:60])
            self._threads.add(thread)
            thread.start()

    def _do(self, job: Job) -> None:
        try:
            with logs.context(request_id=secrets.token_hex(8), **job.message.body):
                self._finish(job)
        except Exception:  # it comes back by itself once it is no longer hidden
            log.exception("job failed", extra={"job": job.message.body})
        finally:
            self._line.done(job)
            self._threads.discard(threading.current_thread())
            self._start()

    def _finish(self, job: Job) -> None:
        started = time.monotonic()
        try:
            self._work.do(job.message)
        except StoreUnavailable as error:
            log.warning("job left to come back", extra={"job": job.message.body, "reason": str(error)})
            return
        except (Interrupted, EngineLost) as error:
            log.warning("job given back", extra={"job": job.message.body, "reason": str(error)})
            self._give_back(job)
            if isinstance(error, EngineLost):
                self._lost = error
                self._stopping.set()
            return
        self._stores.queues.delete(job.message)
        taken_ms = round((time.monotonic() - started) * 1000)
        log.info("job done", extra=measured({"service": SERVICE}, jobs=1, job_ms=taken_ms))

    def _give_back(self, job: Job) -> None:
        """Queue it anew: a stop is no failed attempt at the job."""
        try:
            self._stores.queues.send(job.message.queue, job.message.body)
            self._stores.queues.delete(job.message)
        except StoreUnavailable:
            log.warning("job left to come back", extra={"job": job.message.body})

    def _repeat(self, call: Callable[[], None], every_s: float) -> None:
        while not self._stopping.is_set() or self._threads:
            try:
                call()
            except Exception:  # tried again at the next beat
                log.warning("heartbeat failed", exc_info=True)
            if self._stopping.wait(every_s):
                time.sleep(0.2)  # the last jobs are still given back

    def _beat(self) -> None:
        beat(self._stores, SERVICE)
        self._told = self._told or tell_packages(self._stores, self._client)

    def _keep_hidden(self) -> None:
        """Keep the jobs in the line from others; should it fail, a job runs twice, which doubles nothing."""
        for job in self._line.jobs():
            try:
                self._stores.queues.extend(job.message, VISIBLE_AFTER_S)
            except Exception:  # tried again at the next beat
                log.warning("heartbeat failed", extra={"job": job.message.body}, exc_info=True)


def main() -> None:
    """Serve until SIGTERM or SIGINT; a lost cluster is replaced."""
    logs.configure()
    scrub_environment()
    settings = Settings()
    host_settings(settings)  # what can't be used is told now, not at the first batch
    check_remote(settings)
    stores, vectors = Stores.open(settings), Vectors.at(settings)
    stopping = threading.Event()
    current: list[Service] = []

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()
        lose_patience()
        for service in current:
            service.stop()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    while not stopping.is_set():
        try:
            with cluster(settings) as client:
                current[:] = [Service(stores, vectors, client)]
                log.info("ready", extra={"slots": slots(client)})
                if not stopping.is_set():
                    current[0].run()
        except SchedulerUnreachable as error:
            log.warning("no cluster, batches wait", extra={"reason": str(error)})
            stopping.wait(2.0)
        except (EngineLost, OSError, TimeoutError) as error:
            log.warning("cluster lost", extra={"reason": str(error)})
            stopping.wait(2.0)


if __name__ == "__main__":
    main()
