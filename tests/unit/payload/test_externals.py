"""What a cell did not create is referred to, not stored."""

from __future__ import annotations

import numpy as np
import pytest

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import Context, unpack


def test_an_external_comes_back_as_the_present_object(notebook):
    notebook.run("raw = [1, 2]; other = {'k': 1}; y = {'in': raw, 'twice': [raw]}; z = raw")
    data, packed = notebook.bytes("y", "z", externals=("raw", "other"))
    assert packed.externals == ("raw",)
    notebook.run("raw = [3]")
    back = notebook.unpack(data, packed)
    assert back["y"]["in"] is back["y"]["twice"][0] is back["z"] is notebook.namespace["raw"]


def test_what_is_not_referred_to_need_not_be_there(notebook):
    notebook.run("raw = [1, 2]; y = [1, 2]")
    data, packed = notebook.bytes("y", externals=("raw",))
    notebook.run("del raw")
    assert notebook.unpack(data, packed)["y"] == [1, 2]


def test_an_external_that_is_gone_is_a_miss_that_says_so(notebook):
    notebook.run("raw = [1, 2]; y = [raw]")
    data, packed = notebook.bytes("y", externals=("raw",))
    assert packed.externals == ("raw",)
    with pytest.raises(CorruptEntry, match="needs 'raw'"):
        unpack(data, Context({}), names=packed.names, secret=b"s" * 32, place="place")


def test_many_externals_keep_their_places(notebook):
    names = [f"e{i}" for i in range(400)]
    notebook.namespace.update({name: [i] for i, name in enumerate(names)})
    notebook.namespace["y"] = [notebook.namespace[n] for n in ("e0", "e299", "e399")]
    data, packed = notebook.bytes("y", externals=tuple(names))
    assert packed.externals == ("e0", "e299", "e399")
    back = notebook.unpack(data, packed)["y"]
    assert [id(x) for x in back] == [id(x) for x in notebook.namespace["y"]]


def test_references_are_found_in_long_streams(notebook):
    notebook.run("raw = [1]; y = [{'i': i, 'raw': raw} for i in range(20_000)]")
    data, packed = notebook.bytes("y", externals=("raw",))
    assert packed.externals == ("raw",)
    back = notebook.unpack(data, packed)["y"]
    assert all(item["raw"] is notebook.namespace["raw"] for item in back)


def test_functions_classes_and_frames_can_be_external(notebook):
    notebook.run("import numpy as np\ndef f(): return 1\nclass C: pass\na = np.zeros(9)")
    notebook.run("y = {'f': f, 'C': C, 'a': a, 'v': a[2:4], 'i': C()}")
    back = notebook.back("y", externals=("f", "C", "a"))["y"]
    space = notebook.namespace
    assert back["f"] is space["f"]
    assert back["C"] is space["C"]
    assert type(back["i"]) is space["C"]
    assert back["a"] is space["a"]
    assert np.shares_memory(back["v"], space["a"])


def test_plain_constants_are_stored_even_if_some_input_is_equal(notebook):
    notebook.run("key = 'id'; n = 7; y = [{'id': 7}]")
    packed = notebook.pack("y", externals=("key", "n"))
    assert packed.externals == ()
