"""A hit is indistinguishable from a run: each fact of the promise, against plain IPython.

Every case is a notebook and an edited one. The first runs with the extension, then the second in a fresh
process with the same cache; a third process runs the second without the extension. Names, types, values,
sharing and outputs must agree, and cells that the edit cannot affect must have been restored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.oracle.compare import differences
from tests.oracle.runner import Cell, Observed, Pass, run


@dataclass(frozen=True)
class Case:
    """Cells before and after an edit, files beside them, and what must have been restored."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    restored: tuple[str, ...] = ()
    ran: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    edits: dict[str, str] = field(default_factory=dict)


def same(
    name: str,
    *cells: str,
    restored: tuple[str, ...] = (),
    ran: tuple[str, ...] = (),
    files: dict[str, str] | None = None,
    edits: dict[str, str] | None = None,
) -> Case:
    """Return a case in which the notebook itself stays as it is."""
    return Case(name, cells, cells, restored, ran, files or {}, edits or {})


A = "%%asset\n"
CAUGHT = """import traceback
try:
    h()
except ZeroDivisionError:
    text = traceback.format_exc().splitlines()[-4].split()[-3:]"""
WARNED = """with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    h()
line = caught[0].lineno"""
QUERIED = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})"
ROWS = "y = next(csv.reader(io.StringIO('a|b;c'), 'p'))"
MANAGED = "@contextlib.contextmanager\ndef managed():\n    yield {}"
HELD = """DEFAULTS, MISSING = {'a': [1]}, object()
class O: x = [1]
o = O()
_D = {'a': [1]}
def get(): return _D['a']
class Model:
    def __init__(self, cfg=DEFAULTS): self.cfg = cfg
"""
GENERIC = "from functools import singledispatch\n@singledispatch\ndef f(x): return 'any'"
COUNTER = """def counter():
    n = 0
    def inc():
        nonlocal n
        n += 1
    return inc, lambda: n
"""
SCALED = """import pandas as pd
from sklearn.preprocessing import StandardScaler
frame = pd.DataFrame({'a': [1.0, 2.0]})
"""
WITH = "import sklearn\ndef out(how): sklearn.set_config(transform_output=how)"
SCALE = "x = StandardScaler().fit_transform(frame)"
SPARED = """class Spared:
    def __init__(self):
        self.x, self.cache = 1, [5]
    def __getstate__(self):
        return {'x': self.x}"""
LOCKED = """import threading
class Locked:
    def __init__(self):
        self.items, self.lock = [1], threading.Lock()
    def __getstate__(self):
        return {'items': self.items}
    def __setstate__(self, state):
        self.items, self.lock = state['items'], threading.Lock()
"""
TWICE = """class Twice:
    def __init__(self):
        self.items = self.view = []
    def __getstate__(self):
        return list(self.items), list(self.view)
    def __setstate__(self, state):
        self.items, self.view = state"""
SUMS = """def sums():
    n, all = 0, []
    class Sum:
        def add(self, more):
            nonlocal n
            n += more
            all.append(more)
    return Sum(), lambda: (n, all)
"""
NOTED = """import warnings, decimal
import numpy as np, pandas as pd
warnings.simplefilter('ignore')
class Money(decimal.Decimal): pass
class Signal(np.ndarray):
    rate = None
    def __array_finalize__(self, other):
        self.rate = getattr(other, 'rate', None)"""
PUT = "def f(self): return self * k\nsetattr(F, 'twice', f)"
FORMATS = """import matplotlib_inline.config
from IPython.core.pylabtools import select_figure_formats
select_figure_formats(get_ipython(), "{}", bbox_inches="tight")"""
MORTAL = """import weakref
import numpy as np
class Mortal:
    def __del__(self): print('gone')
m = Mortal()
w = weakref.ref(m)"""
PICKLED = "import pickle\nopen('m.pkl', 'wb').write(b'\\x80\\x04\\x8c\\x02mm\\x8c\\x01C\\x93)\\x81.')"
UNPICKLE = "m = pickle.load(open('m.pkl', 'rb'))"
DUMPED = """import os, pickle
if not os.path.exists('m.pkl'):
    open('m.pkl', 'wb').write(pickle.dumps(C()))"""
SHOWN = """def show(f):
    seen = [f.closed, f.name, getattr(f, 'mode', ''), getattr(f, 'encoding', ''), getattr(f, 'newlines', '')]
    for method in (f.fileno, f.isatty, f.flush, f.__enter__):
        try:
            method()
        except ValueError as error:
            seen.append(str(error))
    print(str(f).partition(' at 0x')[0], *seen)"""
TABLE = """import os, sqlite3
if not os.path.exists('d.db'):
    with sqlite3.connect('d.db') as made:
        made.execute('create table t(a)')
    made.close()
    os.utime('d.db', (1, 1))"""
DIALECT = "import csv\ncsv.register_dialect('p', delimiter='{}')"
CALLED = "import csv\ndef register(by): csv.register_dialect('p', delimiter=by)"
ACCESSOR = """import pandas as pd
@pd.api.extensions.register_dataframe_accessor('own')
class Own:
    def __init__(self, frame):
        self.frame = frame
    def total(self):
        return {} * int(self.frame['a'].sum())
"""
CASES = [
    same("nothing changed", "x = 2", A + "y = x + 1\nprint(y)\ny", restored=("y",)),
    Case(
        "type of a constant",
        ("x = 1000", A + "y = repr(x)"),
        ("x = '1000'", A + "y = repr(x)"),
        ran=("y",),
    ),
    Case("one and true", ("x = 1", A + "y = repr(x)"), ("x = True", A + "y = repr(x)"), ran=("y",)),
    Case(
        "a global that a function had bound before",
        ("def f():\n    global made\n    made = 1\n    return 0", "made = 1", A + "y = f()"),
        ("def f():\n    global made\n    made = 1\n    return 0", "other = 1", A + "y = f()", "made"),
        ran=("y",),
    ),
    Case(
        "a constant bound in a branch that a called function reads",
        ("c = 0\nk = 1", A + "def g():\n    return k\nif c:\n    k = 2\n    g()\ny = g()"),
        ("c = 0\nk = 3", A + "def g():\n    return k\nif c:\n    k = 2\n    g()\ny = g()"),
        ran=("g",),
    ),
    Case(
        "an import with a second choice",
        (
            "c = 0",
            A
            + "import json as j\ntry:\n    import string as j\nexcept ImportError:\n    pass\ny = j.__name__",
        ),
        (
            "c = 0",
            A
            + "import json as j\ntry:\n    import string as j\nexcept ImportError:\n    pass\ny = j.__name__",
            "j",
        ),
    ),
    Case(
        "comments and blank lines",
        ("x = 1", A + "y = x + 1"),
        ("x = 1  # one", A + "\n# comment\ny = (x  + 1)"),
        restored=("y",),
    ),
    Case(
        "a semicolon hides the result",
        ("x = 1", A + "y = x\ny"),
        ("x = 1", A + "y = x\ny;"),
        ran=("y",),
    ),
    Case(
        "helper of a helper",
        ("def h(): return 1", "def f(): return h()", A + "y = f()"),
        ("def h(): return 22", "def f(): return h()", A + "y = f()"),
        ran=("y",),
    ),
    Case(
        "unused helper",
        ("def h(): return 1", A + "y = 5"),
        ("def h(): return 2", A + "y = 5"),
        restored=("y",),
    ),
    Case(
        "docstring of a helper",
        ("def h():\n    'a'\n    return 1", A + "y = h()"),
        ("def h():\n    'b'\n    return 1", A + "y = h()"),
        restored=("y",),
    ),
    Case(
        "a comment in a source text that is read",
        ("import inspect\ndef h(): return 1  # a", A + "y = inspect.getsource(h)"),
        ("import inspect\ndef h(): return 1  # b", A + "y = inspect.getsource(h)"),
        ran=("y",),
    ),
    Case(
        "a helper that moved down is found at its new line by a traceback",
        ("def h(): return 1 / 0", "%%asset text\n" + CAUGHT),
        ("# now what?\ndef h(): return 1 / 0", "%%asset text\n" + CAUGHT),
        ran=("text",),
    ),
    Case(
        "a local helper that moved down is found at its new line by a traceback",
        ("from moving import h", "%%asset text\n" + CAUGHT),
        ("from moving import h", "%%asset text\n" + CAUGHT),
        ran=("text",),
        files={"moving.py": "def h(): return 1 / 0"},
        edits={"moving.py": "# now what?\ndef h(): return 1 / 0"},
    ),
    Case(
        "a helper that stays where it is has the same line in a traceback",
        ("def h(): return 1 / 0", "%%asset text\n" + CAUGHT),
        ("def h(): return 1 / 0\n# now what?", "%%asset text\n" + CAUGHT),
        restored=("text",),
    ),
    Case(
        "a helper that moved down tells its new line",
        ("import inspect\ndef h(): return inspect.currentframe().f_lineno", A + "y = h()"),
        ("import inspect\n\ndef h(): return inspect.currentframe().f_lineno", A + "y = h()"),
        ran=("y",),
    ),
    Case(
        "a warning tells the new line of a helper that moved down",
        ("import warnings\ndef h(): warnings.warn('x')", "%%asset line\n" + WARNED),
        ("import warnings\n\ndef h(): warnings.warn('x')", "%%asset line\n" + WARNED),
        ran=("line",),
    ),
    Case(
        "docstring that is read",
        ("def h():\n    'a'\n    return 1", A + "y = h.__doc__"),
        ("def h():\n    'b'\n    return 1", A + "y = h.__doc__"),
        ran=("y",),
    ),
    Case(
        "closure factory",
        ("def make(n):\n    def g(x): return x + n\n    return g", "f = make(3)", A + "y = f(10)"),
        ("def make(n):\n    def g(x): return x + n\n    return g", "f = make(4)", A + "y = f(10)"),
        ran=("y",),
    ),
    same(
        "cached closure",
        "def make(n):\n    def g(x): return x + n\n    return g",
        A + "f = make(3)",
        A + "y = f(10)",
        restored=("f", "y"),
    ),
    Case(
        "default argument",
        ("def f(x=1000): return x", A + "y = f()"),
        ("def f(x=2000): return x", A + "y = f()"),
        ran=("y",),
    ),
    Case(
        "keyword default",
        ("def f(*, x=1): return x", A + "y = f()"),
        ("def f(*, x=2): return x", A + "y = f()"),
        ran=("y",),
    ),
    Case(
        "mutable default",
        ("def f(a=[]):\n    a.append(1)\n    return len(a)", "f()", A + "y = f()"),
        ("def f(a=[]):\n    a.append(1)\n    return len(a)", "f(); f()", A + "y = f()"),
        ran=("y",),
    ),
    Case(
        "lambda reads a global",
        ("k = 1", A + "f = lambda: k", A + "y = f()"),
        ("k = 2", A + "f = lambda: k", A + "y = f()"),
        ran=("y",),
        restored=("f",),
    ),
    Case(
        "method",
        ("class C:\n    def m(self): return 1", A + "c = C()\ny = c.m()"),
        ("class C:\n    def m(self): return 2", A + "c = C()\ny = c.m()"),
        ran=("c",),
    ),
    Case(
        "base class",
        ("class B:\n    k = 1", "class C(B): pass", A + "c = C()\ny = c.k"),
        ("class B:\n    k = 2", "class C(B): pass", A + "c = C()\ny = c.k"),
        ran=("c",),
    ),
    same(
        "instances of a notebook class",
        "class C:\n    def __init__(self, v): self.v = v",
        A + "c = C([1, 2])\nd = c",
        "print(isinstance(c, C), c is d)",
        restored=("c",),
    ),
    same(
        "class and instance in one cell",
        A + "class P:\n    z = 1\np = P()\np.q = 3",
        "print(isinstance(p, P), p.q, P.z)",
        restored=("P",),
    ),
    same(
        "dataclass",
        "from dataclasses import dataclass\n@dataclass\nclass D:\n    a: int = 1",
        A + "d = D(5)\nd",
        restored=("d",),
    ),
    Case(
        "mutual recursion",
        ("def a(n): return n and b(n - 1)", "def b(n): return n and a(n - 1)", A + "y = a(5)"),
        ("def a(n): return n and b(n - 1)", "def b(n): return n or a(n - 1)", A + "y = a(5)"),
        ran=("y",),
    ),
    Case(
        "comprehension has its own scope",
        ("x = 1", A + "y = [x for x in range(3)]"),
        ("x = 2", A + "y = [x for x in range(3)]"),
        restored=("y",),
    ),
    same("walrus binds", A + "y = [(z := i) for i in range(3)]", "print(z)", restored=("y",)),
    Case(
        "augmented assignment",
        ("x = 3", A + "x += 1", "print(x + 1)"),
        ("x = 3", A + "x += 2", "print(x + 1)"),
        ran=("x",),
    ),
    same("augmented assignment again", "x = 3", A + "x += 1", "print(x + 1)", restored=("x",)),
    same(
        "global store",
        "def f():\n    global x\n    x = 2",
        "x = 1",
        A + "r = f()",
        A + "y = x",
        restored=("r", "y"),
    ),
    Case(
        "append in place",
        ("l = [1]", A + "l.append(2)", A + "s = sum(l)"),
        ("l = [1]", A + "l.append(3)", A + "s = sum(l)"),
        ran=("s",),
    ),
    same(
        "append in place restored",
        "l = [1]",
        A + "asset_1 = l.append(2)",
        A + "s = sum(l)",
        restored=("s",),
    ),
    same(
        "alias of an input",
        "a = [1]",
        A + "b = a",
        "b.append(2)",
        "print(a, a is b)",
        restored=("b",),
    ),
    same(
        "alias changed in place",
        "a = [1]\nb = a",
        A + "n = a.append(2)",
        "print(a, b, a is b)",
        ran=("n",),
    ),
    same(
        "shallow copy",
        "ll = [[1], [2]]",
        "import copy",
        A + "c = copy.copy(ll)",
        "c[0].append(5)\nprint(ll)",
        restored=("c",),
    ),
    same(
        "view of an input",
        "import numpy as np\na = np.zeros(4)",
        A + "v = a[:2]",
        "v[:] = 1\nprint(a)",
        restored=("v",),
    ),
    same(
        "view within a result",
        "import numpy as np",
        A + "a = np.zeros(4)\nv = a[:2]",
        "v[:] = 1\nprint(a)",
        restored=("a",),
    ),
    same(
        "two names, one object",
        A + "a = [1, [2]]\nb = a[1]",
        "b.append(3)\nprint(a)",
        restored=("a",),
    ),
    Case(
        "frame changed between",
        (
            "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
            "df['x'] = 1",
            A + "t = df.sum().to_dict()",
        ),
        (
            "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
            "df['x'] = 2",
            A + "t = df.sum().to_dict()",
        ),
        ran=("t",),
    ),
    same(
        "frame changed by an asset",
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        A + "df['x'] = 1",
        "print(df)",
        restored=("cell_",),
    ),
    same(
        "outputs in order",
        "import sys",
        A + "print('a')\nprint('b', file=sys.stderr)\ndisplay({'text/plain': 'c'}, raw=True)\ny = 4\ny",
        restored=("y",),
    ),
    same("warnings", "import warnings", A + "warnings.warn('careful')\nz = 1", restored=("z",)),
    same("an error is not cached", A + "y = 1 / 0"),
    Case(
        "conditional binding",
        ("c = True", A + "if c:\n    x = 1", "print('x' in globals())"),
        ("c = False", A + "if c:\n    x = 1", "print('x' in globals())"),
        ran=("x",),
    ),
    same(
        "conditional binding again",
        "c = False\nx = 9",
        A + "if c:\n    x = 1",
        "print(x)",
        restored=("x",),
    ),
    same("del", "x = 1\nt = 2", A + "y = x\ndel t", "print('t' in globals())", restored=("y",)),
    same(
        "seeded random",
        "import random\nrandom.seed(1)",
        A + "y = random.random()",
        "z = random.random()",
        restored=("y",),
    ),
    Case(
        "seed edited",
        ("import random\nrandom.seed(1)", A + "y = random.random()", "z = random.random()"),
        ("import random\nrandom.seed(2)", A + "y = random.random()", "z = random.random()"),
        ran=("y",),
    ),
    same(
        "seeded numpy",
        "import numpy as np\nnp.random.seed(1)",
        A + "y = np.random.rand(3)",
        "z = np.random.rand()",
        restored=("y",),
    ),
    same(
        "generator as an input",
        "import numpy as np\nrng = np.random.default_rng(1)",
        A + "y = rng.random(2)",
        "z = rng.random()",
        restored=("y",),
    ),
    same("file read", A + "y = open('d.txt').read()", restored=("y",), files={"d.txt": "one"}),
    same(
        "file changed",
        A + "y = open('d.txt').read()",
        ran=("y",),
        files={"d.txt": "one"},
        edits={"d.txt": "two"},
    ),
    same(
        "file through a variable",
        "p = 'd.csv'\nimport pandas as pd",
        A + "y = pd.read_csv(p)",
        ran=("y",),
        files={"d.csv": "a\n1\n"},
        edits={"d.csv": "a\n2\n"},
    ),
    same(
        "local module edited",
        "import helpers",
        A + "y = helpers.f(1)",
        ran=("y",),
        files={"helpers.py": "def f(x): return x\n"},
        edits={"helpers.py": "def f(x): return x + 1\n"},
    ),
    same(
        "another function of the module edited",
        "import helpers",
        A + "y = helpers.f(1)",
        restored=("y",),
        files={"helpers.py": "def f(x): return x\ndef g(): return 1\n"},
        edits={"helpers.py": "def f(x): return x\ndef g(): return 2\n"},
    ),
    same(
        "constant of a module",
        A + "from helpers import f\ny = f(1)",
        ran=("f",),
        files={"helpers.py": "K = 1\ndef f(x): return x + K\n"},
        edits={"helpers.py": "K = 2\ndef f(x): return x + K\n"},
    ),
    same(
        "module of a module",
        A + "from helpers import f\ny = f(1)",
        ran=("f",),
        files={
            "helpers.py": "import deep\ndef f(x): return deep.g(x)\n",
            "deep.py": "def g(x): return x\n",
        },
        edits={"deep.py": "def g(x): return -x\n"},
    ),
    same(
        "import in an asset",
        A + "from helpers import f\ny = f(1)",
        "print(f(2))",
        restored=("f",),
        files={"helpers.py": "K = 1\ndef f(x): return x + K\n"},
    ),
    same("globals() runs", A + "globals()['x'] = 2\ny = 1", "print(x)", ran=("y",)),
    same("history runs", "5", A + "y = _ + 1", ran=("y",)),
    same("generator as a result", A + "g = (i for i in range(3))", "print(next(g))", ran=("g",)),
    same("generator as an input", "g = (i for i in range(3))", A + "y = next(g)", ran=("y",)),
    same(
        "print options",
        "import numpy as np",
        A + "np.set_printoptions(precision=2)\ny = 1",
        "print(np.array([1.23456]))",
        restored=("y",),
    ),
    same(
        "working directory",
        "import os",
        A + "os.makedirs('sub', exist_ok=True)\nos.chdir('sub')\ny = 1",
        "print(os.path.basename(os.getcwd()))",
    ),
    same(
        "environment set",
        "import os",
        A + "os.environ['VM_T'] = '1'\ny = 1",
        "print(os.environ.get('VM_T'))",
        restored=("y",),
    ),
    Case(
        "environment read",
        ("import os\nos.environ['VM_T'] = '1'", A + "y = os.environ['VM_T']"),
        ("import os\nos.environ['VM_T'] = '2'", A + "y = os.environ['VM_T']"),
        ran=("y",),
    ),
    same("await", "import asyncio", A + "await asyncio.sleep(0)\ny = 1", restored=("y",)),
    same("none is shown as nothing", A + "y = None\ny", restored=("y",)),
    same("a set of strings", "s = {'a', 'b', 'c'}", A + "y = len(s)", restored=("y",)),
    Case(
        "early cutoff",
        (A + "a = 1 + 1", A + "b = a * 10"),
        (A + "a = 4 - 2", A + "b = a * 10"),
        ran=("a",),
        restored=("b",),
    ),
    Case(
        "module attribute patched",
        ("import math", "math.pi2 = 1", A + "y = math.pi2"),
        ("import math", "math.pi2 = 2", A + "y = math.pi2"),
        ran=("y",),
    ),
    Case(
        "a name that a cell no longer binds",
        (A + "x = 1\ny = 2", "print('y' in globals())"),
        (A + "x = 1", "print('y' in globals())"),
        ran=("x",),
    ),
    same("unicode names", "变量 = 1\nπ = 3", A + "é = 变量 + π", restored=("é",)),
    same("500 names", A + "\n".join(f"n{i} = {i}" for i in range(500)), restored=("n0",)),
    same(
        "file written",
        A + "open('o.txt', 'w').write('1')\ny = 1",
        A + "z = open('o.txt').read()",
        restored=("y", "z"),
    ),
    same(
        "file written and edited",
        A + "n = open('o.txt', 'w').write('1')\ny = 1",
        A + "z = open('o.txt').read()",
        ran=("n",),
        edits={"o.txt": "gone"},
    ),
    same(
        "nested function reads a later global",
        "def f(): return later",
        "later = 1",
        A + "y = f()",
        restored=("y",),
    ),
    same(
        "lru_cache",
        "import functools\n@functools.lru_cache\ndef f(x): return x * 2",
        A + "y = f(4)",
    ),
    Case(
        "lru_cache edited",
        ("import functools\n@functools.lru_cache\ndef f(x): return x * 2", A + "y = f(4)"),
        ("import functools\n@functools.lru_cache\ndef f(x): return x * 3", A + "y = f(4)"),
        ran=("y",),
    ),
    Case(
        "decorator edited",
        (
            "def deco(f):\n    return lambda *a: f(*a) + 1",
            "@deco\ndef f(x): return x",
            A + "y = f(1)",
        ),
        (
            "def deco(f):\n    return lambda *a: f(*a) + 2",
            "@deco\ndef f(x): return x",
            A + "y = f(1)",
        ),
        ran=("y",),
    ),
    Case(
        "partial",
        (
            "from functools import partial\ndef f(a, b): return a + b\ng = partial(f, 1)",
            A + "y = g(2)",
        ),
        (
            "from functools import partial\ndef f(a, b): return a - b\ng = partial(f, 1)",
            A + "y = g(2)",
        ),
        ran=("y",),
    ),
    Case(
        "function in a container",
        ("def f(): return 1\nd = {'f': f}", A + "y = d['f']()"),
        ("def f(): return 2\nd = {'f': f}", A + "y = d['f']()"),
        ran=("y",),
    ),
    Case(
        "class attribute patched",
        ("class C:\n    k = 1", "C.k = 5", A + "y = C().k"),
        ("class C:\n    k = 1", "C.k = 6", A + "y = C().k"),
        ran=("y",),
    ),
    Case(
        "a plain cell that becomes an asset has only left its trace",
        ("x = [1]", "x[0] = 5", "print(x)"),
        ("x = [1]", A + "x[0] = 5", "print(x)"),
    ),
    Case(
        "the format of figures",
        (FORMATS.format("png"), A + "y = 1"),
        (FORMATS.format("svg"), A + "y = 1"),
        ran=("y",),
    ),
    same(
        "drawing into a figure that another cell left open",
        "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt",
        A + "fig, ax = plt.subplots()",
        A + "n = 1\nplt.xlabel('E')",
        A + "m = 2",
        "print(ax.get_xlabel())",
        restored=("m",),
    ),
    same(
        "what the compiler warns of is told as often as without us",
        r"def f(t): return t + '\s'",
        A + r"y = f('\d') + ('x' if len('\w') is 3 else '')",
        A + r"z = f('\p')",
        restored=("y", "z"),
    ),
    same(
        "a frame shares its index with a series",
        "import pandas as pd\ns = pd.Series([1, 2], index=pd.Index([3, 4]))",
        A + "d = pd.DataFrame({'a': s})",
        "s.index.name = 'k'\nprint(d, d.index is s.index)",
        A + "t = d.reset_index()",
        restored=("d", "t"),
    ),
    same(
        "a column added in place leaves the index that others share",
        "import pandas as pd\ns = pd.Series([1, 2], index=pd.Index([3, 4]))\nd = pd.DataFrame({'a': s})",
        A + "d['b'] = 2",
        "s.index.name = 'k'\nprint(d)",
        restored=("cell_",),
    ),
    same(
        "an index renamed in place that others share",
        "import pandas as pd\ns = pd.Series([1, 2], index=pd.Index([3, 4]))\nd = pd.DataFrame({'a': s})",
        A + "s.index.name = 'k'",
        "print(d)",
        ran=("cell_",),
    ),
    same(
        "an array that looks into a frame",
        "import pandas as pd\nd = pd.DataFrame({'a': [1.0, 2.0]})",
        A + "v = d['a'].to_numpy()",
        "d.loc[0, 'a'] = 9.0\nprint(v, v.flags.writeable)",
        restored=("v",),
    ),
    same(
        "an object in a column that another name holds",
        "import pandas as pd\no = [1]",
        A + "d = pd.DataFrame({'a': [o, 2]})",
        "o.append(2)\nprint(d)",
        restored=("d",),
    ),
    same(
        "instances of one class share nothing",
        "class P:\n    def __init__(self, x): self.x = x",
        "a = P(1)",
        A + "b = P(a.x + 1)",
        "print(b.x, type(b) is P)",
        restored=("b",),
    ),
    same(
        "functions in containers are the notebook's own",
        "def f(x): return x + 1",
        A + "h = {'f': f}",
        A + "k = [*h.values()]",
        A + "def g(x): return x\nl = [g]",
        "print(h['f'] is f, k[0] is f, l[0] is g)",
        restored=("h", "k", "g"),
    ),
    same(
        "values that never change share nothing",
        "import datetime as dt, enum, pathlib\nclass C(enum.Enum):\n    A = 1\n"
        "q = [C.A, pathlib.Path('x'), dt.timezone.utc]",
        A + "r = [*q, C.A]",
        "print(r[0] is C.A, r)",
        restored=("r",),
    ),
    same(
        "members of an enumeration come back with their class",
        "from enum import Enum",
        A + "class Color(Enum):\n    RED = 1\nc = Color.RED\nd = {'a': [c]}\ndef f(c=Color.RED): return c",
        "print(c is Color.RED, isinstance(c, Color), d['a'][0] is c, f() is c)",
        restored=("Color",),
    ),
    same(
        "what a class holds comes back as the class has it",
        "from enum import Enum\nclass C:\n    L, S = [1], object()\nclass E(Enum):\n    A = [1]",
        A + "l, s, e = C.L, C.S, E.A.value",
        "l.append(2)\ne.append(2)\nprint(C.L, s is C.S, E.A.value)",
        restored=("l",),
    ),
    same(
        "what a function holds comes back as the function has it",
        "MISSING = object()\ndef f(x=MISSING, *, y=[]): return x, y\n"
        "class M:\n    def __init__(self, cfg={}): self.cfg = cfg\n"
        "def make():\n    l = [1]\n    return lambda: l\ng = make()",
        A + "r, m, k = f(), M(), g()",
        "r[1].append(9)\nm.cfg['a'] = 1\nk.append(2)\nprint(r[0] is MISSING, f()[1], M().cfg, g())",
        restored=("r",),
    ),
    same(
        "what a local module holds comes back as the module has it",
        "import held",
        A + "opts, got, m, x, mark = held.DEFAULTS, held.get(), held.Model(), held.o.x, held.MISSING",
        "opts['b'] = 1\nprint(held.DEFAULTS, m.cfg is opts, got is held._D['a'], x is held.o.x)\n"
        "print(mark is held.MISSING)",
        restored=("opts",),
        files={"held.py": HELD},
    ),
    same(
        "what a module holds that the cell imports",
        "",
        A + "import held\nm, got = held.Model(), held.get()",
        "print(m.cfg is held.DEFAULTS, got is held._D['a'])",
        restored=("held",),
        files={"held.py": HELD},
    ),
    same(
        "what a function of a local module remembers",
        "import memory",
        A + "y = memory.f(1)",
        "z = memory.f(1)\nz.append(2)\nprint(y)",
        ran=("y",),
        files={"memory.py": "from functools import cache\n@cache\ndef f(x): return [x]\n"},
    ),
    same(
        "dataclasses share no more than marks of their package",
        "from dataclasses import dataclass, field\n@dataclass\nclass E:\n    a: int = 2\n"
        "def make():\n    @dataclass\n    class D:\n        x: int = 1\n    return D()",
        A + "d, e = make(), E()",
        "print(d, e)",
        restored=("d",),
    ),
    same(
        "a class whose pickle leaves state out",
        "class B(dict):\n    def __setstate__(self, state): pass",
        A + "b = B(x=1)\nb.noise = 1",
        A + "y = b['x']",
        A + "z = len(b)",
        restored=("y", "z"),
    ),
    Case(
        "a ufunc from a function",
        ("import numpy as np\nu = np.frompyfunc(lambda x: x + 1, 1, 1)", A + "y = u(1)"),
        ("import numpy as np\nu = np.frompyfunc(lambda x: x + 2, 1, 1)", A + "y = u(1)"),
        ran=("y",),
    ),
    Case(
        "a view and a copy",
        ("import numpy as np\na = np.arange(9.0)\np = [a, a[:2]]", A + "p[0][0] = 5\ny = p[1][0]"),
        ("import numpy as np\na = np.arange(9.0)\np = [a, a[:2].copy()]", A + "p[0][0] = 5\ny = p[1][0]"),
        ran=("y",),
    ),
    Case(
        "a member of a set that another place holds",
        ("class O: pass\no = O()\np = [{o}, o]", A + "y = p[1] in p[0]"),
        ("class O: pass\no = O()\np = [{O()}, o]", A + "y = p[1] in p[0]"),
        ran=("y",),
    ),
    Case(
        "a method put into a class of a package",
        (
            "import fractions as q",
            "q.Fraction.twice = lambda self: self * 2",
            A + "y = q.Fraction(1).twice()",
        ),
        (
            "import fractions as q",
            "q.Fraction.twice = lambda self: self * 3",
            A + "y = q.Fraction(1).twice()",
        ),
        ran=("y",),
    ),
    Case(
        "what a method put into a class of a package calls",
        ("from fractions import Fraction as F\nk = 2", PUT, A + "y = F(1).twice()"),
        ("from fractions import Fraction as F\nk = 3", PUT, A + "y = F(1).twice()"),
        ran=("y",),
    ),
    same(
        "a part of an input",
        "models = [{'w': [1]}, {'w': [2]}]\nclass Box: pass\nbox = Box()\nbox.inner = {'k': [3]}",
        A + "best = models[1]\nk = box.inner['k']\nboth = [best, k]",
        "models[1]['w'].append(9)\nk.append(4)\nprint(best, box.inner, both[0] is best)",
        restored=("best",),
    ),
    same(
        "a loop variable that is a view of an input",
        "import numpy as np\ndata = np.arange(6.0).reshape(3, 2)",
        A + "total = 0.0\nfor row in data:\n    total += row.sum()",
        "data[2] = 7\nprint(total, row)",
        restored=("total",),
    ),
    same(
        "a view of an array inside an input",
        "import numpy as np\nfrom types import SimpleNamespace as S\nd = S(data=np.arange(4.0))",
        A + "X = d.data\nY = d.data[::2]",
        "d.data[0] = 7\nprint(X, Y, X is d.data)",
        restored=("X",),
    ),
    same(
        "a part of an input whose content is the same but which is another object",
        "d = {'a': [1], 'b': [1]}",
        A + "x = d['b']",
        "d['a'].append(2)\nprint(x, d)",
        restored=("x",),
    ),
    same(
        "arrays that look into frames made in other ways",
        "import numpy as np\nimport pandas as pd\nn = np.arange(6.0)",
        "d = pd.DataFrame(n.reshape(3, 2), columns=[*'ab'])",
        "e = d.assign(c=1)\ns = d['b']\nt = e.T",
        A + "one = e[['a', 'b']].to_numpy()\ntwo = s.to_numpy()\nr = d.to_numpy()[1:]\nq = e['c'].values",
        "d.iloc[1, 1] = 9\ne.iloc[0, 2] = 7\nprint(one, two, r, q)",
    ),
    same(
        "two names of one input",
        "a = {'k': [1]}\nb = a\nc = [2]",
        A + "z = {'a': a, 'b': b, 'c': c, 'name': 'some text', 'other': 'some text'}",
        "print(z, z['a'] is a, z['c'] is c)",
        restored=("z",),
    ),
    same(
        "what a call adds to a class or function of the cell",
        "def mark(thing):\n    setattr(thing, 'mark', 1)",
        A + "class C: pass\ndef f(): pass\nmark(C)\nmark(f)",
        A + "class D: pass\nsetattr(D, 'k', 2)",
        "print(C.mark, f.mark, D.k)",
    ),
    same(
        "an asset that puts a method into a class of a package",
        "from fractions import Fraction",
        A + "n = 1\nFraction.twice = lambda self: self * 2",
        A + "y = Fraction(1).twice()",
        restored=("y",),
        ran=("n",),
    ),
    same(
        "a name that a query looks up",
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nlimit, text = 1, 'a > @limit'",
        A + "y = len(df.query('a > @limit'))",
        A + "z = len(df.query(text))",
        restored=("y", "z"),
    ),
    Case(
        "a name that a query looks up, changed",
        (QUERIED, "limit = 1", A + "y = len(df.query('a > @limit'))", A + "z = pd.eval('limit + 1')"),
        (QUERIED, "limit = 2", A + "y = len(df.query('a > @limit'))", A + "z = pd.eval('limit + 1')"),
        ran=("y", "z"),
    ),
    Case(
        "what a function reads that a query looks up",
        (QUERIED, "def f(x):\n    return x * k", "k = 2", A + "y = df.eval('@f(a)').tolist()"),
        (QUERIED, "def f(x):\n    return x * k", "k = 3", A + "y = df.eval('@f(a)').tolist()"),
        ran=("y",),
    ),
    Case(
        "a name of a local module that a query looks up",
        (QUERIED, "from helper import above", A + "y = len(above(df))"),
        (QUERIED, "from helper import above", A + "y = len(above(df))"),
        files={"helper.py": "LIMIT = 1\ndef above(df):\n    return df.query('a > @LIMIT')\n"},
        edits={"helper.py": "LIMIT = 2\ndef above(df):\n    return df.query('a > @LIMIT')\n"},
        ran=("y",),
    ),
    Case(
        "a text that names what is looked up",
        (QUERIED, "p, q = 1, 2", "text = 'a > @p'", A + "y = len(df.query(text))"),
        (QUERIED, "p, q = 1, 2", "text = 'a > @q'", A + "y = len(df.query(text))"),
        ran=("y",),
    ),
    Case(
        "a name that a query looks up before the cell binds it anew",
        (QUERIED, "k = 1", A + "y = pd.eval('k + 1')\nk = 5"),
        (QUERIED, "k = 2", A + "y = pd.eval('k + 1')\nk = 5"),
        ran=("y",),
    ),
    same(
        "a name that a query looks up and that the cell has bound itself",
        QUERIED,
        A + "k = 3\ny = pd.eval('k + 1')",
        restored=("k",),
    ),
    same(
        "attributes that hang on a result",
        NOTED,
        A + "df = pd.DataFrame({'a': [1]})\ndf.name = 'sales'\nd = Money('1.5')\nd._unit = ['EUR']",
        A + "a = np.arange(3).view(Signal)\na.rate = 8\nm = np.ma.array([1])\nm.note = d",
        "print(df.name, d._unit, a.rate, m.note is d, a[1:].rate)",
        restored=("df", "a"),
    ),
    Case(
        "an attribute that hangs on an input",
        (NOTED, "df = pd.DataFrame({'a': [1]})\ndf.name = 'x'", A + "y = df.name"),
        (NOTED, "df = pd.DataFrame({'a': [1]})\ndf.name = 'z'", A + "y = df.name"),
        ran=("y",),
    ),
    same(
        "a result that a frame's own accessors and properties have been used on",
        "import pandas as pd",
        A + "s = pd.Series(['a'])\nt = (s.str.upper(), s.index.is_unique, s.hasnans)",
        A + "u = s.str.lower().tolist()",
        restored=("s", "u"),
    ),
    Case(
        "a context manager made from a function",
        ("import contextlib", MANAGED.format(1), A + "with managed() as m:\n    y = m"),
        ("import contextlib", MANAGED.format(2), A + "with managed() as m:\n    y = m"),
        ran=("m",),
    ),
    same(
        "a context manager made from a function, unchanged",
        "import contextlib",
        MANAGED.format(1),
        A + "with managed() as m:\n    y = m",
        restored=("m",),
    ),
    Case(
        "a function that a package's decorator wraps",
        ("import joblib", "@joblib.delayed\ndef f(x): return x", A + "y = joblib.Parallel()([f(1)])"),
        ("import joblib", "@joblib.delayed\ndef f(x): return -x", A + "y = joblib.Parallel()([f(1)])"),
        ran=("y",),
    ),
    Case(
        "what a function does for one type",
        (GENERIC, "@f.register\ndef g(x: int): return 'int'", A + "y = f(3)", A + "z = f(3)"),
        (GENERIC, "@f.register\ndef g(x: int): return 'INT'", A + "y = f(3)", A + "z = f(3)"),
        ran=("y", "z"),
    ),
    Case(
        "for which type a function does something",
        (GENERIC, "@f.register\ndef g(x: int): return 'int'", A + "y = f(3)"),
        (GENERIC, "@f.register\ndef g(x: str): return 'int'", A + "y = f(3)"),
        ran=("y",),
    ),
    same(
        "an asset that registers what a function does for one type",
        GENERIC,
        A + "@f.register\ndef g(x: int): return 'int'",
        "print(f(3), f('a'))",
    ),
    Case(
        "what is registered in a package",
        ("import csv, io\ncsv.register_dialect('p', delimiter='|')", A + ROWS),
        ("import csv, io\ncsv.register_dialect('p', delimiter=';')", A + ROWS),
        ran=("y",),
    ),
    Case(
        "the first of two things that are registered in a package",
        ("import csv, io\ncsv.register_dialect('p', delimiter='|')", "csv.register_dialect('q')", A + ROWS),
        ("import csv, io\ncsv.register_dialect('p', delimiter=';')", "csv.register_dialect('q')", A + ROWS),
        ran=("y",),
    ),
    Case(
        "something else in the cell that registers something",
        ("import csv, io\ncsv.register_dialect('p', delimiter='|')", A + ROWS),
        ("import csv, io, json\ncsv.register_dialect('p', delimiter='|')  # as ever", A + ROWS),
        restored=("y",),
    ),
    Case(
        "a class that is registered in a package",
        (
            "from collections.abc import Sized",
            "class Q: pass\nSized.register(Q)",
            A + "y = isinstance(Q(), Sized)",
        ),
        ("from collections.abc import Sized", "class Q: pass", A + "y = isinstance(Q(), Sized)"),
        ran=("y",),
    ),
    same(
        "an asset that registers something in a package",
        "import codecs",
        A + "from codecs import register_error\nregister_error('own', lambda e: ('?', e.end))\ny = 1",
        "print('\u00e9'.encode('ascii', 'own'))",
        ran=("register_error",),
    ),
    same(
        "a registry of the notebook's own",
        "class Registry(dict):\n    def register(self, f):\n        self[f.__name__] = f\n        return f",
        "registry = Registry()",
        A + "@registry.register\ndef f(): return 1",
        "print(list(registry), registry['f'] is f)",
        restored=("f",),
    ),
    same(
        "an instance that an asset changes",
        "class M:\n    def fit(self): self.w = [1]",
        "m = M()",
        A + "m.fit()\nk = 1",
        "print(m.w, type(m) is M)",
        restored=("k",),
    ),
    same(
        "an instance that an asset changes and that has two names",
        "class M:\n    def fit(self): self.w = [1]",
        "m = M()\nn = m",
        A + "m.fit()\nk = 1",
        "print(n.w, n is m)",
        ran=("k",),
    ),
    same(
        "a list of a class that an asset changes through an instance",
        "class M:\n    seen = []\n    def go(self): self.seen.append(1)",
        "m = M()\nkept = M.seen",
        A + "m.go()\nk = 1",
        "print(kept, M.seen is kept)",
        ran=("k",),
    ),
    same(
        "a file without an ending that a cell asks for",
        "import os",
        A + "y = os.path.exists('flag'), os.path.isdir('folder')",
        edits={"flag": ""},
        ran=("y",),
    ),
    same(
        "a module that is imported by its name",
        "import importlib",
        A + "y = importlib.import_module('helper').K",
        A + "z = importlib.import_module('help' + 'er').K",
        files={"helper.py": "K = 1"},
        edits={"helper.py": "K = 2"},
        ran=("y", "z"),
    ),
    same(
        "a module that a value holds",
        "import helper\nclass Holder: pass\nh = Holder()\nh.part = {'m': helper}",
        A + "y = h.part['m'].f()",
        A + "z = h.part['m'].K",
        files={"helper.py": "K = 1\ndef f(): return 1"},
        edits={"helper.py": "K = 2\ndef f(): return 2"},
        ran=("y", "z"),
    ),
    same(
        "a module that makes its attributes when they are asked for",
        "import helper",
        A + "y = helper.anything",
        files={"helper.py": "def __getattr__(name): return 1"},
        edits={"helper.py": "def __getattr__(name): return 2"},
        ran=("y",),
    ),
    same(
        "definitions that need a result of their own cell",
        "import collections",
        A + "P = collections.namedtuple('P', 'x')\ndef f(p: P) -> P: return p\nclass C(P):\n    y: P",
        A + "class D(C): pass\ndef g(x): return D(x)",
        "print(f.__annotations__['p'] is P, C.__bases__[0] is P, g(1), C.__annotations__['y'] is P)",
        restored=("P", "D"),
    ),
    same(
        "a variable that two functions close over",
        "",
        A + COUNTER + "inc, get = counter()\ninc()",
        "inc()\nprint(get())",
        restored=("counter",),
    ),
    same(
        "a variable that a class in a function and a function close over",
        "",
        A + SUMS + "acc, get = sums()\nacc.add(2)",
        "acc.add(3)\nprint(get())",
        restored=("sums",),
    ),
    Case(
        "an option of a package, set in a plain cell",
        (
            SCALED + "import sklearn",
            "sklearn.set_config(transform_output='default')",
            A + SCALE,
            "print(type(x))",
        ),
        (
            SCALED + "import sklearn",
            "sklearn.set_config(transform_output='pandas')",
            A + SCALE,
            "print(type(x))",
        ),
        ran=("x",),
    ),
    Case(
        "an option of a package, set through a function",
        (SCALED + WITH, "out('default')", A + SCALE, "print(type(x))"),
        (SCALED + WITH, "out('pandas')", A + SCALE, "print(type(x))"),
        ran=("x",),
    ),
    same(
        "an option of a package, set as before",
        SCALED + WITH,
        "out('pandas')",
        A + SCALE,
        "print(type(x))",
        restored=("x",),
    ),
    same(
        "an option of a package, set in an asset",
        SCALED + WITH,
        A + "out('pandas')\nk = 1",
        SCALE + "\nprint(type(x))",
        ran=("k",),
    ),
    same(
        "what the interpreter and the system keep",
        "import csv, mimetypes, os, sys, time",
        A + "k = csv.field_size_limit(77)\nmimetypes.add_type('a/b', '.zzz')",
        A + "os.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()\nm = os.umask(0o077)",
        A + "sys.set_int_max_str_digits(700)\nn = 1",
        "print(csv.field_size_limit(), mimetypes.guess_type('x.zzz'), time.tzname, os.umask(0o022))\n"
        "print(sys.get_int_max_str_digits())",
        ran=("k", "m", "n"),
    ),
    same(
        "a relative directory in the search path",
        "import sys",
        A + "sys.path.insert(0, 'sub')\nk = 1",
        "print(sys.path[0])",
        restored=("k",),
    ),
    same(
        "a table of functions, made from another one",
        "import math\nops = {'sin': math.sin, 'int': lambda x: int(x)}",
        A + "more = {**ops, 'abs': abs}",
        "print(more['int'] is ops['int'], more['sin'](0), more['int'](2.5))",
        restored=("more",),
    ),
    same(
        "a function that a list and another one of its name hold",
        "def f(x): return x\nops = [f]\ndef f(x): return -x",
        A + "g = ops[0]",
        "g.n = 5\nprint(g(3), f(3), ops[0].n)",
        restored=("g",),
    ),
    same(
        "a closure picked from a dict",
        "def make(n):\n    def f(x): return x + n\n    return f\nfs = {1: make(1), 2: make(2)}",
        A + "best = max(fs.values(), key=lambda f: f(0))",
        "print(best is fs[2], best(1))",
        restored=("best",),
    ),
    same(
        "code of a local module, in a table",
        "import local\nreg = {'c': local.C, 'f': local.f}",
        A + "copy = dict(reg)",
        "print(copy['c'] is local.C, copy['f'] is local.f)",
        files={"local.py": "class C: pass\ndef f(): pass\n"},
        restored=("copy",),
    ),
    same(
        "a class without a name, in a table",
        "def make():\n    class K: pass\n    return K\nreg = {'k': make()}",
        A + "copy = dict(reg)",
        "print(copy['k'] is reg['k'])",
        restored=("copy",),
    ),
    same(
        "an attribute that a class does not pickle",
        SPARED,
        A + "a = Spared()",
        "print(a.cache)",
        ran=("a",),
    ),
    Case(
        "an input whose class does not pickle all of it",
        (SPARED, "a = Spared()", A + "k = a.cache[0]", "print(k)"),
        (SPARED, "a = Spared()\na.cache[0] = 6", A + "k = a.cache[0]", "print(k)"),
        ran=("k",),
    ),
    same(
        "an input whose class leaves out a lock",
        LOCKED + "a = Locked()",
        A + "k = a.items[0]",
        "print(k, a.lock.locked())",
        restored=("k",),
    ),
    same(
        "a result whose class leaves out a lock, and makes a new one",
        LOCKED,
        A + "a = Locked()",
        "print(a.items, a.lock.locked())",
        restored=("a",),
    ),
    same(
        "two attributes for one list that a class pickles twice",
        TWICE,
        A + "t = Twice()",
        "t.items.append(1)\nprint(t.view)",
        ran=("t",),
    ),
    Case(
        "an input of which a class pickles one list twice",
        (TWICE, "t = Twice()", A + "t.items.append(1)\nk = list(t.view)", "print(k)"),
        (TWICE, "t = Twice()\nt.view = []", A + "t.items.append(1)\nk = list(t.view)", "print(k)"),
        ran=("k",),
    ),
    same(
        "a part of an object that pickles itself as text",
        "from bs4 import BeautifulSoup",
        A + "soup = BeautifulSoup('<p>a<b>c</b></p>', 'html.parser')\nb = soup.b",
        "b.string = 'Y'\nprint(soup)",
        ran=("soup",),
    ),
    same(
        "a whole object that pickles itself as text",
        "from bs4 import BeautifulSoup",
        A + "soup = BeautifulSoup('<p>a<b>c</b></p>', 'html.parser')",
        "soup.b.string = 'Y'\nprint(soup)",
        restored=("soup",),
    ),
    same(
        "a list that an attribute of a class holds, too",
        "",
        A + "seen = []\nclass K:\n    items = seen\nk = K()",
        "k.items.append(1)\nprint(seen, K.items is seen)",
        restored=("seen",),
    ),
    same(
        "methods of builtin containers, bound",
        "import functools",
        A + "kept, d = [3], {}\nadd, put = kept.append, d.__setitem__\nlater = functools.partial(add, 1)",
        "add(5)\nlater()\nput('k', 1)\nprint(kept, d)",
        restored=("kept",),
    ),
    same(
        "views of a dict",
        "import types",
        A + "d = {'a': 1}\nviews = d.keys(), d.values(), d.items()\nfixed = types.MappingProxyType(d)",
        A + "import collections\no = collections.OrderedDict(b=1)\nk = o.keys()",
        "d['b'] = o['c'] = 2\nprint(views, fixed, k)",
        restored=("d", "collections"),
    ),
    same(
        "what exceptions know of one another",
        "",
        A + "e = ValueError()\ne.__cause__ = KeyError('k')\ne.extra = [1]\nf = KeyError()\nf.__context__ = e",
        "print(repr(e.__cause__), e.extra, e.__suppress_context__, f.__context__ is e)",
        restored=("e",),
    ),
    same(
        "an exception with its traceback",
        "",
        A + "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    kept = error",
        "print(kept.__traceback__ is None)",
        ran=("kept",),
    ),
    same(
        "a choice of what draws figures",
        "import matplotlib.pyplot as plt",
        A + "import matplotlib\nmatplotlib.use('svg')\nplt.ioff()",
        "print(matplotlib.get_backend(), matplotlib.is_interactive())",
        restored=("matplotlib",),
    ),
    Case(
        "another choice of what draws figures",
        ("import matplotlib as m\nm.use('svg')", A + "y = m.get_backend()"),
        ("import matplotlib as m\nm.use('pdf')", A + "y = m.get_backend()"),
        ran=("y",),
    ),
    same(
        "a registration that a local module makes",
        "import csv, dialects",
        A + "y = next(csv.reader(['a|b;c'], 'p'))",
        ran=("y",),
        files={"dialects.py": DIALECT.format("|")},
        edits={"dialects.py": DIALECT.format(";")},
    ),
    same(
        "a registration by a function that a local module calls of another",
        "import csv, dialects",
        A + "y = next(csv.reader(['a|b;c'], 'p'))",
        ran=("y",),
        files={"calls.py": CALLED, "dialects.py": "import calls\ncalls.register('|')"},
        edits={"dialects.py": "import calls\ncalls.register(';')"},
    ),
    same(
        "an accessor that a local module registers",
        "import accessor\nimport pandas as pd\ndf = pd.DataFrame({'a': [1, 2]})",
        A + "y = df.own.total()",
        ran=("y",),
        files={"accessor.py": ACCESSOR.format(1)},
        edits={"accessor.py": ACCESSOR.format(2)},
    ),
    same(
        "a local module that registers as before",
        "import csv, dialects",
        A + "y = next(csv.reader(['a|b;c'], 'p'))",
        restored=("y",),
        files={"dialects.py": DIALECT.format("|")},
        edits={"dialects.py": DIALECT.format("|") + "\ndef f(): return 1\n"},
    ),
    same(
        "an asset that imports a module which registers",
        "import csv",
        A + "import dialects\nz = 1",
        A + "y = next(csv.reader(['a|b;c'], 'p'))",
        "print(next(csv.reader(['a|b;c'], 'p')))",
        restored=("dialects", "y"),
        files={"dialects.py": DIALECT.format("|")},
    ),
    same(
        "an asset that calls what imports a module which registers",
        "import csv\ndef f():\n    import dialects\n    return 1",
        A + "z = f()",
        "print(next(csv.reader(['a|b;c'], 'p')))",
        ran=("z",),
        files={"dialects.py": DIALECT.format("|")},
    ),
    Case(
        "something added to a class of a package",
        (
            "import yaml\nyaml.SafeLoader.add_constructor('!x', lambda *a: 1)",
            A + "y = yaml.safe_load('!x a')",
        ),
        (
            "import yaml\nyaml.SafeLoader.add_constructor('!x', lambda *a: 2)",
            A + "y = yaml.safe_load('!x a')",
        ),
        ran=("y",),
    ),
    Case(
        "another module under the same name",
        ("import math as m", A + "y = m.__name__"),
        ("import cmath as m", A + "y = m.__name__"),
        ran=("y",),
    ),
    same("a deleted object is gone at once", MORTAL, "del m\nprint(w() is None)"),
    same("a deleted list is gone at once", MORTAL, "m = [m]", "print(len(m))\ndel m\nprint(w() is None)"),
    same("an object read and bound anew is gone", MORTAL, "if m:\n    m = None\nprint(w() is None)"),
    same(
        "a restored object is gone once bound anew",
        MORTAL,
        A + "y = np.arange(5.0)",
        "w = weakref.ref(y)",
        "y = None\nprint(w() is None)",
        restored=("y",),
    ),
    same(
        "a class of a local module, found by unpickling only",
        PICKLED,
        A + UNPICKLE + "\ny = m.go()",
        A + "z = m.go()",
        files={"mm.py": "K = 0\nclass C:\n    def go(self): return K + 1\n"},
        edits={"mm.py": "K = 0\nclass C:\n    def go(self): return K + 2\n"},
        ran=("m", "z"),
    ),
    same(
        "a constant that a class found by unpickling reads",
        PICKLED,
        A + UNPICKLE + "\ny = m.go()",
        files={"mm.py": "K = 0\nclass C:\n    def go(self): return K + 1\n"},
        edits={"mm.py": "K = 1\nclass C:\n    def go(self): return K + 1\n"},
        ran=("m",),
    ),
    same(
        "a class of a local module, found by unpickling, as before",
        PICKLED,
        A + UNPICKLE + "\ny = m.go()",
        files={"mm.py": "class C:\n    def go(self): return 1\n"},
        restored=("m",),
    ),
    same(
        "a model that joblib loads through a local module",
        "import joblib, mm, os, stored\nif not os.path.exists('m.j'):\n    joblib.dump(mm.C(), 'm.j')",
        A + "y = stored.read('m.j').go()",
        files={
            "mm.py": "class C:\n    def go(self): return 1\n",
            "stored.py": "import joblib\ndef read(path): return joblib.load(path)\n",
        },
        edits={"mm.py": "class C:\n    def go(self): return 2\n"},
        ran=("y",),
    ),
    Case(
        "a class of the notebook, found by unpickling only",
        ("class C:\n    def go(self): return 1", DUMPED, A + UNPICKLE + "\ny = m.go()"),
        ("class C:\n    def go(self): return 2", DUMPED, A + UNPICKLE + "\ny = m.go()"),
        ran=("m",),
    ),
    same(
        "a class that the cell itself makes, pickles and loads",
        "import pickle",
        A + "class K:\n    def go(self): return 3\nk = pickle.loads(pickle.dumps(K()))\ny = k.go()",
        "print(y)",
        restored=("K",),
    ),
    same(
        "an expression with a function of the notebook in it",
        "import polars as pl\nk = 1",
        A + "e = pl.col('a').map_elements(lambda x: x + k, return_dtype=pl.Int64)",
        "print(e)",
        ran=("e",),
    ),
    same(
        "an expression whose text is another one when it comes back",
        "import polars as pl",
        A + "e = pl.col('a').map_elements(abs, return_dtype=pl.Int64)",
        "print(e)",
        ran=("e",),
    ),
    same(
        "expressions without functions in them",
        "import polars as pl",
        A + "e = (pl.col('a') > 1) & (pl.col('b') == 2)\nall = {'c': [pl.lit(2), pl.col('a').mean()]}",
        "print(e, all)",
        restored=("e",),
    ),
    same(
        "a file that a with statement has closed",
        "import json\n" + SHOWN,
        A + "with open('c.json') as f:\n    y = json.load(f)\nraw = f.buffer.raw",
        "show(f)\nshow(f.buffer)\nshow(raw)\nprint(f.buffer.raw is raw)",
        A + "z = f.name, f.closed",
        restored=("f", "z"),
        files={"c.json": '{"a": 1}\n'},
    ),
    same(
        "a file that has been written and closed",
        SHOWN,
        A + "with open('made.txt', 'w', encoding='utf-16') as f:\n    y = f.write('abc')",
        "show(f)\nprint(open('made.txt', encoding='utf-16').read())",
        restored=("f",),
    ),
    same(
        "closed files of other modules",
        "import gzip, io, os, zipfile\n" + SHOWN,
        "if not os.path.exists('a.gz'):\n    open('a.gz', 'wb').write(gzip.compress(b'abc'))\n"
        "    with zipfile.ZipFile('a.zip', 'w') as made:\n        made.writestr('b', 'c')",
        A + "with gzip.open('a.gz') as f, gzip.open('a.gz', 'rt') as g, io.StringIO() as s:\n"
        "    y = f.read() + g.read().encode()\nwith zipfile.ZipFile('a.zip') as z:\n    k = z.read('b')",
        "show(f)\nshow(g)\nprint(f.mtime, s.closed, z, z.namelist(), z.infolist())",
        restored=("f",),
    ),
    same(
        "a connection that has been closed",
        TABLE,
        A + "con = sqlite3.connect('d.db')\ny = con.execute('select * from t').fetchall()\ncon.close()",
        "try:\n    con.execute('select 1')\nexcept sqlite3.Error as error:\n    print(error)",
        restored=("con",),
    ),
    same(
        "pools that have been shut down",
        "from concurrent.futures import ThreadPoolExecutor as Threads, ProcessPoolExecutor as Processes",
        A + "with Threads(2) as a:\n    y = list(a.map(abs, [-1]))\n"
        "with Processes(2) as b:\n    z = list(b.map(abs, [-1]))",
        "for pool in a, b:\n    try:\n        pool.submit(abs, 1)\n"
        "    except RuntimeError as error:\n        print(error, pool._max_workers)",
        restored=("a",),
    ),
    Case(
        "another closed file as input",
        ("f = open('c.json')\nf.close()", A + "y = f.name"),
        ("f = open('d.json')\nf.close()", A + "y = f.name"),
        ran=("y",),
        files={"c.json": "1", "d.json": "1"},
    ),
    same(
        "a file that is still open",
        "",
        A + "f = open('c.json')\ny = f.read()",
        "print(f.closed, f.read())",
        ran=("f",),
        files={"c.json": "1"},
    ),
]


def _actions(observed: Observed) -> dict[str, str]:
    return {name: action for actions in observed.actions for name, action, *_ in actions}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_indistinguishable_from_a_run(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)


def check_case(case: Case, tmp_path: Path) -> None:
    """Run the cells, edit, run them again, and compare with plain IPython."""
    folder, cache = tmp_path / "work", tmp_path / "cache"
    folder.mkdir()
    _write(folder, case.files)
    (first,) = run([_pass(case.before)], folder, cache)
    assert not first.fault
    _write(folder, case.edits)
    (warm,) = run([_pass(case.after)], folder, cache)
    (cold,) = run([_pass(case.after)], folder, None)
    actions = _actions(warm)
    assert differences(warm, cold, _cells(case.after)) == [], actions
    for name in case.restored:
        assert _find(actions, name) == "restored", warm.actions
    for name in case.ran:
        assert _find(actions, name) == "ran", warm.actions


def _find(actions: dict[str, str], name: str) -> str:
    return next((a for n, a in actions.items() if n == name or n.startswith(name)), "absent")


def _pass(texts: tuple[str, ...]) -> Pass:
    return Pass(_cells(texts))


def _cells(texts: tuple[str, ...]) -> list[Cell]:
    return [Cell(f"cell{i}", text) for i, text in enumerate(texts)]


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
