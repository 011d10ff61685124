"""What the allowed modules of the standard library happen to hold: no public name of theirs leads to what is forbidden."""

import builtins
import ctypes
import importlib
import io
import marshal
import pickle
import runpy
import socket
import subprocess
import threading
import types
import warnings
from collections.abc import Iterator

import pytest

from plugin_sdk.scanner import scan_files, tables

FORBIDDEN = [vars(builtins)[name] for name in tables.FORBIDDEN_BUILTINS]
FORBIDDEN += [
    subprocess.Popen,
    subprocess.run,
    socket.socket,
    threading.Thread,
    ctypes.CDLL,
    runpy.run_path,
    types.CodeType,
]
FORBIDDEN += [
    pickle.loads,
    pickle.load,
    pickle.Unpickler,
    marshal.loads,
    importlib.import_module,
    io.FileIO,
    io.open_code,
]
FORBIDDEN_MODULES = {
    "builtins",
    "subprocess",
    "socket",
    "threading",
    "_thread",
    "ctypes",
    "posix",
    "multiprocessing",
    "signal",
}


def holdings(name: str) -> Iterator[str]:
    """Paths of one or two names, from the module, to what is forbidden."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(name)
        inner = [(f".{key}", value) for key, value in vars(module).items() if isinstance(value, types.ModuleType)]
    for way, holder in [("", module), *inner]:
        for key, value in vars(holder).items():
            forbidden = any(value is one for one in FORBIDDEN)
            if isinstance(value, types.ModuleType):
                forbidden = value.__name__ in FORBIDDEN_MODULES
            if forbidden and not key.startswith("__"):
                yield f"{name}{way}.{key}"


@pytest.mark.parametrize("name", sorted(tables.HARMLESS - {"imghdr", "sndhdr", "__future__"}))
def test_nothing_forbidden_can_be_taken_out_of_an_allowed_module(name):
    paths = list(holdings(name))

    report = scan_files({"core.py": "\n".join([f"import {name}", *paths, ""]).encode()})

    refused = {violation.line for violation in report.violations if violation.severity == "error"}
    assert [path for line, path in enumerate(paths, 2) if line not in refused] == []
