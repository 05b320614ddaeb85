"""Import hooks: those that a package adds when it is imported come back with the import, others do not."""

from __future__ import annotations

import sys
from typing import Any

from vibe_magic.modules import is_local

__all__ = ["added_hooks", "credit", "hooks"]

_of_packages: dict[int, Any] = {}
"""Kept, so that no other object gets their addresses."""


def hooks() -> tuple[int, ...]:
    """Return the identities of all import hooks, in their order."""
    return tuple(map(id, _present()))


def added_hooks() -> tuple[int, ...]:
    """Return the identities of those that no package has added while it was imported."""
    return tuple(one for one in hooks() if one not in _of_packages)


def credit(name: str, before: tuple[int, ...]) -> None:
    """Note that hooks which are new since then came while a module's file ran, unless it is a local one."""
    if hooks() != before and not is_local(name):
        _of_packages.update((id(one), one) for one in _present() if id(one) not in before)


def _present() -> tuple[Any, ...]:
    return (*sys.meta_path, *sys.path_hooks)
