"""What happens while assets are brought up to date, for faces that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Event", "Events"]


class Event(NamedTuple):
    """One thing that has happened.

    Parameters
    ----------
    kind : str
        ``planned`` or ``started``; the action of a record; or ``tick``, when time has passed.
    name : str
        The asset; empty for a tick.
    expected_s : float or None
        How long it took when it last ran, if that is known.
    """

    kind: str
    name: str = ""
    expected_s: float | None = None


@dataclass
class Events:
    """Passes events on to whoever listens."""

    _listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether anybody listens."""
        return bool(self._listeners)

    def emit(self, kind: str, name: str = "", expected_s: float | None = None) -> None:
        """Tell all listeners."""
        for listener in self._listeners:
            listener(Event(kind, name, expected_s))

    @contextmanager
    def heard_by(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """Let somebody listen during the block."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)
