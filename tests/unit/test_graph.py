"""Links by name, order, ancestors and cycles."""

from __future__ import annotations

import pytest

from vibe_magic.graph import CycleError, Graph, Node


def node(name: str, reads: str = "", writes: str = "", after: str = "") -> Node:
    return Node(name, frozenset(reads.split()), frozenset(writes.split()), frozenset(after.split()))


DIAMOND = Graph((node("a", "", "x"), node("b", "x", "y"), node("c", "x", "z"), node("d", "y z", "w")))


def test_readers_follow_the_nearest_binder_above() -> None:
    graph = Graph((node("a", "", "x"), node("b", "", "x"), node("c", "x")))
    assert graph.upstream["c"] == ("b",)


def test_a_cell_that_rebinds_its_input_follows_the_one_above() -> None:
    graph = Graph((node("a", "", "x"), node("b", "x", "x"), node("c", "x")))
    assert graph.upstream == {"a": (), "b": ("a",), "c": ("b",)}


def test_ancestors_and_descendants() -> None:
    assert DIAMOND.ancestors(["d"]) == {"a", "b", "c"}
    assert DIAMOND.descendants(["a"]) == {"b", "c", "d"}
    assert DIAMOND.order() == ("a", "b", "c", "d")
    assert DIAMOND.order(["d", "a"]) == ("a", "d")


def test_declared_order_counts() -> None:
    graph = Graph((node("b", "", "y", "a"), node("a", "", "x")))
    assert graph.order() == ("a", "b")


def test_a_cycle_is_an_error_that_names_it() -> None:
    graph = Graph((node("a", "y", "x"), node("b", "x", "y")))
    with pytest.raises(CycleError) as caught:
        graph.order()
    assert set(caught.value.args[1]) == {"a", "b"}


def test_a_long_chain_needs_no_recursion() -> None:
    nodes = (node(f"n{i}", f"x{i}", f"x{i + 1}") for i in range(3000))
    graph = Graph(tuple(nodes))
    assert len(graph.order()) == 3000
    assert len(graph.ancestors(["n2999"])) == 2999


def test_order_is_that_of_the_notebook_where_nothing_stands_against_it() -> None:
    nodes = [Node("first", writes=frozenset("a")), Node("reader", frozenset("a")), Node("last")]
    assert Graph(tuple(nodes)).order() == ("first", "reader", "last")
    assert Graph((Node("early", after=frozenset({"late"})), *nodes, Node("late"))).order() == (
        "first",
        "reader",
        "last",
        "late",
        "early",
    )
