"""A worker in a process of its own, on a kernel that refuses some system calls: what its host tried comes out as JSON.

python -m tests.integration.walls_worker '{"plugin": folder, "deny": [name], "allow": [wall], "codes": [text], …}'
"""

import errno
import json
import os
import sys
from pathlib import Path

import psutil

from plugin_sdk.errors import PlatformError
from plugin_sdk.host import HostSettings, NetworkPolicy, PluginHost, Zygote
from plugin_sdk.host.way_out import SIOCSIFFLAGS


def main() -> None:
    """Refuse the system calls, start a host, have it try each code."""
    asked = json.loads(sys.argv[1])
    if asked.get("deny"):
        refuse(asked["deny"])
    settings = HostSettings(
        memory_mb=1024,
        call_timeout_s=100,
        allow_missing=frozenset(asked.get("allow", [])),
        network=NetworkPolicy() if asked.get("network") else None,
    )
    told = {}
    try:
        with Zygote(settings) as zygote, zygote.start(Path(asked["plugin"]), name="probe") as host:
            told["missing"] = list(zygote.missing)
            host.open_realtime()
            told["answers"] = [host.predict({"code": code}) for code in asked["codes"]]
            told["log"] = host.log
            told["owners"] = {pid: os.stat(f"/proc/{pid}/environ").st_uid for pid in family(zygote, host)}  # noqa: PTH116
            told["user"] = os.geteuid()
    except PlatformError as error:
        told["error"] = str(error)
    sys.stdout.write(json.dumps(told))


def family(zygote: Zygote, host: PluginHost) -> list[int]:
    """This process, its zygote outside and inside of the namespaces, and the host."""
    assert zygote.pid is not None
    return [os.getpid(), zygote.pid, *(child.pid for child in psutil.Process(zygote.pid).children()), host.pid]


def refuse(names: list[str]) -> None:
    """As a container's seccomp profile would; `seccomp` is what `prctl` sets, `loopback` what brings a device up."""
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in names:
        if name == "seccomp":
            number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "prctl")
            rules.add_rule(pyseccomp.ERRNO(errno.EINVAL), number, pyseccomp.Arg(0, pyseccomp.EQ, 22))
        elif name == "loopback":
            number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "ioctl")
            rules.add_rule(pyseccomp.ERRNO(errno.EPERM), number, pyseccomp.Arg(1, pyseccomp.EQ, SIOCSIFFLAGS))
        else:
            number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
            code = errno.ENOSYS if name.startswith("landlock") else errno.EPERM
            rules.add_rule(pyseccomp.ERRNO(code), number)
    rules.load()


if __name__ == "__main__":
    main()
