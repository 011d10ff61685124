"""Routes of health: what answers, and what does not. No key is needed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from time import perf_counter
from typing import Any

import httpx

from core.errors import StoreUnavailable
from core.heartbeats import EVERY_S, silent_s
from core.stores import Stores
from functions.api.deps import Answer, Router, StoresOf

router = Router(prefix="/health", tags=["health"])
WAIT_S = 3.0
SILENT_AT_MOST_S = 3 * EVERY_S

Check = Callable[[], object]


@router.get("")
def health(stores: StoresOf, deep: bool = False, metrics: bool = False) -> Answer:
    """Each dependency is asked at the same time.

    `deep` asks the serving nodes and the key of secrets, and looks for the batch service's heartbeat; `metrics` adds the
    times, and how many jobs there are.
    """
    deeper: dict[str, Check] = {
        "inference": lambda: serving(stores),
        "batch_service": lambda: batch_service(stores),
        "secrets": lambda: stores.secrets.check(),
    }
    checks = checks_of(stores) | (deeper if deep else {})
    results = run(checks)
    errors = {name: error for name, (error, _) in results.items() if error}
    data = {name: name not in errors for name in ("cache", "metadata", "vector_store", "object_storage", "task_queue")}
    data |= {"vector_store": "object_storage" not in errors, "inference": "inference" not in errors}
    answer: dict[str, Any] = {"status": "DEGRADED" if errors else "OK", "data": data, "errors": errors or None}
    if metrics:
        answer["meta"] = {"milliseconds": {name: round(ms, 1) for name, (_, ms) in results.items()}}
        if "task_queue" not in errors:
            answer["meta"]["jobs"] = stores.queues.held(stores.settings.jobs_queue)
    return Answer(answer)


@router.get("/liveness")
async def liveness() -> Answer:
    return Answer({"status": "OK"})


def checks_of(stores: Stores) -> dict[str, Check]:
    """A cheap question for each store. The cache is this process's own."""
    return {
        "metadata": lambda: stores.records.get("health", "health"),
        "object_storage": lambda: next(stores.blobs.each(stores.settings.object_bucket, "health"), None),
        "task_queue": lambda: stores.queues.length(stores.settings.jobs_queue),
    }


def serving(stores: Stores) -> None:
    """Ask a serving node for its health."""
    httpx.get(f"{stores.settings.serving_url.rstrip('/')}/v1/health/liveness", timeout=WAIT_S).raise_for_status()


def batch_service(stores: Stores) -> None:
    """Let pass a batch service that was alive lately.

    Raises:
        StoreUnavailable: none was.
    """
    silent = silent_s(stores, "batch")
    if silent is None or silent > SILENT_AT_MOST_S:
        since = "ever" if silent is None else f"in the last {silent:.0f} s"
        raise StoreUnavailable(f"No batch service was alive {since}.", "Start it; jobs wait in the queue.")


def run(checks: dict[str, Check]) -> dict[str, tuple[str | None, float]]:
    """For each check what went wrong, if anything, and its milliseconds; none is waited for longer than WAIT_S."""
    pool = ThreadPoolExecutor(len(checks))
    try:
        started = perf_counter()
        futures = {name: pool.submit(check) for name, check in checks.items()}
        results = {}
        for name, future in futures.items():
            error = None
            try:
                future.result(timeout=max(0.0, WAIT_S - (perf_counter() - started)))
            except TooSlow:
                error = f"No answer within {WAIT_S:g} s."
            except Exception as failure:  # whatever it is, this dependency does not work
                error = f"{type(failure).__name__}: {failure}"
            results[name] = (error, (perf_counter() - started) * 1000)
        return results
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
