"""An immutable graph of assets linked by the names they read and write.

The order in which nodes are given is the order in which they ran, or stand in a notebook. A name belongs to
the node that binds it last before the reader; a reader with no such node before it gets the nearest one
behind it, which is where cycles can come from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush
from typing import NamedTuple

__all__ = ["CycleError", "Graph", "Node"]


class Node(NamedTuple):
    """One asset: its name, the names it reads and binds, and the assets it is told to follow."""

    name: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Graph:
    """A directed graph over nodes in a given order.

    Parameters
    ----------
    nodes : tuple of Node
        With unique names.
    """

    nodes: tuple[Node, ...] = ()

    @cached_property
    def upstream(self) -> Mapping[str, tuple[str, ...]]:
        """For each node the nodes that it needs, in their order."""
        links = {node.name: set(node.after) for node in self.nodes}
        for reader, producer, _ in self.edges:
            links[reader].add(producer)
        place = {node.name: i for i, node in enumerate(self.nodes)}
        return {
            name: tuple(sorted(needed & place.keys(), key=place.__getitem__))
            for name, needed in links.items()
        }

    @cached_property
    def downstream(self) -> Mapping[str, tuple[str, ...]]:
        """For each node the nodes that need it, in their order."""
        found: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for reader, producers in self.upstream.items():
            for producer in producers:
                found[producer].append(reader)
        return {name: tuple(readers) for name, readers in found.items()}

    @cached_property
    def edges(self) -> tuple[tuple[str, str, str], ...]:
        """Triples of reader, producer and the name that links them."""
        return tuple(self._edges())

    def _edges(self) -> Iterator[tuple[str, str, str]]:
        last = {name: node.name for node in reversed(self.nodes) for name in node.writes}
        for node in self.nodes:
            for name in sorted(node.reads & last.keys()):
                if last[name] != node.name:
                    yield node.name, last[name], name
            last |= dict.fromkeys(node.writes, node.name)

    def ancestors(self, names: Iterable[str]) -> frozenset[str]:
        """Return all nodes that the given ones need, directly or not, without themselves."""
        return _reach(self.upstream, names)

    def descendants(self, names: Iterable[str]) -> frozenset[str]:
        """Return all nodes that need the given ones, directly or not, without themselves."""
        return _reach(self.downstream, names)

    def order(self, names: Collection[str] | None = None) -> tuple[str, ...]:
        """Return the nodes in their order, except that each comes after all that it needs.

        Parameters
        ----------
        names : collection of str, optional
            Only these; all by default.

        Raises
        ------
        CycleError
            With the cycle as its second argument.
        """
        wanted = {node.name for node in self.nodes} if names is None else set(names)
        return tuple(name for name in self._order if name in wanted)

    @cached_property
    def _order(self) -> tuple[str, ...]:
        place = {node.name: number for number, node in enumerate(self.nodes)}
        sorter = TopologicalSorter(self.upstream)
        sorter.prepare()
        found: list[str] = []
        ready: list[int] = []
        while sorter.is_active():
            for name in sorter.get_ready():
                heappush(ready, place[name])
            found.append(self.nodes[heappop(ready)].name)
            sorter.done(found[-1])
        return tuple(found)


def _reach(links: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> frozenset[str]:
    start = set(names)
    seen: set[str] = set()
    waiting = [next_ for name in start for next_ in links.get(name, ())]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(links[name])
    return frozenset(seen - start)
