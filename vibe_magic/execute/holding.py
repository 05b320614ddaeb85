"""What stood under names before a run, held no longer than the run itself would hold it."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator, Mapping
from typing import Any

__all__ = ["Held"]


class Held:
    """Values by name that may be let go of meanwhile.

    An object that is held cannot give its address to another one, so that what is bound anew shows. But a
    held object is not freed, and ``del big`` frees memory, closes files and runs ``__del__``. So those that
    know weak references are held by these: one that is gone by the end is no longer what it was.

    Parameters
    ----------
    values : dict of str to object
        The values.
    loosely : bool
        Whether to let go; otherwise all are held.
    dropped : collection of str
        Names whose values are not held at all.
    """

    def __init__(self, values: Mapping[str, Any], *, loosely: bool, dropped: Collection[str] = ()) -> None:
        weakly = {name for name, value in values.items() if type(value).__weakrefoffset__} if loosely else ()
        self._weak = {name: weakref.ref(values[name]) for name in weakly}
        self._firm = dict(values)
        for name in (*weakly, *dropped):
            self._firm.pop(name, None)
        for name in dropped:
            self._weak.pop(name, None)

    def is_at(self, name: str, value: object) -> bool:
        """Tell whether a name stood for this very object."""
        reference = self._weak.get(name)
        held = self._firm.get(name, _NOTHING) if reference is None else reference()
        return held is value and (reference is None or value is not None)

    def values(self) -> Mapping[str, Any]:
        """Return what is still there."""
        return dict(self._present())

    def _present(self) -> Iterator[tuple[str, Any]]:
        yield from self._firm.items()
        for name, reference in self._weak.items():
            value = reference()
            if value is not None:
                yield name, value


_NOTHING = object()
