"""Attributes that hang on a value without being part of what its class pickles.

``frame.note = "..."``, or what a subclass of `decimal.Decimal` or `numpy.ndarray` keeps on its instances: the
classes that say what is pickled do not know of them, so that pickling loses them without a word.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

__all__ = ["PICKLING", "attached", "held", "loose", "may_be_loose", "missing", "restore"]

PICKLING = ("__reduce_ex__", "__reduce__", "__getstate__")
"""By which of its methods a class says what is pickled, the strongest first."""

_LINKS = ("__cause__", "__context__", "__suppress_context__", "name", "obj")
"""What an exception knows of another, or of what was not found, which is in none of their dicts."""

_VALUES = frozenset({"collections", "fractions", "numpy", "pandas", "pathlib", "polars"})
"""Packages whose classes, though written in Python, pickle their content and nothing else."""


def may_be_loose(cls: Any) -> bool:
    """Whether instances can have attributes that are not pickled."""
    return bool(cls.__dictoffset__) and (_unaware(cls) is not None or issubclass(cls, BaseException))


def held(value: Any) -> dict[str, Any]:
    """Return what an object keeps in its dict and its slots, whatever its class pickles."""
    state = object.__getstate__(value)
    named, slots = state if isinstance(state, tuple) else (state, None)
    return {**(named or {}), **(slots or {})}


def loose(value: Any) -> dict[str, Any]:
    """Return the attributes of a value that the class which says what is pickled does not know of.

    A class of a notebook or a library that says so in Python has the last word; code in C knows nothing of
    what subclasses add, and classes that are made to hold plain data do not look at what else there is.
    """
    cls: Any = type(value)
    found = {name: part for name, part in vars(value).items() if _is_loose(cls, name)}
    if isinstance(value, BaseException):
        links = _LINKS if isinstance(value, NameError | AttributeError) else _LINKS[:3]
        found |= {name: part for name in links if (part := getattr(value, name, None))}
    return found


def missing(reduced: tuple[Any, ...], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the attributes that are not in what a value was reduced to."""
    state = reduced[2] if len(reduced) > 2 else None
    known = state[0] if isinstance(state, tuple) and state else state
    return {k: v for k, v in attributes.items() if not isinstance(known, dict) or k not in known}


def attached(reduced: Any, attributes: Mapping[str, Any]) -> Any:
    """Return what a value was reduced to, together with attributes that are missing in it."""
    lost = {} if isinstance(reduced, str) else missing(reduced, attributes)
    if not lost:
        return reduced
    make, args, state, items, pairs, setter = reduced + (None,) * (6 - len(reduced))
    return make, args, (state, setter, lost), items, pairs, restore


def restore(value: Any, bundle: tuple[Any, Any, dict[str, Any]]) -> None:
    """Do what unpickling would do with a state, then put the attributes back; the stream calls this."""
    state, setter, attributes = bundle
    if setter is not None:
        setter(value, state)
    elif state is not None:
        _set_state(value, state)
    for name in _LINKS:
        if name in attributes:
            setattr(value, name, attributes.pop(name))
    vars(value).update(attributes)


def _set_state(value: Any, state: Any) -> None:
    if hasattr(value, "__setstate__"):
        value.__setstate__(state)
        return
    named, slots = state if isinstance(state, tuple) else (state, None)
    vars(value).update(named or {})
    for name, part in (slots or {}).items():
        setattr(value, name, part)


@functools.lru_cache(maxsize=4096)
def _unaware(cls: type) -> tuple[type, bool] | None:
    """Return the class that says what is pickled, and whether in Python, if it is not to be believed."""
    for base in cls.__mro__[:-1]:
        rules = [vars(base)[name] for name in PICKLING if name in vars(base)]
        if rules:
            in_python = isinstance(rules[0], FunctionType)
            believed = _top(base) not in _VALUES if in_python else base is cls
            return None if believed else (base, in_python)
    return None


@functools.lru_cache(maxsize=4096)
def _is_loose(cls: type, name: str) -> bool:
    base, in_python = _unaware(cls) or (object, True)
    if base is object or (name.startswith("__") and name.endswith("__")):
        return False
    if not in_python:
        maker = next((c for c in cls.__mro__ if _top(c) in _VALUES), object)
        return name not in _words(maker)
    if hasattr(inspect.getattr_static(cls, name, None), "__get__"):  # a property or accessor has put it by
        return False
    return not name.startswith("_") or (_top(cls) != _top(base) and name not in _words(base))


@functools.lru_cache(maxsize=256)
def _words(cls: type) -> frozenset[str]:
    """Return what the code of a class mentions, so also the private names that it keeps things under."""
    codes = [
        function.__code__
        for base in cls.__mro__
        for member in vars(base).values()
        for function in (getattr(member, "fget", None), getattr(member, "__func__", None), member)
        if isinstance(function, FunctionType)
    ]
    return frozenset(
        word for code in codes for word in (*code.co_names, *code.co_consts) if isinstance(word, str)
    )


def _top(cls: type) -> str:
    return cls.__module__.partition(".")[0]
