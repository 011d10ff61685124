"""A borrowed program's own process: behind the walls of a host, with leave to become that one program and nothing else."""

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from plugin_sdk.host.child_exit import BROKEN
from plugin_sdk.host.protocol import TO_HOST, Op
from plugin_sdk.host.transport import Channel

if TYPE_CHECKING:
    from plugin_sdk.host.walls import Descriptors, Plan, Walls

STDIN, STDOUT, STDERR = "stdin", "stdout", "stderr"
ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": "/nowhere"}


def run(walls: "Walls", plan: "Plan", descriptors: "Descriptors") -> NoReturn:
    """Confine this process, hand its scratch folder to the worker, and become the program once told to; never returns."""
    try:
        control, _, _ = walls.apply(plan, descriptors)
        with socket.socket(fileno=control) as ours:
            channel = Channel(ours, TO_HOST)
            channel.send(Op.READY, None, [os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)])
            frame = channel.receive()
            if frame is not None:
                _become(plan.program, frame.decoded())
        os._exit(0)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.stderr.write(f"{Path(plan.program).name} did not start: {error}\n")
            sys.stderr.flush()
    finally:
        os._exit(BROKEN)


def _become(program: str, arguments: list[str]) -> NoReturn:
    """The program, with its three streams in files of the scratch folder, and no other descriptor."""
    ways = ((STDIN, os.O_RDONLY), (STDOUT, os.O_WRONLY | os.O_CREAT), (STDERR, os.O_WRONLY | os.O_CREAT))
    for number, (name, flags) in enumerate(ways):
        file = os.open(name, flags | os.O_CLOEXEC, 0o600)
        os.dup2(file, number)
    os.execve(program, [Path(program).name, *arguments], ENVIRONMENT)
