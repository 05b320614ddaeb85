"""The ready queue: nothing before what it needs, nothing later than it must."""

from __future__ import annotations

from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibe_magic.schedule import ReadyQueue

DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}


def test_a_task_is_ready_when_its_last_upstream_is_done() -> None:
    ready = ReadyQueue(DIAMOND)
    assert ready.take() == "a"
    assert ready.take() is None
    ready.done("a")
    assert {ready.take(), ready.take()} == {"b", "c"}
    ready.done("b")
    assert ready.take() is None
    ready.done("c")
    assert ready.take() == "d"
    ready.done("d")
    assert not ready


def test_done_counts_once() -> None:
    ready = ReadyQueue({"a": (), "b": (), "c": ("a", "b")})
    assert {ready.take(), ready.take()} == {"a", "b"}
    ready.done("a")
    ready.done("a")
    assert ready.take() is None
    ready.done("b")
    assert ready.take() == "c"


def test_the_longest_way_ahead_comes_first() -> None:
    ready = ReadyQueue({"x": (), "y": (), "z": ("y",)}, {"x": 2.0, "y": 0.5, "z": 5.0})
    assert ready.ahead_s == {"x": 2.0, "y": 5.5, "z": 5.0}
    assert [ready.take(), ready.take()] == ["y", "x"]


def test_unknown_durations_count_as_the_mean() -> None:
    ready = ReadyQueue({"x": (), "y": (), "z": ()}, {"x": 1.0, "z": 3.0})
    assert [ready.take(), ready.take(), ready.take()] == ["z", "y", "x"]


def test_equal_tasks_come_in_order() -> None:
    ready = ReadyQueue(dict.fromkeys("dcba", ()))
    assert [ready.take() for _ in range(4)] == list("dcba")


def test_what_needs_a_task_that_is_dropped_is_dropped() -> None:
    ready = ReadyQueue({**DIAMOND, "e": ()})
    assert ready.take() == "a"
    assert ready.drop("a") == ("b", "c", "d")
    assert ready.take() == "e"
    ready.done("e")
    assert not ready


def test_a_task_can_be_put_back() -> None:
    ready = ReadyQueue({"a": ()})
    assert ready.take() == "a"
    assert ready.take() is None
    ready.put_back("a")
    assert ready.take() == "a"


def test_a_cycle_is_an_error_that_names_it() -> None:
    with pytest.raises(CycleError) as caught:
        ReadyQueue({"a": ("b",), "b": ("a",)})
    assert set(caught.value.args[1]) == {"a", "b"}


def test_a_long_chain_needs_no_recursion() -> None:
    names = [str(number) for number in range(10_000)]
    ready = ReadyQueue({name: names[max(0, i - 1) : i] for i, name in enumerate(names)})
    order = []
    while ready:
        name = ready.take()
        assert name is not None
        order.append(name)
        ready.done(name)
    assert order == names


def test_what_comes_next_is_ready_or_waits_for_what_runs_alone() -> None:
    ready = ReadyQueue({**DIAMOND, "e": (), "f": ("e", "a")}, {"e": 0.1, "d": 5.0})
    assert ready.take() == "a"
    assert ready.next_in_line({"a"}, 9) == ["b", "c", "e"]
    assert ready.next_in_line({"a"}, 2) == ["b", "c"]
    assert ready.next_in_line((), 9) == ["e"]
    assert ready.next_in_line({"a", "e"}, 9)[-1] == "f"
    assert ready.take() == "e"  # nothing was taken by looking
    ready.done("a")
    assert ready.next_in_line({"e"}, 9) == ["b", "c", "f"]


def test_what_was_dropped_is_not_next() -> None:
    ready = ReadyQueue({"a": (), "b": ("a",), "c": ("b",), "d": ()})
    assert ready.take() == "a"
    ready.drop("b")
    assert ready.next_in_line({"a"}, 9) == ["d"]


def test_a_longer_way_behind_what_runs_precedes_what_is_ready() -> None:
    ready = ReadyQueue(
        {"k": (), "l": ("k",), "s": (), "t": ("s", "u"), "u": ()}, {"l": 5.0, "s": 1.0, "t": 1.0}
    )
    assert ready.take() == "k"
    assert ready.precedes({"k"})
    assert not ready.precedes(())
    ready.done("k")
    assert not ready.precedes({"k"})
    assert ready.take() == "l"
    assert {ready.take(), ready.take()} == {"s", "u"}
    assert not ready.precedes({"s"})  # t needs u as well
    assert ready.precedes({"s", "u"})


@given(st.lists(st.sets(st.integers(0, 11)), max_size=12), st.randoms(use_true_random=False))
def test_every_task_comes_once_and_after_what_it_needs(links: list[set[int]], chance) -> None:
    upstream = {str(i): [str(j) for j in needs if j < i] for i, needs in enumerate(links)}
    ready = ReadyQueue(upstream)
    running: list[str] = []
    done: list[str] = []
    while ready:
        while (name := ready.take()) is not None:
            assert set(upstream[name]) <= set(done)
            running.append(name)
        done.append(running.pop(chance.randrange(len(running))))
        ready.done(done[-1])
    assert sorted(done) == sorted(upstream)
