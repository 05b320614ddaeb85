"""Bodies: forked clean, ended with whoever waits for them, told how they ended."""

from __future__ import annotations

import os
import pickle
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from vibe_magic.schedule import (
    Call,
    Channel,
    Nursery,
    Order,
    hang_up,
    nursery_of_this_process,
    receive,
    send,
    supervise,
)
from vibe_magic.schedule.bodies import _Bodies, _Body

HERE = "tests.unit.schedule.test_nursery"


def prepare() -> None:
    """Do nothing at the start of a nursery."""


def body(argument: bytes, channel: socket.socket) -> int:
    """Do what the argument says, in a body."""
    what, value = pickle.loads(argument)
    if what == "say":
        send(channel, (value, os.getpid(), threading.active_count()))
    elif what == "sleep":
        send(channel, os.getpid())
        time.sleep(value)
    elif what == "children":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        send(channel, child.pid)
        time.sleep(value)
    elif what == "signal":
        os.kill(os.getpid(), value)
    elif what == "where":
        send(channel, os.getcwd())
    elif what == "raise":
        raise ValueError(value)
    elif what == "exit":
        os._exit(value)
    return 0


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    found = Nursery(f"{HERE}:prepare", 1)
    yield found
    found.close()


@pytest.fixture
def heard() -> Iterator[tuple[Channel, queue.SimpleQueue]]:
    said: queue.SimpleQueue = queue.SimpleQueue()
    channel = Channel(lambda message, _: message is None or said.put(message))
    yield channel, said
    channel.close()


def call(nursery: Nursery, address: str, what: tuple, timeout_s: float | None = None) -> Call:
    order = Order(f"{HERE}:body", pickle.dumps(what), address)
    return Call(order, nursery.address, f"{HERE}:prepare", 1, -1, timeout_s)


def gone(pid: int, within_s: float = 30.0) -> bool:
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_a_body_is_a_process_of_its_own(nursery, heard):
    channel, said = heard
    for number in range(3):
        verdict = supervise(call(nursery, channel.address, ("say", number)))
        assert (verdict.status, verdict.messages) == (0, ())
        value, pid, threads = said.get(timeout=10)
        assert value == number
        assert threads == 1
        assert pid not in (os.getpid(), nursery.process.pid)


@pytest.mark.parametrize(("what", "status"), [(("exit", 7), 7), (("signal", 9), -9), (("signal", 11), -11)])
def test_how_a_body_ended_is_told(nursery, heard, what, status):
    assert supervise(call(nursery, heard[0].address, what)).status == status
    assert supervise(call(nursery, heard[0].address, ("say", 1))).status == 0


def test_a_body_that_takes_too_long_is_ended(nursery, heard):
    channel, said = heard
    assert supervise(call(nursery, channel.address, ("sleep", 60), timeout_s=0.2)).status is None
    assert gone(said.get(timeout=10))


def test_what_a_body_has_started_ends_with_it(nursery, heard):
    channel, said = heard
    assert supervise(call(nursery, channel.address, ("children", 60), timeout_s=1.0)).status is None
    assert gone(said.get(timeout=10))


def test_all_bodies_can_be_ended_at_once(nursery, heard):
    channel, said = heard
    found: queue.SimpleQueue = queue.SimpleQueue()
    for _ in range(2):
        order = call(nursery, channel.address, ("sleep", 60))
        threading.Thread(target=lambda order=order: found.put(supervise(order))).start()
    pids = [said.get(timeout=10) for _ in range(2)]
    nursery.clear(channel.address)
    assert [found.get(timeout=5).status for _ in range(2)] == [-9, -9]
    assert all(map(gone, pids))
    assert supervise(call(nursery, channel.address, ("say", 1))).status == 0


def test_bodies_that_speak_to_others_are_left_alone(nursery, heard):
    channel, said = heard
    found: queue.SimpleQueue = queue.SimpleQueue()
    order = call(nursery, channel.address, ("sleep", 60))
    threading.Thread(target=lambda: found.put(supervise(order))).start()
    pid = said.get(timeout=10)
    nursery.clear("/another/channel")
    assert supervise(call(nursery, channel.address, ("say", 1))).status == 0
    assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    assert found.empty()
    nursery.clear(channel.address)
    assert found.get(timeout=5).status == -9


@pytest.mark.parametrize("end", [Nursery.close, lambda nursery: nursery.process.kill()])
def test_bodies_end_with_the_nursery(nursery, heard, end):
    channel, said = heard
    found: queue.SimpleQueue = queue.SimpleQueue()
    order = call(nursery, channel.address, ("sleep", 60))

    def wait():
        try:
            supervise(order)
        except RuntimeError as error:
            found.put(str(error))

    threading.Thread(target=wait).start()
    pid = said.get(timeout=10)
    end(nursery)
    assert gone(pid)
    assert found.get(timeout=5) == "the process that it was forked from is gone"


def test_a_nursery_ends_with_the_process_that_started_it():
    code = f"from vibe_magic.schedule import Nursery\nn = Nursery('{HERE}:prepare', 1)"
    code += "\nprint(n.process.pid, flush=True)\ninput()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    assert gone(pid)


def test_where_nobody_listens_what_is_said_comes_with_the_verdict(nursery):
    verdict = supervise(call(nursery, "/nowhere/channel", ("say", "kept")))
    assert verdict.status == 0
    assert verdict.messages[0][0] == "kept"


def test_a_worker_elsewhere_has_a_nursery_of_its_own(heard):
    channel, said = heard
    order = Order(f"{HERE}:body", pickle.dumps(("say", "from afar")), channel.address)
    found = Call(order, "/nowhere/nursery", f"{HERE}:prepare", 1, -1)
    assert supervise(found).status == 0
    assert said.get(timeout=10)[0] == "from afar"


def begun(nursery: Nursery, address: str, what: tuple, **options: Any) -> tuple[socket.socket, Call]:
    """Have a body begin, and return what a worker needs to wait for it."""
    order = Order(f"{HERE}:body", pickle.dumps(what), address, token=7)
    wait = Call(replace(order, argument=b""), nursery.address, f"{HERE}:prepare", 1, -1, begun=True)
    return nursery.order(order), replace(wait, **options)


@pytest.mark.parametrize("early", [True, False])
def test_one_waits_for_the_end_of_what_another_has_begun(nursery, heard, early):
    sock, wait = begun(nursery, heard[0].address, ("exit", 7) if early else ("sleep", 0.5))
    if early:
        assert [receive(sock) > 0, receive(sock)] == [True, 7]
    assert supervise(wait).status == (7 if early else 0)
    hang_up(sock)


def test_its_end_is_forgotten_with_the_connection(nursery, heard):
    sock, wait = begun(nursery, heard[0].address, ("exit", 7))
    assert [receive(sock) > 0, receive(sock)] == [True, 7]
    hang_up(sock)
    assert supervise(call(nursery, heard[0].address, ("say", 1))).status == 0
    with pytest.raises(RuntimeError, match="no process"):
        supervise(wait)


def test_a_nursery_sleeps_until_a_body_that_it_has_ended_is_gone():
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    bodies = _Bodies([_Body(process.pid, Order("", b"", ""), ours)])
    with ours, theirs:
        assert bodies.polled == [ours]
        theirs.close()
        bodies.hung_up({ours.fileno()})
        assert bodies.polled == []
        assert process.wait(10) == -9
        bodies.found[0].end(-9)
        assert bodies.polled == [ours]
        bodies.hung_up({ours.fileno()})
        assert bodies.found == []


@pytest.mark.parametrize("first", ["who began it", "who waits for it"])
def test_a_body_ends_with_either_of_them(nursery, heard, first):
    channel, said = heard
    sock, wait = begun(nursery, channel.address, ("sleep", 60))
    found: queue.SimpleQueue = queue.SimpleQueue()
    limited = replace(wait, timeout_s=0.2 if first == "who waits for it" else 60.0)
    threading.Thread(target=lambda: found.put(supervise(limited))).start()
    pid = said.get(timeout=10)
    if first == "who began it":
        hang_up(sock)
    assert found.get(timeout=10).status == (-9 if first == "who began it" else None)
    assert gone(pid)
    with pytest.raises(RuntimeError, match="no process"):  # a cluster gives another worker what one has lost
        supervise(wait)
    hang_up(sock)


def test_it_ends_although_a_process_was_forked_meanwhile(nursery, heard):
    channel, said = heard
    sock, _ = begun(nursery, channel.address, ("sleep", 60))
    pid, child = said.get(timeout=10), os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    hang_up(sock)
    assert gone(pid)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_who_waits_says_so_first(nursery, heard):
    channel, said = heard
    sock, wait = begun(nursery, channel.address, ("sleep", 0.5), greeting="waiting")
    assert supervise(wait).status == 0
    assert "waiting" in [said.get(timeout=10) for _ in range(2)]
    hang_up(sock)


@pytest.mark.parametrize("unseen", ["nursery", "channel"])
def test_a_worker_elsewhere_does_not_begin_it_again(nursery, heard, unseen):
    channel, said = heard
    sock, wait = begun(nursery, channel.address, ("say", 1), greeting="waiting")
    order = replace(wait.order, channel="/nowhere/channel")
    far = replace(wait, nursery="/nowhere/nursery") if unseen == "nursery" else replace(wait, order=order)
    assert supervise(far).is_far
    assert said.get(timeout=10)[0] == 1
    with pytest.raises(queue.Empty):
        said.get(timeout=0.2)
    hang_up(sock)


def test_a_process_that_was_forked_leaves_the_sockets_alone(heard):
    channel, said = heard
    preload = f"{HERE}:prepare"
    address = nursery_of_this_process(preload, 1).address
    pid = os.fork()
    if not pid:
        theirs = nursery_of_this_process(preload, 1)  # in place of what it has inherited
        theirs.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    ours = nursery_of_this_process(preload, 1)
    assert ours.address == address
    assert supervise(call(ours, channel.address, ("say", "here"))).status == 0
    assert said.get(timeout=10)[0] == "here"


def test_a_nursery_whose_socket_was_swept_away_is_replaced(heard):
    channel, said = heard
    preload = f"{HERE}:prepare"
    ours = nursery_of_this_process(preload, 1)
    shutil.rmtree(os.path.dirname(ours.address))
    again = nursery_of_this_process(preload, 1)
    assert again is not ours
    assert gone(ours.process.pid)
    assert supervise(call(again, channel.address, ("say", "here"))).status == 0
    assert said.get(timeout=10)[0] == "here"


def test_it_does_without_the_directory_that_it_was_started_in(heard, tmp_path, monkeypatch):
    channel, said = heard
    home = os.getcwd()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [os.path.relpath(home), *sys.path])
    nursery = Nursery(f"{HERE}:prepare", 1)
    monkeypatch.chdir(home)
    tmp_path.rmdir()
    assert supervise(call(nursery, channel.address, ("where", ""))).status == 0
    assert os.path.isdir(said.get(timeout=10))
    nursery.close()


def test_what_a_body_fails_with_is_shown(heard, capfd):
    nursery = Nursery(f"{HERE}:prepare", 1)
    assert supervise(call(nursery, heard[0].address, ("raise", "wrong"))).status == 1
    nursery.close()
    assert "ValueError: wrong" in capfd.readouterr().err


def spare(nursery: Nursery) -> set[int]:
    """Return the processes that wait for an order, once there are any."""
    end_s = time.monotonic() + 30.0
    while time.monotonic() < end_s:
        found = {child.pid for child in psutil.Process(nursery.process.pid).children()}
        if found:
            return found
        time.sleep(0.01)
    return set()


def test_a_body_was_there_before_its_order(nursery, heard):
    channel, said = heard
    assert supervise(call(nursery, channel.address, ("say", 1))).status == 0
    said.get(timeout=10)
    waiting = spare(nursery)
    assert supervise(call(nursery, channel.address, ("say", 2))).status == 0
    assert said.get(timeout=10)[1] in waiting


def test_what_was_there_before_an_import_goes(nursery, heard):
    channel, said = heard
    assert supervise(call(nursery, channel.address, ("say", 1))).status == 0
    said.get(timeout=10)
    waiting = spare(nursery)
    order = call(nursery, channel.address, ("say", 2))
    new = replace(order, order=replace(order.order, modules=("colorsys",)))
    assert supervise(new).status == 0
    assert said.get(timeout=10)[1] not in waiting
    assert all(map(gone, waiting))


def test_spare_processes_end_with_a_nursery_that_is_killed(nursery, heard):
    channel, _ = heard
    assert supervise(call(nursery, channel.address, ("say", 1))).status == 0
    waiting = spare(nursery)
    nursery.process.kill()
    assert waiting
    assert all(map(gone, waiting))
