"""Logs: one JSON line an event on stderr, with what the caller knows; no payload and no secret."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson

from core.tracebacks import traceback_of

_about: ContextVar[dict[str, Any] | None] = ContextVar("about", default=None)
"""What every line says that is logged for the request or event at hand."""

STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one JSON line: time, level, logger, message, then every `extra` field."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _about.get() or {}
        line |= {k: v for k, v in record.__dict__.items() if k not in STANDARD}
        if record.exc_info and record.exc_info[1]:
            line["traceback"] = traceback_of(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


NOISY = ("botocore", "urllib3", "distributed", "httpx", "httpx2", "httpcore")
"""Loggers heard from WARNING on; HTTP clients log whole URLs, and a presigned one is a secret."""


@contextmanager
def context(**fields: Any) -> Iterator[None]:
    """Let all that is logged in here, in threads that it starts too, say these fields and those of `note`."""
    token = _about.set(fields)
    try:
        yield
    finally:
        _about.reset(token)


def note(**fields: Any) -> None:
    """Add to what the lines of this context say; outside of one nothing is noted."""
    about = _about.get()
    if about is not None:
        about.update(fields)


def without_task(record: logging.LogRecord) -> bool:
    """Take from Dask's line on a failed task the task, which holds rows, and the error, which is logged where it arrives."""
    if record.name == "distributed.worker" and str(record.msg).startswith("Compute Failed"):
        key = record.args[0] if isinstance(record.args, tuple) and record.args else None
        record.msg, record.args = "task failed", ()
        record.__dict__["task"] = str(key)
    return True


def configure(level: str = "INFO") -> None:
    """Send this process's logs to stderr as JSON lines; called once, at an entry point."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(without_task)
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logger = logging.getLogger(name)
        logger.handlers.clear()  # they have a format of their own
        logger.propagate = True
