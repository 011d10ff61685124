"""Leaving: a worker process whose work is over ends there and then; taking its interpreter apart costs a second."""

import atexit
import logging
import multiprocessing
import os
import sys


def leave_at_once() -> None:
    """Skip what Python and libraries tidy at the end of this process, if it is one that others started for Dask."""
    if multiprocessing.parent_process() is not None:
        atexit.unregister(_leave)
        atexit.register(_leave)


def _leave() -> None:
    """Runs before what was registered earlier, after the threads that are waited for."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)
