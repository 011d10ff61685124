"""Metrics: numbers in a log line, in CloudWatch's embedded format, so that a line is a log and a metric at once.

Nothing is called and nothing is kept: where no CloudWatch reads the log, the numbers are there to be read.
"""

import time
from collections.abc import Mapping
from typing import Any

NAMESPACE = "OpenPeek"
UNITS = {"_ms": "Milliseconds", "_bytes": "Bytes"}
"""Units by the end of a metric's name; everything else is a count."""


def measured(dimensions: Mapping[str, str], **values: float) -> dict[str, Any]:
    """What a log call's `extra` takes: the values as metrics by `dimensions`, which must have few values each.

    Source: the Embedded Metric Format specification of Amazon CloudWatch.
    """
    metrics = [{"Name": name, "Unit": _unit(name)} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
    about = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [directive]}
    return {"_aws": about, **dimensions, **values}


def _unit(name: str) -> str:
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "Count")
