"""Entries: saved, found, loaded, described, removed."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from vibe_magic.errors import CorruptEntry

KEY, OBSERVED = "0123456789abcdef" * 2, "fedcba9876543210" * 2
OUTPUTS = (
    {"output_type": "stream", "name": "stdout", "text": "hé \ud800\n"},
    {"output_type": "display_data", "data": {"text/plain": "x"}, "metadata": {}},
)


def test_an_entry_is_found_and_loaded(desk):
    saved = desk.save(outputs=OUTPUTS, trace={"inputs": {"raw": "ab"}}, ttl_s=60.0, notebook="n.ipynb")
    (found,) = desk.open().find("a", KEY)
    assert dataclasses.asdict(found) == dataclasses.asdict(saved)
    assert desk.load(found) == {"x": [1], "y": "text"}
    assert desk.store.outputs(found) == OUTPUTS
    assert (found.trace, found.ttl_s, found.kind) == ({"inputs": {"raw": "ab"}}, 60.0, "asset")
    assert found.names == ("x", "y")
    assert desk.lines == []


def test_nothing_is_found_where_nothing_is(desk):
    assert desk.store.find("a", KEY) == ()
    assert desk.store.entries() == desk.store.assets() == ()
    assert desk.store.stats()["entries"] == 0
    assert desk.store.verify() == ()
    assert not desk.root.exists()
    desk.save()
    assert desk.store.find("b", KEY) == ()
    assert desk.store.find("a", "f" * 32) == ()
    assert desk.store.find("a", KEY[:16] + "0" * 16) == ()


def test_versions_live_side_by_side_newest_first(desk):
    for number in range(3):
        desk.clock.now += 1
        desk.save(observed=f"{number:032x}"[::-1], values={"g": {"x": number}})
    desk.clock.now += 1
    desk.save(key="f" * 32, values={"g": {"x": 9}})
    found = desk.store.find("a", KEY)
    assert [desk.load(entry)["x"] for entry in found] == [2, 1, 0]
    assert [desk.load(entry)["x"] for entry in desk.store.entries("a")] == [9, 2, 1, 0]


def test_saving_again_replaces(desk):
    desk.save()
    desk.clock.now += 5
    again = desk.save(values={"g": {"x": 2}})
    (found,) = desk.store.find("a", KEY)
    assert found.created_at == again.created_at == desk.clock.now
    assert desk.load(found) == {"x": 2}
    assert desk.leftovers() == []


def test_each_group_loads_alone(desk):
    entry = desk.save(values={"one": {"x": 1, "y": 2}, "two": {"z": 3}, "three": {"w": 4}})
    for group in ("two", "three"):
        (entry.path / entry.groups[group].file).unlink()
    assert desk.load(entry, ["x"]) == {"x": 1}
    with pytest.raises(CorruptEntry, match="removed meanwhile"):
        desk.load(entry, ["z"])
    assert desk.load(entry, []) == {}


def test_an_entry_without_values_or_outputs(desk):
    entry = desk.save(values={})
    assert desk.load(entry) == {}
    assert desk.store.outputs(entry) == ()
    assert sorted(os.listdir(entry.path)) == ["meta.json"]


def test_large_outputs_are_compressed(desk):
    outputs = ({"data": {"text/html": "<td>cell</td>" * 100_000}},)
    entry = desk.save(outputs=outputs)
    assert desk.store.outputs(entry) == outputs
    assert entry.nbytes < 100_000


def test_metadata_can_be_read_by_a_person(desk):
    entry = desk.save("größe", trace={"files": ["d.csv"]})
    text = (entry.path / "meta.json").read_text(encoding="utf-8")
    meta = json.loads(text)
    assert meta["asset"] == "größe"
    assert meta["created"] == "2023-11-14 22:13:20Z"
    assert '"asset": "größe",\n' in text


def test_expiry(desk):
    entry = desk.save(ttl_s=60.0)
    now = desk.clock.now
    assert not entry.expired(now + 59.9)
    assert entry.expired(now + 60)
    assert not entry.expired(now - 30), "a clock that was set back a little"
    assert entry.expired(now - 61), "an entry from the future is no eternal hit"
    assert entry.expires_at == now + 60
    forever = desk.save(key="e" * 32)
    assert not forever.expired(now + 1e9)
    assert forever.expires_at is None
    assert desk.save(key="d" * 32, ttl_s=0.0).expired(now)


NAMES = [
    "a",
    "A",
    "con",
    "nul.",
    "π 变量",
    "x/y\\z:*?",
    "\U0001f600",
    "..",
    "l" * 300,
    "é",
    "e\u0301",
    "",
]


def test_any_name_is_legal_everywhere_and_distinct_even_without_case(desk):
    for name in NAMES:
        desk.save(name, values={"g": {"x": name}})
    assert desk.store.assets() == tuple(sorted(NAMES))
    directories = [path.name for path in (desk.root / "assets").iterdir()]
    assert len({name.casefold() for name in directories}) == len(NAMES)
    for name in directories:
        assert name.isascii()
        assert len(name) < 60
        assert not set(name) & set('<>:"/\\|?*. ')
    for name in NAMES:
        (found,) = desk.store.find(name, KEY)
        assert desk.load(found) == {"x": name}


def test_a_copy_without_file_times_serves(desk, tmp_path):
    entry = desk.save(outputs=OUTPUTS)
    desk.clock.now += 100
    desk.store.touch(entry)
    shutil.copytree(desk.root, tmp_path / "copy", copy_function=shutil.copyfile)
    desk.root = tmp_path / "copy"
    store = desk.open()
    (found,) = store.find("a", KEY)
    assert store.load(found, desk.context) == {"x": [1], "y": "text"}
    assert desk.store.used_at(found) == desk.clock.now
    assert store.verify() == ()


def test_last_use_is_noted_and_falls_back_to_the_making(desk):
    entry = desk.save()
    assert desk.store.used_at(entry) == entry.created_at
    desk.clock.now += 500
    desk.store.touch(entry)
    assert desk.store.used_at(desk.store.find("a", KEY)[0]) == desk.clock.now
    (entry.path / "used").write_bytes(b"torn")
    assert desk.store.used_at(desk.store.find("a", KEY)[0]) == entry.created_at
    shutil.rmtree(entry.path)
    desk.clock.now += 500
    desk.store.touch(entry)
    assert not entry.path.exists()


def test_removing_and_clearing(desk):
    old = desk.save()
    desk.clock.now += 100
    desk.save(key="e" * 32)
    desk.save("b")
    assert desk.store.clear("a", older_s=50) == 1
    assert desk.store.find("a", KEY) == ()
    assert desk.store.remove([old]) == 1, "gone is gone"
    assert desk.store.clear("a") == 1
    assert desk.store.assets() == ("b",)
    (desk.root / "assets" / os.listdir(desk.root / "assets")[0] / ("0" * 32)).mkdir()
    desk.store.clear()
    assert desk.store.entries() == ()
    assert desk.leftovers() == []


def test_an_accepted_result_serves_under_the_new_key_too(desk):
    entry = desk.save(values={"g": {"x": np.arange(1000.0)}}, outputs=OUTPUTS)
    desk.clock.now += 7
    desk.store.accept(entry, key="e" * 32, observed="d" * 32, trace={"new": 1})
    (found,) = desk.open().find("a", "e" * 32)
    assert (found.accepted_at, found.created_at) == (desk.clock.now, entry.created_at)
    assert found.trace == {"new": 1}
    assert desk.load(found)["x"].sum() == 499_500
    assert desk.store.outputs(found) == OUTPUTS
    assert desk.store.verify() == ()
    desk.store.remove([entry])
    with pytest.raises(CorruptEntry, match="removed"):
        desk.store.accept(entry, key="c" * 32, observed="d" * 32, trace={})
    assert desk.leftovers() == []


def test_the_directory_says_that_it_is_a_cache(desk):
    desk.save()
    assert (desk.root / ".gitignore").read_text() == "*\n"
    tag = (desk.root / "CACHEDIR.TAG").read_text()
    assert tag.startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_the_directory_may_vanish_at_any_time(desk):
    desk.save()
    shutil.rmtree(desk.root)
    assert desk.store.find("a", KEY) == ()
    desk.save()
    assert len(desk.store.find("a", KEY)) == 1


def test_stats(desk):
    desk.save()
    desk.save("b", duration_s=3.0)
    stats = desk.open(size_limit=10**6).stats()
    assert (stats["entries"], stats["assets"], stats["saved_s"]) == (2, 2, 5.0)
    assert (stats["limit_bytes"], stats["nbytes"]) == (10**6, 2 * desk.store.entries()[0].nbytes)


def test_finding_and_loading_import_nothing_heavy(desk):
    desk.save()
    code = f"""
import sys
from pathlib import Path
from vibe_magic.payload import Context
from vibe_magic.store import Store
store = Store(Path({str(desk.root)!r}), secret=b"s" * 32)
(entry,) = store.find("a", {KEY!r})
assert store.load(entry, Context({{}})) == {{"x": [1], "y": "text"}}
print(sorted({{"joblib", "numpy", "pandas", "cloudpickle", "filelock"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
