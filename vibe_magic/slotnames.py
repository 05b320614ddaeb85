"""What pickling writes on classes: the names of their slots, which ``vars(cls)`` and ``dir()`` then show."""

from __future__ import annotations

import copyreg
from typing import Any

from vibe_magic.modules import is_local, module_of

__all__ = ["Unmarked"]

_MARK = "__slotnames__"


class Unmarked:
    """A context that takes off the person's own classes what pickling in it has written on them."""

    __slots__ = ("_marked", "_usual")

    def __enter__(self) -> None:
        rules: Any = copyreg
        self._usual = rules._slotnames
        self._marked: list[type] = []
        rules._slotnames = self._noting

    def __exit__(self, *_: object) -> None:
        rules: Any = copyreg
        rules._slotnames = self._usual
        for cls in self._marked:
            if _MARK in vars(cls):
                type.__delattr__(cls, _MARK)

    def _noting(self, cls: type) -> Any:
        if is_local(module_of(cls)) and _MARK not in vars(cls):
            self._marked.append(cls)
        return self._usual(cls)
