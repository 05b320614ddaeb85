"""Random notebooks: cells made from templates whose parts an edit can change one at a time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .runner import Cell

__all__ = ["FIRST", "TEMPLATES", "Draft", "Notebook", "notebook"]

CONSTANTS = ("1", "2", "7", "-3", "1.5", "True", "'a'", "'1'", "None", "(1, 2)", "10")
NUMBERS = ("1", "2", "3", "5", "8", "-1")
OPERATORS = ("+", "-", "*")

MODULE = "helpers.py"
TOOLS = "tools.py"
EXTRA = "extra.py"
DATA = "data.txt"
SETUP = (
    "import random, sys, os, copy, warnings\nimport numpy as np\nimport pandas as pd\nimport helpers\n"
    "random.seed(0)\nnp.random.seed(0)\nstart = 4"
)

FIRST: tuple[str, ...] = (
    "{new} = {constant}",
    "{new} = [{number}, {number2}, [{number}]]",
    "{new} = {{'a': {number}, 'b': [{number2}]}}",
    "{new} = repr({any}) + {text}",
    "{new} = [{any}, {any2}]",
    "{new} = {any}",
    "{new} = copy.copy({any})",
    "{new} = ({any}, {number})",
    "def {fun}(x):\n    return str(x) {plus} {text}",
    "def {fun}(x, k={number}):\n    return [k, repr(x), {number2}]",
    "def {fun}(x, seen=[]):\n    seen.append({number})\n    return len(seen)",
    "def {fun}(x):\n    'says {number}'\n    return {call}(x)",
    "def {fun}(x):\n    return [x, repr({any})]",
    "def {fun}(n):\n    def inner(x):\n        return repr(x) * n\n    return inner({number})",
    "{fun} = lambda x: [{number}, repr(x)]",
    "{new} = {call}({number})",
    "{new} = {call}({any})\nprint({new})",
    "{new} = sorted(map(repr, [{any}, {number}]))\n{new}",
    "class {cls}:\n    k = {number}\n    def __init__(self, v): self.v = v\n"
    "    def get(self): return [self.k, repr(self.v)]",
    "class {cls}({base_class}):\n    k = {number}",
    "{new} = {make}({number})",
    "{new} = {make}([{number}]).get()\n{new}",
    "{lst}.append({number})",
    "{lst}.append({number})\n{new} = len({lst})",
    "{dct}['k{number}'] = {number2}",
    "{new} = np.arange({number}, 9) * {number2}",
    "{new} = {arr}[:2]",
    "{arr}[0] = {number}",
    "{new} = float({arr}.sum()) + {number}\nprint({new})",
    "{new} = pd.DataFrame({{'x': range({size}), 'y': {number}}})\n{new}",
    "{frm}['z'] = {number}",
    "{new} = {frm}.sum().to_dict()",
    "{new} = {frm}[{frm}.x > {number}]\nprint(len({new}))",
    "random.seed({number})\nnp.random.seed({number2} + 5)",
    "{new} = random.random()\nprint({new} if {seeded} else 0)",
    "{new} = np.random.rand({size})",
    "print({text})\nprint({any}, file=sys.stderr)\n{new} = {number}\n{new}{semi}",
    "display({{'text/plain': {text}}}, raw=True)\n{new} = {number}",
    "warnings.warn({text})\n{new} = {number}",
    "if {flag}:\n    {new} = {number}\nelse:\n    {other} = {number2}",
    "for i{number3} in range({size}):\n    {new} = i{number3} + {number}",
    "try:\n    {new} = {any}[0]\nexcept Exception:\n    {new} = {number}",
    "{new} = [w{number3} := {number}, w{number3} + 1]",
    "{new} = [q for q in range({size}) if q != {number}]",
    "{any} = {number}",
    "{new} = {number}\ndel {new}",
    "def {fun}(x):\n    global made{number3}\n    made{number3} = {number}\n    return 0",
    "{new} = open('data.txt').read() + {text}",
    "open('out{number3}.txt', 'w').write({text})\n{new} = {number}",
    "{new} = open('out{number3}.txt').read() if os.path.exists('out{number3}.txt') else ''",
    "{new} = helpers.first({number})",
    "{new} = helpers.second({any})\nprint({new})",
    "from helpers import first\n{new} = first({number}) + 1",
    "os.environ['VM_ORACLE'] = {text}",
    "{new} = os.environ.get('VM_ORACLE', '') + {text}",
    "np.set_printoptions(precision={size})",
    "print(np.array([1.23456789]) * {number})\n{new} = {number}",
    "exec('{new} = {number}')",
    "globals()['{new}'] = {number}",
    "{new} = (j for j in range({size}))",
    "{new} = sum(1 for _ in {any}) if isinstance({any}, list) else {number}",
    "import asyncio\nawait asyncio.sleep(0)\n{new} = {number}",
    "{new} = {{{text}}} | {{{text}}}\nlen({new})",  # one member: the order of more is chance
    "{new} = 1 / ({number} - {number})",
)

LEVEL = "level = 0 + {number}"
QUERIES: tuple[str, ...] = (
    LEVEL,
    "{new} = pd.DataFrame({{'x': range({size})}}).eval('x + @{num}').tolist()",
    "{new} = 0 + {number}",
    "{num} = 0 + {number}",
    "{new} = {frm}.query('x >= {number} and x < @{num}').x.tolist()",
    "{new} = {frm}.eval('x * {number} + @{num}').tolist()\nprint({new})",
    "{new} = pd.eval('{num} + {number}')",
    "{new} = 'x * {number} + @{num}'",
    "{new} = {frm}.eval({query}).tolist()",
)
"""Names that only a text mentions."""

SHARING: tuple[str, ...] = (
    "{tool} = {lst}.append",
    "def _{tool}(n):\n    def inc(x):\n        nonlocal n\n"
    "        n = [repr(x), {number}]\n        return len(n)\n"
    "    return inc, lambda x: repr([n, x])\n"
    "{tool}, {tool2} = _{tool}({number2})\n{tool}({number})\ndel _{tool}",
    "class {cls}:\n    kept = {lst}\n    def __init__(self, v): self.v = v\n"
    "    def get(self):\n        self.kept.append({number})\n        return [len(self.kept), repr(self.v)]",
    "import contextlib\n@contextlib.contextmanager\ndef _{fun}(x):\n    yield [repr(x), {number}]\n"
    "def {fun}(x):\n    with _{fun}(x) as inside:\n        return inside",
    "import functools\n@functools.singledispatch\ndef {fun}(x):\n    return [repr(x), {number}]\n"
    "@{fun}.register\ndef _(x: int):\n    return [x, {number2}]",
    "{new} = {dct}.items()",
    "{new} = ValueError({number})\n{new}.__cause__ = KeyError({text})",
    "{new} = repr(({err}.__cause__, {err}.args, {number}))",
    "{err}.__context__ = OSError({number}, {text})",
    "{frm}.name = {text}",
    "{new} = [getattr({frm}, 'name', None), {number}]",
)
"""What two variables hold in ways that are easily overlooked, and what hangs on values."""

LOADING: tuple[str, ...] = (
    "import tools\n{new} = [tools.limit({number}), {number2}]",
    "from tools import limit\n{new} = limit({any})",
    "import tools as _t\n{new} = [_t.counted({number}), {number2}]",
    "from tools import Tool\n{new} = repr(Tool({number}).size())",
    "from tools import bump\n{new} = [bump(), {number}]\n{new}",
    "import tools\n{new} = [repr(tools.MADE), tools.LIMIT, {number}]",
    "import tools\n{new} = [getattr(tools, 'TEXT', None), {number}]",
    "import tools\ntools.LIMIT = {number}",
    "import tools\ntools.MADE.append({number})\n{new} = len(tools.MADE)",
    "helpers.K = {number}",
    "from helpers import K as {new}",
    "import extra\n{new} = [extra.answer(), {number}]",
    "import extra",
    "import tools, extra\nprint(np.array([2 / 3]))",
)
"""What cells do with modules that they may be the first to load."""

STYLE = "import numpy\nnumpy.set_printoptions(precision=3)"

TEMPLATES = FIRST + 3 * QUERIES + 2 * SHARING + 2 * LOADING


@dataclass(frozen=True)
class Draft:
    """One cell as parts: a template, what fills it, and how it is marked."""

    id: str
    template: str
    parts: Mapping[str, str]
    header: str = ""
    comment: str = ""

    def cell(self) -> Cell:
        """Return the cell as text."""
        body = self.template.format(**self.parts)
        text = f"{self.comment}{body}"
        return Cell(self.id, f"{self.header}\n{text}" if self.header else text)


@dataclass(frozen=True)
class Notebook:
    """Cells and the files beside them."""

    drafts: tuple[Draft, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    def cells(self) -> list[Cell]:
        """Return the cells as text."""
        return [draft.cell() for draft in self.drafts]


def module_text(chance: random.Random) -> str:
    """Return a local module."""
    numbers = [chance.choice(NUMBERS) for _ in range(3)]
    return (
        f"K = {numbers[0]}\n\n\ndef first(x):\n    return x + K\n\n\n"
        f"def second(x):\n    return [repr(x), {numbers[1]}, third()]\n\n\n"
        f"def third():\n    return {numbers[2]}\n"
    )


def tools_text(chance: random.Random) -> str:
    """Return a local module that uses the first one, counts, and may do something while it is loaded."""
    effects = ("print('tools')", "helpers.K += 2", f"TEXT = open({DATA!r}).read()", STYLE)
    effect = chance.choice(("", "", "", *effects))
    one, two = chance.choice(NUMBERS), chance.choice(NUMBERS)
    return (
        f"import helpers\nLIMIT = {one}\nMADE = [{two}]\n_count = 0\n{effect}\n\n\n"
        "def limit(x):\n    return [LIMIT, repr(x), helpers.K, helpers.third()]\n\n\n"
        f"def counted(x, seen=[]):\n    seen.append(x)\n    return len(seen) + {chance.choice(NUMBERS)}\n\n\n"
        "def bump():\n    global _count\n    _count += 1\n    return _count\n\n\n"
        "class Tool:\n    made = []\n\n    def __init__(self, x):\n        self.made.append(x)\n\n"
        "    def size(self):\n        return len(self.made), LIMIT\n"
    )


def extra_text(chance: random.Random) -> str:
    """Return a local module that changes the second one when it is loaded, or only uses it."""
    effect = chance.choice(("", "tools.MADE.append('extra')", "tools.LIMIT += 1"))
    return f"import tools\n{effect}\n\n\ndef answer():\n    return tools.limit({chance.choice(NUMBERS)})\n"


def files(chance: random.Random) -> dict[str, str]:
    """Return the files beside a notebook."""
    return {
        MODULE: module_text(chance),
        TOOLS: tools_text(chance),
        EXTRA: extra_text(chance),
        DATA: chance.choice(("one", "two")),
    }


def notebook(chance: random.Random, templates: Sequence[str] = TEMPLATES) -> Notebook:
    """Return a random notebook of 3 to 12 cells after its imports."""
    setup = Draft("setup", SETUP, {})
    names = _Names()
    if templates is not FIRST:
        setup = replace(setup, template=f"{SETUP}\n{LEVEL}", parts=constants(chance))
        names.known["num"].append("level")
    drafts = [draft(chance, names, f"c{i}", templates) for i in range(chance.randint(3, 12))]
    return Notebook((setup, *drafts), files(chance))


class _Names:
    """The names that exist so far, by what they can be used for."""

    def __init__(self) -> None:
        self.count = 0
        self.known: dict[str, list[str]] = {
            "any": ["start"],
            "lst": [],
            "dct": [],
            "arr": [],
            "frm": [],
            "call": ["repr"],
            "make": [],
            "base_class": ["object"],
            "num": [],
            "query": [],
            "err": [],
        }

    def new(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"


_KINDS = (
    ("np.arange", "arr"),
    ("pd.DataFrame", "frm"),
    ("= [{number}, ", "lst"),
    ("= {{'a'", "dct"),
    ("{new} = 0 +", "num"),
    ("{new} = 'x", "query"),
    ("{new} = ValueError", "err"),
)


def draft(chance: random.Random, names: _Names, cell_id: str, templates: Sequence[str]) -> Draft:
    """Return a random cell that uses names made before."""
    while True:
        template = chance.choice(templates)
        needed = [k for k in names.known if f"{{{k}}}" in template]
        if all(names.known[k] for k in needed):
            break
    parts = {kind: chance.choice(found) for kind, found in names.known.items() if found}
    parts |= constants(chance)
    parts["any2"] = chance.choice(names.known["any"])
    for stem, key in (
        ("v", "new"),
        ("f", "fun"),
        ("C", "cls"),
        ("o", "other"),
        ("t", "tool"),
        ("u", "tool2"),
    ):
        if f"{{{key}}}" in template:
            parts[key] = names.new(stem)
    _learn(template, parts, names)
    marked = chance.random() < 0.75
    header = chance.choice(("%%asset", f"%%asset a_{cell_id}", "%%asset --ttl 1d")) if marked else ""
    return Draft(cell_id, template, parts, header)


def _learn(template: str, parts: Mapping[str, str], names: _Names) -> None:
    if "{new}" in template and "del {new}" not in template:
        names.known["any"].append(parts["new"])
        for mark, kind in _KINDS:
            if mark in template:
                names.known[kind].append(parts["new"])
    for key in ("fun", "tool", "tool2"):
        if f"{{{key}}}" in template:
            names.known["call"].append(parts[key])
    if "class {cls}" in template:
        names.known["base_class"].append(parts["cls"])
        if "__init__" in template:
            names.known["make"].append(parts["cls"])


def constants(chance: random.Random) -> dict[str, str]:
    """Return fillings for the constant parts of a template."""
    return {
        "constant": chance.choice(CONSTANTS),
        "number": chance.choice(NUMBERS),
        "number2": chance.choice(NUMBERS),
        "number3": chance.choice(("0", "1")),
        "size": chance.choice(("2", "3", "4")),
        "text": chance.choice(("'p'", "'q'", "'r s'")),
        "plus": "+",
        "semi": chance.choice(("", ";")),
        "flag": chance.choice(("True", "False")),
        "seeded": "False",
    }


def changed(chance: random.Random, old: Draft) -> Draft:
    """Return a cell with one constant part changed."""
    new = constants(chance)
    used = [key for key in new if f"{{{key}}}" in old.template]
    if not used:
        return old
    key = chance.choice(used)
    return replace(old, parts={**old.parts, key: new[key]})
