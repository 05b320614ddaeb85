"""Attributes that pickling would lose: which they are, and how they come back."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import functools
import io
import logging
import pickle
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from vibe_magic.attributes import attached, loose, may_be_loose, missing

VALUES: dict[str, Any] = {
    "frame": pd.DataFrame({"a": [1]}),
    "index": pd.Index([1, 2]),
    "timestamp": pd.Timestamp(0),
    "masked": np.ma.array([1, 2]),
}
BASES: dict[type, tuple[Any, ...]] = {
    dt.date: (2020, 1, 1),
    dt.timedelta: (1,),
    decimal.Decimal: (1,),
    Fraction: (1, 2),
    collections.Counter: ("ab",),
    collections.defaultdict: (list,),
    collections.OrderedDict: (),
    collections.deque: ([1],),
    np.ndarray: ((2,),),
}
KINDS = [type(f"My{base.__name__}", (base,), {"__module__": __name__}) for base in BASES]
globals().update({kind.__name__: kind for kind in KINDS})


class Patient:
    """Has a state of its own, part of it in a slot."""

    __slots__ = ("__dict__", "slotted")

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Patient, (), ({"named": 1}, {"slotted": 2})


class Stateful:
    def __reduce__(self) -> Any:
        return Stateful, (), 5

    def __setstate__(self, state: int) -> None:
        self.state = state


class Planet(enum.Enum):
    EARTH = 1

    def __init__(self, _number: int) -> None:
        self.mass = 6


def comes_back(value: Any, reduced: Any) -> Any:
    class Pickler(pickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            return reduced if obj is value else NotImplemented

    stream = io.BytesIO()
    Pickler(stream, 5).dump(value)
    return pickle.loads(stream.getvalue())


@pytest.mark.filterwarnings("ignore:Pandas doesn't allow")
@pytest.mark.parametrize("name", VALUES)
def test_what_somebody_has_hung_on_plain_data_is_loose(name: str) -> None:
    value = VALUES[name]
    assert may_be_loose(type(value))
    assert loose(value) == {}
    value.note = [1]
    assert loose(value) == {"note": [1]}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_a_subclass_keeps_comes_back(kind: Any) -> None:
    value = kind(*BASES[kind.__base__])
    assert loose(value) == {}
    value._unit = "m"
    back = comes_back(value, attached(value.__reduce_ex__(5), loose(value)))
    assert type(back) is kind
    assert back._unit == "m"
    assert np.all(back == value)


def test_what_is_in_the_state_is_not_missing() -> None:
    assert missing((dict, (), {"a": 1}), {"a": 1, "b": 2}) == {"b": 2}
    assert missing((dict, (), ({"a": 1}, {"s": 0})), {"a": 1, "b": 2}) == {"b": 2}
    assert missing((dict, ()), {"a": 1}) == {"a": 1}


def test_states_are_set_as_unpickling_does() -> None:
    patient, stateful = Patient(), Stateful()
    back = comes_back(patient, attached(patient.__reduce_ex__(5), {"more": 3}))
    assert (back.named, back.slotted, back.more) == (1, 2, 3)
    back = comes_back(stateful, attached(stateful.__reduce__(), {"more": 3}))
    assert (back.state, back.more) == (5, 3)


def test_a_setter_of_a_state_is_kept() -> None:
    value = Stateful()
    back = comes_back(value, attached((Stateful, (), 4, None, None, setattr_state), {"more": 3}))
    assert (back.own, back.more) == (4, 3)


def setattr_state(value: Any, state: int) -> None:
    value.own = state


def test_classes_that_say_themselves_what_is_pickled_are_believed() -> None:
    assert not may_be_loose(Stateful)
    assert not may_be_loose(logging.Logger)
    assert not may_be_loose(type(Planet.EARTH))
    assert not may_be_loose(int)


def test_a_wrapper_in_c_is_believed() -> None:
    assert not may_be_loose(type(functools.lru_cache(int)))
    assert attached("by this name", {"note": 1}) == "by this name"


def test_what_is_put_by_is_not_loose() -> None:
    class Sales(pd.DataFrame):
        _metadata: ClassVar = ["_region"]

        @functools.cached_property
        def total(self) -> int:
            return 7

    sales = Sales({"a": [1]})
    assert sales.total == 7
    sales.attrs["x"] = 1
    object.__setattr__(sales, "_region", "north")
    assert loose(sales) == {"_region": "north"}


def test_a_memory_map_is_its_content(tmp_path: Any) -> None:
    np.arange(3).tofile(tmp_path / "a.bin")
    assert loose(np.memmap(tmp_path / "a.bin", dtype=int, mode="r")) == {}
