"""Process state that cells share, as pseudo-variables: working directory, options, generators.

A library that is not loaded and one that is loaded and untouched are the same to a notebook, so
only what differs from the defaults is state. What cells read and change by this route is found by
comparing states before and after a run, and brought back by :meth:`Facets.apply`.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from .facet import DEFAULT, Default, Facet, Origin, levels, raw_environ
from .filters import described, standing
from .generators import GENERATORS, renew
from .libraries import LIBRARIES
from .process import PROCESS

__all__ = [
    "ALL",
    "DEFAULT",
    "INPUTS",
    "RANDOM",
    "SETTERS",
    "Default",
    "Facet",
    "Facets",
    "Ground",
    "State",
    "apply",
    "begin",
    "changed",
    "difference",
    "ground",
    "learn",
    "renew",
    "snapshot",
]

State = Mapping[str, object]
"""Values of facets by name; those that are as by default are left out."""

ALL: Mapping[str, Facet] = {facet.name: facet for facet in (*PROCESS, *LIBRARIES, *GENERATORS)}

INPUTS = tuple(facet.name for facet in ALL.values() if facet.is_input and not facet.is_generator)
"""The facets that every cell depends on."""
RANDOM = tuple(facet.name for facet in ALL.values() if facet.is_generator)
"""The random generators; the state of one that was never seeded is different in every process."""

SETTERS = tuple(pattern for facet in ALL.values() for pattern in facet.setters)
"""Patterns of functions that set what a facet follows."""

_SETS_FILTERS = frozenset({"catch_warnings", "filters", "filterwarnings", "resetwarnings", "simplefilter"})
_SETS_LEVELS = frozenset(
    {"basicConfig", "dictConfig", "disable", "fileConfig", "level", "setLevel", "set_level"}
)


class Facets:
    """The process state of one notebook, relative to what it was when this was made.

    Parameters
    ----------
    base : path-like
        The directory that paths are noted relative to.
    """

    def __init__(self, base: str | os.PathLike[str]) -> None:
        self._origin = Origin(os.path.abspath(base))
        self._modules = len(sys.modules)
        self._filters = list(warnings.filters)
        self._levels = levels()  # as code of the notebook had last left them

    def snapshot(self, names: Iterable[str] = ALL) -> State:
        """Return the present state of facets, without those that are as by default."""
        state = {}
        for name in names:
            facet = ALL[name]
            if facet.module not in sys.modules:
                continue
            value = facet.get(self._origin)
            if value is not DEFAULT and value != {}:
                state[name] = value
        return state

    def learn(self, mentions: Collection[str]) -> None:
        """Take note that some code of the notebook has just run.

        Libraries add warning filters and set levels of loggers when they are imported. These come
        back with the import and are not the notebook's own: where code imported something new and
        has no word in it that could change them, what appeared belongs to the libraries.

        Parameters
        ----------
        mentions : collection of str
            The identifiers in the code that ran.
        """
        imported, self._modules = len(sys.modules) != self._modules, len(sys.modules)
        filters, present = list(warnings.filters), levels()
        if imported and _SETS_FILTERS.isdisjoint(mentions):
            known = [*self._filters, *self._origin.filters, *self._origin.library]
            self._origin.library += [entry for entry in filters if entry not in known]
        if imported and _SETS_LEVELS.isdisjoint(mentions):
            brought = {name: level for name, level in present.items() if name not in self._levels}
            self._origin.levels = {**brought, **self._origin.levels}
        self._filters, self._levels = filters, present

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Bring about what `difference` found; loads the libraries concerned.

        Parameters
        ----------
        changes : dict of str to object
            Names of facets to values, of which ``DEFAULT`` undoes changes.
        """
        for name in filter(changes.__contains__, ALL):  # in this order, as one may follow another
            value = changes[name]
            if value is DEFAULT and ALL[name].module not in sys.modules:
                continue
            ALL[name].set(value, self._origin)

    def ground(self) -> Ground:
        """Return what another process needs in order to stand where this one does."""
        origin = self._origin
        own, library = (list(map(described, found)) for found in (origin.filters, origin.library))
        origin = replace(origin, raw_environ={}, filters=own, library=library)
        filters = list(map(described, warnings.filters))
        return Ground(origin, tuple(sys.path), dict(os.environ), filters, levels(), sys.dont_write_bytecode)


class Ground(NamedTuple):
    """What facets are noted relative to, and what lies beneath them.

    Parameters
    ----------
    origin : Origin
        The process before the notebook changed anything.
    path, environ, filters, levels : various
        The search path, the environment, the warning filters and the levels of loggers as they are.
        All filters, those of the origin, too, are plain data.
    spares_bytecode : bool
        Whether imports leave no byte code behind.
    """

    origin: Origin
    path: tuple[str, ...]
    environ: dict[str, str]
    filters: list[Any]
    levels: dict[str, int]
    spares_bytecode: bool

    def take(self, hidden: Collection[str] = ()) -> None:
        """Make this process like the one that the ground is of.

        Parameters
        ----------
        hidden : collection of str
            Environment variables that Python code is not to see, while C libraries still do.
        """
        os.chdir(self.origin.cwd)
        sys.path[:] = self.path
        sys.dont_write_bytecode = self.spares_bytecode
        for name in hidden:
            raw_environ().pop(_raw(name), None)
        for name in os.environ.keys() - self.environ.keys():
            del os.environ[name]
        os.environ.update({name: text for name, text in self.environ.items() if os.environ.get(name) != text})
        begin(self.origin.base)
        raw = {_raw(name): _raw(text) for name, text in self.origin.environ.items()}
        _current[0]._origin = replace(self.origin, raw_environ=raw)
        self.settle()

    def moved(self, base: str) -> Ground:
        """Return the same ground in another directory, for a machine where the original is missing."""
        if base == self.origin.base:
            return self
        return self._replace(origin=replace(self.origin, base=base, cwd=base))

    def settle(self) -> None:
        """Undo what imports have added since: that process had imported the same before."""
        here = _current[0]
        here._origin.filters = standing(self.origin.filters)
        here._origin.library = standing(self.origin.library)
        warnings.filters[:] = standing(self.filters)  # type: ignore[index]
        getattr(warnings, "_filters_mutated", lambda: None)()
        for name in levels().keys() | self.levels.keys():
            logging.getLogger(name).setLevel(self.levels.get(name, logging.NOTSET))
        here._filters, here._levels = list(warnings.filters), levels()


def _raw(text: str) -> Any:
    return os.fsencode(text) if os.supports_bytes_environ else text


_current: list[Facets] = []


def ground() -> Ground:
    """Return the ground of this process."""
    return _current[0].ground()


def begin(base: str | os.PathLike[str]) -> Facets:
    """Take the present state of the process as the one that nobody has changed."""
    _current[:] = [Facets(base)]
    return _current[0]


def snapshot(
    base: str | os.PathLike[str],
    mentions: Collection[str] | None = None,
    *,
    names: Iterable[str] = ALL,
) -> State:
    """Return the present state, relative to `begin` or else to the first call.

    After code of the notebook has run, `mentions` are the identifiers in it; see `Facets.learn`.
    """
    facets = _current[0] if _current else begin(base)
    if mentions is not None:
        facets.learn(mentions)
    return facets.snapshot(names)


def learn(mentions: Collection[str]) -> None:
    """Do `Facets.learn` on the state of this process."""
    for facets in _current:
        facets.learn(mentions)


def apply(changes: Mapping[str, Any]) -> None:
    """Do `Facets.apply` on the state of this process."""
    facets = _current[0] if _current else begin(os.getcwd())
    facets.apply(changes)


def changed(before: State, after: State) -> frozenset[str]:
    """Return the names of the facets that two states differ in."""
    return frozenset(difference(before, after))


def difference(before: State, after: State) -> dict[str, Any]:
    """Return what changed, in a form that `Facets.apply` brings back.

    Of options, only those that changed: others may be different when the change is brought back.
    """
    found: dict[str, Any] = {}
    for name in {**before, **after}:
        old, new = before.get(name, DEFAULT), after.get(name, DEFAULT)
        if old is new or old == new:
            continue
        if isinstance(old, dict) or isinstance(new, dict):
            found[name] = _options(_mapping(old), _mapping(new))
        else:
            found[name] = new
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _options(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: new.get(key, DEFAULT)
        for key in {**old, **new}
        if key not in old or key not in new or old[key] != new[key]
    }
