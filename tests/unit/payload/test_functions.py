"""Functions of the notebook travel by value and use the globals of the place where they arrive."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import linecache
import sys
import traceback

import pytest

from vibe_magic.errors import CorruptEntry, Unpicklable


def test_globals_are_the_live_namespace(notebook):
    notebook.run("k = 1\ndef f(): return k")
    back = notebook.back("f")["f"]
    assert back is not notebook.namespace["f"]
    assert back.__globals__ is notebook.namespace
    notebook.run("k = 2")
    assert back() == 2


def test_everything_about_a_function_survives(notebook):
    notebook.run(
        "def f(a: int, b=[1], *, c='k') -> str:\n    'doc'\n    return a, b, c\n"
        "f.tag = {'x': 1}; f.__qualname__ = 'other.name'"
    )
    old, new = notebook.namespace["f"], notebook.back("f")["f"]
    for name in ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__dict__"):
        assert getattr(new, name) == getattr(old, name)
    assert new.__kwdefaults__ == {"c": "k"}
    assert new.__annotations__ == old.__annotations__
    assert new(1) == (1, [1], "k")


def test_a_default_keeps_what_was_put_into_it(notebook):
    notebook.run("def f(a=[]):\n    a.append(1)\n    return len(a)\nf()")
    assert notebook.back("f")["f"]() == 2


def test_closures_share_their_variables(notebook):
    notebook.run(
        "def make():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n"
        "    def get(): return n\n    return step, get\nstep, get = make()"
    )
    back = notebook.back("step", "get")
    back["step"]()
    assert (back["get"](), notebook.namespace["get"]()) == (1, 0)


def test_recursion_through_a_closure_and_through_the_namespace(notebook):
    notebook.run(
        "def make():\n    def g(n): return 0 if n == 0 else 1 + g(n - 1)\n    return g\n"
        "g = make()\n"
        "def fact(n): return 1 if n < 2 else n * fact(n - 1)"
    )
    back = notebook.back("g", "fact")
    assert (back["g"](5), back["fact"](5)) == (5, 120)


def test_an_empty_closure_variable_stays_empty(notebook):
    notebook.run("def make():\n    def g(): return late\n    if 0: late = 1\n    return g\ng = make()")
    with pytest.raises(NameError):
        notebook.back("g")["g"]()


def test_lambdas_coroutines_generators_and_partials(notebook):
    notebook.run(
        "import functools\nk = 3\nl = [lambda x: x + k]\np = functools.partial(l[0], 1)\n"
        "def gen():\n    yield k\nasync def co(): return k"
    )
    back = notebook.back("l", "p", "gen", "co")
    assert (back["l"][0](1), back["p"](), list(back["gen"]())) == (4, 4, [3])
    assert back["p"].func is back["l"][0]
    assert inspect.iscoroutinefunction(back["co"])


def test_a_decorated_function_keeps_what_it_wraps(notebook):
    notebook.run(
        "import functools\ndef deco(f):\n    @functools.wraps(f)\n"
        "    def inner(*a): return f(*a) + 1\n"
        "    return inner\n@deco\ndef h(x): return x"
    )
    back = notebook.back("h")["h"]
    assert (back(1), back.__name__, back.__wrapped__(1)) == (2, "h", 1)


def test_source_is_found_after_restoring(notebook):
    notebook.run("def f(x):\n    return 1 / x\n")
    data, packed = notebook.bytes("f")
    linecache.cache.pop(notebook.cells[0])
    back = notebook.unpack(data, packed)["f"]
    assert "return 1 / x" in inspect.getsource(back)
    try:
        back(0)
    except ZeroDivisionError:
        assert "return 1 / x" in traceback.format_exc()


def test_code_of_another_python_is_a_miss(notebook, monkeypatch):
    notebook.run("def f(): pass")
    data, packed = notebook.bytes("f")
    monkeypatch.setattr(importlib.util, "MAGIC_NUMBER", b"old\n")
    with pytest.raises(CorruptEntry, match="another version of Python"):
        notebook.unpack(data, packed)


def test_code_objects_are_values(notebook):
    notebook.run("code = compile('1 + 1', '<x>', 'eval')")
    assert eval(notebook.back("code")["code"]) == 2


def test_functions_of_modules_go_by_reference(notebook):
    notebook.run("import os.path, functools\nj = os.path.join\nw = functools.wraps")
    back = notebook.back("j", "w")
    assert back["j"] is notebook.namespace["os"].path.join
    assert back["w"] is functools.wraps


@pytest.fixture
def local_module(tmp_path, monkeypatch):
    (tmp_path / "local_part.py").write_text(
        "k = 1\ndef plain(): return k\ndef make():\n    def inner(): return k\n    return inner\n"
        "class Thing:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "local_part"
    sys.modules.pop("local_part", None)


def test_what_a_local_module_defines_belongs_to_the_module(notebook, local_module):
    notebook.run("import local_part as m\np = m.plain; i = m.make(); t = m.Thing()")
    back = notebook.back("p", "i", "t")
    module = notebook.namespace["m"]
    assert back["p"] is module.plain
    assert type(back["t"]) is module.Thing
    module.k = 7
    assert back["i"]() == 7


def test_functions_of_an_unknown_namespace_bring_what_they_use(notebook):
    scope = {"k": 5, "unused": object()}
    exec("def f(): return k + g()\ndef g(): return 1", scope)
    notebook.namespace["f"] = scope["f"]
    assert notebook.back("f")["f"]() == 6


def test_a_memoised_function_without_memories(notebook):
    notebook.run("import functools\n@functools.lru_cache(maxsize=7)\ndef f(x): return [x]")
    back = notebook.back("f")["f"]
    assert back(1) is back(1)
    assert back.cache_info().maxsize == 7
    assert back.__name__ == "f"
    assert back.__wrapped__ is not notebook.namespace["f"].__wrapped__


@pytest.mark.parametrize("size", [None, 7, 0])
@pytest.mark.parametrize("result", ["x", "(x, 'a')", "None"])
def test_a_memoised_function_that_remembers_plain_values(notebook, size, result):
    notebook.run(
        f"import functools\n@functools.lru_cache({size})\ndef f(x, k=1): return {result}\nf(1)\nf(2, k=3)"
    )
    assert notebook.back("f")["f"].cache_info().currsize == 0


@pytest.mark.parametrize("size", [None, 7])
@pytest.mark.parametrize("result", ["[x]", "{}", "{'a': x}", "(1, [x])", "object()", "len"])
def test_a_memoised_function_that_remembers_objects_is_refused(notebook, size, result):
    notebook.run(f"import functools\n@functools.lru_cache({size})\ndef f(x): return {result}\nf(1)")
    with pytest.raises(Unpicklable, match="functools cache remembers"):
        notebook.pack("f")
