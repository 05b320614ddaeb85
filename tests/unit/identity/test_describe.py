"""Summaries of values, and how they differ in one line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from vibe_magic.identity import describe, difference

DIFFERENCES = [
    (1, 2, "1 → 2"),
    (1, "1", "1 (int) → '1' (str)"),
    ([1, 2], [1, 3], "[1, 2] → [1, 3]"),
    (np.zeros((100, 3)), np.zeros((120, 3)), "shape (100, 3) → (120, 3)"),
    (np.zeros(2, "f4"), np.zeros(2, "f8"), "dtype float32 → float64"),
    ({"a": 1}, {"a": 2}, "key 'a' differs"),
    ({"a": 1}, {}, "key 'a' removed"),
    ({}, {"a": 1}, "key 'a' added"),
    (pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [2]}), "column 'x' differs"),
    (pl.DataFrame({"x": [1]}), pl.DataFrame({"x": [2]}), "column 'x' differs"),
    (pd.DataFrame({"x": [1]}), pd.DataFrame({"x": [1], "y": [1]}), "shape (1, 1) → (1, 2), column 'y' added"),
    (1, 1, ""),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "line"), DIFFERENCES)
def test_difference(before, after, line: str) -> None:
    one, two = (json.loads(json.dumps(describe(value))) for value in (before, after))
    assert difference(one, two) == line


def test_functions_are_described_by_their_source(notebook) -> None:
    summary = describe(notebook("def f():\n    return 18")["f"])
    assert summary == {"type": "function", "source": "def f():\n    return 18"}


def test_code_of_packages_is_described_by_its_name() -> None:
    one, two = describe(pd.DataFrame), describe(pd.Series)
    assert difference(one, two) == f"{pd.DataFrame.__module__}.DataFrame → {pd.Series.__module__}.Series"
    assert describe(json.dumps) == {"type": "function", "repr": "json.dumps"}


def test_foreign_objects_may_refuse() -> None:
    class Mute:
        def __repr__(self):
            raise ValueError

        @property
        def shape(self):
            raise ZeroDivisionError

    assert describe(Mute()) == {"type": "Mute"}
    assert describe([Mute()])["type"] == "list"


def test_long_values_have_short_summaries() -> None:
    assert len(json.dumps(describe("x" * 10_000))) < 300
    assert "keys" not in describe({i: i for i in range(2000)})
    assert "columns" not in describe(pd.DataFrame(np.zeros((1, 300))))
