"""The labels of frames: index objects that frames share with each other, although their data are apart.

``pd.DataFrame({"a": series})`` holds the index of the series itself; a name given to it later shows in both.
So an index that a result has from an input must come back as the index that the input has then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from .parts import is_frame, is_labels

__all__ = ["labels", "same_names"]

_MEMBERS = 1000


def labels(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the index objects of the frames among values and in plain containers, by the path to each."""
    return {path: index for name, value in values.items() for path, index in _of(name, value)}


def _of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if is_frame(value):
        for number, axis in enumerate(value.axes):
            yield f"{name}.axes[{number}]", axis
    elif type(value) in (list, tuple):
        for place, part in enumerate(islice(value, _MEMBERS)):
            yield from _of(f"{name}[{place}]", part) if is_frame(part) else ()
    elif type(value) is dict:
        for key, part in islice(value.items(), _MEMBERS):
            yield from _of(f"{name}[{key!r}]", part) if is_frame(part) else ()


def same_names(index: Any, names: Any) -> bool:
    """Tell whether an index still has the names it had: all of it that can change."""
    return is_labels(index) and list(index.names) == list(names)
