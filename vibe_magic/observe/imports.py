"""Hear of each module right after its file has run, before anything else can use it.

No audit event tells of that. The loader of source files is one class for all finders, so its one method
that runs a file is where to listen.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import ModuleType

from .log import muted

__all__ = ["on_loaded"]

_IMPORT_SYSTEM = "<frozen importlib._bootstrap_external>"
"""Frames of files with this name are left out of the tracebacks of errors in modules, and of warnings."""

_inherited = SourceFileLoader.exec_module
_note: Callable[[ModuleType], None] | None = None


def on_loaded(note: Callable[[ModuleType], None] | None) -> None:
    """Have a function called with each module whose file has run; None ends that.

    What is loaded while it is at work is told to it, too.
    """
    global _note
    _note = note
    if note is not None:
        SourceFileLoader.exec_module = _exec_module  # type: ignore[assignment, method-assign]
    elif "exec_module" in vars(SourceFileLoader):
        del SourceFileLoader.exec_module


def _exec_module(loader: SourceFileLoader, module: ModuleType) -> None:
    _inherited(loader, module)
    _tell(module)


_exec_module.__code__ = _exec_module.__code__.replace(co_filename=_IMPORT_SYSTEM)


def _tell(module: ModuleType) -> None:
    if _note is not None:
        with muted():
            _note(module)
