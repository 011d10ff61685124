"""Schedule → what was begun and forgotten is ended: see `core/upkeep.py`."""

import logging
import time
from functools import cache
from typing import Any

from core.log import configure
from core.metrics import measured
from core.settings import Settings
from core.stores import Stores
from core.upkeep import tidy

log = logging.getLogger(__name__)

SPARE_S = 30.0
"""Left of the function's time when it stops looking for more."""


@cache  # opened at a container's first event, kept for the ones after it
def stores() -> Stores:
    """Stores by this function's settings."""
    configure()
    return Stores.open(Settings())


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """How much there was to do; what is left is for the next time."""
    left_s = context.get_remaining_time_in_millis() / 1000 if context else 300.0
    done = tidy(stores(), time.monotonic() + left_s - SPARE_S)._asdict()
    log.info("tidied", extra=measured({"service": "janitor"}, **done))
    return done
