"""Which values share what can change."""

from __future__ import annotations

import collections
import functools
import threading
import types

import numpy as np
import pandas as pd
import polars as pl
import pytest

from vibe_magic.identity import parts


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("v",)

    def __init__(self, v):
        self.v = v


def shares(one, other) -> bool:
    first, second = parts(one), parts(other)
    overlap = any(a < b + n and b < a + m for a, m in first.spans for b, n in second.spans)
    return overlap or not first.ids.isdisjoint(second.ids)


LIST: list = [1]
ARRAY = np.zeros(4)
LOCKED = ARRAY[:]
LOCKED.flags.writeable = False
FRAME = pd.DataFrame({"a": np.arange(3.0)})
PLAIN = Plain(v=LIST)


def keeps(a=LIST):
    return a


def closes(value):
    return lambda: value


SHARING = {
    "one list": (LIST, LIST),
    "deep in containers": ([LIST], {"k": (LIST,)}),
    "instance attribute": (PLAIN, LIST),
    "slot": (Slotted(LIST), LIST),
    "members of sets": ({PLAIN}, frozenset({PLAIN})),
    "closure": (closes(LIST), LIST),
    "default": (keeps, LIST),
    "partial": (functools.partial(print, LIST), LIST),
    "deque": (collections.deque([LIST]), LIST),
    "bound method": (PLAIN.__init__, PLAIN),
    "view": (ARRAY, ARRAY[:2]),
    "read-only view": (ARRAY, LOCKED),
    "broadcast": (ARRAY, np.broadcast_to(ARRAY, (2, 4))),
    "object array": (np.array([LIST, 2], object), LIST),
    "masked array": (np.ma.array(ARRAY, copy=False), ARRAY),
    "memoryview": (memoryview(ARRAY), ARRAY),
    "one frame": (FRAME, [FRAME]),
    "beside a lock": ([threading.Lock(), LIST], LIST),
    "proxy's values": (types.MappingProxyType({"a": LIST}), LIST),
}


@pytest.mark.parametrize("name", SHARING)
def test_shared_structure_is_seen(name: str) -> None:
    assert shares(*SHARING[name])


APART = {
    "equal lists": ([1], [1]),
    "atoms": ("a", "a"),
    "disjoint views": (ARRAY[:2], ARRAY[2:]),
    "frame and its column": (FRAME, FRAME["a"]),
    "modules": ([np], [np]),
    "classes of packages": ([pd.DataFrame], [pd.DataFrame]),
    "polars and numpy": ((p := pl.DataFrame({"a": [1.0]})), p["a"].to_numpy()),
}


@pytest.mark.parametrize("name", APART)
def test_what_cannot_change_is_not_shared(name: str) -> None:
    assert not shares(*APART[name])


def test_opaque_objects_are_not_entered() -> None:
    assert parts([LIST], opaque={id(LIST)}).ids.isdisjoint({id(LIST)})


def test_globals_of_functions_are_not_entered(notebook) -> None:
    namespace = notebook("big = [1]\ndef f(): return big")
    assert parts(namespace["f"]).ids.isdisjoint({id(namespace), id(namespace["big"])})
