"""A cache directory that does not do its work: nothing is kept, one warning, no exception."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.disks import as_root_on_linux, mounted
from vibe_magic.errors import CorruptEntry

KEY, OBSERVED = "0123456789abcdef" * 2, "fedcba9876543210" * 2
ROOT = Path(__file__).parents[3]


@as_root_on_linux
def test_a_full_disk(desk, tmp_path):
    with mounted(tmp_path / "disk", "size=300k") as disk:
        desk.root = disk / "cache"
        store = desk.open()
        kept = store.save(desk.draft())
        assert kept is not None
        large = {"g": {"x": np.arange(100_000.0)}}
        for key in ("c" * 32, "d" * 32):
            assert store.save(desk.draft(key=key, values=large)) is None
        assert store.save(desk.draft(values=large)) is None, "nor does it harm what it replaces"
        assert desk.leftovers() == []
        assert len(desk.lines) == 1
        assert "No space left" in desk.lines[0]
        assert str(desk.root) in desk.lines[0]
        (found,) = store.find("a", KEY)
        assert store.load(found, desk.context)["x"] == [1]
        assert store.save(desk.draft(key="e" * 32)) is not None, "small ones still fit"


@as_root_on_linux
def test_a_read_only_file_system_serves_and_stores_nothing(desk, tmp_path):
    with mounted(tmp_path / "disk", "size=1m") as disk:
        desk.root = disk / "cache"
        desk.open().save(desk.draft())
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        store = desk.open()
        (found,) = store.find("a", KEY)
        assert store.load(found, desk.context)["x"] == [1]
        store.touch(found)
        assert store.save(desk.draft(key="c" * 32)) is None
        assert store.accept(found, key="d" * 32, observed=OBSERVED, trace={}) is None
        store.pin("a")
        assert store.prune(0) == 0
        assert len(desk.lines) == 1
        assert "Read-only" in desk.lines[0]
        with store.lock("a", KEY, 1.0) as hold:
            assert not hold.held
        assert store.remove([found]) == 0
        assert store.clear() == 0


def as_nobody(code, *args):
    """Run code in a process that permissions apply to, also where the tests run as root."""
    prelude = """
        import os, sys
        from pathlib import Path
        import cloudpickle, filelock, json, xxhash
        from vibe_magic.payload import Context, pack
        from vibe_magic.store import Draft, Store, backend
        if os.geteuid() == 0:  # after the imports: the interpreter itself may be closed to others
            os.setgroups([]); os.setgid(65534); os.setuid(65534)
        lines = []
        store = Store(Path(sys.argv[1]), secret=b"s" * 32, warn=lines.append)
        draft = Draft("a", "c" * 32, "d" * 32, {"g": pack({"x": 1}, Context({}))}, created_at=1.0)
    """
    script = textwrap.dedent(prelude) + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)],
        capture_output=True,
        text=True,
        cwd="/",
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def open_path(tmp_path):
    """A directory that another user can reach."""
    for path in (tmp_path, *list(tmp_path.parents)[:3]):
        if path.stat().st_uid == os.geteuid() and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    return tmp_path


NOT_STORED = """
    assert store.save(draft) is None
    assert store.save(draft) is None
    assert store.find("a", "c" * 32) == ()
    store.sweep(); store.prune(0)
    with store.lock("a", "k", 1.0) as hold:
        assert not hold.held
    print(len(lines), lines[0])
"""


def test_a_directory_without_permission(open_path):
    (open_path / "closed").mkdir(mode=0o555)
    out = as_nobody(NOT_STORED, open_path / "closed" / "cache")
    assert out.startswith("1 ")
    assert "Permission denied" in out


def test_a_cache_that_others_own(desk, open_path):
    entry = desk.save()
    out = as_nobody(
        """
        (found,) = store.find("a", "0123456789abcdef" * 2)
        print(store.load(found, Context({})))
        store.touch(found)
        assert store.save(draft) is None
        print(len(lines))
        """,
        desk.root,
    )
    assert out == "{'x': [1], 'y': 'text'}\n1\n"
    assert entry.path.exists()


def test_unreadable_files_are_a_miss(desk, open_path):
    entry = desk.save()
    (entry.path / "g0.bin").chmod(0)
    out = as_nobody(
        """
        (found,) = store.find("a", "0123456789abcdef" * 2)
        try:
            store.load(found, Context({}))
        except Exception as error:
            print(type(error).__name__)
        """,
        desk.root,
    )
    assert out == "CorruptEntry\n"


def test_a_path_that_is_a_file(desk):
    desk.root.write_text("not a directory")
    assert desk.store.save(desk.draft()) is None
    assert desk.store.save(desk.draft(key="c" * 32)) is None
    assert desk.store.find("a", KEY) == desk.store.entries() == ()
    assert len(desk.lines) == 1
    assert str(desk.root) in desk.lines[0]
    assert "cache_dir" in desk.lines[0]
    with desk.store.lock("a", KEY, 1.0) as hold:
        assert not hold.held
    assert desk.store.sweep() == desk.store.prune(0) == 0
    desk.store.pin("a")
    desk.store.unpin("a")
    assert desk.root.read_text() == "not a directory"


def test_a_path_that_is_too_long(desk):
    desk.root = desk.root / ("x" * 300)
    store = desk.open()
    assert store.save(desk.draft()) is None
    assert store.find("a", KEY) == ()
    assert "too long" in desk.lines[0]


def test_an_interrupt_while_saving_leaves_nothing(desk, monkeypatch):
    from vibe_magic.store import writing

    kept = desk.save()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        desk.store.save(desk.draft(values={"g": {"x": 2}}))
    monkeypatch.undo()
    assert desk.leftovers() == []
    assert desk.load(kept) == {"x": [1], "y": "text"}


def test_a_reader_between_finding_and_loading_sees_a_miss(desk):
    entry = desk.save(outputs=({"text": "shown"},))
    desk.store.clear()
    with pytest.raises(CorruptEntry, match="removed meanwhile"):
        desk.load(entry)
    with pytest.raises(CorruptEntry, match="removed meanwhile"):
        desk.store.outputs(entry)


def test_two_writers_of_one_entry(desk):
    other = desk.open()
    for number in range(20):
        store = (desk.store, other)[number % 2]
        assert store.save(desk.draft(values={"g": {"x": number}})) is not None
    (found,) = desk.store.find("a", KEY)
    assert desk.load(found) == {"x": 19}
    assert desk.leftovers() == []
