"""Seccomp: the system calls that a host may make, checked by argument where it matters; all others are refused.

Built once by libseccomp in the zygote, loaded in each host. What can start a process, reach another one, open a socket
or change what the kernel is asked elsewhere is not in here. A refused call fails with EPERM; those that libraries try
and have a way around fail with ENOSYS, so that they take it.
"""

import contextlib
import ctypes
import errno
import os
from typing import Any, NamedTuple

from plugin_sdk.host.kernel import prctl

PR_SET_SECCOMP, MODE_FILTER = 22, 2
EPERM, ENOSYS = 1, 38
BINARY_TREE = 2

FILES = """
    read write readv writev preadv preadv2 pwritev pwritev2 pread64 pwrite64 lseek open openat creat close close_range
    dup dup2 dup3 stat lstat fstat newfstatat statx access faccessat faccessat2 getdents getdents64 getcwd chdir
    fchdir readlink readlinkat statfs fstatfs fsync fdatasync truncate ftruncate fallocate fadvise64 readahead sendfile
    copy_file_range sync_file_range flock umask mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat
    symlink symlinkat getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
"""
ATTRIBUTES = """
    chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat
"""
MEMORY = "mmap munmap mprotect mremap madvise brk mincore msync mlock mlock2 munlock"
THREADS = """
    futex rseq set_robust_list get_robust_list set_tid_address gettid exit exit_group sched_yield sched_getaffinity
    sched_getparam sched_getscheduler sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval
    getpriority membarrier getcpu arch_prctl restart_syscall
"""
SIGNALS = "rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack rt_sigtimedwait rt_sigpending rt_sigsuspend pause"
TIME = """
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage timer_create timer_settime
    timer_gettime timer_getoverrun timer_delete getitimer setitimer alarm timerfd_create timerfd_settime timerfd_gettime
"""
IDENTITY = """
    getpid getppid getuid geteuid getgid getegid getresuid getresgid getgroups getpgid getpgrp getsid uname sysinfo
    getrandom getrlimit capget
"""
WAITING = """
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
    eventfd eventfd2 pipe pipe2
"""
SOCKETS = "recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg shutdown getsockname getpeername getsockopt"
ALWAYS = " ".join((FILES, MEMORY, THREADS, SIGNALS, TIME, IDENTITY, WAITING, SOCKETS)).split()

GPU_ALWAYS = ["ioctl", "memfd_create", "sched_setaffinity", "mbind", "get_mempolicy", "set_mempolicy"]
"""More for a host with a GPU: its driver's calls go through ioctl and can't be told apart."""

SO_PASSCRED = 16

NOT_HERE = [
    "clone3",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "openat2",
    "mbind",
    "get_mempolicy",
    "set_mempolicy",
    "migrate_pages",
    "move_pages",
    "pidfd_open",
    "inotify_init",
    "inotify_init1",
    "inotify_add_watch",
    "inotify_rm_watch",
]
NOT_HERE_BY_NUMBER = {
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
    "memfd_secret": 447,
    "futex_waitv": 449,
    "set_mempolicy_home_node": 450,
    "cachestat": 451,
    "map_shadow_stack": 453,
    "futex_wake": 454,
    "futex_wait": 455,
    "futex_requeue": 456,
    "mseal": 462,
}
"""Calls that are younger than some libseccomp; since 424 a call has the same number on every architecture."""

CLONE_THREAD = 0x00000100 | 0x00000800 | 0x00010000  # VM, SIGHAND, THREAD
CLONE_NAMESPACES = 0x00000080 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
AF_UNIX, AF_INET = 1, 2
SOCK_STREAM, SOCK_SEQPACKET, SOCK_KIND = 1, 5, 0xF
INT = 0xFFFFFFFF

FCNTL = (0, 1, 2, 3, 4, 5, 1030)
"""DUPFD, GETFD, SETFD, GETFL, SETFL, GETLK, DUPFD_CLOEXEC."""

LOCKS, OPEN_FILE_LOCKS = (6, 7), (36, 37, 38)
"""SETLK, SETLKW; the three of open files. Each lock takes memory of the kernel's that nothing limits. Those of the first
kind hold between processes, of which a host is alone with its files: they are had without being made. The others,
that hold between threads, are not known here; `flock` is there, once a file."""

IOCTL = (0x5401, 0x5413, 0x5421, 0x541B, 0x5451, 0x5450)
"""TCGETS, TIOCGWINSZ, FIONBIO, FIONREAD, FIOCLEX, FIONCLEX; never TIOCSTI."""

PRCTL = (15, 16, 3, 0x53564D41)
"""SET_NAME, GET_NAME, GET_DUMPABLE, SET_VMA."""


class Check(NamedTuple):
    """One argument: its value, where only the bits of `mask` count."""

    argument: int
    mask: int
    value: int


CHECKED: list[tuple[str, tuple[Check, ...]]] = [
    ("clone", (Check(0, CLONE_THREAD | CLONE_NAMESPACES, CLONE_THREAD),)),
    ("socketpair", (Check(0, INT, AF_UNIX), Check(1, SOCK_KIND, SOCK_STREAM))),  # others can be sent to by name
    ("sched_setaffinity", (Check(0, INT, 0),)),
    ("prlimit64", (Check(0, INT, 0), Check(2, (1 << 64) - 1, 0))),
    *(("fcntl", (Check(1, INT, command),)) for command in FCNTL),
    *(("ioctl", (Check(1, INT, request),)) for request in IOCTL),
    *(("prctl", (Check(0, INT, option),)) for option in PRCTL),
]


SOCKET_OPTIONS = (2, 3, 4, 7, 8, 9, 13, 20, 21)
"""Of SOL_SOCKET: REUSEADDR, TYPE, ERROR, SNDBUF, RCVBUF, KEEPALIVE, LINGER, RCVTIMEO, SNDTIMEO; no filters."""

TCP_OPTIONS = (1, 4, 5, 6, 12, 18)
"""Of IPPROTO_TCP: NODELAY, KEEPIDLE, KEEPINTVL, KEEPCNT, QUICKACK, USER_TIMEOUT; no upper-layer protocols."""

NETWORK: list[tuple[str, tuple[Check, ...]]] = [
    *(
        ("socket", (Check(0, INT, AF_INET), Check(1, SOCK_KIND, SOCK_STREAM), Check(2, INT, protocol)))
        for protocol in (0, 6)
    ),
    ("connect", ()),
    *(("setsockopt", (Check(1, INT, 1), Check(2, INT, option))) for option in SOCKET_OPTIONS),
    *(("setsockopt", (Check(1, INT, 6), Check(2, INT, option))) for option in TCP_OPTIONS),
]
"""More for a host that has a proxy: TCP, outward. In its namespace there is nothing but the proxy to connect to."""

GPU: list[tuple[str, tuple[Check, ...]]] = [
    ("socket", (Check(0, INT, AF_UNIX), Check(1, SOCK_KIND, SOCK_SEQPACKET))),
    ("setsockopt", (Check(1, INT, 1), Check(2, INT, SO_PASSCRED))),
    ("bind", ()),
    ("listen", ()),
]
"""More for a host with a GPU: CUDA opens a socket for processes that it could share memory with, and can't start
without. Nobody reaches it: nothing is accepted, and in the host's network namespace there is no one else."""

FAMILIES = 46
"""Kinds of addresses that Linux knows."""


def build(*, private_files: bool, gpu: bool = False, network: bool = False, programs: bool = False) -> bytes:
    """The filter as the kernel takes it.

    Args:
        private_files: the host sees read-only mounts and its own scratch alone. Else the calls that change owners,
            modes and times, which Landlock does not cover, do nothing and say that they did.
        gpu: the host has a GPU.
        network: the host has a proxy, in a network namespace of its own.
        programs: it may become another program; which one, Landlock says.

    Raises:
        ImportError, RuntimeError: pyseccomp, or the libseccomp below it, is not installed.
        OSError: libseccomp refused a rule.
    """
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(EPERM))
    rules.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    with contextlib.suppress(OSError):  # a libseccomp before 2.5 gives a longer program
        rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, BINARY_TREE)
    free = {*ALWAYS, *(GPU_ALWAYS if gpu else ()), *(("execve",) if programs else ())}
    for name in sorted(free):
        _add(pyseccomp, rules, pyseccomp.ALLOW, name)
    for name in ATTRIBUTES.split():
        _add(pyseccomp, rules, pyseccomp.ALLOW if private_files else pyseccomp.ERRNO(0), name)
    for name, checks in [*CHECKED, *(NETWORK if network else ()), *(GPU if gpu else ())]:
        if name not in free:
            _add(pyseccomp, rules, pyseccomp.ALLOW, name, checks)
    for answer, commands in ((0, LOCKS), (errno.EINVAL, OPEN_FILE_LOCKS)):
        for command in commands:
            _add(pyseccomp, rules, pyseccomp.ERRNO(answer), "fcntl", (Check(1, INT, command),))
    sockets = ({AF_INET: SOCK_STREAM} if network else {}) | ({AF_UNIX: SOCK_SEQPACKET} if gpu else {})
    _refuse_sockets(pyseccomp, rules, sockets)
    for name in NOT_HERE:
        if name not in free:
            _add(pyseccomp, rules, pyseccomp.ERRNO(ENOSYS), name)
    for number in NOT_HERE_BY_NUMBER.values():
        rules.add_rule(pyseccomp.ERRNO(ENOSYS), number)
    return _exported(rules)


def _refuse_sockets(pyseccomp: Any, rules: Any, allowed: dict[int, int]) -> None:
    """Say of all sockets but the allowed ones, family -> kind, that they are not known here.

    Libraries expect that: they try one kind after another.
    """
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, "socket")
    unknown = pyseccomp.ERRNO(errno.EAFNOSUPPORT)
    if not allowed:
        rules.add_rule(unknown, number)
        return
    if len(allowed) == 1:
        (one,) = allowed
        rules.add_rule(unknown, number, pyseccomp.Arg(0, pyseccomp.NE, one))
    else:  # an argument can be compared once in a rule
        for family in set(range(FAMILIES)) - set(allowed):
            rules.add_rule(unknown, number, pyseccomp.Arg(0, pyseccomp.MASKED_EQ, INT, family))
    for family, kind in allowed.items():
        of_family = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, INT, family)
        for other in set(range(SOCK_KIND + 1)) - {kind}:
            rules.add_rule(unknown, number, of_family, pyseccomp.Arg(1, pyseccomp.MASKED_EQ, SOCK_KIND, other))


def check() -> None:
    """See whether a filter can be built and loaded here.

    Raises:
        ImportError, RuntimeError: pyseccomp, or the libseccomp below it, is not installed.
        OSError: the kernel takes no filters.
    """
    build(private_files=True)
    try:
        prctl(PR_SET_SECCOMP, MODE_FILTER, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:  # the kernel looked for the filter: it would take one
            raise


def load(program: bytes) -> None:
    """Put this thread, and all that it starts from now on, behind the filter. `no_new_privs` must be set.

    Raises:
        OSError: the kernel refused.
    """
    code = ctypes.create_string_buffer(program, len(program))
    head = Program(len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.addressof(head))


class Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def _add(pyseccomp: Any, rules: Any, action: int, name: str, checks: tuple[Check, ...] = ()) -> None:
    """Add a rule; a call that this architecture does not have needs none."""
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if number >= 0:
        conditions = [pyseccomp.Arg(c.argument, pyseccomp.MASKED_EQ, c.mask, c.value) for c in checks]
        rules.add_rule(action, number, *conditions)


def _exported(rules: Any) -> bytes:
    """The program's bytes, by way of a file in memory: a pipe could be too small."""
    with open(os.memfd_create("filter", os.MFD_CLOEXEC), "w+b") as file:  # noqa: PTH123
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
