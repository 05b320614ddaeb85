"""What a session tells the person, and what it keeps for reports."""

from __future__ import annotations

from collections.abc import Callable

from vibe_magic.config import format_age
from vibe_magic.store import Entry

from .records import Record

__all__ = ["Telling", "age_of"]


def age_of(entry: Entry, now_s: float) -> str:
    """Say when a stored result was computed, and how long that took."""
    age_s = max(0.0, now_s - entry.created_at)
    return f"computed {format_age(age_s)} ago in {format_age(entry.duration_s)}"


class Telling:
    """The records of a session, and the lines shown about them.

    Parameters
    ----------
    notify : callable
        Takes a name and one line for the person.

    Attributes
    ----------
    records : list of Record
        What happened to the assets, in order.
    """

    def __init__(self, notify: Callable[[str, str], None]) -> None:
        self.records: list[Record] = []
        self.notify = notify
        self._told: set[tuple[str, str]] = set()
        self._titled = ""

    def title(self, name: str) -> None:
        """Say whose outputs follow, unless those before were the same asset's."""
        if name != self._titled:
            self.notify(name, "shows:")
        self._titled = name

    def once(self, name: str, line: str) -> None:
        """Tell the person something about an asset, the first time only."""
        if self._is_new(name, line):
            self.notify(name, line)

    def say(self, name: str, line: str, quiet: bool) -> None:
        """Say something that is true each time, unless the person wants no status lines."""
        if not quiet:
            self.notify(name, line)

    def record(self, record: Record, detail: str, quiet: bool) -> None:
        """Keep a record and show it in one line; the reason why it was not stored in full only once."""
        self.records.append(record)
        self._titled = ""
        if record.note:
            detail = f"not cached: {record.note}" if self._is_new(record.name, record.note) else "not cached"
        if not quiet and record.action != "failed":
            line = f"{record.action} in {format_age(record.duration_s)}"
            self.notify(record.name, " · ".join(filter(None, (line, detail))))

    def amend(self, record: Record) -> Record:
        """Replace the last record by one that says more; return it."""
        self.records[-1] = record
        return record

    def _is_new(self, name: str, line: str) -> bool:
        new = (name, line) not in self._told
        self._told.add((name, line))
        return new
