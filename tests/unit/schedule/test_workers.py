"""Workers of joblib's backends, and of others that are registered."""

from __future__ import annotations

import operator
import os
import threading
import time

import joblib
import pytest
from joblib._parallel_backends import ThreadingBackend

from vibe_magic.errors import UsageError
from vibe_magic.schedule import Ended, Workers

ENGINES = ("loky", "threading", "multiprocessing", "sequential")


@pytest.mark.parametrize("engine", ENGINES)
def test_calls_end_with_what_they_return_or_raise(engine):
    workers = Workers(2, engine)
    for number in range(5):
        workers.submit(number, operator.mul, 2, number)
    workers.submit("wrong", int, "why")
    assert workers.busy == 6
    ended = {}
    while workers.busy:
        item = workers.next(20)
        assert isinstance(item, Ended)
        ended[item.token] = item
    assert {token: item.value for token, item in ended.items() if token != "wrong"} == {
        number: 2 * number for number in range(5)
    }
    assert isinstance(ended["wrong"].error, ValueError)
    workers.close()


def test_calls_run_side_by_side():
    workers = Workers(3, "threading")
    assert workers.n_jobs == 3
    together = threading.Barrier(3)
    for number in range(3):
        workers.submit(number, together.wait, 30)
    assert [workers.next(60).error for _ in range(3)] == [None] * 3
    workers.close()


def test_workers_can_begin_before_there_is_anything_to_do(tmp_path):
    workers = Workers(2, "loky")
    workers.begin(os.mkfifo, tmp_path / "sign")
    assert workers.busy == 0
    workers.submit("a", operator.mul, 2, 1)
    assert workers.next(30).value == 2  # and nothing is heard of the others, one of which has failed
    assert (tmp_path / "sign").exists()
    workers.close()


def test_what_else_is_put_comes_out_in_order():
    workers = Workers(2, "threading")
    workers.put("first")
    workers.put("second")
    assert [workers.next(), workers.next(), workers.next(0.01)] == ["first", "second", None]
    workers.close()


def test_a_pool_that_a_worker_has_broken_is_replaced():
    workers = Workers(2, "loky")
    workers.submit("dies", os._exit, 1)
    ended = workers.next(30)
    assert ended.token == "dies"
    assert ended.error is not None
    workers.reopen()
    workers.submit("lives", operator.mul, 2, 4)
    assert workers.next(30).value == 8
    workers.close()


def test_a_pool_of_another_size_waits_for_what_the_last_one_has():
    workers = Workers(2, "loky")
    for token in "ab":
        workers.submit(token, time.sleep, 0.5)
    workers.close()
    workers = Workers(3, "loky")  # joblib would warn of running calls
    workers.submit("c", operator.mul, 2, 4)
    assert workers.next(30).value == 8
    workers.close()


def test_a_registered_backend_works_by_name():
    class Counting(ThreadingBackend):
        calls = 0

        def submit(self, func, callback=None):
            type(self).calls += 1
            return super().submit(func, callback)

    joblib.register_parallel_backend("counting", Counting)
    workers = Workers(2, "counting")
    workers.submit("a", operator.mul, 2, 1)
    assert workers.next(10).value == 2
    assert Counting.calls == 1
    workers.close()


def test_what_is_selected_around_the_call_is_used():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        workers = Workers()
    assert workers.n_jobs == 3
    workers.submit("who", threading.get_ident)
    assert workers.next(10).value != threading.get_ident()
    workers.close()


def test_an_unknown_backend_is_one_line():
    with pytest.raises(UsageError, match="engine nonsense: cannot be used"):
        Workers(2, "nonsense")
