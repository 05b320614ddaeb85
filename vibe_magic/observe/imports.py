"""Hear of each module right after its file has run, and of what it touched, wrote and hooked meanwhile.

No audit event tells of that. The loader of source files is one class for all finders, so its one method
that runs a file is where to listen.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any, NamedTuple

from vibe_magic.methods import Patches
from vibe_magic.modules import is_local_file

from . import audit, questions
from .hooks import credit, hooks
from .log import Log, muted
from .paths import Scope

__all__ = ["follow_imports", "leave_imports"]

_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
"""Frames of files with this name are left out of the tracebacks of errors in modules, and of warnings."""

_inherited = SourceFileLoader.exec_module


class _Ears(NamedTuple):
    loaded: Callable[[ModuleType], None]
    more: Callable[[Sequence[str], bool], None]


_ears: _Ears | None = None


def follow_imports(loaded: Callable[[ModuleType], None], more: Callable[[Sequence[str], bool], None]) -> None:
    """Have one function called with each module whose file has run, before anything else can use it.

    Parameters
    ----------
    loaded : callable
        Gets the module. What is loaded already is told to nobody.
    more : callable
        Gets the names of modules that one import has loaded, once that is over, if what they are depends on
        more than their source or if they have done more than to be there: if they touched files, asked for
        the environment or wrote to ``sys.stdout`` or ``sys.stderr``; and whether they did the latter.
    """
    global _ears
    if _ears is None:  # sysconfig, which tells where packages lie, is itself half loaded while it loads more
        Scope(os.getcwd()).counts(os.getcwd())
        is_local_file(os.getcwd())
    _ears = _Ears(loaded, more)
    SourceFileLoader.exec_module = _exec_module  # type: ignore[assignment, method-assign]


def leave_imports() -> None:
    """Put the loader back as it was."""
    global _ears
    _ears = None
    if "exec_module" in vars(SourceFileLoader):
        del SourceFileLoader.exec_module


def _exec_module(loader: SourceFileLoader, module: ModuleType) -> None:
    with _Listening(module.__name__):
        _inherited(loader, module)
        if _ears is not None:
            with muted():
                _ears.loaded(module)


_exec_module.__code__ = _exec_module.__code__.replace(co_filename=_IMPORT_SYSTEM)


class _Listening:
    """While a module's file runs, its thread's outermost import listens.

    Parameters
    ----------
    name : str
        The module.
    """

    _here = threading.local()

    def __init__(self, name: str) -> None:
        self._name = name
        self._patches: Patches | None = None
        self._log = Log()
        self._heard = False
        self._hooks = hooks()

    def __enter__(self) -> None:
        if getattr(self._here, "names", None) is None:
            self._here.names, self._patches = [], Patches()
            for stream in {id(stream): stream for stream in (sys.stdout, sys.stderr)}.values():
                self._patches.put(stream, "write", self._hear)
            audit.listen(self._log)
            questions.attend()
        self._here.names.append(self._name)

    def __exit__(self, *_: object) -> None:
        credit(self._name, self._hooks)
        if self._patches is None:
            return
        audit.unlisten(self._log)
        questions.leave()
        self._patches.undo()
        names, self._here.names = self._here.names, None
        if _ears is not None and (self._heard or _depends(self._log)):
            _ears.more(names, self._heard)

    def _hear(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def write_and_note(text: Any, *args: Any, **kwargs: Any) -> Any:
            self._heard = self._heard or bool(text)
            return write(text, *args, **kwargs)

        return write_and_note


def _depends(log: Log) -> bool:
    """Tell whether something was touched that is the notebook's business."""
    if log.env or log.unseen or log.globs or log.programs or log.network:
        return True
    paths = {path for _, path in log.touches}.union(log.asked, log.listed)
    return bool(paths) and any(map(Scope(os.getcwd()).counts, paths))
