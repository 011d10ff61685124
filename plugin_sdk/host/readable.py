"""What a host may read beside its plugin: the Python installation, system libraries, the model cache, a few facts."""

import os
import stat
import sys
import sysconfig
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import plugin_sdk

LIBRARIES = ("/usr/lib", "/lib", "/lib64", "/usr/lib64", "/usr/lib32", "/usr/local/lib", "/etc/alternatives")
SHARED = (
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/mime.types",
    "/etc/fonts",
    "/usr/share/fonts",
)
FACTS = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/filesystems",
    "/proc/version",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/osrelease",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
)
"""Of /proc and /sys no more than this: no process, no environment, no memory map, no key."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
TOKENS = ("token", "stored_tokens")
"""Files of a Hugging Face cache that hold its owner's credentials."""


@dataclass(slots=True)
class Tree:
    """Real files and folders, none within another, and the links on the way to them."""

    places: list[Path] = field(default_factory=list)
    links: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Iterable[str | Path]) -> "Tree":
        """The tree in which each of these paths leads where it does here; those that are not there are left out."""
        tree = cls()
        found = {real for path in paths if (real := tree._followed(Path(path))) is not None}
        for place in sorted(found):
            if not tree.covers(place):
                tree.places.append(place)
        tree.links = {link: target for link, target in tree.links.items() if not tree.covers(link)}
        return tree

    def covers(self, path: Path) -> bool:
        """Whether the path is one of the places or lies within one."""
        return any(path.is_relative_to(place) for place in self.places)

    def _followed(self, path: Path) -> Path | None:
        """Where a path ends, each link on the way noted."""
        here, parts = Path("/"), deque(path.parts[1:])
        for _ in range(256):
            if not parts:
                return here if here.exists() and here != Path("/") else None
            part = parts.popleft()
            step = here.parent if part == ".." else here / part
            if not step.is_symlink():
                here = step
                continue
            target = self.links[step] = str(step.readlink())
            here = Path("/") if target.startswith("/") else here
            parts.extendleft(reversed([p for p in Path(target).parts if p != "/"]))
        return None


def readable(model_cache: Path | None, programs: Iterable[str] = (), facts: Iterable[str] = ()) -> Tree:
    """Everything that hosts may read, whatever their plugin; `facts` is more of /proc and /sys."""
    paths = [*_installation(), *LIBRARIES, *SHARED, *FACTS, *programs, *facts]
    base = Tree.of(paths)
    if model_cache is None:
        return base
    return Tree.of([*paths, model_cache, *_links_out_of(model_cache, base)])


def devices(paths: Iterable[str] = DEVICES) -> list[str]:
    """Those of these paths that are device files here."""
    return [path for path in paths if Path(path).exists() and stat.S_ISCHR(os.stat(path).st_mode)]  # noqa: PTH116


def tokens(model_cache: Path | None) -> list[Path]:
    """Credentials in the model cache, to be hidden."""
    paths = [] if model_cache is None else [model_cache.resolve() / name for name in TOKENS]
    return [path for path in paths if path.is_file()]


def _installation() -> Iterator[str]:
    """Python's folders, and each folder or archive from which this process imports."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
    yield from (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    package = Path(plugin_sdk.__file__).parent
    yield str(package)
    for entry in sys.path:
        if entry.startswith("/") and entry not in ("/", str(package.parent)):
            yield entry  # of the folder that holds this package, the package is all that hosts import


def _links_out_of(folder: Path, known: Tree) -> Iterator[Path]:
    """Where links of the model cache lead that leave it."""
    inside = folder.resolve()
    for root, folders, files in os.walk(inside):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink():
                target = path.resolve()
                if target.exists() and not target.is_relative_to(inside) and not known.covers(target):
                    yield path
