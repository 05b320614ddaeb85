"""Names as code is walked: which it has bound, which it has read before that, which may still be called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from ..facts import Facts, Hazard
from ..hazards import INTROSPECTION, hazards_of_name, history
from ..scope import Scope

__all__ = ["Names"]


class Names:
    """What is known of names at one point of a walk through code.

    Attributes
    ----------
    own : set of str
        Global names that the code has bound on every way to the present point; those of a class that is
        being made with a dot in front.
    waiting, awake : dict of str to list of Names
        The functions made so far, by name: those that cannot have been called, and those that may have been.
    around : dict of str to set of str
        What is read of names that belong to functions around the code.
    """

    def __init__(self, scope: Scope | None = None, later: bool = False) -> None:
        self.scope = scope or Scope("module")
        self.later = later
        self.own: set[str] = set()
        self.reads: dict[str, set[str]] = {}
        self.imports: dict[str, set[tuple[str, str]]] = {}
        self.modules: set[tuple[str, str]] = set()
        self.used_imports: set[str] = set()
        self.writes: dict[str, None] = {}
        self.deletes: set[str] = set()
        self.stores: set[str] = set()
        self.puts: set[str] = set()
        self.strings: set[str] = set()
        self.words: set[str] = set()
        self.env: set[str] = set()
        self.hazards: list[Hazard] = []
        self.seeds = False
        self.mentions: set[str] = set()
        self.waiting: dict[str, list[Self]] = {}
        self.awake: dict[str, list[Self]] = {}
        self.waking: set[str] = set()
        self.around: dict[str, set[str]] = {}
        self.lazy_notes = False

    # Results

    def facts(self) -> Facts:
        """Sum up."""
        idle = [r for readers in self.waiting.values() for r in readers]
        for name, specs in self.imports.items():
            if name not in self.used_imports and not any(name in r.mentions for r in idle):
                self.modules |= specs
        mentions = self.mentions.union(*(r.mentions for r in idle))
        deferred = {name for r in idle for name in r.reads}
        writes = dict(self.writes)
        return Facts(
            reads=frozenset(self.reads),
            attributes={n: frozenset(p) for n, p in sorted(self.reads.items()) if "" not in p},
            modules=frozenset(self.modules),
            writes=frozenset(writes),
            definite=frozenset(self.own & writes.keys()) - self.deletes,
            deletes=frozenset(self.deletes),
            deferred=frozenset(deferred - self.reads.keys()),
            stores=frozenset(self.stores),
            puts=frozenset(self.puts),
            strings=frozenset(self.strings),
            words=frozenset(self.words),
            env=frozenset(self.env),
            hazards=tuple(sorted(set(self.hazards), key=_place)),
            introspects=not INTROSPECTION.isdisjoint(self.mentions),
            seeds=self.seeds,
            mentions=frozenset(mentions),
        )

    def call_everything(self) -> None:
        """Take every function made here as called."""
        while self.waiting:
            _, readers = self.waiting.popitem()
            for reader in readers:
                self._absorb(reader)

    def _absorb(self, other: Self) -> None:
        """Add what a function does that may be called at this point for the first time."""
        for name, specs in other.imports.items():
            self.imports.setdefault(name, set()).update(specs)
        for name, paths in (*other.reads.items(), *other.around.items()):
            self._use(name, paths, 0)
        for name, paths in other.around.items():
            self.around.setdefault(name, set()).update(paths)
        self.used_imports |= other.used_imports
        self.writes |= other.writes
        self.hazards += other.hazards
        self.seeds = self.seeds or other.seeds
        for field in ("modules", "deletes", "stores", "puts", "strings", "words", "env", "mentions"):
            getattr(self, field).update(getattr(other, field))
        for name, readers in other.waiting.items():
            self.waiting.setdefault(name, []).extend(readers)
        self._absorb_reads(other)

    def _absorb_reads(self, other: Self) -> None:
        for name, paths in other.reads.items():
            if name not in self.own:
                self.reads.setdefault(name, set()).update(paths)
        for name in list(other.reads):
            self._wake(name)

    # Names

    def read(self, name: str, path: str, line: int) -> None:
        """Note that a name is read, with the attributes taken from it."""
        name = self.scope.mangle(name)
        self.mentions.add(name)
        self._use(name, {path}, line)
        if not self._is_global(name):
            self.around.setdefault(name, set()).add(path)
            return
        self._wake(name)
        if name in self.own:
            return
        self.reads.setdefault(name, set()).add(path)
        self.hazards += hazards_of_name(name, path, line, self.later)
        if history(name):
            self.hazards.append(Hazard("history", name, line))

    def _use(self, name: str, paths: Iterable[str], line: int) -> None:
        for module, attribute in self.imports.get(name, ()):
            self.used_imports.add(name)
            for path in paths:
                dotted = ".".join(filter(None, (attribute, path)))
                self.modules.add((module, dotted))
                self.hazards += hazards_of_name(module, dotted, line, self.later)

    def _wake(self, name: str) -> None:
        """Take the functions of this name as called here, whether or not they were before.

        Each counts once: what they call themselves may lead back to them.
        """
        first = not self.waking
        if name in self.waking:
            return
        self.waking.add(name)
        for reader in self.awake.get(name, ()):
            self._absorb_reads(reader)
        called = self.waiting.pop(name, [])
        self.awake.setdefault(name, []).extend(called)
        for reader in called:
            self._absorb(reader)
        if first:
            self.waking.clear()

    def _is_global(self, name: str) -> bool:
        if self.scope.kind == "class" and name in self.scope.locals:
            return f".{name}" not in self.own
        return self.scope.owner(name) is None and not self.scope.borrows(name)

    def bind(self, name: str) -> None:
        """Note that a name is bound."""
        name = self.scope.mangle(name)
        self.mentions.add(name)
        if self.scope.kind == "class" and name in self.scope.locals:
            self.own.add(f".{name}")
        elif self.scope.owner(name) is None and not self.scope.borrows(name):
            self.writes[name] = None
            if not self.later:
                self.own.add(name)


def _place(hazard: Hazard) -> tuple[int, str, str]:
    return hazard.line, hazard.kind, hazard.detail
