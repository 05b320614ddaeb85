"""What a run did to the names of a namespace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping, Set
from typing import Any, NamedTuple

from .holding import Held

__all__ = ["Bindings", "NameChanges", "user_names"]

_SHELL_NAMES = frozenset(
    [
        "In",
        "Out",
        "_",
        "__",
        "___",
        "_i",
        "_ii",
        "_iii",
        "_ih",
        "_oh",
        "_dh",
        "exit",
        "quit",
        "get_ipython",
        "open",
        "display",
        "__name__",
        "__doc__",
        "__package__",
        "__loader__",
        "__spec__",
        "__builtin__",
        "__builtins__",
        "__session__",
        "_exit_code",
    ]
)


def user_names(namespace: Mapping[str, Any]) -> set[str]:
    """Return the names that belong to the person, not to the shell and its history."""
    return set(filter(_is_user, namespace))


def _is_user(name: str) -> bool:
    return name not in _SHELL_NAMES and not _history(name)


def _history(name: str) -> bool:
    return name.startswith("_") and name.lstrip("_i").isdigit()


class NameChanges(NamedTuple):
    """Names bound, unbound, and left as they were although the code may bind them.

    A kept name was either not bound this time or bound to the very object it had; which of the two
    cannot be told, so its earlier value counts as an input.
    """

    bound: frozenset[str]
    deleted: frozenset[str]
    kept: frozenset[str]


class Bindings(NamedTuple):
    """The bindings of a namespace at one moment.

    Objects are held, so that an address cannot be given to another one in between; except those of
    names that the code surely binds anew or unbinds, which plain Jupyter would let go as well.
    """

    held: Held
    names: frozenset[str]

    @classmethod
    def of(
        cls, namespace: MutableMapping[str, Any], dropped: Collection[str] = (), *, loosely: bool = False
    ) -> Bindings:
        """Remember a namespace before code runs that surely lets go of the ``dropped`` names' values."""
        return cls(Held(namespace, loosely=loosely, dropped=dropped), frozenset(namespace))

    def changes(self, namespace: Mapping[str, Any], writes: Set[str]) -> NameChanges:
        """Compare with the namespace after a run of code that may bind ``writes``."""
        bound = {name for name, value in namespace.items() if not self.held.is_at(name, value)}
        deleted = self.names - namespace.keys()
        kept = namespace.keys() & writes - bound
        return NameChanges(*(frozenset(filter(_is_user, names)) for names in (bound, deleted, kept)))
