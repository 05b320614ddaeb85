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
        ("Changes()", "comes back as a dict"),
        ("Refuses()", "cannot be read back: no way"),
    ],
)
def test_what_does_not_come_back_is_refused_when_it_is_stored(notebook, made, reason):
    notebook.run(RELUCTANT)
    notebook.run(f"x = {made}")
    with pytest.raises(Unpicklable, match=reason):
        notebook.pack("x")


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
    notebook.run("w = Wary(); w.x = 1")
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
