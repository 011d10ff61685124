"""The scanner's child process: judges sources from standard input under a time and memory limit."""

import contextlib
import gc
import json
import resource
import sys
from dataclasses import astuple

from plugin_sdk.scanner.sources import judge_sources

CPU_LIMIT_S = 4
MEMORY_BYTES = 150 << 20


def main() -> None:
    """Read files as JSON, write violations as JSON."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 1))
    with contextlib.suppress(ValueError, OSError):  # macOS knows the limit and refuses it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()  # the process ends soon, and its memory is limited
    sources = {name: text.encode("latin-1") for name, text in json.load(sys.stdin.buffer).items()}
    json.dump([astuple(violation) for violation in judge_sources(sources)], sys.stdout)
