"""One audit hook for the process: what Python code opens, starts and connects to.

An audit hook cannot be removed, so there is one, installed when first needed, that does nothing
while nobody listens. It is called for every thread, before the event takes place, and an exception
in it would stop what the cell does; so it only notes, and keeps its own faults as data.
"""

from __future__ import annotations

import glob
import os
import pkgutil
import shutil
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from .frames import Lookup, lookup, unpickled
from .log import APPEND, CREATE, EXCLUSIVE, MODIFY, READ, REMOVE, TRUNCATE, Log, is_muted, muted

__all__ = ["is_heard", "is_unchanged", "listen", "note_touched", "tell", "unlisten"]

TICK_NS = 2_000_000_000
"""Clocks of file systems are coarse: up to 2 s on FAT, a timer tick on ext4."""


_logs: tuple[Log, ...] = ()
_lock = threading.Lock()
_installed = False


def listen(log: Log) -> None:
    """Write events to `log` from now on."""
    global _logs, _installed
    with _lock:
        if not _installed:
            sys.addaudithook(_hook)
            _installed = True
        _logs = (*_logs, log)


def unlisten(log: Log) -> None:
    """Write no more events to `log`."""
    global _logs
    with _lock:
        _logs = tuple(other for other in _logs if other is not log)


def is_heard() -> bool:
    """Tell whether anybody listens."""
    return bool(_logs)


def note_touched(read: Iterable[str], written: Iterable[str], base: str) -> None:
    """Let whoever listens know of files that a restored call read and wrote when it was computed."""
    for log in _logs:
        log.touches += [(READ, os.path.normpath(os.path.join(base, name))) for name in read]
        log.touches += [(CREATE, os.path.normpath(os.path.join(base, name))) for name in written]


def tell(note: Callable[[Log], None]) -> None:
    """Have something noted that is no audit event, by all logs that listen."""
    if is_muted():
        return
    with muted():
        for log in _logs:
            note(log)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    """Note one event. Called by the interpreter for all events of all threads."""
    if not _logs:
        return
    note = _NOTES.get(event)
    if note is None or is_muted():
        return
    for log in _logs:
        try:
            note(log, *args)
        except Exception as error:  # noqa: BLE001 - must not reach the code that is observed
            log.faults.append(f"{event}: {error!r}")


def _absolute(path: Any, directory: int = -1) -> str | None:
    """Return a path made absolute now, before the directory changes; None if that is impossible.

    `directory` is the descriptor that a relative path refers to, -1 for the current directory.
    """
    if isinstance(path, int):
        try:
            return os.readlink(f"/proc/self/fd/{path}")
        except OSError:
            return None
    name = os.fsdecode(path) if path is not None else ""
    if directory in {-1, None} or os.path.isabs(name):
        return os.path.abspath(name)
    start = _absolute(directory)
    return None if start is None else os.path.normpath(os.path.join(start, name))


def _opened(log: Log, path: Any, _mode: str | None, flags: int) -> None:
    if isinstance(path, int):
        return  # a descriptor: noted when it was opened
    caller = sys._getframe(2).f_code.co_filename
    if _mode is None and caller == shutil.__file__:
        return  # removing a tree: relative to a descriptor that the event does not tell
    if caller == _IMPORTER:
        return  # modules count by what of them is used
    name = _absolute(path)
    if name is None or os.path.isdir(name):
        return  # a directory has no content; temporary files are opened through theirs
    for action in _actions(name, flags):
        _touch(log, action, name)


def _touch(log: Log, action: str, path: str | None) -> None:
    """Note what is about to happen to a file, and what it was before a change in part."""
    if path is None:
        return
    if action != READ:
        log.ask(path)
    if action in {MODIFY, APPEND}:
        log.before.setdefault(path, _stamp(path))
    log.touches.append((action, path))


def _stamp(path: str) -> tuple[int, ...]:
    """Return what changes in the stat of a file when the file changes."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_size, status.st_ctime_ns, status.st_ino)


def is_unchanged(log: Log, path: str) -> bool:
    """Tell whether a file that was opened for changing in part is certainly as it was.

    A file that had just been changed before may have changed again within the same clock tick.
    """
    before = log.before.get(path)
    return bool(before) and before == _stamp(path) and log.start_ns - before[0] > TICK_NS


def _actions(path: str, flags: int) -> tuple[str, ...]:
    """Return what opening a file with these flags does to its content."""
    access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    if access == os.O_RDONLY:
        return (READ,)
    if not os.path.lexists(path):
        created = EXCLUSIVE if flags & os.O_EXCL else CREATE
        return (created,) if flags & os.O_CREAT else (READ,)
    if flags & os.O_TRUNC:
        return (TRUNCATE,)
    if flags & os.O_APPEND:
        return (APPEND,)
    return (READ, MODIFY) if access == os.O_RDWR else (MODIFY,)


def _connected(log: Log, database: Any) -> None:
    """Note an SQLite file, which is read and perhaps changed."""
    name = os.fsdecode(database)
    if name.startswith("file:"):
        name = name[5:].split("?", 1)[0]
    if name in {"", ":memory:"} or name.startswith(":memory:"):
        return
    path = os.path.abspath(name)
    actions = (READ, MODIFY) if os.path.exists(path) else (CREATE,)
    for action in actions:
        _touch(log, action, path)


def _removed(log: Log, path: Any, directory: int = -1, *_: Any) -> None:
    _touch(log, REMOVE, _absolute(path, directory))


def _renamed(log: Log, source: Any, target: Any, source_directory: int = -1, directory: int = -1) -> None:
    before, after = _absolute(source, source_directory), _absolute(target, directory)
    if before is None or after is None:
        return
    _touch(log, READ, before)
    _touch(log, REMOVE, before)
    _touch(log, TRUNCATE if os.path.lexists(after) else CREATE, after)


def _linked(log: Log, _source: Any, target: Any, *directories: int) -> None:
    _touch(log, CREATE, _absolute(target, *directories[-1:]))


def _modified(log: Log, path: Any, *_: Any) -> None:
    _touch(log, MODIFY, _absolute(path))


def _made(log: Log, path: Any, _mode: int = 0, directory: int = -1) -> None:
    name = _absolute(path, directory)
    if name is not None and not os.path.isdir(name):
        log.ask(name)
        log.folders[name] = None


def _scanned(log: Log, path: Any = None) -> None:
    code = sys._getframe(2).f_code
    file = code.co_filename
    if (file, code.co_name) == (glob.__file__, "_iterdir"):
        return  # the pattern is noted instead of all directories it passes; those of pathlib's are not
    if file.endswith(_SEARCHERS) or (file == pkgutil.__file__ and _is_below_import()):
        return
    name = _absolute(path)
    if name is not None:
        log.listed[name] = None


def _globbed(log: Log, pattern: Any, _recursive: bool, root: Any, directory: int | None) -> None:
    start = _absolute(root, -1 if directory is None else directory)
    if start is not None:
        log.globs[os.path.normpath(os.path.join(start, os.fsdecode(pattern)))] = None


def _started(log: Log, program: Any, *_: Any) -> None:
    if isinstance(program, list | tuple):
        program = program[0] if program else ""
    name = os.path.basename(os.fsdecode(program).split(" ", 1)[0]) if program else "shell"
    if not _is_library_query(name):
        log.ask(name)
        log.programs.append(name)


def _forked(log: Log, *_: Any) -> None:
    log.ask("a process")
    log.programs.append("fork")


def _popen(log: Log, program: Any, args: Any, *_: Any) -> None:
    _started(log, program if program is not None else args)


def _is_library_query(program: str) -> bool:
    """Tell a question that a library asks about the machine from work that a cell has done.

    Libraries look for cores, fonts and compilers by running small programs, mostly on import.
    """
    return _is_below_import() or program in _QUERIES


def _is_below_import() -> bool:
    """Tell whether an import is under way, so that what happens is of the module's making."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def _networked(log: Log, *_: Any) -> None:
    log.network = True


def _socket(log: Log, _socket: Any, address: Any) -> None:
    log.network |= isinstance(address, tuple)  # not a Unix socket


def _asked(log: Log, *_: Any) -> None:
    log.stdin = True


def _framed(log: Log, *_: Any) -> None:
    with muted():  # looking who it is takes hold of a frame, too
        _looked(log, lookup(sys._getframe(2)))


def _found_by_pickle(log: Log, module: str, name: str) -> None:
    with muted():
        _looked(log, unpickled(module, name))


def _looked(log: Log, found: Lookup | None) -> None:
    if found is None:
        return
    log.lookups.setdefault(found.key, found)
    if log.on_lookup is not None:
        log.on_lookup(found)


_IMPORTER = "<frozen importlib._bootstrap_external>"
_SEARCHERS = (
    _IMPORTER,  # these look for modules and packages
    os.path.join("importlib", "metadata", "__init__.py"),
    os.path.join("importlib_metadata", "__init__.py"),
    os.path.join("pkg_resources", "__init__.py"),
)
_QUERIES = frozenset({"fc-list", "getconf", "ldconfig", "ldconfig.real", "lscpu", "nproc", "sysctl", "uname"})

_NOTES: dict[str, Callable[..., None]] = {
    "open": _opened,
    "sqlite3.connect": _connected,
    "os.remove": _removed,
    "os.rmdir": _removed,
    "shutil.rmtree": _removed,
    "os.rename": _renamed,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.truncate": _modified,
    "os.chmod": _modified,
    "os.utime": _modified,
    "os.mkdir": _made,
    "os.listdir": _scanned,
    "os.scandir": _scanned,
    "glob.glob/2": _globbed,
    "subprocess.Popen": _popen,
    "os.system": _started,
    "os.exec": _started,
    "os.posix_spawn": _started,
    "os.spawn": lambda log, _mode, path, *rest: _started(log, path, *rest),
    "os.startfile": _started,
    "os.fork": _forked,
    "os.forkpty": _forked,
    "pty.spawn": _started,
    "socket.connect": _socket,
    "socket.sendto": _socket,
    "socket.getaddrinfo": _networked,
    "socket.gethostbyname": _networked,
    "urllib.Request": _networked,
    "http.client.connect": _networked,
    "builtins.input": _asked,
    "sys._getframe": _framed,
    "pickle.find_class": _found_by_pickle,
}
