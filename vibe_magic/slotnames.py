"""What pickling writes on classes: the names of their slots, which ``vars(cls)`` and ``dir()`` then show."""

from __future__ import annotations

import copyreg
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vibe_magic.modules import is_local, module_of

__all__ = ["unmarked"]

_MARK = "__slotnames__"


@contextmanager
def unmarked() -> Iterator[None]:
    """Take off the person's own classes what pickling in here has written on them."""
    rules: Any = copyreg
    usual, marked = rules._slotnames, list[type]()

    def noting(cls: type) -> Any:
        if is_local(module_of(cls)) and _MARK not in vars(cls):
            marked.append(cls)
        return usual(cls)

    rules._slotnames = noting
    try:
        yield
    finally:
        rules._slotnames = usual
        for cls in marked:
            if _MARK in vars(cls):
                type.__delattr__(cls, _MARK)
