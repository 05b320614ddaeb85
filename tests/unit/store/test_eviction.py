"""The size limit: what is cheap to have again and long unused goes first."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from vibe_magic.store.eviction import HALF_LIFE_S, evict

KEY, OBSERVED = "0123456789abcdef" * 2, "fedcba9876543210" * 2
BIG = 200_000


def numbers(size=BIG):
    return {"g": {"x": np.arange(float(size))}}


def test_computing_time_per_byte_decides(desk):
    desk.save("cheap", duration_s=0.1, values=numbers())
    desk.save("dear", duration_s=100.0, values=numbers())
    desk.save("small", duration_s=0.1, values=numbers(100))
    freed = desk.store.prune(2_000_000)
    assert desk.store.assets() == ("dear", "small")
    assert freed >= 8 * BIG


def test_what_was_not_used_for_long_goes(desk, monkeypatch):
    from vibe_magic.store import backend

    monkeypatch.setattr(backend.time, "time", desk.clock)
    old = desk.save("old", duration_s=3.0, values=numbers())
    used = desk.save("used", duration_s=1.0, values=numbers())
    desk.clock.now += 3 * HALF_LIFE_S
    desk.store.touch(used)
    assert old.created_at == used.created_at
    desk.store.prune(2_000_000)
    assert desk.store.assets() == ("used",)


def test_pinned_entries_stay(desk):
    desk.save("cheap", duration_s=0.1, values=numbers())
    desk.save("dear", duration_s=100.0, values=numbers())
    desk.store.pin("cheap")
    assert desk.store.find("cheap", KEY)[0].pinned
    desk.store.prune(2_000_000)
    assert desk.store.assets() == ("cheap",)
    desk.store.unpin("cheap")
    assert not desk.store.find("cheap", KEY)[0].pinned
    desk.store.prune(0)
    assert desk.store.assets() == ()


def test_an_entry_in_use_here_stays_until_it_is_let_go(desk):
    entry = desk.save(values=numbers())
    loaded = desk.load(entry)
    assert desk.store.prune(0) == 0
    assert loaded["x"][-1] == BIG - 1
    del loaded
    assert desk.store.prune(0) > 0


USER = """
import sys
from pathlib import Path
from vibe_magic.payload import Context
from vibe_magic.store import Store
store = Store(Path(sys.argv[1]), secret=b"s" * 32)
(entry,) = store.entries()
x = store.load(entry, Context({}))["x"]
print("loaded", flush=True)
sys.stdin.readline()
print(x.sum(), flush=True)
sys.stdin.readline()
"""


def test_an_entry_in_use_elsewhere_stays_until_that_process_ends(desk):
    entry = desk.save(values=numbers())
    command = [sys.executable, "-c", USER, str(desk.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout.readline() == "loaded\n"
        assert desk.store.prune(0) == 0
        desk.store.remove([entry])
        print("go", file=user.stdin, flush=True)
        total = BIG * (BIG - 1) / 2
        assert float(user.stdout.readline()) == total, "a removed file stays readable while mapped"
        entry = desk.save(values=numbers())
        user.kill()
        user.wait()
    assert desk.store.prune(0) > 0


def test_saving_keeps_the_store_within_its_limit(desk):
    store = desk.open(size_limit=4_000_000)
    for number in range(6):
        desk.clock.now += 1
        store.save(desk.draft(f"asset {number}", duration_s=number + 1.0, values=numbers()))
        assert store.stats()["nbytes"] <= 4_000_000
    assert store.assets() == ("asset 4", "asset 5")
    assert desk.lines == []


def test_what_others_add_counts_when_the_limit_is_passed(desk):
    store = desk.open(size_limit=4_000_000)
    store.save(desk.draft("first", values=numbers(10)))
    desk.save("other", duration_s=0.001, values=numbers())
    for number in range(3):
        store.save(desk.draft(f"asset {number}", duration_s=50.0, values=numbers()))
    assert store.stats()["nbytes"] <= 4_000_000
    assert "other" not in store.assets()


def test_a_limit_below_one_entry(desk):
    store = desk.open(size_limit=1_000_000)
    store.save(desk.draft("small"))
    for _ in range(2):
        assert store.save(desk.draft("large", values=numbers())) is None
    assert store.assets() == ("small",)
    assert desk.lines == ["large: 1.6 MB is not kept, the cache may take 1.0 MB; raise cache_size"]


def test_no_limit_no_pruning(desk):
    desk.save()
    assert desk.store.prune() == 0
    assert desk.store.assets() == ("a",)


def test_limits_on_count_and_age(desk):
    from vibe_magic.store.eviction import candidates

    for number in range(4):
        desk.save(f"asset {number}", duration_s=number + 1.0)
        desk.clock.now += 1000
    now = desk.clock.now
    gone = evict(candidates(desk.root), desk.root, now, items_limit=3)
    assert [item.duration_s for item in gone] == [1.0]
    gone = evict(candidates(desk.root), desk.root, now, age_limit_s=1500.0)
    assert sorted(item.duration_s for item in gone) == [2.0, 3.0]
    assert desk.store.assets() == ("asset 3",)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts descriptors in /proc")
def test_marks_of_use_leak_no_descriptors(desk):
    entry = desk.save(values=numbers())
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        desk.load(entry)
        desk.store.prune(10**9)
    assert len(os.listdir("/proc/self/fd")) == before
