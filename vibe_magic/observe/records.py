"""Log records that a run hands to something else than the streams that it shows.

A stored result shows again what was logged to standard output and error. A file, or a list that a handler of
the notebook fills, would lack the record.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import weakref
from collections.abc import Iterable
from typing import Any

__all__ = ["accept", "listen", "unlisten"]

_listening: list[dict[str, None]] = []
_accepted: list[logging.Handler] = []
_shown: weakref.WeakSet[Any] = weakref.WeakSet()
"""The streams that runs began with: what holds one of an earlier cell writes where that cell did."""


def accept(handlers: Iterable[logging.Handler]) -> None:
    """Let handlers get records that do not count: those of the program in which the notebook runs."""
    _accepted[:] = handlers


def listen() -> dict[str, None]:
    """Return what the classes of the handlers will be in that get a record from now on.

    What is looked at is the filtering that comes before: its frame is gone when a handler's own code runs,
    which may show who has called it.
    """
    found: dict[str, None] = {}
    if not _listening:
        logging.Handler.filter = _filter  # type: ignore[method-assign, assignment]
    _listening.append(found)
    with contextlib.suppress(TypeError):  # what stands in for a stream need not know weak references
        _shown.update((sys.stdout, sys.stderr))
    return found


def unlisten(found: dict[str, None]) -> None:
    """Stop adding to what `listen` returned."""
    _listening[:] = [one for one in _listening if one is not found]
    if not _listening and vars(logging.Handler).get("filter") is _filter:
        del logging.Handler.filter


def _filter(handler: logging.Handler, record: logging.LogRecord) -> Any:
    passed = logging.Filterer.filter(handler, record)
    if passed and not _is_shown(handler) and not any(handler is one for one in _accepted):
        for found in _listening:
            found[type(handler).__qualname__] = None
    return passed


def _is_shown(handler: logging.Handler) -> bool:
    """Tell whether a handler does nothing but write to a stream that is recorded."""
    writes: Any = logging.StreamHandler.emit
    stream = getattr(handler, "stream", None)
    return type(handler).emit is writes and any(stream is one for one in (*_shown, sys.stdout, sys.stderr))
