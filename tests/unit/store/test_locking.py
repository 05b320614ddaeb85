"""Two processes that want one key compute it once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

from vibe_magic.store import Hold

HOLDER = """
import sys, time
from pathlib import Path
from vibe_magic.store import Store
with Store(Path(sys.argv[1]), secret=b"").lock("a", "k", 5.0) as hold:
    print(hold.held, flush=True)
    sys.stdin.readline()
"""


def holder(desk):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(desk.root)], **pipes)
    assert child.stdout.readline() == "True\n"
    return child


def test_a_free_lock_is_held_at_once(desk):
    with desk.store.lock("a", "k", 5.0) as hold:
        assert hold == Hold(True)
        with desk.store.lock("a", "other", 0.0) as other, desk.store.lock("b", "k", 0.0) as third:
            assert other.held
            assert third.held


def test_the_holder_is_named_and_patience_ends(desk):
    told = []
    with holder(desk) as child:
        with desk.store.lock("a", "k", 0.3, told.append) as hold:
            assert not hold.held
            assert hold.waited
            assert hold.holder.startswith(f"pid {child.pid} on ")
            assert told == [hold.holder]
        child.communicate("done\n")
    with desk.store.lock("a", "k", 0.3) as hold:
        assert hold == Hold(True)


def test_a_dead_holder_is_succeeded(desk):
    with holder(desk) as child:
        child.kill()
        child.wait()
    with desk.store.lock("a", "k", 5.0) as hold:
        assert hold.held


def test_a_waiter_learns_that_it_waited(desk):
    with holder(desk) as child:
        with desk.store.lock("a", "k", 30.0, lambda _: child.stdin.close()) as hold:
            assert hold.held
            assert hold.waited
        child.wait()


def test_the_lock_ends_with_an_exception(desk):
    class OwnError(Exception):
        pass

    try:
        with desk.store.lock("a", "k", 1.0):
            raise OwnError
    except OwnError:
        pass
    with desk.store.lock("a", "k", 0.0) as hold:
        assert hold.held


def test_threads_of_one_process_exclude_each_other(desk):
    inside, most = [], []

    def work():
        with desk.store.lock("a", "k", 30.0) as hold:
            assert hold.held
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5


def test_where_locking_is_impossible_work_goes_on(desk, monkeypatch):
    import filelock

    def refused(*args, **kwargs):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(filelock.FileLock, "acquire", refused)
    with desk.store.lock("a", "k", 1.0) as hold:
        assert hold == Hold(False)


def test_an_unreadable_holders_card_is_no_trouble(desk):
    with holder(desk) as child:
        (card,) = (desk.root / "locks").glob("*.json")
        card.write_text("{torn")
        with desk.store.lock("a", "k", 0.1) as hold:
            assert (hold.held, hold.holder) == (False, "")
        child.communicate("done\n")
    assert not os.path.exists(card)
