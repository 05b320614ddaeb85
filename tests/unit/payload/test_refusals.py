"""What cannot be stored is refused with the variable, the type and the reason."""

from __future__ import annotations

import functools
import pickle
import socket
import sys
import threading
import weakref

import pytest

from vibe_magic.errors import Unpicklable
from vibe_magic.payload import Context, pack


class Thing:
    pass


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


THING = Thing()
LOCK = threading.Lock()
CASES = {
    "generator": ((i for i in []), "generator"),
    "lock": (threading.Lock(), "lock"),
    "weak reference": (weakref.ref(THING), "ReferenceType"),
    "frame": (sys._getframe(), "frame"),
    "partial with a lock": ([{"g": functools.partial(print, LOCK)}], "lock"),
    "iterator over a generator": (map(str, (i for i in [])), "generator"),
}


@pytest.mark.parametrize(("value", "kind"), CASES.values(), ids=CASES)
def test_the_variable_and_the_guilty_type_are_named(value, kind):
    with pytest.raises(Unpicklable) as caught:
        pack({"fine": [1], "bad": value, "also fine": 2}, Context({}))
    assert (caught.value.name, caught.value.type_name) == ("bad", kind)
    assert caught.value.reason
    assert "\n" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_open_files_and_sockets(tmp_path):
    with (
        open(tmp_path / "f", "w") as file,
        open(tmp_path / "f", "rb") as raw,
        socket.socket() as sock,
    ):
        for value in (file, raw, sock):
            with pytest.raises(Unpicklable, match=r"^bad: "):
                pack({"bad": value}, Context({}))


@pytest.mark.parametrize("limit", [1000, 200_000])
def test_deep_nesting_is_refused_whatever_the_recursion_limit(limit):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, before))
    try:
        with pytest.raises(Unpicklable, match="nested too deeply"):
            pack({"deep": nested(50_000)}, Context({}))
        assert sys.getrecursionlimit() == max(limit, before)
    finally:
        sys.setrecursionlimit(before)


RELUCTANT = """
class Wants(Exception):
    def __init__(self, a, b): super().__init__(a)
class Changes:
    def __reduce__(self): return (dict, ())
class Refuses:
    def __getstate__(self): return {'a': 1}
    def __setstate__(self, state): raise ValueError('no\\nway')
"""


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("Wants(1, 2)", "cannot be read back: .*missing 1 required"),
        ("Changes()", "is a dict when it is read back"),
        ("Refuses()", "cannot be read back: no way"),
    ],
)
def test_what_does_not_come_back_is_refused_when_it_is_stored(notebook, made, reason):
    notebook.run(RELUCTANT)
    notebook.run(f"x = {made}")
    with pytest.raises(Unpicklable, match=reason):
        notebook.pack("x")


LOSSY = """
import threading
from PIL import Image
class Spared:
    def __init__(self): self.x, self.cache = 1, [5]
    def __getstate__(self): return {'x': self.x}
class Reset(Spared):
    def __getstate__(self): return {**vars(self), 'cache': None}
class Grown(Spared):
    def __setstate__(self, state): vars(self).update(state, cache=[5], fresh=True)
class Counted(Spared):
    def __getstate__(self): return {**vars(self), 'x': 0}
class Cut(Spared):
    def __getstate__(self): return {**vars(self), 'cache': []}
class Slotted:
    __slots__ = ('x', 'y')
    def __init__(self): self.x = self.y = [1]
    def __reduce__(self): return (Slotted, ())
class Twice:
    def __init__(self): self.items = self.view = []
    def __getstate__(self): return list(self.items), list(self.view)
    def __setstate__(self, state): self.items, self.view = state
class Once:
    def __init__(self): self.a, self.b = [], []
    def __getstate__(self): return 1
    def __setstate__(self, state): self.a = self.b = []
class Copies:
    def __init__(self, held): self.held = held
    def __reduce__(self): return (Copies, (self.held.copy(),))
class Keeps(Copies):
    def __reduce__(self): return (Keeps, (self.held,))
class Keyed(dict):
    def __reduce__(self): return (Keyed, ({key: self[key] for key in list(self)[:1]},))
class Safe:
    def __init__(self): self.x, self.lock = [1, float('nan')], threading.Lock()
    def __getstate__(self): return {'x': self.x}
    def __setstate__(self, state): vars(self).update(state, lock=threading.Lock())
def hold(copies):
    def look(): return copies
    return look
"""


@pytest.mark.parametrize(
    ("made", "names", "reason"),
    [
        ("a = Spared()", "a", r"a: a Spared .*\(.cache is missing when"),
        ("a = [{'in': Reset()}]", "a", ".cache is a NoneType when"),
        ("a = Grown()", "a", ".fresh is new"),
        ("a = Counted()", "a", ".x is another"),
        ("a = Cut()", "a", ".cache has another length"),
        ("a = Twice()", "a", r"a: a Twice .*\(what it shares comes back apart"),
        ("a = Once()", "a", "what it shares comes back apart"),
        ("a = [1]; b = Copies(a)", "a b", "what it shares comes back apart"),
        ("b = {}; a = [b, {3: Copies(b)}]", "a", "what it shares comes back apart"),
        ("b = {1}; a = (b, (Copies(b),))", "a", "what it shares comes back apart"),
        ("b = [1]; a = hold(Copies(b))", "a b", "what it shares comes back apart"),
        ("import numpy as np; b = np.ones(3); a = [b, Copies(b)]", "a", "what it shares comes back apart"),
        ("import numpy as np; b = [1]; a = np.array([b, Copies(b), 0], object)", "a", "comes back apart"),
        ("from functools import partial; b = [1]; a = partial(print, b, Copies(b))", "a", "back apart"),
        ("b = [1]; a = {Copies(b): b}", "a", "what it shares comes back apart"),
        ("b = Spared(); a = [b.cache.append, Copies(b.cache)]", "a", "what it shares comes back apart"),
        ("a = Keeps(Keyed(p=1, q=2))", "a", r".held lacks 'q'"),
    ],
)
def test_what_a_class_would_lose_is_refused(notebook, made, names, reason):
    notebook.run(LOSSY)
    notebook.run(made)
    with pytest.raises(Unpicklable, match=reason):
        notebook.pack(*names.split())


def test_what_shares_with_something_outside_is_refused_when_it_comes_apart(notebook):
    notebook.run(LOSSY + "b = {'list': [1]}; a = [b['list'], b, Copies(b['list'])]")
    with pytest.raises(Unpicklable, match="what it shares comes back apart"):
        notebook.pack("a", externals=("b",))


@pytest.mark.parametrize(
    "made",
    [
        "Safe()",
        "[Copies([1, None]), Safe(), Slotted]",
        "hold(Copies({'a': 1.5}))",
        "Keeps(Image.new('L', (2, 2)))",
    ],
)
def test_what_comes_back_as_it_was_is_kept(notebook, made):
    notebook.run(LOSSY)
    notebook.run(f"a = {made}")
    assert type(notebook.back("a")["a"]) is type(notebook.namespace["a"])


def test_what_refers_to_itself_by_name_is_refused(notebook, monkeypatch):
    """It would be missing in the next session, or worse, something else of that name."""
    notebook.run("class Named:\n    def __reduce__(self): return 'SINGLE'\nSINGLE = Named()")
    monkeypatch.setattr(sys.modules["__main__"], "SINGLE", notebook.namespace["SINGLE"], raising=False)
    with pytest.raises(Unpicklable, match="needs 'SINGLE'"):
        notebook.pack("SINGLE")
    notebook.namespace["other"] = [notebook.namespace["SINGLE"]]
    assert notebook.back("other")["other"][0] is notebook.namespace["SINGLE"]


def test_trying_out_leaves_no_figure_open(notebook):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 2])
    notebook.run("class Wary:\n    def __setstate__(self, state): pass")
    notebook.run("w = Wary()")
    notebook.namespace["figure"] = figure
    before = plt.get_fignums()
    back = notebook.pack("figure", "w")
    assert plt.get_fignums() == before
    assert back.nbytes > 1000
    plt.close("all")


def test_objects_that_raise_anything_are_refused(notebook):
    notebook.run("class Odd:\n    def __reduce__(self): raise KeyError('odd')\nx = Odd()")
    with pytest.raises(Unpicklable, match="odd"):
        notebook.pack("x")


def test_an_interrupt_is_not_taken_for_a_refusal(notebook):
    notebook.run("class Odd:\n    def __reduce__(self): raise KeyboardInterrupt\nx = Odd()")
    with pytest.raises(KeyboardInterrupt):
        notebook.pack("x")


def test_collection_is_as_before_afterwards(notebook):
    import gc

    assert gc.isenabled()
    notebook.value([1])
    with pytest.raises(Unpicklable):
        notebook.value(threading.Lock())
    assert gc.isenabled()
