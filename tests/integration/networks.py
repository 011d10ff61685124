"""Networks: machines made of network namespaces on one bridge, each with an address, a cable and processes of its own."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


def why_not() -> str | None:
    """Why no networks can be made here; None when they can."""
    if os.geteuid():
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "network namespaces are made with 'ip' (Debian: apt-get install iproute2)"
    name = f"opprobe{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if made.returncode:
        return f"no network namespace can be made: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=False)
    bridge = subprocess.run(
        ["ip", "link", "add", f"opp{os.getpid()}", "type", "bridge"], capture_output=True, text=True
    )
    subprocess.run(["ip", "link", "del", f"opp{os.getpid()}"], capture_output=True)
    return f"no bridge can be made: {bridge.stderr.strip()}" if bridge.returncode else None


class Machine:
    """One namespace: `address` is its own, and what runs in it sees no other network."""

    def __init__(self, name: str, cable: str, address: str, folder: Path) -> None:
        self.name, self.address, self.folder = name, address, folder
        self._cable = cable
        self.processes: list[Kept] = []

    def cut(self) -> None:
        """Pull the cable."""
        _ip("link", "set", self._cable, "down")

    def heal(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self._cable, "up")

    def keep(self, command: Sequence[str], environment: Mapping[str, str]) -> "Kept":
        """Run `command` here, and again each time that it ends, as a supervisor of containers does."""
        kept = Kept(self, command, environment)
        self.processes.append(kept)
        return kept


class Kept:
    """A process that is started again when it ends."""

    def __init__(self, machine: Machine, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = ["ip", "netns", "exec", machine.name, *command]
        self._environment = {**environment, "TMPDIR": str(machine.folder), "HOME": str(machine.folder)}
        self._log = machine.folder / "log"
        self._wanted = True
        self.starts = 0
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def signal(self, number: signal.Signals) -> None:
        """Send the signal to what runs now."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def end(self) -> None:
        """For good."""
        self._wanted = False
        while self._thread.is_alive():  # one may just be starting
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._thread.join(0.5)

    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text(errors="replace")[-3000:]

    def _start(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        with self._log.open("ab") as out:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=out, stderr=out, start_new_session=True
            )

    def _watch(self) -> None:
        while self._wanted:
            self._process.wait()
            time.sleep(0.2)
            if self._wanted:
                self._process = self._start()


@contextmanager
def network(folder: Path, names: Sequence[str], reached: str) -> Iterator[tuple[dict[str, Machine], str]]:
    """Machines by name, and the URL under which all of them reach `reached`, a service on this machine's loopback."""
    tag = f"{os.getpid():x}"[-6:]
    bridge, net = f"op{tag}", f"10.{100 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{net}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        machines = {}
        for number, name in enumerate(names):
            machines[name] = stack.enter_context(
                _machine(folder / name, f"{tag}{number}", bridge, f"{net}.{10 + number}")
            )
        url = stack.enter_context(_forwarded(f"{net}.1", reached))
        yield machines, url


@contextmanager
def _machine(folder: Path, tag: str, bridge: str, address: str) -> Iterator[Machine]:
    folder.mkdir(parents=True)
    space, outer, inner = f"op{tag}", f"oe{tag}", f"oi{tag}"
    _ip("netns", "add", space)
    machine = Machine(space, outer, address, folder)
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", space)
        _ip("link", "set", outer, "master", bridge, "up")
        _ip("-n", space, "addr", "add", f"{address}/24", "dev", inner)
        _ip("-n", space, "link", "set", inner, "up")
        _ip("-n", space, "link", "set", "lo", "up")
        yield machine
    finally:
        for process in machine.processes:
            process.end()
        _ip("netns", "del", space)


@contextmanager
def _forwarded(host: str, url: str) -> Iterator[str]:
    """The service at `url`, as `host` offers it to others."""
    parts = urlsplit(url)
    listener = socket.create_server((host, 0), backlog=256)

    def accept() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((parts.hostname, parts.port))
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    source.close()


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
