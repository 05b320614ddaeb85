"""What is held of a namespace during a run, and what is let go of."""

from __future__ import annotations

import pytest

from vibe_magic.execute.holding import Held
from vibe_magic.execute.namespace import Bindings


class Thing:
    """Something that knows weak references."""


def test_what_is_held_loosely_is_gone_once_nobody_else_has_it() -> None:
    namespace = {"x": Thing(), "n": [1]}
    held = Held(namespace, loosely=True)
    assert held.values() == namespace
    del namespace["x"]
    assert held.values() == {"n": [1]}


@pytest.mark.parametrize("value", [None, Thing(), [1]])
def test_what_took_the_place_of_something_gone_is_new(value: object) -> None:
    namespace: dict[str, object] = {"x": Thing()}
    bindings = Bindings.of(namespace, loosely=True)
    namespace["x"] = None
    namespace["x"] = value
    assert bindings.changes(namespace, frozenset()).bound == {"x"}


def test_what_stays_is_not_new() -> None:
    namespace: dict[str, object] = {"x": Thing(), "y": [1], "z": None}
    bindings = Bindings.of(namespace, loosely=True)
    assert bindings.changes(namespace, frozenset()).bound == frozenset()


def test_a_dropped_name_is_deleted_or_new() -> None:
    namespace: dict[str, object] = {"x": [1], "y": [2]}
    bindings = Bindings.of(namespace, ("x", "y"))
    assert bindings.held.values() == {}
    del namespace["x"]
    changes = bindings.changes(namespace, frozenset())
    assert (changes.bound, changes.deleted) == ({"y"}, {"x"})
