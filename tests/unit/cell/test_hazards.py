"""What the text cannot tell, and what else it says: stores, strings, environment, seeds, introspection."""

from __future__ import annotations

import pytest

from vibe_magic.cell import Hazard, analyse

HAZARDS = [
    ("globals()['x'] = 1", "dynamic globals()"), ("exec(code)", "dynamic exec()"),
    ("locals()", "dynamic locals()"), ("f.__globals__", "dynamic __globals__"),
    ("from a import *", "dynamic from a import *"), ("import __main__", "dynamic import __main__"),
    ("get_ipython().user_ns", "dynamic get_ipython(), dynamic user_ns"),
    ("from importlib import reload as r\nr(m)", "dynamic importlib.reload()"), ("eval('x + 1')", ""),
    ("input('?')", "stdin input()"), ("from getpass import getpass\ngetpass()", "stdin getpass.getpass()"),
    ("import sys\nsys.stdin.read()", "stdin sys.stdin.read"),
    ("import subprocess as sp\nsp.run(c)", "process subprocess.run"),
    ("import subprocess\nsubprocess.PIPE", ""), ("os.system('ls')", "process os.system"),
    ("!ls -l", "process !ls -l"), ("%%bash\nls", "process %%bash"), ("%cd /tmp", "magic %cd"),
    ("x?", "magic %pinfo"), ("%timeit f(x)", ""), ("%timeit -n 3 f(x)", "magic %timeit"),
    ("%%time\n!ls", "magic %%time"), ("_ + 1", "history _"), ("_3, Out[1]", "history Out, history _3"),
    ("for _ in r:\n    print(_)", ""), ("exit()", "exit exit()"),
    ("import os\nos._exit(1)", "exit os._exit()"), ("def f():\n    return input()", ""),
    ("def f():\n    return input()\nf()", "stdin input()"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "hazards"), HAZARDS)
def test_hazards(source: str, hazards: str) -> None:
    found = analyse(source).facts.hazards
    assert ", ".join(sorted(f"{hazard.kind} {hazard.detail}" for hazard in found)) == hazards


def test_hazards_come_in_order_of_line() -> None:
    found = analyse("def f():\n    return _\n\nexec(code)\nx = f()\ninput()").facts.hazards
    assert found == (
        Hazard("history", "_", 2),
        Hazard("dynamic", "exec()", 4),
        Hazard("stdin", "input()", 6),
    )


NAMED = [
    ("stores", "math.pi2 = 1", "math.pi2"), ("stores", "import numpy as np\nnp.a.b = 1", "np.a.b numpy.a.b"),
    ("stores", "del m.x\nm.y += 1", "m.x m.y"),
    ("stores", "setattr(m, 'x', 1)\nsetattr(n.o, k, 1)", "m.x n.o.*"),
    ("stores", "f().x = 1\nm.x\nm[0] = 1", ""), ("strings", "f('a', k='b')['c']", "a b c"),
    ("strings", "x = f'a{y}b'", "a b"), ("strings", "x = ''\ny = 'a\\nb'\nz = b'c'", ""),
    ("strings", f"x = '{'a' * 1024}'\ny = '{'b' * 1025}'", "a" * 1024),
    ("strings", "def f():\n    'doc'\n    return 'a'\nf()", "a"),
    ("env", "os.environ['A'], os.environ.get('B', 1), os.getenv('C')", "A B C"),
    ("env", "os.environ[k], d['A'], d.get('B')", ""), ("mentions", "a.b(c=1)\nd = 'e'", "a b d"),
    ("mentions", "def f():\n    return a.b", "a b f"),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "source", "names"), NAMED)
def test_names_and_texts(fact: str, source: str, names: str) -> None:
    assert getattr(analyse(source).facts, fact) == frozenset(names.split())


FLAGS = [
    ("seeds", "np.random.seed(0)", True), ("seeds", "random.setstate(s)", True),
    ("seeds", "np.random.rand()", False), ("seeds", "def f():\n    random.seed(0)\nf()", True),
    ("introspects", "f.__doc__", True), ("introspects", "help(f)", True),
    ("introspects", "from inspect import getsource as g", True),
    ("introspects", "def f():\n    'doc'\nf()", False),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "source", "expected"), FLAGS)
def test_seeding_and_introspection_are_seen(fact: str, source: str, expected: bool) -> None:
    assert getattr(analyse(source).facts, fact) is expected
