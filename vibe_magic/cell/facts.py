"""What a piece of code needs and does, as far as its text tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

__all__ = ["Facts", "Hazard"]


class Hazard(NamedTuple):
    """One thing in the code whose effect the text cannot tell.

    Attributes
    ----------
    kind : str
        ``dynamic`` (names reached by other means than naming them), ``stdin``, ``process``,
        ``magic``, ``history`` (``_``, ``Out``...), ``file`` (asked for directly), ``address`` (of an object)
        or ``exit``.
    detail : str
        What it is, as a person would type it: ``globals()``, ``%cd``, ``_3``.
    line : int
        1-based line in the code that was analysed; 0 where a function is called that holds it.
    """

    kind: str
    detail: str
    line: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a cell body, or about one function, lambda or class.

    Code inside a function counts only where the function may have been called: a cell that
    defines ``f = lambda: k`` and does nothing else does not read ``k`` (see `deferred`).

    Attributes
    ----------
    reads : frozenset of str
        Global names, builtins included, that may be read before the code itself binds them.
        Never too few.
    attributes : mapping of str to frozenset of str
        For names in `reads` that are used only as ``name.a.b``: the dotted paths (``a.b``).
    modules : frozenset of (str, str)
        What the code imports itself and uses: ``("helpers", "clean")``; an empty path is the
        module as a whole, ``*`` a star import.
    writes : frozenset of str
        Global names that the code may bind.
    definite : frozenset of str
        Names in `writes` that are bound whenever the code ends normally. Never too many.
    deletes : frozenset of str
        Global names that the code may unbind (``del``, the end of ``except ... as name``).
    deferred : frozenset of str
        Global names read only inside functions that the code makes and cannot have called.
    stores : frozenset of str
        Dotted targets of attribute stores, ``math.pi2``; ``math.*`` where the name is unknown.
    puts : frozenset of str
        Dotted names of what lies in a module or an object and gets or loses items in place, ``sys.argv``.
    strings : frozenset of str
        One-line string literals up to 1024 characters, docstrings left out.
    words : frozenset of str
        Identifiers that occur in string literals, docstrings left out.
    env : frozenset of str
        Environment variables read through a literal name.
    hazards : tuple of Hazard
        In order of line.
    introspects : bool
        Whether docstrings or the source text may show in the result.
    seeds : bool
        Whether a random generator is seeded or its state set.
    mentions : frozenset of str
        Every identifier and attribute name that occurs, functions not called included.
    """

    reads: frozenset[str] = frozenset()
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    modules: frozenset[tuple[str, str]] = frozenset()
    writes: frozenset[str] = frozenset()
    definite: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    puts: frozenset[str] = frozenset()
    strings: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    hazards: tuple[Hazard, ...] = ()
    introspects: bool = False
    seeds: bool = False
    mentions: frozenset[str] = frozenset()

    def merged(self, other: Facts) -> Facts:
        """Add the facts of code that this code may call.

        Parameters
        ----------
        other : Facts
            Facts of a function, class or lambda that may run, any number of times.

        Returns
        -------
        Facts
            The union; what `other` binds is not definite, what it deletes no longer is.
        """
        reads = self.reads | other.reads
        return replace(
            self,
            reads=reads,
            attributes=_merged_attributes(self, other),
            modules=self.modules | other.modules,
            writes=self.writes | other.writes,
            definite=self.definite - other.deletes,
            deletes=self.deletes | other.deletes,
            deferred=(self.deferred | other.deferred) - reads,
            stores=self.stores | other.stores,
            puts=self.puts | other.puts,
            strings=self.strings | other.strings,
            words=self.words | other.words,
            env=self.env | other.env,
            hazards=tuple(dict.fromkeys(self.hazards + other.hazards)),
            introspects=self.introspects or other.introspects,
            seeds=self.seeds or other.seeds,
            mentions=self.mentions | other.mentions,
        )

    def in_module(self) -> Facts:
        """Return the facts of the same code in a module, where no name is bound to the session's history."""
        return self._without("history")

    def in_package(self) -> Facts:
        """Return the facts of code that a package has or generates: it asks for addresses to see cycles."""
        return self._without("address")

    def _without(self, kind: str) -> Facts:
        hazards = tuple(hazard for hazard in self.hazards if hazard.kind != kind)
        return self if hazards == self.hazards else replace(self, hazards=hazards)


def _merged_attributes(one: Facts, other: Facts) -> dict[str, frozenset[str]]:
    bare = (one.reads - one.attributes.keys()) | (other.reads - other.attributes.keys())
    names = (one.attributes.keys() | other.attributes.keys()) - bare
    empty: frozenset[str] = frozenset()
    return {
        name: one.attributes.get(name, empty) | other.attributes.get(name, empty) for name in sorted(names)
    }
