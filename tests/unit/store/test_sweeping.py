"""What dead writers leave behind is swept, what live ones are writing is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from vibe_magic.store import layout

DAY_S = 86_400.0


def leave(root, name, *, directory=True):
    path = root / "tmp" / name
    if directory:
        path.mkdir(parents=True)
        (path / "g0.bin").write_bytes(b"half")
    else:
        path.write_bytes(b"half")
    return path


def name_of(pid, start, machine=None):
    return f"{machine or layout.machine()}-{pid}-{start}-{'0' * 16}"


def dead_pid():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_pieces_of_dead_processes_go(desk):
    desk.save()
    gone = [
        leave(desk.root, name_of(dead_pid(), 5)),
        leave(desk.root, name_of(dead_pid(), 6), directory=False),
        leave(desk.root, name_of(os.getpid(), 1)),  # the id is in use again, by us
    ]
    kept = leave(desk.root, name_of(os.getpid(), layout.process_start(os.getpid())))
    assert desk.store.sweep() == len(gone)
    assert desk.leftovers() == [kept]


def test_pieces_of_other_machines_go_after_a_day(desk):
    desk.save()
    path = leave(desk.root, name_of(1, 1, "0" * 12))
    odd = leave(desk.root, "odd")
    assert desk.store.sweep() == 0
    for item in (path, odd):
        os.utime(item, (0, time.time() - DAY_S - 60))
    assert desk.store.sweep() == 2
    assert desk.leftovers() == []


def test_the_first_save_of_a_process_sweeps(desk):
    desk.save()
    leave(desk.root, name_of(dead_pid(), 5))
    desk.open().save(desk.draft())
    assert desk.leftovers() == []


def test_old_lock_files_go_when_nobody_holds_them(desk):
    with desk.store.lock("a", "k", 1.0):
        (lock,) = (desk.root / "locks").glob("*.lock")
        os.utime(lock, (0, time.time() - 2 * DAY_S))
        desk.store.sweep()
        assert lock.exists()
    os.utime(lock, (0, time.time() - 2 * DAY_S))
    desk.store.sweep()
    assert list((desk.root / "locks").iterdir()) == []


def test_process_starts_tell_processes_apart():
    own = layout.process_start(os.getpid())
    assert own is not None
    assert layout.process_start(os.getpid()) == own
    assert layout.process_start(dead_pid()) is None


def test_a_zombie_is_dead():
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 30
    while layout.process_start(child.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert layout.process_start(child.pid) is None
    child.wait()


def test_without_proc_the_signal_zero_tells(monkeypatch):
    monkeypatch.setattr(layout.os.path, "exists", lambda _: False)
    assert layout.process_start(os.getpid()) == 0
    assert layout.process_start(dead_pid()) is None
