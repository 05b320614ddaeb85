"""A hit is indistinguishable from a run: classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import A, Case, check_case, same

DERIVED = "y = [c.__name__ for c in fractions.Fraction.__subclasses__()]"
KINDS = """class B:
    pass
class D(B):
    def m(self): return {}
def make(name): return {{c.__name__: c for c in B.__subclasses__()}}[name]()"""
NOTING = """known = {{}}
class B:
    def __init_subclass__(cls): known[cls.__name__] = cls
class D(B):
    def m(self): return {}
def make(name): return known[name]()"""
ABSTRACT = "import abc\nclass B(abc.ABC): pass\nclass C: pass"
GENERATED = """import attrs
def whole(v): return {}
@attrs.define
class P:
    x: int = attrs.field(converter=whole)"""
BY_PATH = """import importlib.util
spec = importlib.util.spec_from_file_location('plug', 'plug.py')
m = importlib.util.module_from_spec(spec)
spec.loader.exec_module(m)"""

CASES = [
    Case(
        "a class more that derives from one",
        ("class B: pass", "class D(B): pass", A + "y = [c.__name__ for c in B.__subclasses__()]"),
        ("class B: pass", "class E(B): pass", A + "y = [c.__name__ for c in B.__subclasses__()]"),
        ran=("y",),
    ),
    same(
        "the same classes that derive from one",
        "class B: pass",
        "class D(B):\n    def m(self): return 3",
        A + "y = [c().m() for c in B.__subclasses__()]",
        restored=("y",),
    ),
    Case(
        "another class that derives from one of a package",
        ("import fractions", "class D(fractions.Fraction): pass", A + DERIVED),
        ("import fractions", "class E(fractions.Fraction): pass", A + DERIVED),
        ran=("y",),
    ),
    same(
        "a class of a local module that another finds among all derived ones",
        "import kinds",
        A + "y = kinds.make('D').m()",
        ran=("y",),
        files={"kinds.py": KINDS.format(1)},
        edits={"kinds.py": KINDS.format(2)},
    ),
    same(
        "a class of a local module not yet loaded that another notes",
        A + "from kinds import make\ny = make('D').m()",
        ran=("make",),
        files={"kinds.py": NOTING.format(1)},
        edits={"kinds.py": NOTING.format(2)},
    ),
    Case(
        "a class registered as derived",
        (ABSTRACT, "0", A + "y = isinstance(C(), B)"),
        (ABSTRACT, "B.register(C)", A + "y = isinstance(C(), B)"),
        ran=("y",),
    ),
    Case(
        "a class registered with a derived one",
        (ABSTRACT, "class D(B): pass", A + "y = isinstance(C(), B)"),
        (ABSTRACT, "class D(B): pass\nD.register(C)", A + "y = isinstance(C(), B)"),
        ran=("y",),
    ),
    same(
        "an asset that registers a class as derived",
        ABSTRACT,
        A + "r = B.register(C)",
        "print(isinstance(C(), B))",
        ran=("r",),
    ),
    same(
        "an asset that makes classes and registers them",
        "import abc",
        A + "class B(abc.ABC): pass\nclass C: pass\nB.register(C)",
        "print(isinstance(C(), B))",
        restored=("B",),
    ),
    Case(
        "the order of what a class holds",
        ("class C:\n    a = 1\n    b = 2", A + "y = [k for k in vars(C) if k[0] != '_']"),
        ("class C:\n    b = 2\n    a = 1", A + "y = [k for k in vars(C) if k[0] != '_']"),
        ran=("y",),
    ),
    same(
        "the order of what a class that was restored holds",
        "",
        A + "class C:\n    b = 2\n    a = []\n    def f(self): return 1",
        A + "y = [k for k in vars(C) if k[0] != '_']",
        restored=("C", "y"),
    ),
    Case(
        "a constant of a module that is made by hand",
        ("import types\nm = types.ModuleType('made')\nm.K = 1", A + "y = m.K"),
        ("import types\nm = types.ModuleType('made')\nm.K = 2", A + "y = m.K"),
        ran=("y",),
    ),
    same(
        "a module that is loaded under no name",
        BY_PATH,
        A + "y = m.K",
        A + "z = m.f()",
        ran=("y", "z"),
        files={"plug.py": "K = 1\ndef g(): return 1\ndef f(): return g()"},
        edits={"plug.py": "K = 2\ndef g(): return 2\ndef f(): return g()"},
    ),
    same(
        "a module that is loaded under no name and stays as it is",
        BY_PATH,
        A + "y = m.K",
        A + "z = m.f()",
        restored=("y", "z"),
        files={"plug.py": "K = 1\ndef g(): return 1\ndef f(): return g()"},
    ),
    Case(
        "a function whose global names are in a dict",
        ("space = {}\nexec('K = 1\\ndef f(): return K', space)\nf = space['f']", A + "y = f()"),
        ("space = {}\nexec('K = 2\\ndef f(): return K', space)\nf = space['f']", A + "y = f()"),
        ran=("y",),
    ),
    same(
        "a function of a script that was run",
        "import runpy\nf = runpy.run_path('plug.py')['f']",
        A + "y = f()",
        ran=("y",),
        files={"plug.py": "K = 1\ndef g(): return K\ndef f(): return g()"},
        edits={"plug.py": "K = 2\ndef g(): return K\ndef f(): return g()"},
    ),
    same(
        "a constant read from a module's dict",
        "import own",
        A + "y = own.__dict__['K']",
        ran=("y",),
        files={"own.py": "K = 1"},
        edits={"own.py": "K = 2"},
    ),
    same(
        "a module that a cell looks for and that is there later",
        "import importlib.util",
        A + "y = importlib.util.find_spec('own') is not None",
        ran=("y",),
        edits={"own.py": "K = 1"},
    ),
    same(
        "modules that a cell lists",
        "import pkgutil",
        A + "y = sorted(m.name for m in pkgutil.iter_modules(['.']))",
        ran=("y",),
        files={"own.py": "K = 1"},
        edits={"more.py": "K = 1"},
    ),
    same(
        "fields without defaults",
        "from dataclasses import *",
        A + "@dataclass\nclass P:\n    x: int\n    y: list = field(default_factory=list)",
        A + "p = P(1)",
        "@dataclass\nclass Q(P):\n    z: int = 0\n"
        "print(Q(1), replace(p, x=2), fields(P)[0].default is MISSING)",
        restored=("P", "p"),
    ),
    same(
        "data classes with slots",
        "from dataclasses import dataclass",
        A + "@dataclass(frozen=True, slots=True)\nclass P:\n    x: int\np = P(1)",
        "print(p, P.__slots__, hasattr(p, '__dict__'))",
        restored=("P",),
    ),
    same(
        "decorated classes with slots",
        "def named(cls):\n    cls.name = 'n'\n    return cls",
        A + "@named\nclass P:\n    __slots__ = {'x': 'the x', '__weakref__': None, '__own': ''}\n"
        "    def __init__(self): self.x, self.__own = [1], 2\n    def own(self): return self.__own\np = P()",
        "import weakref\nprint(p.x, p.own(), P.x.__doc__, P.__slots__, weakref.ref(p)() is p, P.name)",
        restored=("P",),
    ),
    same(
        "classes whose methods a library has generated",
        GENERATED.format("int(v)") + "\n    y: list = attrs.Factory(list)",
        A + "p = P('3')\np.y.append(p)",
        "print(p, p.y[0] is p, p == P(3), attrs.fields(P).x.converter is whole)",
        restored=("p",),
    ),
    Case(
        "what methods that a library has generated call",
        (GENERATED.format("int(v)"), A + "y = P('3').x"),
        (GENERATED.format("-int(v)"), A + "y = P('3').x"),
        ran=("y",),
    ),
    same(
        "the same modules that a cell lists",
        "import pkgutil",
        A + "y = sorted(m.name for m in pkgutil.iter_modules(['.']))",
        restored=("y",),
        files={"own.py": "K = 1"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_indistinguishable_from_a_run(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
