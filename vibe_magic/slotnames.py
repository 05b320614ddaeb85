"""What pickling writes on classes: the names of their slots, which ``vars(cls)`` and ``dir()`` then show."""

from __future__ import annotations

import copyreg
from typing import Any

from vibe_magic.modules import is_local, module_of

__all__ = ["Unmarked"]

_MARK = "__slotnames__"
_usual: Any = vars(copyreg)["_slotnames"]
_inside: list[None] = []
_marked: list[type] = []


class Unmarked:
    """A context that takes off the person's own classes what pickling in it has written on them.

    Threads may be in it at once and leave in any order; there is no lock that a fork could leave locked.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        _inside.append(None)
        vars(copyreg)["_slotnames"] = _noting

    def __exit__(self, *_: object) -> None:
        _inside.pop()
        if _inside:
            return
        vars(copyreg)["_slotnames"] = _usual
        while _marked:
            cls = _marked.pop()
            if _MARK in vars(cls):
                type.__delattr__(cls, _MARK)


def _noting(cls: type) -> Any:
    if is_local(module_of(cls)) and _MARK not in vars(cls):
        _marked.append(cls)
    return _usual(cls)
