"""Put a function in place of a method of one object, and take it away again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Patches"]

_NONE = object()


class Patches:
    """Replaced methods of single objects, undone together.

    Only the instance is touched, never the class, so that other shells and streams in the process
    keep their behaviour. Where somebody else has replaced the method in the meantime, theirs stays;
    it still calls ours, which must therefore be harmless when nobody listens.
    """

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any, Any]] = []

    def put(self, owner: Any, name: str, make: Callable[[Any], Any]) -> bool:
        """Replace ``owner.name`` by ``make(owner.name)``; False if the object does not allow it."""
        before = getattr(owner, "__dict__", {}).get(name, _NONE)
        after = make(getattr(owner, name))
        try:
            setattr(owner, name, after)
        except (AttributeError, TypeError):
            return False
        self._undo.append((owner, name, before, after))
        return True

    def undo(self) -> None:
        """Bring back the methods that were there before, last one first."""
        while self._undo:
            owner, name, before, after = self._undo.pop()
            if owner.__dict__.get(name, _NONE) is not after:
                continue
            if before is _NONE:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
