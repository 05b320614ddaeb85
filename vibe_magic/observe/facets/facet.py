"""A piece of process state that cells share, as if it were a variable."""

from __future__ import annotations

import enum
import locale
import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

__all__ = [
    "DEFAULT",
    "Default",
    "Facet",
    "Origin",
    "levels",
    "raw_environ",
    "unlike",
    "variables",
]


class Default(enum.Enum):
    """The type of :data:`DEFAULT`."""

    DEFAULT = "default"


DEFAULT: Final = Default.DEFAULT
"""Stands for what holds where nobody changed anything; None is a value like others."""


@dataclass
class Origin:
    """The process as it was before the notebook changed anything.

    Attributes
    ----------
    base : str
        The directory that paths are noted relative to.
    cwd, path, environ, raw_environ, locale, recursion_limit : various
        What was in force at the start.
    filters : list
        The warning filters at the start.
    library : list
        Warning filters that libraries brought when they were imported.
    levels : dict
        Levels of loggers at the start, and those that libraries set when they were imported.
    """

    base: str
    cwd: str = field(default_factory=os.getcwd)
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    raw_environ: Mapping[Any, Any] = field(default_factory=lambda: dict(raw_environ()))
    locale: str = field(default_factory=lambda: locale.setlocale(locale.LC_ALL))
    recursion_limit: int = field(default_factory=sys.getrecursionlimit)
    filters: list[Any] = field(default_factory=lambda: list(warnings.filters))
    library: list[Any] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=lambda: levels())


class Facet(NamedTuple):
    """How to read and set one piece of process state.

    Parameters
    ----------
    name : str
        What it is called in traces, in angle brackets.
    module : str
        It is what it is by default as long as this module is not loaded.
    get : callable
        Origin to value: a mapping of what is not as by default, or any value; ``DEFAULT`` or an
        empty mapping if nothing is changed. Values compare by content and can be pickled.
    set : callable
        Brings a value back; of a mapping, only the keys given, some of which may be ``DEFAULT``.
    is_input : bool
        Whether cells depend on it as a whole. Environment variables count one by one instead.
    is_generator : bool
        Whether it is the state of a random generator, which differs in every process.
    setters : tuple of str
        Patterns of the functions whose names say that they set something and that set this, each with the
        package in front: ``numpy.set_printoptions``.
    """

    name: str
    module: str
    get: Callable[[Origin], object]
    set: Callable[[Any, Origin], None]
    is_input: bool = True
    is_generator: bool = False
    setters: tuple[str, ...] = ()


def levels() -> dict[str, int]:
    """Return the levels of all loggers that have one, the root's under the empty name."""
    found = {
        name: logger.level
        for name, logger in tuple(logging.root.manager.loggerDict.items())
        if isinstance(logger, logging.Logger) and logger.level
    }
    return {**found, "": logging.root.level}


def unlike(present: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `present` is not as in `default`; keys that are gone become ``DEFAULT``."""
    changed = {
        key: value
        for key, value in present.items()
        if key not in default or (value is not default[key] and value != default[key])
    }
    return {**changed, **{key: DEFAULT for key in default if key not in present}}


def variables() -> list[str]:
    """Return the names of all environment variables."""
    return [_text(name) for name in raw_environ()]


def raw_environ() -> MutableMapping[Any, Any]:
    """Return the environment as `os.environ` keeps it: undecoded, which is many times faster."""
    raw: MutableMapping[Any, Any] = getattr(os.environ, "_data", os.environ)
    return raw


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")
