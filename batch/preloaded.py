"""Preloaded: what every worker of this machine needs, imported once in the process that they are forked from."""

import gc
import warnings

import batch.worker  # noqa: F401
import plugin_sdk.host.compact
import plugin_sdk.host.passing
import plugin_sdk.host.results  # noqa: F401
from core.stores.aws import preload

warnings.filterwarnings(
    "ignore", "lance is not fork-safe"
)  # nothing of it runs here: its threads begin with its first use
preload("s3", "dynamodb", "sqs")
gc.collect()
gc.freeze()  # else the first collection in a worker would touch, and so copy, every page that it shares
