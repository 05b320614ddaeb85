"""Code that the notebook has put where it runs without being called: printers, and what handles log records.

What a cell shows or logs depends on these although it names none of them, so each counts for all cells, by
content, as what the notebook sets in packages does.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any

from vibe_magic.errors import Undigestible
from vibe_magic.identity import digest

from . import records
from .effects import counts

__all__ = ["Additions"]

_LOGGING, _PRINTERS = "logging:<loggers>", "IPython:<printers>"
_ADDS = frozenset(
    {"Formatter", "addFilter", "disabled", "filters", "propagate", "setFormatter", "setLogRecordFactory"}
)
_ADDS |= {
    "FileHandler",
    "StreamHandler",
    "addHandler",
    "addLevelName",
    "basicConfig",
    "dictConfig",
    "fileConfig",
}
_ADDS |= {
    "for_type",
    "for_type_by_name",
    "handlers",
    "singleton_printers",
    "type_printers",
    "deferred_printers",
}
"""Words of code that adds something itself; what appears without any of them comes with an import."""
_LEVELS = dict(logging._levelToName)
_TABLES = ("type_printers", "deferred_printers", "singleton_printers")
_PRETTY = ("_type_pprinters", "_deferred_type_pprinters", "_singleton_pprinters")

Entry = tuple[str, Hashable]
Table = tuple[str, str, Mapping[Any, Any]]
"""Printers by what they print: whose they are, of which kind, and themselves."""


class Additions:
    """What has been added since this was made.

    Parameters
    ----------
    shell : InteractiveShell
        Whose printers count.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._plain: list[Any] = []
        self._formatters: tuple[Any, ...] = ()
        self._tables: tuple[Table, ...] = ()
        self._foreign = [one for one in logging.root.handlers if not counts(one) or not _ours(one)]
        records.accept(self._foreign)
        self._modules = len(sys.modules)
        self._last = dict(self._present())
        self._known = _of_libraries(self._last)

    def found(self, mentions: Collection[str] = ()) -> Mapping[str, tuple[Any, ...]]:
        """Return what is there, by reference, after code with these identifiers has run.

        Libraries add handlers to their own loggers, and printers, when they are imported. These come back
        with the import.
        """
        present = dict(self._present())
        imported, self._modules = len(sys.modules) != self._modules, len(sys.modules)
        if imported and _ADDS.isdisjoint(mentions):
            appeared = {entry: value for entry, value in present.items() if entry not in self._last}
            self._known |= _of_libraries(appeared)
        self._last = present
        new = [item for item in present.items() if self._known.get(item[0]) != item[1]]
        found = {ref: tuple((key, value) for (at, key), value in new if at == ref) for ref, _ in present}
        return {ref: value for ref, value in found.items() if value}

    def _present(self) -> Iterator[tuple[Entry, Any]]:
        """Yield what is not as it comes; the root logger, which has an empty name, is never a library's."""
        for name, logger in (("", logging.root), *tuple(logging.root.manager.loggerDict.items())):
            if isinstance(logger, logging.Logger) and (value := self._logger(logger)):
                yield (_LOGGING, name), value
        if logging._levelToName != _LEVELS:
            yield (_LOGGING, "level names"), tuple(logging._levelToName.items())
        if logging.getLogRecordFactory() is not logging.LogRecord:
            yield (_LOGGING, "record factory"), _content(logging.getLogRecordFactory())
        tables = (*self._kept_tables(), *_pretty_tables())
        printers = [tuple(table.values()) for _, _, table in tables]
        if printers != self._plain:
            yield from self._printers(tables, printers)

    def _kept_tables(self) -> tuple[Table, ...]:
        """Return the tables of all formatters; as traits they are slow to read, but tell when they change."""
        formatters = _formatters(getattr(self._shell, "display_formatter", None))
        if formatters != self._formatters:
            for one in formatters:
                one.observe(self._forget_tables, list(_TABLES))
            self._formatters = formatters
            self._tables = tuple(
                (f"{type(one).__name__} {one.format_type}", kind, getattr(one, kind))
                for one in formatters
                for kind in _TABLES
            )
        return self._tables

    def _forget_tables(self, _change: object) -> None:
        self._formatters = ()

    def _logger(self, logger: logging.Logger) -> tuple[Any, ...]:
        if logger.propagate and not (logger.handlers or logger.filters or logger.disabled):
            return ()
        handlers = tuple(
            _settings(one)
            for one in logger.handlers
            if type(one) is not logging.NullHandler and not any(one is other for other in self._foreign)
        )
        filters = tuple(map(_content, logger.filters))
        flags = (logger.propagate, bool(logger.disabled))
        return (flags, handlers, filters) if handlers or filters or flags != (True, False) else ()

    def _printers(self, tables: Sequence[Table], printers: list[Any]) -> Iterator[tuple[Entry, Any]]:
        """Yield what counts in the tables; those without any of it are passed by from then on."""
        known = self._plain if len(self._plain) == len(printers) else [None] * len(printers)
        plain = list(printers)
        for number, (place, kind, table) in enumerate(tables):
            changed = printers[number] != known[number]
            for key, printer in table.items() if changed else ():
                if counts(printer):
                    plain[number] = None
                    of = f"{key.__module__}.{key.__qualname__}" if isinstance(key, type) else str(key)
                    yield (_PRINTERS, (place, of if kind != _TABLES[2] else kind)), _content(printer)
        self._plain = plain


def _pretty_tables() -> Iterator[Table]:
    pretty = sys.modules.get("IPython.lib.pretty")
    for kind, name in zip(_TABLES, _PRETTY, strict=True):
        yield "pretty", kind, getattr(pretty, name, {})


def _formatters(display: Any) -> tuple[Any, ...]:
    if display is None:
        return ()
    return (*display.formatters.values(), display.ipython_display_formatter, display.mimebundle_formatter)


def _of_libraries(entries: Mapping[Entry, Any]) -> dict[Entry, Any]:
    return {entry: value for entry, value in entries.items() if entry != (_LOGGING, "")}


def _ours(handler: logging.Handler) -> bool:
    """Tell whether a notebook may have made a handler of the root logger, rather than what runs it."""
    return type(handler).__module__ in ("logging", "logging.handlers", "__main__")


def _settings(handler: logging.Handler) -> tuple[Any, ...]:
    """Return what decides what a handler lets through and makes of it, apart from where that goes."""
    form = handler.formatter and _content(handler.formatter)
    filters = tuple(map(_content, handler.filters))
    ends = getattr(handler, "terminator", None)
    place = _stream(handler), getattr(handler, "baseFilename", None)
    return type(handler), handler.level, form, filters, ends, *place


_streams: weakref.WeakKeyDictionary[logging.Handler, tuple[Any, str]] = weakref.WeakKeyDictionary()


def _stream(handler: logging.Handler) -> str:
    """Return which stream a handler was given, even if that has been redirected since."""
    stream = getattr(handler, "stream", None)
    known = _streams.get(handler)
    if known is None or known[0] is not stream:
        name = next((name for name in ("stdout", "stderr") if stream is getattr(sys, name)), "")
        known = _streams[handler] = stream, name
    return known[1]


def _content(part: Any) -> Any:
    """Return what stands for code or settings: itself, unless its content cannot be told."""
    try:
        digest(part)
    except Undigestible:
        return f"{type(part).__module__}.{type(part).__qualname__}", os.getpid(), id(part)
    return part
