"""Raw memory that several arrays look into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["overlapping", "span"]


def span(array: Any) -> tuple[int, int]:
    """Return where the memory of an array begins, and how many bytes it reaches over."""
    from numpy.lib.array_utils import byte_bounds

    low, high = byte_bounds(array)
    return int(low), int(high - low)


def overlapping(arrays: Sequence[Any]) -> list[tuple[int, int, int]]:
    """Return which arrays look into the memory of others: two places, and the bytes between their beginnings.

    Arrays that own their memory cannot overlap with each other, which is found without looking at addresses.
    """
    if len(arrays) < 2 or all(array.base is None for array in arrays):
        return []
    spans = sorted((*span(array), place) for place, array in enumerate(arrays))
    found = []
    reach, start, holder = -1, 0, 0
    for low, length, place in spans:
        if low < reach:
            found.append((holder, place, low - start))
        if low + length > reach:
            reach, start, holder = low + length, low, place
    return sorted(found)
