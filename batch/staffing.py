"""Staffing: a cluster that was started here has all its workers, again and again, whatever became of those it had.

A worker process that ends is started anew by its nanny. Dask ends the nanny too when the process could not be started,
or when it ends again just as Dask looks whether an earlier end was made good; nobody would start either after that.
"""

import logging
from typing import Any

from distributed.core import Status
from tornado.ioloop import PeriodicCallback

log = logging.getLogger(__name__)

LOOK_EVERY_MS = 1000.0
ENDED = (Status.closed, Status.failed)


def keep_staffed(cluster: Any) -> None:
    """Have the cluster's own loop start what is missing of `cluster.worker_spec`, as long as the cluster runs."""

    async def look() -> None:
        if cluster.status is Status.running and await _restore(cluster):
            log.info("workers restored")

    callback = PeriodicCallback(look, LOOK_EVERY_MS)
    cluster.periodic_callbacks["staffing"] = callback  # the cluster stops it when it closes
    cluster.loop.add_callback(callback.start)


async def _restore(cluster: Any) -> bool:
    """Start the workers that are missing; whether all came that were."""
    for name, nanny in list(cluster.workers.items()):
        if nanny.status in ENDED:
            del cluster.workers[name]
    missing = sorted(map(str, set(cluster.worker_spec) - set(cluster.workers)))
    if not missing:
        return False
    log.warning("workers are missing and are started again", extra={"workers": missing})
    try:
        await cluster._correct_state()
    except Exception:  # tried again at the next look
        log.exception("workers could not be started", extra={"workers": missing})
        return False
    return True
