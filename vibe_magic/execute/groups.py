"""Which results must be stored together because they share structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

__all__ = ["Extent", "grouped", "sharing"]


class Extent(Protocol):
    """The mutable objects and the raw memory that a value reaches."""

    @property
    def ids(self) -> frozenset[int]:
        """Identities of mutable objects."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Address and length of memory that may change under the value."""

    @property
    def guarded(self) -> tuple[tuple[int, int], ...]:
        """Address and length of memory that is copied when written to."""


def grouped(extents: Mapping[str, Extent]) -> tuple[tuple[str, ...], ...]:
    """Partition names so that values in different parts share nothing that can change."""
    leader = {name: name for name in extents}

    def find(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    for one, other in sharing(extents):
        leader[find(other)] = find(one)
    groups: dict[str, list[str]] = {}
    for name in extents:
        groups.setdefault(find(name), []).append(name)
    return tuple(tuple(names) for names in groups.values())


def sharing(extents: Mapping[str, Extent]) -> Iterable[tuple[str, str]]:
    """Yield pairs of names whose values share an object or overlap in memory."""
    owner: dict[int, str] = {}
    for name, extent in extents.items():
        for identity in extent.ids:
            first = owner.setdefault(identity, name)
            if first != name:
                yield first, name
    yield from _overlapping(extents)


def _overlapping(extents: Mapping[str, Extent]) -> Iterable[tuple[str, str]]:
    """Yield names whose memory overlaps; two guarded stretches may, since writing to one copies it."""
    spans = sorted(
        (start, start + length, guarded, name)
        for name, extent in extents.items()
        for guarded, found in ((False, extent.spans), (True, extent.guarded))
        for start, length in found
        if length
    )
    reach = {False: (-1, ""), True: (-1, "")}
    for start, end, guarded, name in spans:
        for other, (limit, holder) in reach.items():
            if start < limit and holder != name and not (guarded and other):
                yield holder, name
        if end > reach[guarded][0]:
            reach[guarded] = (end, name)
