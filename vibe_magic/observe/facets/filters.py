"""Warning filters as plain data, so that another process need not load what their categories belong to."""

from __future__ import annotations

import functools
import importlib
import operator
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["described", "filter_of", "standing"]


def described(entry: Sequence[Any]) -> tuple[Any, ...]:
    """Return a warning filter as plain data."""
    action, message, category, module, line = entry
    qualified = (category.__module__, category.__qualname__)
    return (action, _pattern(message), qualified, _pattern(module), line)


def filter_of(data: Sequence[Any]) -> tuple[Any, ...]:
    """Return the filter again; imports the module of its category."""
    module, name = data[2]
    return _filter(data, operator.attrgetter(name)(importlib.import_module(module)))


def standing(filters: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return filters again; for a category that is not loaded, which nothing can warn of, stands another."""
    return [_filter(data, _category(*data[2])) for data in filters]


def _filter(data: Sequence[Any], category: type[Warning]) -> tuple[Any, ...]:
    action, message, _, module, line = data
    return (action, _compiled(message), category, _compiled(module), line)


def _category(module: str, name: str) -> type[Warning]:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else _stand_in(module, name)


@functools.cache
def _stand_in(module: str, name: str) -> type[Warning]:
    return type(name, (Warning,), {"__module__": module, "__qualname__": name})


def _pattern(value: Any) -> Any:
    return (value.pattern, value.flags) if isinstance(value, re.Pattern) else value


def _compiled(value: Any) -> Any:
    return re.compile(*value) if isinstance(value, tuple) else value
