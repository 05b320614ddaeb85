"""Which functions and classes a cell's own statements bring back."""

from __future__ import annotations

from typing import Any

import pytest

from vibe_magic.cell import analyse
from vibe_magic.execute.pristine import pristine

FUNCTION = "def f(a, b=1):\n    return a\n"
CLASS = (
    "class C:\n    k = 1\n    n: int = 2\n    m: str\n\n    def go(self):\n        return 1\n\n"
    "    def __eq__(self, other):\n        return True\n\n    def __init_subclass__(cls):\n        pass\n"
)


def left(text: str, change: str = "") -> frozenset[str]:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "<cell>", "exec"), namespace)
    exec(change, namespace)
    return pristine(analyse(text), namespace)


def test_what_nobody_touched_is_pristine() -> None:
    assert left("import os\n" + FUNCTION + CLASS) == {"os", "f", "C"}


@pytest.mark.parametrize(
    "change",
    ["f.mark = 1", "f = 3", "f.__defaults__ = None", "def f(a, b=1):\n    return b"],
)
def test_a_changed_function_is_a_result(change: str) -> None:
    assert left("\n" + FUNCTION, change) == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        "C.k = 2",
        "C.k = True",
        "C.more = 1",
        "C.go.mark = 1",
        "C.go = lambda self: 2",
        "C.__lt__ = lambda self, other: True",
        "C.n = 3",
        "C = 1",
    ],
)
def test_a_changed_class_is_a_result(change: str) -> None:
    assert left(CLASS, change) == frozenset()
