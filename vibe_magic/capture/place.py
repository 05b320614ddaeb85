"""Which cell of a front end shows what is shown now, and how to show something in another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["here", "showing_in"]


def here(shell: Any) -> Any:
    """Return the place where a kernel shows things now; None for a shell that has but one."""
    if not hasattr(shell, "set_thread_parent"):
        return None
    return shell.get_parent() or None


@contextmanager
def showing_in(shell: Any, place: Any) -> Iterator[None]:
    """Show what this thread shows in the block at a place that `here` returned; None is where we are."""
    if place is None or place == here(shell):
        yield
        return
    tokens = shell.set_thread_parent(place)
    try:
        yield
    finally:
        shell.reset_thread_parent(tokens)
