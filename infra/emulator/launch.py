"""The emulator's own process: MiniStack's application, repaired, saved as it goes, served by uvicorn.

Run as `python -m infra.emulator.launch <descriptor of a bound socket>` with the environment of `environment.py`; ends
at SIGTERM or when its standard input ends.
"""

import os
import signal
import socket
import sys
import threading

import uvicorn

from infra.emulator.repairs import repair
from infra.emulator.saving import Saved
from infra.emulator.strict import Strict


def main() -> None:
    """Serve until told to stop; uvicorn turns SIGTERM into MiniStack's shutdown, which saves everything."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    repair()
    from ministack.app import app

    config = uvicorn.Config(
        Strict(Saved(app)), access_log=False, log_level="warning", timeout_graceful_shutdown=2, timeout_keep_alive=75
    )
    threading.Thread(target=_end_with_parent, daemon=True).start()
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
