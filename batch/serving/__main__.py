"""A serving node in a process of its own: `python -m batch.serving --host 0.0.0.0`; settings come from OPENPEEK_* variables."""

import argparse

import uvicorn

from batch.serving.app import create_app
from batch.serving.health import Readiness, WithHealth
from core.log import configure
from core.settings import Settings
from core.stores import Stores
from core.stores.vectors import Vectors

DRAINED_AFTER_S = 25
"""Seconds that requests in flight may still take once the node is told to stop."""


def node(settings: Settings) -> WithHealth:
    """The data routes, and the node's health."""
    stores = Stores.open(settings)
    app = create_app(stores, Vectors.at(settings), settings)
    return WithHealth(app, Readiness(stores, app.node))


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m batch.serving", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")
    given = parser.parse_args()
    configure()
    uvicorn.run(
        node(Settings()),
        host=given.host,
        port=given.port,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=DRAINED_AFTER_S,
        timeout_keep_alive=75,  # longer than a load balancer keeps a connection open
    )


if __name__ == "__main__":
    main()
