"""Preloaded: what every worker of this machine needs, imported once in the process that they are forked from."""

import gc

import batch.worker  # noqa: F401

gc.collect()
gc.freeze()  # else the first collection in a worker would touch, and so copy, every page that it shares
