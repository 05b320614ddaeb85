"""What a class means by what other classes are to it: those derived from it, and those registered with it."""

from __future__ import annotations

from abc import ABCMeta, _get_dump  # type: ignore[attr-defined]
from collections.abc import Iterable

__all__ = ["by_name", "descendants", "registered"]


def descendants(classes: Iterable[type]) -> list[type]:
    """Return the classes that derive from some, each once, in the order in which they can be found."""
    found: dict[type, None] = {}
    waiting = list(classes)
    while waiting:
        below: list[type] = type.__subclasses__(waiting.pop())
        waiting += [each for each in below if each not in found]
        found |= dict.fromkeys(below)
    return list(found)


def registered(*classes: type) -> list[type]:
    """Return the classes that count as derived from abstract ones because they were registered with them."""
    abstract = (cls for cls in classes if isinstance(cls, ABCMeta))
    found = {reference() for cls in abstract for reference in _get_dump(cls)[0]}
    return by_name(found - {None})


def by_name(classes: Iterable[type]) -> list[type]:
    """Return classes in an order that is the same in every process."""
    return sorted(classes, key=lambda cls: (cls.__module__, cls.__qualname__))
