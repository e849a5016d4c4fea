"""Forbids a parsing child what it does not need, as far as the platform can enforce it.

Linux: no network at all (an empty network namespace), no new privileges, ended with its
parent, no look from outside into its memory, no file outside of the interpreter's and the system
libraries' folders (Landlock, where the kernel has it). Everywhere: bounds on memory (macOS takes
the number and does not hold it), processor time, open files, and none on disk; Python
code in it opens no file for writing and none outside of the interpreter's own folders,
no socket and no process.

Two walls, because neither is enough: the system's hold native code too, and not every system
has all of them; the audit hook is everywhere, and only sees what Python itself is asked to do.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

# Landlock's system calls have these numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIR = 1, 1 << 2, 1 << 3
_TCP = 0b11  # to listen and to connect
# What native code opens that is loaded late.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")

# Lazily imported modules and their word lists take a few at once; a bomb of names takes all.
MAX_OPEN_FILES = 32

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = frozenset({
    "os.chmod", "os.chown", "os.exec", "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.link",
    "os.lockf", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename", "os.rmdir", "os.setxattr",
    "os.spawn", "os.startfile", "os.symlink", "os.system", "os.truncate", "os.utime", "pty.spawn",
    "resource.prlimit", "resource.setrlimit", "shutil.chown", "shutil.copyfile", "shutil.move",
    "shutil.rmtree", "signal.pthread_kill", "sqlite3.connect", "subprocess.Popen",
    "tempfile.mkdtemp", "tempfile.mkstemp", "urllib.Request", "webbrowser.open",
})  # fmt: skip
_REFUSED_FAMILIES = ("socket.", "ftplib.", "http.client.", "imaplib.", "poplib.", "smtplib.")


class ConfinementRefused(PermissionError):
    """What parses a file tried what parsing does not need."""


def leave_network() -> None:
    """Take this process, and all that it will start, off the network where that is allowed.

    Root may simply leave it; others do so by way of a user namespace of their own, which
    some distributions and most container hosts refuse. Nothing else depends on it.
    """
    if sys.platform == "linux":
        if _libc().unshare(_CLONE_NEWNET):
            _libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def end_with(parent: int) -> None:
    """Make this process end when its parent does. The parent must have one thread only:
    Linux means the thread that forked, not the process.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(_PR_SET_DUMPABLE, 0)
    if os.getppid() != parent:  # it ended before it was asked for
        os._exit(0)


def bound(memory: int, seconds: int) -> None:
    """Bound memory (bytes of addresses) and processor time; nothing on disk, no processes."""
    _limit("RLIMIT_CORE", 0, 0)
    _limit("RLIMIT_FSIZE", 0, 0)
    _limit("RLIMIT_NPROC", 0, 0)  # root is not held by it
    _limit("RLIMIT_NOFILE", MAX_OPEN_FILES, MAX_OPEN_FILES)
    _limit("RLIMIT_AS", memory, memory)
    _limit("RLIMIT_CPU", seconds, seconds + 1)  # SIGXCPU, then SIGKILL


def refuse_other_work(packages: Iterable[str]) -> None:
    """Let Python code of this process read only what modules are made of; cannot be undone.

    Args:
        packages: folders of modules besides the interpreter's own.
    """
    folders = tuple(sorted({_as_folder(folder) for folder in (*_interpreters(), *packages)}))
    _lock_files((*folders, *_LIBRARIES))

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if isinstance(path, int):
                return
            writing = isinstance(flags, int) and flags & _WRITING
            if writing or (isinstance(mode, str) and set(mode) & set("wax+")):
                raise ConfinementRefused(f"opening a file for writing: {path!r}")
            if isinstance(path, str | bytes) and not _within(os.fsdecode(path), folders):
                raise ConfinementRefused(f"opening {path!r}")
        elif event in _REFUSED or event.startswith(_REFUSED_FAMILIES):
            raise ConfinementRefused(event)

    sys.addaudithook(hook)


def landlock_version() -> int:
    """Return which version of Landlock the kernel has, 0 or less for none."""
    if sys.platform != "linux":
        return 0
    return int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))


def lock_to(program: str, data: Iterable[str]) -> None:
    """Leave this process the program that it becomes, and what that and the interpreter read."""
    folders = (*_interpreters(), *_LIBRARIES, *data)
    _lock_files(folders, (program, *_LIBRARIES))


def _lock_files(readable: Iterable[str], runnable: Collection[str] = ()) -> None:
    """Have the kernel refuse this process every file that is not in these folders, and TCP: 1 ms."""
    version = landlock_version()
    if version < 1:
        return
    rights = 13 + min(version - 1, 2) + (version >= 5)  # of files; later versions have more
    handled = struct.pack("QQ", (1 << rights) - 1, _TCP)[: 16 if version >= 4 else 8]
    rules = _libc().syscall(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    for path in {*readable, *runnable}:
        with suppress(OSError):  # not every system has every folder
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ_FILE | (_READ_DIR if Path(path).is_dir() else 0)
            allowed |= _EXECUTE if path in runnable else 0
            _libc().syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", allowed, place), 0)
            os.close(place)
    _libc().syscall(_RESTRICT_SELF, rules, 0)  # new privileges are given up already
    os.close(rules)


def _interpreters() -> list[str]:
    """Return the folders that this interpreter's modules and their data are in."""
    paths = sysconfig.get_paths()
    installed = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    known = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return [*known, *installed, "/usr/share/zoneinfo"]


def _as_folder(path: str) -> str:
    return os.path.realpath(path) + os.sep


def _within(path: str, folders: tuple[str, ...]) -> bool:
    # As it stands first: most are, and a look at every part of a path costs 20 µs.
    if ".." not in path and path.startswith(folders):
        return True
    return os.path.realpath(path).startswith(folders)


def _limit(name: str, soft: int, hard: int) -> None:
    """Set a limit where the platform has it, never above what holds already."""
    number = getattr(resource, name, None)
    if number is None:
        return
    held = resource.getrlimit(number)[1]
    if held != resource.RLIM_INFINITY:
        soft, hard = min(soft, held), min(hard, held)
    with suppress(ValueError, OSError):
        resource.setrlimit(number, (soft, hard))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    _libc().prctl(option, *map(ctypes.c_ulong, (value, 0, 0, 0)))


def packages_of(*modules: str) -> list[str]:
    """Return the folders of packages that are imported already."""
    return [str(Path(path).parent) for name in modules if (path := sys.modules[name].__file__)]
