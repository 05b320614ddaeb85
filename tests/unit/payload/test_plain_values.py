"""Builtin values come back as they were: type, value, sharing."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import fractions
import math
import pathlib
import re
import struct
import sys
import types
import uuid

import pytest

VALUES = [
    None,
    True,
    1,
    1.0,
    2**70,
    -0.0,
    math.inf,
    1j,
    "",
    "é\U0001f600",
    "\ud800",
    b"",
    b"x" * 5000,
    bytearray(b"abc"),
    range(3, 9, 2),
    slice(1, None),
    Ellipsis,
    NotImplemented,
    (),
    (1, [2]),
    [],
    {1: "a", "1": "b", (1,): None},
    {1, "a"},
    frozenset({frozenset({"x"})}),
    fractions.Fraction(1, 3),
    decimal.Decimal("1.10"),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    uuid.UUID(int=5),
    pathlib.PurePosixPath("a/b"),
    re.compile("a+"),
    collections.Counter("abca"),
    collections.deque([1, 2], maxlen=3),
    collections.defaultdict(list, {"a": [1]}),
    collections.OrderedDict(b=1, a=2),
    types.SimpleNamespace(a=1),
    types.MappingProxyType({"a": 1}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_value_and_type_survive(notebook, value):
    back = notebook.value(value)
    assert type(back) is type(value)
    assert back == value
    assert repr(back) == repr(value)


def test_two_names_for_one_object_come_back_as_one(notebook):
    notebook.run("a = [1]; b = a; c = {'in': a}; x = 1.5; y = x; n = 10**30; m = n")
    back = notebook.back("a", "b", "c", "x", "y", "n", "m")
    assert back["a"] is back["b"] is back["c"]["in"]
    assert back["x"] is back["y"]
    assert back["n"] is back["m"]


def test_a_list_that_contains_itself(notebook):
    notebook.run("l = [1]; l.append(l)")
    back = notebook.back("l")["l"]
    assert back[1] is back


def test_nan_keeps_its_identity_by_which_python_finds_it(notebook):
    notebook.run("import math; own = float('nan'); l = [math.nan, own, own, {own: 1}]")
    back = notebook.back("own", "l")
    assert back["l"][0] is math.nan
    assert back["own"] is back["l"][1] is back["l"][2]
    assert back["l"][3][back["own"]] == 1


def test_nan_keeps_its_bits(notebook):
    bits = struct.pack("<Q", 0xFFF8_0000_0000_1234)
    back = notebook.value([struct.unpack("<d", bits)[0]])
    assert struct.pack("<d", back[0]) == bits


def test_numpys_nan_comes_back_as_numpys(notebook):
    notebook.run("import numpy as np; l = [np.nan]")
    assert notebook.namespace["np"].nan in notebook.back("l")["l"]


def test_memoryviews_keep_their_object_and_their_form(notebook):
    notebook.run("raw = bytearray(b'abcdefgh'); whole = memoryview(raw); part = whole[2:4]")
    notebook.run("cast = memoryview(bytes(8)).cast('H', [2, 2])")
    back = notebook.back("raw", "whole", "part", "cast")
    back["whole"][0] = ord("X")
    assert back["raw"] == b"Xbcdefgh"
    assert back["part"] == b"cd"
    assert (back["cast"].shape, back["cast"].format, back["cast"].readonly) == ((2, 2), "H", True)


def test_standard_streams_come_back_as_the_present_ones(notebook, monkeypatch):
    monkeypatch.setattr(sys, "stdout", open("/dev/null", "w"))  # noqa: SIM115
    try:
        assert notebook.value([sys.stdout])[0] is sys.stdout
    finally:
        sys.stdout.close()


def test_modules_come_back_as_themselves(notebook):
    notebook.run("import os.path, math")
    assert notebook.back("math")["math"] is math


def test_the_namespace_itself_is_not_packed(notebook):
    notebook.run("g = {'globals': globals(), 'x': 1}; big = 'x' * 10**6")
    data, packed = notebook.bytes("g")
    assert len(data) < 1000
    assert notebook.unpack(data, packed)["g"]["globals"] is notebook.namespace


def test_many_buffers_in_one_group(notebook):
    value = [bytearray([i % 256]) * (400 + i) for i in range(300)]
    assert notebook.value(value) == value
