"""Looks into callers' frames: who looks, and what for."""

from __future__ import annotations

import logging
import sys
import types
from collections import namedtuple
from typing import Any

import pytest

from vibe_magic.observe import Lookup
from vibe_magic.observe.audit import listen, unlisten
from vibe_magic.observe.log import Log


def seen(code: str, modules: dict[str, str] | None = None, **names: Any) -> list[Lookup]:
    """Run code as a notebook's, with modules beside it, and return the looks."""
    main = types.ModuleType("__main__")
    vars(main).update(names)
    former = sys.modules["__main__"]
    sys.modules["__main__"] = main
    log = Log()
    try:
        for name, text in (modules or {}).items():
            made = sys.modules[name] = types.ModuleType(name)
            exec(compile(text, f"/library/site-packages/{name}.py", "exec"), vars(made))
            vars(made)["__file__"] = f"/library/site-packages/{name}.py"
        listen(log)
        exec(compile(code, "<cell>", "exec"), vars(main))
    finally:
        unlisten(log)
        sys.modules["__main__"] = former
        for name in modules or {}:
            del sys.modules[name]
    return list(log.lookups.values())


LIBRARY = "import sys\ndef query(text, level=1):\n    return eval(text, sys._getframe(level).f_globals)\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import lib\nlib.query('x + y')", {"x", "y"}),
        ("import lib\ntext = 'x'\nlib.query(text)", {"x"}),
        ("import lib\ndef f(text):\n    return lib.query(text)\nf('y')", {"y"}),
        ("import lib\nlib.query(''.join(['x', '+', 'y']))", {"x", "y"}),
    ],
)
def test_words_of_the_texts_at_hand(code: str, words: set[str]) -> None:
    (found,) = seen(code, {"lib": LIBRARY}, x=1, y=2)
    assert found.in_notebook
    assert not found.hidden
    assert words <= found.words
    assert set(found.values) & {"x", "y"} == words


def test_what_a_name_stood_for_is_remembered() -> None:
    found = seen("import lib\nlib.query('x')\nx = 5\nlib.query('x')", {"lib": LIBRARY}, x=1)
    assert [one.values["x"] for one in found] == [1, 5]


def test_the_same_look_is_noted_once() -> None:
    assert len(seen("import lib\nfor _ in range(9): lib.query('x')", {"lib": LIBRARY}, x=1)) <= 2


def test_a_library_that_calls_itself_is_no_look_into_the_notebook() -> None:
    assert seen("import other", {"lib": LIBRARY, "other": "import lib\nx = 1\nlib.query('x')"}) == []


def test_logs_warnings_and_classes_look_for_no_names() -> None:
    code = "logging.getLogger('t').error('x')\nnamedtuple('T', 'a b')"
    assert seen(code, x=1, logging=logging, namedtuple=namedtuple) == []


def test_compiled_code_may_know_more_texts_than_can_be_seen() -> None:
    (found,) = seen("look()", look=map(sys._getframe, [0]).__next__)
    assert found.hidden


def test_a_pickle_names_classes_of_the_notebook_and_of_modules() -> None:
    made = type("C", (), {"__module__": "__main__"})
    code = "import pickle\npickle.loads(b'c__main__\\nC\\n.')\npickle.loads(b'clib\\nquery\\n.')"
    code += "\npickle.loads(b'ccollections\\nOrderedDict\\n.')"
    notebook, module = seen(code, {"lib": LIBRARY}, C=made)
    assert (notebook.scopes, notebook.words, notebook.values) == ({"__main__"}, {"C"}, {"C": made})
    assert (module.scopes, module.words) == ({"lib"}, {"query"})
