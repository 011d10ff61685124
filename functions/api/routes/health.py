"""Routes of health: what answers, and what does not. No key is needed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooSlow
from time import perf_counter
from typing import Any

import httpx
from fastapi import APIRouter

from core.stores import Stores
from functions.api.deps import Answer, Route, StoresOf

router = APIRouter(prefix="/health", tags=["health"], route_class=Route)
WAIT_S = 3.0

Check = Callable[[], object]


@router.get("")
def health(stores: StoresOf, deep: bool = False, metrics: bool = False) -> Answer:
    """Each dependency is asked at the same time; `deep` asks the serving nodes too, `metrics` adds the times."""
    checks = checks_of(stores) | ({"inference": lambda: serving(stores)} if deep else {})
    results = run(checks)
    errors = {name: error for name, (error, _) in results.items() if error}
    data = {name: name not in errors for name in ("cache", "metadata", "vector_store", "object_storage", "task_queue")}
    data |= {"vector_store": "object_storage" not in errors, "inference": "inference" not in errors}
    answer: dict[str, Any] = {"status": "DEGRADED" if errors else "OK", "data": data, "errors": errors or None}
    if metrics:
        answer["meta"] = {"milliseconds": {name: round(ms, 1) for name, (_, ms) in results.items()}}
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
