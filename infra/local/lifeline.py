"""The pipe between the supervisor and a service: a line on it starts the service, its end stops it.

A service loads its modules while the emulator starts, waits for the line, and can't outlive the supervisor.
"""

import os
import signal
import sys
import threading


def wait_for_start() -> None:
    """Return at the supervisor's word, and from then on end this process when the supervisor is gone."""
    if not sys.stdin.readline():
        raise SystemExit(0)
    threading.Thread(target=_end_with_supervisor, name="lifeline", daemon=True).start()


def _end_with_supervisor() -> None:
    while sys.stdin.readline():
        pass
    os.kill(os.getpid(), signal.SIGTERM)
