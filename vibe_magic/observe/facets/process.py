"""Facets of the interpreter and the standard library."""

from __future__ import annotations

import gc
import importlib
import locale
import logging
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from vibe_magic import collector

from ..paths import relative, resolve
from .facet import DEFAULT, Default, Facet, Origin, levels, raw_environ, unlike
from .filters import described, filter_of

__all__ = ["PROCESS"]


_RELATIVE = "./"


def _name(path: str, origin: Origin) -> str:
    """Return a path relative to the base where inside it; one that was relative is marked as such."""
    return relative(path, origin.base) if os.path.isabs(path) else _RELATIVE + path


def _get_cwd(origin: Origin) -> object:
    try:
        present = os.getcwd()
    except FileNotFoundError:  # the directory was removed
        return DEFAULT
    return DEFAULT if present == origin.cwd else _name(present, origin)


def _set_cwd(value: str | Default, origin: Origin) -> None:
    os.chdir(origin.cwd if isinstance(value, Default) else resolve(value, origin.base))


def _get_environ(origin: Origin) -> object:
    return {} if raw_environ() == origin.raw_environ else unlike(os.environ, origin.environ)


def _set_environ(value: Mapping[str, str | Default], _origin: Origin) -> None:
    for name, text in value.items():
        if isinstance(text, Default):
            os.environ.pop(name, None)
        else:
            os.environ[name] = text


def _get_path(origin: Origin) -> object:
    """Return what was put before and after the original search path, or all of a new one."""
    present = tuple(sys.path)
    if present == origin.path:
        return DEFAULT
    for start in range(len(present) - len(origin.path) + 1):
        end = start + len(origin.path)
        if present[start:end] == origin.path:
            return tuple([_name(p, origin) for p in part] for part in (present[:start], present[end:]))
    return [_name(path, origin) for path in present]


def _set_path(value: Any, origin: Origin) -> None:
    if isinstance(value, Default):
        sys.path[:] = origin.path
    elif isinstance(value, tuple):
        before, after = ([_absolute(path, origin) for path in part] for part in value)
        sys.path[:] = [*before, *origin.path, *after]
    else:
        sys.path[:] = [_absolute(path, origin) for path in value]


def _absolute(path: str, origin: Origin) -> str:
    return path.removeprefix(_RELATIVE) if path.startswith(_RELATIVE) else resolve(path, origin.base)


def _get_filters(origin: Origin) -> object:
    """Return the filters that the notebook set, and the original ones that no longer hold.

    Order matters among filters: an original one that was set again, and thus comes first now, is
    in both lists.
    """
    present: Sequence[Any] = warnings.filters
    if origin.library:
        present = [entry for entry in present if entry not in origin.library]
    if present == origin.filters:
        return DEFAULT
    kept = _shared_end(present, origin.filters)
    own = [described(entry) for entry in present[: len(present) - len(kept)]]
    dropped = [described(entry) for entry in origin.filters if entry not in kept]
    return (tuple(own), tuple(dropped))


def _shared_end(present: Sequence[Any], original: Sequence[Any]) -> list[Any]:
    """Return the longest end of one list that the other has in the same order."""
    kept: list[Any] = []
    rest = list(original)
    for entry in reversed(present):
        while rest and rest[-1] != entry:
            rest.pop()
        if not rest:
            break
        kept.append(rest.pop())
    return kept


def _set_filters(value: Any, origin: Origin) -> None:
    own, dropped = ((), ()) if isinstance(value, Default) else value
    kept = [entry for entry in origin.filters if described(entry) not in dropped]
    warnings.filters[:] = [*map(filter_of, own), *origin.library, *kept]  # type: ignore[index]
    getattr(warnings, "_filters_mutated", lambda: None)()


def _get_levels(origin: Origin) -> object:
    found = unlike(levels(), origin.levels)
    return {**found, "disable": logging.root.manager.disable} if _disabled() else found


def _disabled() -> bool:
    return bool(logging.root.manager.disable)


def _set_levels(value: Mapping[str, int | Default], origin: Origin) -> None:
    for name, level in value.items():
        default = 0 if name == "disable" else origin.levels.get(name, 0)
        wanted = default if isinstance(level, Default) else level
        if name == "disable":
            logging.disable(wanted)
        else:
            logging.getLogger(name).setLevel(wanted)


def _get_locale(origin: Origin) -> object:
    present = locale.setlocale(locale.LC_ALL)
    return DEFAULT if present == origin.locale else present


def _set_locale(value: str | Default, origin: Origin) -> None:
    locale.setlocale(locale.LC_ALL, origin.locale if isinstance(value, Default) else value)


def _get_recursion(origin: Origin) -> object:
    present = sys.getrecursionlimit()
    return DEFAULT if present == origin.recursion_limit else present


def _set_recursion(value: int | Default, origin: Origin) -> None:
    sys.setrecursionlimit(origin.recursion_limit if isinstance(value, Default) else value)


def _get_gc(_origin: Origin) -> object:
    return DEFAULT if collector.enabled() else False


def _set_gc(value: bool | Default, _origin: Origin) -> None:
    (gc.enable if isinstance(value, Default) or value else gc.disable)()


def _get_decimal(_origin: Origin) -> object:
    """Return the precision and the rules in force, and those of new contexts, where they were changed.

    Flags only tell what has happened.
    """
    contexts = _decimal_contexts()
    rules = {name: _decimal_rules(context) for name, context in contexts.items()}
    return {name: found for name, found in rules.items() if found != _DECIMAL}


_DECIMAL_TRAPS = frozenset({"DivisionByZero", "InvalidOperation", "Overflow"})
_DECIMAL = (28, "ROUND_HALF_EVEN", -999999, 999999, 1, 0, _DECIMAL_TRAPS)


def _decimal_contexts() -> dict[str, Any]:
    decimal = importlib.import_module("decimal")
    return {"present": decimal.getcontext(), "default": decimal.DefaultContext}


def _decimal_rules(context: Any) -> tuple[Any, ...]:
    """Return precision, rounding, exponents, capitals, clamping, traps: at once, as pickling takes them."""
    *rules, _flags, traps = context.__reduce__()[1]
    return (*rules, frozenset(signal.__name__ for signal in traps))


def _set_decimal(value: Mapping[str, Any], _origin: Origin) -> None:
    contexts = _decimal_contexts()
    for name, rules in value.items():
        _set_rules(contexts[name], _DECIMAL if isinstance(rules, Default) else rules)


def _set_rules(context: Any, rules: tuple[Any, ...]) -> None:
    context.prec, context.rounding, context.Emin, context.Emax = rules[:4]
    context.capitals, context.clamp = rules[4:6]
    for signal in context.traps:
        context.traps[signal] = signal.__name__ in rules[6]


def _get_timeout(_origin: Origin) -> object:
    present = sys.modules["socket"].getdefaulttimeout()
    return DEFAULT if present is None else present


def _set_timeout(value: float | Default, _origin: Origin) -> None:
    import socket

    socket.setdefaulttimeout(None if isinstance(value, Default) else value)


_ZONE = time.tzname, time.timezone, time.altzone, time.daylight


def _get_zone(_origin: Origin) -> object:
    present = time.tzname, time.timezone, time.altzone, time.daylight
    return DEFAULT if present == _ZONE else present


def _set_zone(_value: object, _origin: Origin) -> None:
    time.tzset()  # it follows TZ, which is back by now


PROCESS = (
    Facet("<cwd>", "os", _get_cwd, _set_cwd),
    Facet("<environ>", "os", _get_environ, _set_environ, is_input=False),
    Facet("<time zone>", "os", _get_zone, _set_zone, setters=("time.tzset",)),
    Facet("<sys.path>", "sys", _get_path, _set_path),
    Facet("<warnings>", "warnings", _get_filters, _set_filters),
    Facet("<logging>", "logging", _get_levels, _set_levels, setters=("logging.disable",)),
    Facet("<locale>", "locale", _get_locale, _set_locale, setters=("locale.setlocale",)),
    Facet("<recursion limit>", "sys", _get_recursion, _set_recursion, setters=("sys.setrecursionlimit",)),
    Facet("<gc>", "gc", _get_gc, _set_gc, setters=("gc.enable", "gc.disable")),
    Facet("<decimal>", "decimal", _get_decimal, _set_decimal, setters=("decimal.setcontext",)),
    Facet("<socket timeout>", "socket", _get_timeout, _set_timeout, setters=("socket.setdefaulttimeout",)),
)
