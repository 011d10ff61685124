"""A host's own small file system: read-only views of what it may read, its plugin, a scratch folder of limited size.

The part that all hosts share is built once, in the zygote's mount namespace; each host adds its plugin and scratch.
"""

import os
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from plugin_sdk.host import kernel
from plugin_sdk.host.readable import Tree

PLUGIN, SCRATCH = "/plugin", "/scratch"
SHM = f"{SCRATCH}/.shm"
ETC = f"{SCRATCH}/.etc"
OWN_PROCESS = "/proc/self"
INODES_PER_MB = 64
MIN_INODES = 1024

LINKS = {"/dev/shm": SHM, "/etc/passwd": f"{ETC}/passwd", "/etc/group": f"{ETC}/group", "/tmp": SCRATCH}
LINKS |= {"/var/tmp": SCRATCH}
WRITTEN = {
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "/etc/host.conf": "multi on\n",
}


def build(
    root: Path,
    tree: Tree,
    devices: list[str],
    hidden: list[Path],
    added: Mapping[str, bytes] | None = None,
    *,
    own_process: bool = False,
) -> None:
    """Make `root` the file system of hosts, but for a plugin and a scratch; needs a mount namespace of one's own.

    Args:
        root: an empty folder.
        tree: what is shown, read-only, where it lies.
        devices: device files that are shown.
        hidden: files within the tree whose content is not shown.
        added: files of our own, path -> content.
        own_process: hosts will call `show_own_process`.

    Raises:
        OSError: the kernel refused; its text names the place.
    """
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_SLAVE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.MS_NOSUID, "size=4m,nr_inodes=8192,mode=755")
    for place in tree.places:
        _show(place, _within(root, place), device=False)
    for device in devices:
        _show(Path(device), _within(root, device), device=True)
    for file in hidden:
        kernel.bind_read_only("/dev/null", _within(root, file), device=True)
    for link, target in tree.links.items():
        _link(_within(root, link), target)
    _add_own(root, tree)
    if own_process:
        _within(root, OWN_PROCESS).mkdir(parents=True, exist_ok=True)
    for path, content in (added or {}).items():
        file = _within(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    kernel.make_read_only(root, device=True)


def _add_own(root: Path, tree: Tree) -> None:
    """What is nowhere else; never through a link, which would lead out of `root`."""
    free = {path for path in (*LINKS, *WRITTEN) if not any(folder in tree.links for folder in Path(path).parents)}
    for path in sorted(free & LINKS.keys()):
        _link(_within(root, path), LINKS[path])
    for path in sorted(free & WRITTEN.keys()):
        file = _within(root, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(WRITTEN[path], encoding="ascii")
    for folder in (PLUGIN, SCRATCH):
        _within(root, folder).mkdir(exist_ok=True)


def enter(root: Path, plugin: Path, scratch_mb: int, uid: int, gid: int) -> None:
    """Make `root` this process's file system, with this plugin in it and a scratch that belongs to `uid`.

    Raises:
        OSError: the kernel refused, or the plugin's folder can't be read.
    """
    _show_plugin(plugin, _within(root, PLUGIN), foreign=uid != os.geteuid())
    inodes = max(MIN_INODES, scratch_mb * INODES_PER_MB)
    options = f"size={scratch_mb}m,nr_inodes={inodes},mode=700,uid={uid},gid={gid}"
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("tmpfs", _within(root, SCRATCH), "tmpfs", flags, options)
    kernel.change_root(root)


def show_own_process(root: Path) -> None:
    """What /proc has of this process, and of no other; for a process that is number 1 of its namespace.

    Where the kernel shows none, as in containers that hide parts of theirs, the host's log tells so.
    """
    place = _within(root, OWN_PROCESS)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    try:
        kernel.mount("proc", place, "proc", flags, "subset=pid")
        kernel.mount(place / "1", place, flags=kernel.MS_BIND)
    except OSError as error:
        sys.stderr.write(f"The GPU may not start: CUDA writes to {OWN_PROCESS}, and that can't be shown ({error}).\n")


def furnish(uid: int, gid: int) -> None:
    """Folders and files that libraries look for, in the scratch; by the host's own user."""
    Path(SHM).mkdir(mode=0o700)
    Path(ETC).mkdir(mode=0o700)
    Path(ETC, "passwd").write_text(f"plugin:x:{uid}:{gid}::{SCRATCH}:/bin/false\n", encoding="ascii")
    Path(ETC, "group").write_text(f"plugin:x:{gid}:\n", encoding="ascii")


def _show(source: Path, target: Path, *, device: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    kernel.bind_read_only(source, target, device=device)


def _show_plugin(plugin: Path, target: Path, *, foreign: bool) -> None:
    """The plugin's folder; if not everyone may read it, a copy that the host's user may."""
    if not foreign or _readable_by_all(plugin):
        return kernel.bind_read_only(plugin, target)
    kernel.mount("tmpfs", target, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    shutil.copytree(plugin, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy)
    for path in [target, *(path for path in target.rglob("*") if path.is_dir() and not path.is_symlink())]:
        path.chmod(0o755)
    return kernel.make_read_only(target)


def _readable_by_all(folder: Path) -> bool:
    for root, _, files in os.walk(folder):
        if not os.stat(root).st_mode & stat.S_IXOTH or not os.stat(root).st_mode & stat.S_IROTH:  # noqa: PTH116
            return False
        for name in files:
            if not os.lstat(f"{root}/{name}").st_mode & stat.S_IROTH:
                return False
    return True


def _copy(source: str, target: str) -> None:
    if stat.S_ISREG(os.lstat(source).st_mode):
        shutil.copyfile(source, target)
        Path(target).chmod(0o644)


def _link(path: Path, target: str) -> None:
    """A link, unless something is shown there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and not path.is_symlink():
        path.symlink_to(target)


def _within(root: Path, path: str | Path) -> Path:
    return root / str(path).lstrip("/")
