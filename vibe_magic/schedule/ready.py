"""Which tasks may start: each the moment its last upstream is done, the longest way to the end first."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

__all__ = ["ReadyQueue"]


class ReadyQueue:
    """Tasks of a graph, handed out one by one as they become ready.

    Parameters
    ----------
    upstream : dict of str to collection of str
        For each task those that must be done before it starts; others than these keys count as done.
    duration_s : dict of str to float, optional
        How long tasks take, as far as is known; the others count as the mean of these.

    Raises
    ------
    graphlib.CycleError
        With the cycle as its second argument.
    """

    def __init__(
        self, upstream: Mapping[str, Collection[str]], duration_s: Mapping[str, float] | None = None
    ) -> None:
        needs = {name: {n for n in found if n in upstream} for name, found in upstream.items()}
        order = tuple(TopologicalSorter(needs).static_order())
        self._needs = needs
        self._missing = {name: len(found) for name, found in needs.items()}
        self._readers: dict[str, list[str]] = {name: [] for name in needs}
        for name in order:
            for need in needs[name]:
                self._readers[need].append(name)
        self.ahead_s = _ahead(order, self._readers, duration_s or {})
        self._place = {name: place for place, name in enumerate(needs)}
        self._ready: list[tuple[float, int, str]] = []
        self._open = set(needs)
        self._offer(name for name, count in self._missing.items() if not count)

    def __bool__(self) -> bool:
        """Tell whether there are tasks that are neither done nor dropped."""
        return bool(self._open)

    def take(self) -> str | None:
        """Return the ready task with the longest way ahead, once; None if none is ready."""
        first = self._pop()
        return None if first is None else first[2]

    def next_in_line(self, running: Collection[str], count: int) -> list[str]:
        """Return what comes next: what is ready, and what waits for those that run alone; take none of it.

        Parameters
        ----------
        running : collection of str
            Tasks that are being worked at.
        count : int
            How many to return at most, the longest way ahead first.
        """
        first = [item for item in (self._pop() for _ in range(count)) if item is not None]
        for item in first:
            heapq.heappush(self._ready, item)
        found = {item[2] for item in first} | self._waiting_for(running)
        return sorted(found, key=self._rank)[:count]

    def precedes(self, running: Collection[str]) -> bool:
        """Tell whether a task that waits for these alone has a longer way ahead than any that is ready."""
        first = self._pop()
        if first is not None:
            heapq.heappush(self._ready, first)
        return any(first is None or self._rank(name) < first[:2] for name in self._waiting_for(running))

    def put_back(self, name: str) -> None:
        """Make a task that was taken ready again."""
        self._offer([name])

    def done(self, name: str) -> None:
        """Note that a task is done, if that is news; what waited for it alone is ready."""
        if name not in self._open:
            return
        self._open.discard(name)
        freed = []
        for reader in self._readers[name]:
            self._missing[reader] -= 1
            if not self._missing[reader]:
                freed.append(reader)
        self._offer(freed)

    def drop(self, name: str) -> tuple[str, ...]:
        """Give a task up and all that needs it; return these others, in the order of the graph."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            for reader in self._readers[waiting.pop()]:
                if reader in self._open and reader not in found:
                    found.add(reader)
                    waiting.append(reader)
        self._open -= found | {name}
        return tuple(sorted(found, key=self._place.__getitem__))

    def _offer(self, names: Iterable[str]) -> None:
        for name in names:
            heapq.heappush(self._ready, (*self._rank(name), name))

    def _pop(self) -> tuple[float, int, str] | None:
        """Take the first that is ready, and those before it that have been given up."""
        while self._ready:
            item = heapq.heappop(self._ready)
            if item[2] in self._open:
                return item
        return None

    def _rank(self, name: str) -> tuple[float, int]:
        return -self.ahead_s[name], self._place[name]

    def _waiting_for(self, running: Collection[str]) -> set[str]:
        """Return the tasks that wait for these alone."""
        at_work = self._open.intersection(running)
        found = set()
        for reader in (reader for name in at_work for reader in self._readers[name]):
            needs = self._open.intersection(self._needs[reader])
            if reader in self._open and needs <= at_work:
                found.add(reader)
        return found


def _ahead(
    order: tuple[str, ...], readers: Mapping[str, list[str]], known_s: Mapping[str, float]
) -> dict[str, float]:
    """Return for each task the time along the longest path from its start to the end."""
    guess_s = sum(known_s.values()) / len(known_s) if known_s else 1.0
    ahead: dict[str, float] = {}
    for name in reversed(order):
        after = max((ahead[reader] for reader in readers[name]), default=0.0)
        ahead[name] = known_s.get(name, guess_s) + after
    return ahead
