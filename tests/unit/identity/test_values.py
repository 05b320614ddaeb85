"""Digests of values: what is equal, what differs, what has none."""

from __future__ import annotations

import array
import collections
import copyreg
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import itertools
import os
import pathlib
import pickle
import random
import re
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import types
import uuid
import weakref
import zoneinfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from vibe_magic.errors import Undigestible
from vibe_magic.identity import digest


class Plain:
    """An ordinary class."""

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Other(Plain):
    """Looks the same from inside."""


class Words(str):
    __slots__ = ()


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Record:
    x: int = 1
    y: list = dataclasses.field(default_factory=list)


def same(one, other):
    return digest(one).hex == digest(other).hex


ALL_DIFFERENT = [
    1, True, 1.0, "1", b"1", 0, 0.0, -0.0, None, 1j, 2**70, float("inf"), float("nan"),
    decimal.Decimal(1), decimal.Decimal("1.0"), fractions.Fraction(1), range(1), slice(1), ...,
    "", b"", (), [], {}, set(), frozenset(), bytearray(), (1,), [1], {1}, frozenset({1}), {1: 1},
    bytearray(b"1"), memoryview(b"1"), array.array("i", [1]), array.array("q", [1]),
    (1, 23), (12, 3), ["a-b", "c"], ["a", "b-c"], ["ab", "c"], ["a", "bc"], [1, [2]], [1, (2,)],
    {"a": 1, "b": 2}, {"b": 2, "a": 1}, collections.OrderedDict(a=1), {"a": 1},
    collections.Counter("a"), collections.defaultdict(int), collections.defaultdict(list),
    collections.deque([1]), collections.deque([1], 2), collections.deque([1], 3), "\ud800",
    Words("1"), Number.ONE, Colour.RED, Colour.BLUE, Point(1, 2), (1, 2), Record(), Record(2),
    Plain(v=1), Other(v=1), Plain(w=1), Slotted(1, 2), Slotted(2, 1), types.SimpleNamespace(v=1),
    np.float64(1), np.float32(1), np.int64(1), np.int32(1), np.str_("1"), np.bool_(True),
    np.array(1), np.array([1]), np.array([[1]]), np.array([1.0]), np.array([1], object),
    np.array([True], object), np.array([1], ">i8"), np.array(["1"]), np.array(["1"], "U2"),
    np.array([0], "M8[s]"), np.array([0], "M8[ms]"), np.ma.array([1]),
    np.ma.array([1], mask=[True]), np.ma.array([1], fill_value=7), np.zeros(1, [("a", "i8")]),
    np.zeros(1, [("b", "i8")]), np.rec.array([(0,)], dtype=[("a", "i8")]), np.dtype("i8"),
    np.dtype("f8"), np.sin, np.cos, np.mean, np.random.default_rng(1), np.random.default_rng(2),
    np.random.RandomState(1), np.random.RandomState(2), random.Random(1), random.Random(2),
    pd.Series([1]), pd.Series([1], name="a"), pd.Series([1], index=[5]), pd.Series([1.0]),
    pd.Series(["a"]), pd.Series(["a"], dtype=object), pd.Series([None], dtype=object),
    pd.Series([float("nan")], dtype=object), pd.Series([1], dtype="Int64"), pd.NA, pd.NaT,
    pd.Series([1]).to_frame(), pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}),
    pd.DataFrame({"a": [1]}, index=[0]), pd.DataFrame({"a": [1]}, index=[1]),
    pd.DataFrame({"a": [1]}).rename_axis("i"), pd.DataFrame({"a": [1], "b": [2]}),
    pd.DataFrame({"b": [2], "a": [1]}), pd.DataFrame({"a": [1, 2]}, index=[0, 0]),
    pd.DataFrame({"a": [2, 1]}, index=[0, 0]), pd.Categorical(["a"]),
    pd.Categorical(["a"], ordered=True), pd.Categorical(["a"], categories=["a", "b"]),
    pd.Categorical(["a"], categories=["b", "a"]), pd.RangeIndex(1), pd.Index([0]),
    pd.date_range("2020", periods=3), pd.date_range("2020", periods=3, tz="UTC"),
    pd.DatetimeIndex(list(pd.date_range("2020", periods=3))), pd.Timestamp("2020"),
    pd.MultiIndex.from_tuples([(1, 2)]), pd.MultiIndex.from_tuples([(1, 2)], names=["a", "b"]),
    pa.array([1]), pa.chunked_array([[1]]), pa.array([1], pa.int32()), pa.table({"a": [1]}),
    pa.table({"b": [1]}), pa.array(["a"]), pa.array(["a"]).dictionary_encode(),
    pl.DataFrame({"a": [1]}), pl.DataFrame({"b": [1]}), pl.DataFrame({"a": [1.0]}),
    pl.Series("a", [1]), pl.DataFrame(), pl.DataFrame({"a": []}),
    re.compile("a"), re.compile("a", re.IGNORECASE), pathlib.Path("1"), pathlib.PurePath("2"),
    dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), dt.timedelta(1),
    dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
    dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    dt.datetime(2020, 1, 1, fold=1), uuid.UUID(int=1), ValueError("a"), ValueError("b"),
    TypeError("a"), functools.partial(int, 1), functools.partial(int, 2), int, bool, len,
    "a".upper, list[int], list[str], int | str, types.MappingProxyType({"a": 1}),
]  # fmt: skip


def test_all_values_that_a_cell_can_tell_apart_differ() -> None:
    digests: dict[str, object] = {}
    for value in ALL_DIFFERENT:
        first = digests.setdefault(digest(value).hex, value)
        assert first is value, (first, value)
    assert all(re.fullmatch("[0-9a-f]{32}", text) for text in digests)


@pytest.mark.parametrize("value", ALL_DIFFERENT, ids=lambda v: type(v).__name__)
def test_digest_survives_pickling(value) -> None:
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        again = value.copy()  # numpy brings the bytes into the order of this machine
    elif isinstance(value, memoryview | types.MappingProxyType):
        again = type(value)(bytes(value) if isinstance(value, memoryview) else dict(value))
    else:
        again = pickle.loads(pickle.dumps(value))
    assert same(value, again)


B = np.arange(12.0).reshape(3, 4)
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, 3.5]})
TABLE = pa.table({"a": [1, None, 3, 4], "s": ["a", None, "c", "d"], "l": [[1], [2, 3], None, []]})


ALL_EQUAL = {
    "sets in another order": ({"a", "b", "c"}, {"c", "b", "a"}),
    "mixed sets": ({1, "a", (2, "x"), None}, {None, (2, "x"), "a", 1}),
    "frozensets inside": ({frozenset("pq"), frozenset("rs")}, {frozenset("sr"), frozenset("qp")}),
    "interned strings": ([sys.intern("one two")] * 2, ["one two", " ".join(["one", "two"])]),
    "shared tuples": ([((1, 2), 3)] * 2, [((1, 2), 3), ((int("1"), 2), 3)]),
    "a gap between elements": (B[:, ::2], B[:, ::2].copy()),
    "backwards": (np.arange(5)[::-1], np.arange(5)[::-1].copy()),
    "transposed": (B.T, np.asfortranarray(B.T.copy())),
    "axes swapped": (
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2).copy(order="K"),
    ),
    "object arrays": (np.array([1, "a", None], object), np.array([1, "a", None], object)),
    "frame and its copy": (FRAME, FRAME.copy()),
    "blocks of a frame": (FRAME.assign(d=1.0, e=2), FRAME.assign(d=1.0, e=2).copy()),
    "slice of a frame": (FRAME.iloc[1:], FRAME.iloc[1:].copy()),
    "order of a frame's memory": (pd.DataFrame(B), pd.DataFrame(np.asfortranarray(B))),
    "categoricals": (pd.Categorical(["a", "b"]), pd.Categorical(["a", "b"])),
    "chunks of a table": (pa.concat_tables([TABLE.slice(0, 2), TABLE.slice(2)]), TABLE),
    "slice of a table": (pa.concat_tables([TABLE, TABLE]).slice(4, 4), TABLE),
    "slice of bits": (pa.array([True, False, True])[1:], pa.array([False, True])),
    "chunks of polars": (
        pl.concat([pl.DataFrame({"a": ["x", None]})] * 2, rechunk=False),
        pl.concat([pl.DataFrame({"a": ["x", None]})] * 2, rechunk=True),
    ),
    "seeds": (np.random.RandomState(5), np.random.RandomState(5)),
}


@pytest.mark.parametrize("name", ALL_EQUAL)
def test_what_no_cell_can_tell_apart_is_equal(name: str) -> None:
    one, other = ALL_EQUAL[name]
    assert same(one, other)


def test_cached_answers_of_an_index_do_not_count() -> None:
    index = pd.Index([1, 2, 3])
    before = digest(index)
    assert index.get_loc(2) == 1
    assert index.is_unique
    assert digest(index) == before


def test_column_attributes_count() -> None:
    marked = FRAME.copy()
    marked.attrs["unit"] = "m"
    assert not same(FRAME, marked)


def test_read_only_counts_for_an_array_but_not_inside_a_frame() -> None:
    locked = np.arange(3)
    locked.flags.writeable = False
    assert not same(locked, np.arange(3))
    assert same(pd.Series(locked), pd.Series(np.arange(3)))


def test_the_order_of_axes_in_memory_counts() -> None:
    swapped = np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2)
    assert not same(swapped, swapped.copy())
    assert same(swapped[:, :1], swapped[:, :1].copy())


def test_notes_on_a_dtype_and_what_holds_an_array_count() -> None:
    plain = np.zeros(2, "i4")
    assert not same(plain, np.zeros(2, np.dtype("i4", metadata={"unit": "m"})))
    assert not same(plain, plain.view(np.memmap))


def test_memory_maps_count_by_content(tmp_path) -> None:
    made = []
    for name in "ab":
        B.tofile(tmp_path / name)
        made.append(np.memmap(tmp_path / name, "f8", "r", shape=(3, 4)))
    assert same(*made)


SHARED = {
    "list": lambda: [1],
    "dict": lambda: {"a": 1},
    "set": lambda: {1},
    "bytearray": lambda: bytearray(b"x"),
    "array": lambda: np.arange(3),
    "instance": lambda: Plain(v=1),
    "list in a tuple": lambda: ([1],),
    "list in a tuple in a tuple": lambda: (0, ([1],)),
}


HOLDERS = {
    "a list": lambda a, b: [a, b],
    "a tuple": lambda a, b: (a, b),
    "two tuples": lambda a, b: ((a,), (b,)),
    "tuples in a list": lambda a, b: [(a, 1), (b, 1)],
    "a tuple and a list": lambda a, b: [(a,), [b]],
    "a list and a tuple": lambda a, b: ([a], (b,)),
    "a dict and a tuple": lambda a, b: ({"a": a}, (b,)),
    "a tuple in an instance": lambda a, b: [Plain(v=(a,)), Plain(v=b)],
    "a closure": lambda a, b: lambda: (a, b),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("name", SHARED)
def test_sharing_of_what_can_change_counts(name: str, holder: str) -> None:
    make, hold = SHARED[name], HOLDERS[holder]
    shared = make()
    assert not same(hold(shared, shared), hold(make(), make()))
    assert same(hold(make(), make()), hold(make(), make()))


def test_references_from_elsewhere_do_not_count() -> None:
    value = [{"a": [1]} for _ in range(3)]
    held = [part["a"] for part in value]
    assert same(value, [{"a": [1]} for _ in range(3)])
    assert len(held) == 3


def loop():
    made: list = [1]
    made.append(made)
    return made


def family():
    parent = Plain(name="p")
    parent.child = Plain(parent=parent)
    return parent


def ring():
    made: dict = {}
    made["list"] = [(made,)]
    return made


@pytest.mark.parametrize("make", [loop, family, ring])
def test_cycles_have_stable_digests(make) -> None:
    assert same(make(), make())


def test_many_paths_to_few_lists_do_not_explode() -> None:
    value: list = [1]
    for _ in range(40):
        value = [value, value]
    assert len(digest(value).hex) == 32


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"k": v}])
def test_deep_nesting_is_refused_rather_than_fatal(wrap) -> None:
    value = wrap(1)
    for _ in range(10_000):
        value = wrap(value)
    with pytest.raises(Undigestible, match="nested too deeply"):
        digest(value)


def generator():
    yield 1


RESOURCES = {
    "generator": generator,
    "lock": threading.Lock,
    "rlock": threading.RLock,
    "event": threading.Event,
    "thread": threading.Thread,
    "count": itertools.count,
    "frame": sys._getframe,
    "weak reference": lambda: weakref.ref(Plain),
    "thread local": threading.local,
}


@pytest.mark.parametrize("name", RESOURCES)
def test_what_has_no_content_is_refused(name: str) -> None:
    resource = RESOURCES[name]()
    with pytest.raises(Undigestible) as caught:
        digest([1, {"k": resource}])
    assert caught.value.reason


def test_open_connections_and_files_are_refused(tmp_path) -> None:
    with (
        socket.socket() as plug,
        (tmp_path / "f").open("w") as file,
        io.FileIO(tmp_path / "f") as raw,
    ):
        database = sqlite3.connect(":memory:")
        for resource in (plug, file, raw, database, database.cursor()):
            with pytest.raises(Undigestible):
                digest(Plain(resource=resource))
        database.close()


def test_foreign_errors_become_refusals() -> None:
    class Moody:
        def __reduce__(self):
            raise ZeroDivisionError("not today")

    with pytest.raises(Undigestible, match="not today"):
        digest([Moody()])


def test_interrupts_pass_and_leave_the_collector_on() -> None:
    import gc

    class Interrupting:
        def __reduce__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digest([Interrupting()])
    assert gc.isenabled()


def test_estimators_are_stable() -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    data = rng.random((60, 3))

    def fitted():
        forest = RandomForestClassifier(5, random_state=np.random.RandomState(1))
        return make_pipeline(StandardScaler(), forest).fit(data, data[:, 0] > 0.5)

    model = fitted()
    assert same(model, fitted())
    assert same(model, pickle.loads(pickle.dumps(model)))
    assert not same(model, make_pipeline(StandardScaler(), RandomForestClassifier(5)))


def test_figures_are_refused() -> None:
    from matplotlib.figure import Figure

    with pytest.raises(Undigestible):
        digest(Figure())


class Spared:
    """Leaves out everything but x when it is pickled."""

    def __init__(self, x, **spared):
        self.x = x
        self.__dict__.update(spared)

    def __getstate__(self):
        return {"x": self.x}


class Copied(Spared):
    """Pickles copies, in a form of its own."""

    def __reduce__(self):
        return Copied, ([*self.x],)


class Registered(Plain):
    """Is pickled by a rule that is registered for it."""


copyreg.pickle(Registered, lambda value: (Registered, ()))
TWICE = ([1],)
LEFT_OUT = {
    "a list": lambda n: Spared(1, cache=[n]),
    "in a copy": lambda n: Copied([1], cache={"k": n}),
    "by a registered rule": lambda n: Registered(a=n),
    "deep inside": lambda n: [Spared(1, inner=Spared(2, inner=Copied([], cache=n)))],
    "beside a lock": lambda n: Spared(1, lock=threading.Lock(), cache=[n]),
    "with shared tuples": lambda n: Spared(1, cache=[TWICE, TWICE, n]),
    "in a set": lambda n: {Spared(1, cache=n)},
}


@pytest.mark.parametrize("make", LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_a_class_does_not_pickle_counts(make) -> None:
    assert digest(make(1)).hex == digest(make(1)).hex != digest(make(2)).hex


def test_what_a_class_shares_and_does_not_pickle_counts() -> None:
    kept = [1]
    one, two = Spared(kept, view=kept), Spared(kept, view=[1])
    assert digest(one).hex != digest(two).hex
    held, apart = Copied(kept), Copied([1])
    assert digest([kept, held]).hex != digest([kept, apart]).hex
    one.me = two.me = one
    assert digest(one).hex != digest(two).hex


def test_left_out_parts_without_content_are_the_business_of_the_class() -> None:
    assert digest(Spared(1, lock=threading.Lock())).hex == digest(Spared(1, lock=threading.Lock())).hex
    with pytest.raises(Undigestible):
        digest(Spared(threading.Lock()))


def test_left_out_parts_that_are_nested_too_deeply_have_no_digest() -> None:
    chain = None
    for number in range(100):
        chain = Spared(number, next=chain)
    with pytest.raises(Undigestible, match="nested too deeply"):
        digest(chain)


PROGRAM = textwrap.dedent("""
    import collections, functools, sys
    import numpy as np, pandas as pd, polars as pl
    from vibe_magic.identity import digest
    shared = ["x"]
    values = [
        {"a", "b", "c", ("d", 1), None}, frozenset({"x", frozenset({"p", "q"})}),
        {"k": [{"s", "t"}, 1.5]}, [shared, shared],
        functools.partial(sorted, key=len), collections.Counter("hello"), np.arange(5.0)[::2],
        pd.DataFrame({"a": [1, 2], "s": ["x", None], "o": [{"p", "q"}, "r"]}),
        pl.DataFrame({"a": [1], "s": ["x"]}), np.array(["a", "b"], object),
    ]
    print(*[digest(value).hex for value in values])
""")


def test_digests_are_equal_in_every_process() -> None:
    seen = set()
    for seed in ("0", "1", "4711"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=env, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        seen.add(run.stdout)
    assert len(seen) == 1
    assert len(set(seen.pop().split())) == 10
