"""Whatever happened to an entry, it is a miss with one warning, and the next run repairs it."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil

import numpy as np
import pytest

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import seal
from vibe_magic.store.entry import place

KEY, OBSERVED = "0123456789abcdef" * 2, "fedcba9876543210" * 2


@pytest.fixture
def saved(desk):
    values = {"g": {"x": [1], "y": np.arange(1000.0)}, "big": {"z": np.arange(200_000.0)}}
    entry = desk.save(values=values, outputs=({"text": "shown"},), trace={"inputs": {"raw": "ab"}})
    return desk, entry


def restore(desk):
    """What a session does: find, load, show; None for a miss."""
    for entry in desk.store.find("a", KEY):
        try:
            return desk.load(entry), desk.store.outputs(entry)
        except CorruptEntry as error:
            desk.lines.append(str(error))
    return None


def damaged(path, how):
    data = path.read_bytes()
    if how == "emptied":
        return b""
    if how == "truncated":
        return data[: len(data) // 2]
    if how == "last byte gone":
        return data[:-1]
    if how == "longer":
        return data + b"\0"
    if how == "garbage":
        return random.Random(0).randbytes(len(data))
    assert how == "unsigned"
    return b"{}" if path.suffix == ".json" else pickle.dumps(([1], [0]))


FILES = ["meta.json", "g0.bin", "g1.bin", "outputs.json"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["emptied", "truncated", "last byte gone", "longer", "garbage", "unsigned"])
def test_a_damaged_file_is_a_miss_with_one_warning_and_repaired(saved, file, how):
    desk, entry = saved
    path = entry.path / file
    path.write_bytes(damaged(path, how))
    assert restore(desk) is None
    assert len(desk.lines) == 1
    assert len(desk.store.verify()) == 1
    desk.save(values={"g": {"x": "again"}})
    assert restore(desk) == ({"x": "again"}, ())
    assert len(desk.lines) == 1
    assert desk.store.verify() == ()


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_in_any_region_is_seen(saved, file):
    desk, entry = saved
    path = entry.path / file
    data = path.read_bytes()
    rng = random.Random(7)
    for at in {0, 8, len(data) - 1, *rng.sample(range(len(data)), min(len(data), 60))}:
        flipped = bytearray(data)
        flipped[at] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
        assert restore(desk) is None, at
    path.write_bytes(data)
    assert restore(desk) is not None


def test_metadata_are_warned_about_once(saved):
    desk, entry = saved
    (entry.path / "meta.json").write_bytes(b"")
    for _ in range(3):
        assert desk.store.find("a", KEY) == ()
        assert desk.store.entries("a") == ()
    assert len(desk.lines) == 1
    assert "counts as missing" in desk.lines[0]


def test_many_damaged_entries_make_one_line(desk):
    for number in range(5):
        entry = desk.save(f"asset {number}")
        (entry.path / "meta.json").write_bytes(b"{}")
    assert desk.store.entries() == ()
    assert desk.store.assets() == ()
    assert len(desk.lines) == 1
    assert "cache verify" in desk.lines[0]
    assert len(desk.store.verify()) == 5


@pytest.mark.parametrize("file", FILES[1:])
def test_a_missing_file_is_a_miss(saved, file):
    desk, entry = saved
    (entry.path / file).unlink()
    assert restore(desk) is None
    assert "removed meanwhile" in desk.lines[0]


def test_an_entry_without_metadata_does_not_exist(saved):
    desk, entry = saved
    (entry.path / "meta.json").unlink()
    assert restore(desk) is None
    assert desk.lines == []


def test_an_entry_of_another_user_is_not_trusted(saved):
    desk, _ = saved
    stranger = desk.open(secret=b"t" * 32)
    assert stranger.find("a", KEY) == ()
    assert "not written by you" in desk.lines[0]
    assert stranger.save(desk.draft()) is not None
    assert len(stranger.find("a", KEY)) == 1


def test_files_cannot_be_swapped_between_entries(desk):
    one = desk.save(values={"g": {"x": 1}})
    two = desk.save(key="e" * 32, values={"g": {"x": 2}})
    shutil.copyfile(two.path / "g0.bin", one.path / "g0.bin")
    with pytest.raises(CorruptEntry, match="signature"):
        desk.load(one)


def test_files_cannot_be_swapped_between_groups_or_runs(desk):
    one = desk.save(values={"g": {"x": 1}, "h": {"x2": 2}})
    old = (one.path / "g0.bin").read_bytes()
    shutil.copyfile(one.path / "g1.bin", one.path / "g0.bin")
    with pytest.raises(CorruptEntry):
        desk.load(one, ["x"])
    new = desk.save(values={"g": {"x": 3}, "h": {"x2": 2}})
    (new.path / "g0.bin").write_bytes(old)
    with pytest.raises(CorruptEntry, match="another run"):
        desk.load(new, ["x"])


def test_an_entry_cannot_be_moved_to_another_key_or_asset(desk):
    entry = desk.save()
    other = entry.path.parent / ("e" * 16 + "f" * 16)
    shutil.copytree(entry.path, other)
    assert desk.store.find("a", "e" * 32) == ()
    assert "another key" in desk.lines[0]
    elsewhere = desk.save("b").path.parent
    shutil.copytree(entry.path, elsewhere / entry.path.name, dirs_exist_ok=True)
    assert desk.store.find("b", KEY) == ()
    assert "another asset" in desk.lines[1]


def test_an_edited_description_is_a_miss(saved):
    desk, entry = saved
    text = (entry.path / "meta.json").read_text()
    (entry.path / "meta.json").write_text(text.replace('"duration_s": 2.0', '"duration_s": 3.0'))
    assert restore(desk) is None


def test_another_version_is_a_miss(desk, monkeypatch):
    from vibe_magic.store import entry as module

    monkeypatch.setattr(module, "FORMAT", 99)
    desk.save()
    monkeypatch.undo()
    assert desk.store.find("a", KEY) == ()
    assert "another version" in desk.lines[0]


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_planted_pickle_never_fires(saved, tmp_path):
    desk, entry = saved
    planted = pickle.dumps(([Trap(str(tmp_path / "sprung"))], [0]), protocol=5)
    where = place("a", KEY, OBSERVED, "g")
    forged = b"".join(seal(planted, [], b"t" * 32, where).pieces)
    for content in (planted, forged):
        (entry.path / "g0.bin").write_bytes(content)
        assert restore(desk) is None
    # Even signed for the right place, it is not the run that the metadata speak of.
    (entry.path / "g0.bin").write_bytes(b"".join(seal(planted, [], b"s" * 32, where).pieces))
    assert restore(desk) is None
    assert not (tmp_path / "sprung").exists()


def test_a_class_that_is_gone_is_a_miss_that_names_it(desk):
    exec("class A: pass\na = A()", desk.context.namespace)
    entry = desk.save(values={"g": {"a": desk.context.namespace["a"]}})
    del desk.context.namespace["A"]
    with pytest.raises(CorruptEntry, match="needs 'A'"):
        desk.load(entry)


def test_strange_things_in_the_directory_do_no_harm(desk):
    desk.save()
    assets = desk.root / "assets"
    (assets / "file").write_text("x")
    (assets / "empty").mkdir()
    (assets / "empty" / "not-an-entry").mkdir()
    (assets / "empty" / ("0" * 32)).write_text("a file named like an entry")
    (assets / "dir-for-meta").mkdir()
    (assets / "dir-for-meta" / ("1" * 32) / "meta.json").mkdir(parents=True)
    assert desk.store.assets() == ("a",)
    assert len(desk.store.verify()) >= 1
    desk.store.prune(0)
    desk.store.sweep()


def test_metadata_that_are_no_object_can_be_evicted(desk):
    entry = desk.save()
    (entry.path / "meta.json").write_text(json.dumps([1]))
    desk.store.prune(0)
    assert not entry.path.exists()
