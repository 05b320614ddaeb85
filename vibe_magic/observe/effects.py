"""Changes of the process that cannot be brought back from a store."""

from __future__ import annotations

import builtins
import functools
import logging
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from vibe_magic.modules import is_local

from .hooks import added_hooks

__all__ = ["Effects", "counts", "effects", "irreversible", "is_own"]

_STREAMS = ("stdin", "stdout", "stderr")
_HOOKS = ("excepthook", "displayhook", "unraisablehook", "breakpointhook")
_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
_PASSING = frozenset({"_", "input", "get_ipython", "display"})
"""Builtins that the shell itself sets and takes away."""
_OWNERS = frozenset(
    {"IPython", "comm", "ipykernel", "ipywidgets", "matplotlib", "matplotlib_inline", "vibe_magic"}
)
"""Packages that add callbacks by themselves, on import or when first used."""
_HANDLES_LOGGING = frozenset(
    {"FileHandler", "StreamHandler", "addHandler", "basicConfig", "captureWarnings", "dictConfig"}
    | {"fileConfig", "handlers", "removeHandler"}
)

Effects = Mapping[str, Any]
"""What was in force at one moment, by a phrase that names it."""


def effects(shell: Any = None) -> Effects:
    """Note what is in force in the process and in the shell, by identity.

    Parameters
    ----------
    shell : InteractiveShell, optional
        The shell whose callbacks and transformers count.
    """
    found: dict[str, Any] = {f"sys.{name}": id(getattr(sys, name)) for name in _STREAMS + _HOOKS}
    found["a trace function"] = id(sys.gettrace()) if sys.gettrace() else 0
    found["a profile function"] = id(sys.getprofile()) if sys.getprofile() else 0
    found["threading.excepthook"] = id(threading.excepthook)
    found["warnings.showwarning"] = id(warnings.showwarning)
    found["a signal handler"] = tuple(map(id, map(signal.getsignal, _SIGNALS)))
    found["an import hook"] = added_hooks()
    found["builtins"] = {k: id(v) for k, v in vars(builtins).items() if k not in _PASSING}
    found["logging handlers"] = _logging_outlets()
    found["an open figure"] = _figures()
    found["a finalizer"] = _finalizers()
    if shell is not None:
        found.update(_shell_effects(shell))
    return found


def irreversible(
    before: Effects, after: Effects, *, mentions: Collection[str] = (), imported: bool = False
) -> tuple[str, ...]:
    """Return what a run changed that only running it again brings back.

    Parameters
    ----------
    before, after : mapping
        What `effects` returned.
    mentions : collection of str, optional
        The identifiers in the code that ran.
    imported : bool, optional
        Whether it imported something new. Handlers that libraries add to their own loggers when
        they are imported come back with the import.
    """
    changed = [name for name, value in after.items() if before.get(name, value) != value]
    if imported and _HANDLES_LOGGING.isdisjoint(mentions):
        changed = [name for name in changed if name != "logging handlers"]
    return tuple(changed)


def left_open(packages: Collection[str]) -> tuple[str, ...]:
    """Return what earlier cells have left that a cell which uses some packages may go on with, unnamed."""
    return ("an open figure",) if "matplotlib" in packages and _figures() else ()


def _logging_outlets() -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the handlers of each logger; those that do nothing do not count."""
    loggers = [("", logging.root), *tuple(logging.root.manager.loggerDict.items())]
    found = [
        (name, tuple(id(one) for one in logger.handlers if type(one) is not logging.NullHandler))
        for name, logger in loggers
        if isinstance(logger, logging.Logger) and logger.handlers
    ]
    return tuple(one for one in found if one[1])


def _figures() -> tuple[tuple[object, ...], ...]:
    """Return what the figures that pyplot holds look like: a cell may draw into one of an earlier cell."""
    module = sys.modules.get("matplotlib._pylab_helpers")
    if module is None:
        return ()
    return tuple((number, *_drawn(held.canvas.figure)) for number, held in module.Gcf.figs.items())


def _finalizers() -> tuple[int, ...]:
    """Return what `weakref.finalize` is to call for the notebook; libraries clean up after themselves."""
    registry: Mapping[Any, Any] = getattr(weakref.finalize, "_registry", {})
    return tuple(id(one) for one, info in tuple(registry.items()) if is_own(info.func))


def is_own(callback: Any) -> bool:
    """Tell a callback of the notebook, of a local module or of the builtins from one of a library."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    home = getattr(callback, "__module__", None) or type(getattr(callback, "__self__", callback)).__module__
    return home == "builtins" or is_local(home)


def _drawn(figure: Any) -> tuple[object, ...]:
    """Return what tells that something was added to a figure, without drawing it."""
    axes = [(id(axes), repr(axes), len(axes.get_children()), axes.get_aspect()) for axes in figure.axes]
    return (id(figure), len(figure.get_children()), tuple(figure.get_size_inches()), tuple(axes))


def _shell_effects(shell: Any) -> dict[str, Any]:
    """Return the parts that a cell may have added to the shell."""
    events = shell.events.callbacks
    transformers = [*shell.input_transformers_cleanup, *shell.input_transformers_post]
    return {
        "a magic": {kind: _magics(found) for kind, found in shell.magics_manager.magics.items()},
        "an event callback": {name: _ids(callbacks) for name, callbacks in events.items()},
        "an AST transformer": _ids(shell.ast_transformers),
        "an input transformer": _ids(transformers),
        "a display formatter": _printers(shell),
        "a custom exception handler": tuple(map(id, shell.custom_exceptions)),
    }


def _magics(found: Mapping[str, Any]) -> Mapping[str, int]:
    """Return those that count, of which there are few, while there are many others."""
    present = tuple(zip(found, map(id, found.values()), strict=True))
    if present != _known_magics.get(id(found), ((), {}))[0]:
        _known_magics[id(found)] = present, {name: id(one) for name, one in found.items() if counts(one)}
    return _known_magics[id(found)][1]


_known_magics: dict[int, tuple[tuple[tuple[str, int], ...], Mapping[str, int]]] = {}
"""What was found last, for each dict of magics."""


def _printers(shell: Any) -> tuple[int, ...]:
    formatters: Iterable[Any] = shell.display_formatter.formatters.values()
    return tuple(
        sum(map(counts, [*one.type_printers.values(), *one.deferred_printers.values()])) for one in formatters
    )


def _ids(found: Iterable[Any]) -> tuple[int, ...]:
    """Return the identities of callbacks that a cell may have meant."""
    return tuple(id(_function(one)) for one in found if counts(one))


def _function(callback: Any) -> Callable[..., Any]:
    """Return what a bound method, which is made anew at each look, is a method of."""
    function: Callable[..., Any] = getattr(callback, "__func__", callback)
    return function


def counts(callback: Any) -> bool:
    """Tell a callback of the notebook or of a library from those of the machinery."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    owner = getattr(callback, "__module__", None) or type(callback).__module__
    return str(owner).partition(".")[0] not in _OWNERS
