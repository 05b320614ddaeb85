"""Digests of live objects, remembered for as long as no code of the notebook runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .values import Digest, digest

__all__ = ["Memo"]


@dataclass
class Memo:
    """What is known of objects at one moment.

    Attributes
    ----------
    notes : dict of str to object
        What else holds until code runs.
    """

    notes: dict[str, Any] = field(default_factory=dict)
    _known: dict[int, tuple[Any, Digest]] = field(default_factory=dict)
    _same: dict[str, str] = field(default_factory=dict)

    def digest(self, value: Any) -> Digest:
        """Return the content digest of an object.

        Raises
        ------
        Undigestible
            Its content cannot be told reliably.
        """
        known = self._known.get(id(value))
        if known is None or known[0] is not value:
            found = digest(value)
            known = value, found._replace(hex=self._same.get(found.hex, found.hex))
            self._known[id(value)] = known
        return known[1]

    def equate(self, value: Any, original: str) -> None:
        """Declare an object that came back from the store to be the content with the original digest.

        Some classes leave part of their state out when they are pickled, so that what comes back digests
        differently; what was computed from the original holds for it all the same.
        """
        found = self.digest(value)
        if original and found.hex != original:
            self._same[found.hex] = original
            self._known[id(value)] = value, found._replace(hex=original)

    def clear(self) -> None:
        """Forget what may have changed because code ran."""
        self.notes.clear()
        self._known.clear()
