"""A hit is indistinguishable from a run: display."""

from __future__ import annotations

from pathlib import Path

import pytest

from .test_promise import GENERIC, A, Case, check_case, same

LOGS = "import logging\nlogging.basicConfig(format='{}%(message)s', level=20, force=True)"
DECIMAL = "import decimal\ndecimal.DefaultContext.prec = {}\ndecimal.setcontext(decimal.Context())"
KEEPS = """import logging
kept = []
class Keeps(logging.Handler):
    def emit(self, record): kept.append(record.getMessage())
"""
LOUD = "import logging\nlogging.basicConfig(level=20, force=True)\nhandler = logging.root.handlers[0]"
CLASS_C = "class C: pass\nformatter = get_ipython().display_formatter"
PRINTS = CLASS_C + "\ndef text(): return '{}'\n"
PRETTY = "import IPython.lib.pretty as pretty\npretty.for_type(int, lambda o, p, cycle: p.text('{}'))"
ADDED = {
    "a log format": (LOGS, "logging.info('e')"),
    "a log formatter": (
        LOUD + "\nhandler.setFormatter(logging.Formatter('{}%(message)s'))",
        "logging.info('e')",
    ),
    "a log filter": (
        LOUD + "\nclass F(logging.Filter):\n    def filter(self, record): return record.msg < '{}'\n"
        "logging.getLogger('x').addFilter(F())",
        "logging.getLogger('x').info('15')",
    ),
    "a logger that keeps to itself": (
        LOUD + "\nlogging.getLogger('x').propagate = {} == 1",
        "logging.getLogger('x').info('e')",
    ),
    "an HTML printer": (PRINTS + "formatter.formatters['text/html'].for_type(C, lambda o: text())", "C()"),
    "a text printer": (
        PRINTS + "formatter.formatters['text/plain'].for_type(C, lambda o, p, cycle: p.text(text()))",
        "C()",
    ),
    "a display printer": (
        PRINTS + "formatter.ipython_display_formatter.for_type(C, lambda o: print(text()))",
        "display(C())",
    ),
    "a pretty printer": (PRETTY, "print(pretty.pretty(3))"),
    "a length of lists": (CLASS_C + "\nformatter.formatters['text/plain'].max_seq_length = {}", "[1] * 9"),
}

CASES = [
    *(
        Case(
            f"{what} is edited",
            (text.format(1), A + f"y = 1\n{use}"),
            (text.format(2), A + f"y = 1\n{use}"),
            ran=("y",),
        )
        for what, (text, use) in ADDED.items()
    ),
    *(
        same(f"{what} stays", text.format(1), A + f"y = 1\n{use}", restored=("y",))
        for what, (text, use) in ADDED.items()
    ),
    same(
        "a memoised function that its own cell calls",
        "from functools import lru_cache",
        A + "@lru_cache(None)\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\ny = fib(20)",
        "print(y, fib(30))",
        restored=("fib",),
    ),
    same(
        "a memoised function whose result is shared",
        "from functools import lru_cache",
        A + "@lru_cache\ndef f(n): return {'n': n}\ny = f(20)",
        "print(y is f(20))",
        ran=("f",),
    ),
    same(
        "a generic function that its own cell calls",
        "from functools import singledispatch\nclass K: pass",
        A + GENERIC.partition("\n")[2] + "\n@f.register\ndef _(x: K): return 'K'\ny = f(K()), f(1)",
        "@f.register\ndef _(x: int): return 'int'\nclass L(K): pass\nprint(y, f(K()), f(1), f(L()), f('a'))",
        restored=("f",),
    ),
    same(
        "what is called when a result is gone",
        "import weakref\nclass K: pass\ndef bye(): print('bye')",
        A + "k = K()\nweakref.finalize(k, bye)\nNone",
        "del k",
        ran=("k",),
    ),
    same(
        "a match of a regular expression",
        "import re",
        A + "s = 'xab'\nm = re.search('(?P<one>a)(c)?', s)\nn = re.compile('.*').match(s, 1, 2)",
        A + "t = m['one'], m.span(), n.group(), n.endpos, m.string is s",
        "print(t, m.groupdict(), m.lastgroup, m)",
        restored=("s", "t"),
    ),
    same(
        "a match that an iteration found",
        "import re",
        A + "m = list(re.finditer('a', 'aba'))[1]",
        "print(m.span())",
        ran=("m",),
    ),
    Case(
        "another precision of new decimal contexts",
        (DECIMAL.format(5), A + "y = decimal.Decimal(1) / 3"),
        (DECIMAL.format(6), A + "y = decimal.Decimal(1) / 3"),
        ran=("y",),
    ),
    same(
        "a precision of new decimal contexts",
        "import decimal",
        A + DECIMAL.format(5),
        "print(decimal.Decimal(1) / 3, decimal.DefaultContext.prec)",
    ),
    same(
        "a log record that a handler keeps",
        KEEPS + "logging.getLogger('a').addHandler(Keeps())",
        A + "y = 1\nlogging.getLogger('a').error('e')",
        "print(kept)",
        ran=("y",),
    ),
    same(
        "a log record that a file gets",
        "import logging\nlogging.basicConfig(filename='l.log', level='INFO', filemode='w', force=True)",
        A + "y = 1\nlogging.info('e')",
        "print(open('l.log').read())",
        ran=("y",),
    ),
    same(
        "log records for the notebook alone",
        KEEPS + "logging.basicConfig(level=20, force=True)",
        A + "y = 1\nlogging.info('e')\nlogging.getLogger('a').warning('w')",
        restored=("y",),
    ),
    Case(
        "what of a cell is shown is no longer set",
        ("%config InteractiveShell.ast_node_interactivity = 'all'", A + "y = 1\n5\n6"),
        ("pass", A + "y = 1\n5\n6"),
        ran=("y",),
    ),
    Case(
        "pretty printing is no longer off",
        ("%pprint", A + "y = [1] * 99\ny"),
        ("pass", A + "y = [1] * 99\ny"),
        ran=("y",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_a_hit_is_indistinguishable_from_a_run(case: Case, tmp_path: Path) -> None:
    check_case(case, tmp_path)
