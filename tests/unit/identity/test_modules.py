"""Local modules: by what is loaded, and by their source where they are not."""

from __future__ import annotations

import importlib

import pytest

from vibe_magic.identity import Statics

CHANGES = {
    "itself": ("a", "f", {"a": "def f(): return 1"}, {"a": "def f(): return 2"}),
    "helper": (
        "a",
        "f",
        {"a": "def h(): return 1\ndef f(): return h()"},
        {"a": "def h(): return 2\ndef f(): return h()"},
    ),
    "constant of a method": (
        "a",
        "f",
        {"a": "K = 1\nclass C:\n    def m(self): return K\ndef f(): return C()"},
        {"a": "K = 2\nclass C:\n    def m(self): return K\ndef f(): return C()"},
    ),
    "from another": (
        "a",
        "f",
        {"a": "from b import h\ndef f(): return h()", "b": "def h(): return 1"},
        {"b": "def h(): return 2"},
    ),
    "attribute of another": (
        "a",
        "f",
        {"a": "import b as q\ndef f(): return q.h()", "b": "def h(): return 1"},
        {"b": "def h(): return 2"},
    ),
    "handed on": ("a", "h", {"a": "from b import h", "b": "def h(): return 1"}, {"b": "def h(): return 2"}),
    "handed on by a star": (
        "a",
        "h",
        {"a": "from b import *", "b": "def h(): return 1"},
        {"b": "def h(): return 2"},
    ),
    "imported where it exists": (
        "a",
        "f",
        {
            "a": "try:\n    from b import h\nexcept ImportError:\n    h = None\ndef f(): return h()",
            "b": "def h(): return 1",
        },
        {"b": "def h(): return 2"},
    ),
    "call at the top": (
        "a",
        "f",
        {"a": "R = {}\nR.update(a=1)\ndef f(): return R"},
        {"a": "R = {}\nR.update(a=2)\ndef f(): return R"},
    ),
    "attribute stored": (
        "a",
        "f",
        {"a": "class C: pass\nC.k = 1\ndef f(): return C.k"},
        {"a": "class C: pass\nC.k = 2\ndef f(): return C.k"},
    ),
    "item stored": (
        "a",
        "f",
        {"a": "D = {}\nD['a'] = 1\ndef f(): return D"},
        {"a": "D = {}\nD['a'] = 2\ndef f(): return D"},
    ),
    "base class": (
        "a",
        "C",
        {"a": "from b import B\nclass C(B): pass", "b": "class B:\n    k = 1"},
        {"b": "class B:\n    k = 2"},
    ),
    "package around": (
        "p.a",
        "f",
        {"p__in____init__": "import os\nos.environ['Q'] = '1'", "p__in__a": "def f(): return 1"},
        {"p__in____init__": "import os\nos.environ['Q'] = '2'"},
    ),
    "relative import": (
        "p",
        "f",
        {
            "p__in____init__": "from .a import f",
            "p__in__a": "from .b import g\ndef f(): return g()",
            "p__in__b": "def g(): return 1",
        },
        {"p__in__b": "def g(): return 2"},
    ),
    "submodule": (
        "p",
        "a.f",
        {"p__in____init__": "", "p__in__a": "def f(): return 1"},
        {"p__in__a": "def f(): return 2"},
    ),
    "folder without __init__": (
        "n.a",
        "f",
        {"n__in__a": "def f(): return 1"},
        {"n__in__a": "def f(): return 2"},
    ),
    "two that import each other": (
        "a",
        "f",
        {"a": "import b\ndef f(): return b.g()", "b": "import a\ndef g(): return 1"},
        {"b": "import a\ndef g(): return 2"},
    ),
    "a submodule that is imported for what it does": (
        "p.a",
        "f",
        {"p__in____init__": "", "p__in__a": "from . import b\ndef f(): return 1", "p__in__b": "print(1)"},
        {"p__in__b": "print(2)"},
    ),
    "one that is imported for what it does": (
        "a",
        "f",
        {
            "a": "import b\ndef f(): return 1",
            "b": "import c",
            "c": "from d import g\ng()",
            "d": "def g(): return 1",
        },
        {"d": "def g(): return 2"},
    ),
    "whole module": ("a", "", {"a": "X = 1"}, {"a": "X = 2"}),
    "star": ("a", "*", {"a": "X = 1"}, {"a": "X = 2"}),
    "module named like one of Python's": (
        "random",
        "random",
        {"random": "def random(): return 1"},
        {"random": "def random(): return 2"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_change_of_a_source_is_seen(name: str, project) -> None:
    module, attribute, files, edit = CHANGES[name]
    path = project(**files)
    before = Statics((path,)).digest(module, attribute)
    assert before
    assert before == Statics((path,)).digest(module, attribute)
    project(**edit)
    assert Statics((path,)).digest(module, attribute) not in ("", before)


@pytest.mark.parametrize(
    "edit",
    ["# x\n\ndef f():\n    'Say.'\n    return 1\ndef g(): return 2", "def f(): return 1\ndef g(): return 3"],
    ids=["comment", "another function"],
)
def test_what_does_not_matter_is_not_seen(edit: str, project) -> None:
    path = project(a="def f(): return 1\ndef g(): return 2")
    before = Statics((path,)).digest("a", "f")
    project(a=edit)
    assert Statics((path,)).digest("a", "f") == before


def test_of_a_module_imported_as_a_whole_what_is_used_counts(project) -> None:
    path = project(
        wh_a="import wh_b as b\ndef f(): return b.g()", wh_b="def g(): return 1\ndef h(): return 1"
    )
    before = {name: Statics((path,)).digest("wh_a", name) for name in ("f", "")}
    project(wh_b="def g(): return 1\ndef h(): return 2")
    assert Statics((path,)).digest("wh_a", "f") == before["f"]
    assert Statics((path,)).digest("wh_a", "") != before[""]
    project(wh_b="def g(): return 2\ndef h(): return 2")
    assert Statics((path,)).digest("wh_a", "f") not in ("", before["f"])


def test_a_module_that_is_used_as_a_value_counts_as_a_whole(project) -> None:
    path = project(va_a="import va_b\ndef f(n): return getattr(va_b, n)", va_b="K = 1")
    before = Statics((path,)).digest("va_a", "f")
    project(va_b="K = 2")
    assert Statics((path,)).digest("va_a", "f") not in ("", before)


def test_what_needs_a_module_is_told_apart_from_what_its_source_tells(project, reach) -> None:
    """What is loaded may hold something else than its source says; a package counts by its version."""
    path = project(
        ne_a="import ne_b, math, numpy\ndef f(): return ne_b.K, math.pi, numpy.e", ne_b="K, L = 1, 2"
    )
    statics = Statics((path,))
    assert statics.needs("ne_a", "f") == [("math", "pi"), ("numpy", "e")]
    importlib.import_module("ne_b")
    assert Statics((path,)).needs("ne_a", "f") == [("math", "pi"), ("ne_b", "K"), ("numpy", "e")]
    found = reach("import ne_a\ny = ne_a.f()", search_path=(path,))
    assert set(found.inputs) == {"ne_a:f", "ne_b:K", "numpy:e", "math:pi"}
    assert found.packages.keys() == {"numpy"}


def test_installed_and_absent_modules_have_no_static_digest() -> None:
    assert [Statics().digest(name, "x") for name in ("numpy", "json", "no_such_module")] == [""] * 3


def test_a_name_of_a_module_that_is_not_loaded_is_known_by_its_source(project, reach) -> None:
    path = project(loc_un="def f(): return 1")
    found = reach("from loc_un import f\ny = f()", search_path=(path,)).inputs["loc_un:f"]
    assert (found.digest, found.static) == ("", Statics((path,)).digest("loc_un", "f"))


def test_a_loaded_module_counts_as_loaded_until_it_is_reloaded(project, reach) -> None:
    path = project(loc_re="K = 1\ndef f(): return K")

    def live():
        found = reach("m.f()", "import loc_re as m", search_path=(path,)).inputs
        return {ref: identity.digest for ref, identity in found.items()}

    before = live()
    assert set(before) == {"m", "loc_re:f", "loc_re:K"}
    project(loc_re="K = 22222\ndef f(): return K + 1")
    assert live() == before
    importlib.reload(importlib.import_module("loc_re"))
    after = live()
    assert {ref for ref in before if before[ref] != after[ref]} == {"loc_re:f", "loc_re:K"}


def test_a_loaded_module_leads_on_to_others(project, reach) -> None:
    path = project(loc_a="import loc_b\ndef f(): return loc_b.h()", loc_b="def h(): return 1")
    assert {"loc_a:f", "loc_b:h"} <= set(reach("m.f()", "import loc_a as m", search_path=(path,)).inputs)


def test_an_instance_of_a_local_class_leads_to_what_its_methods_need(project, reach) -> None:
    path = project(loc_i="class A:\n    def m(self): return h()\ndef h(): return 1")
    found = reach("a.m()", "import loc_i\na = loc_i.A()\ndel loc_i", search_path=(path,))
    assert set(found.inputs) == {"a", "loc_i:h"}
