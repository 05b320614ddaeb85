"""What code asks without an audit event: whether files are there, and for environment variables.

While somebody listens, the modules that ask for files take ``os.stat`` from a stand-in of `os` that looks who
it is, and so does the encoding of the names of variables. Neither is still at work when the question itself
fails, so that tracebacks are as ever. Only what the notebook and the person's own modules ask counts, not
what libraries ask for them; and code that takes ``os.stat`` by itself is known from its text.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType, ModuleType
from typing import Any

from vibe_magic.modules import is_local

from .audit import is_heard, tell
from .log import Log

__all__ = ["attend", "leave"]

_BETWEEN = frozenset({"collections", "genericpath", "getpass", "ntpath", "os", "pathlib", "posixpath"})
"""Modules that ask on behalf of whoever calls them."""
_QUESTIONS = frozenset(
    [
        "exists",
        "getatime",
        "getctime",
        "getmtime",
        "getsize",
        "glob",
        "group",
        "is_dir",
        "is_file",
        "is_mount",
        "is_symlink",
        "isdir",
        "isfile",
        "islink",
        "ismount",
        "lexists",
        "lstat",
        "owner",
        "readlink",
        "rglob",
        "samefile",
        "stat",
    ]
)
"""Their functions that ask; what they call to do so has the path as its first argument."""


def attend() -> None:
    """Tell logs of questions from now on."""
    if _undo:
        return
    for name in ("genericpath", "posixpath", "ntpath", "pathlib", "pathlib._local"):
        scope = vars(sys.modules.get(name, ModuleType(name)))
        if scope.get("os") is os:
            scope["os"] = _STAND_IN
            _undo.append(partial(scope.update, os=os))
    globber = getattr(glob, "_StringGlobber", None)
    if globber is not None:  # expands the patterns of pathlib, from Python 3.13 on
        _undo.append(partial(setattr, globber, "lstat", vars(globber)["lstat"]))
        globber.lstat = staticmethod(_lstat)
    for environ in filter(None, (os.environ, getattr(os, "environb", None))):
        encode, decode = environ.encodekey, environ.decodekey
        environ.encodekey, environ.decodekey = _naming(environ, encode), _listing(decode)
        _undo.append(partial(vars(environ).update, encodekey=encode, decodekey=decode))


def leave() -> None:
    """Tell logs no more, if none listens."""
    while _undo and not is_heard():
        _undo.pop()()


_undo: list[Callable[[], Any]] = []


def _asker(frame: FrameType | None) -> tuple[FrameType | None, FrameType | None]:
    """Return the person's own code that asks, if it does, and the function that it has called for that."""
    through = None
    while frame is not None and _module(frame).partition(".")[0] in _BETWEEN:
        through, frame = frame, frame.f_back
    if frame is None or not is_local(_module(frame)):
        return None, None
    return frame, through


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


class _StandIn:
    """The module `os`, but for looking who takes ``stat`` from it."""

    def __getattr__(self, name: str) -> Any:
        if name in ("lstat", "readlink", "stat"):
            tell(lambda log: _note_file(log, sys._getframe(3)))
        return getattr(os, name)


_STAND_IN = _StandIn()


def _note_file(log: Log, frame: FrameType) -> None:
    asker, through = _asker(frame)
    if asker is not None and through is not None and through.f_code.co_name in _QUESTIONS:
        code = frame.f_code
        _note_path(log, frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None)


def _lstat(path: Any) -> os.stat_result:
    tell(lambda log: _note_match(log, path, sys._getframe(3)))
    return os.lstat(path)


def _note_match(log: Log, path: Any, frame: FrameType | None) -> None:
    while frame is not None and frame.f_code.co_filename == glob.__file__:
        frame = frame.f_back
    if _asker(frame)[0] is not None:
        _note_path(log, path)


def _note_path(log: Log, path: Any) -> None:
    if isinstance(path, str | bytes | os.PathLike):
        log.question(os.path.abspath(os.fsdecode(path)))


def _naming(environ: Any, encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the encoding of a variable's name that notes it."""

    def name(key: Any) -> Any:
        raw = encode(key)
        tell(lambda log: _note_variable(log, os.fsdecode(key), environ._data.get(raw), sys._getframe(3)))
        return raw

    return name


def _note_variable(log: Log, name: str, value: Any, frame: FrameType) -> None:
    asks = frame.f_code.co_name == "__getitem__"  # setting and deleting name it, too
    if asks and _asker(frame)[0] is not None:
        log.env.setdefault(name, None if value is None else os.fsdecode(value))


def _listing(decode: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return the decoding of a variable's name, as needed for listing them, that notes it."""

    def name(key: Any) -> str:
        tell(lambda log: _note_listing(log, sys._getframe(3)))
        return decode(key)

    return name


def _note_listing(log: Log, frame: FrameType) -> None:
    if _asker(frame)[0] is not None:
        log.unseen["os.environ as a whole"] = None
