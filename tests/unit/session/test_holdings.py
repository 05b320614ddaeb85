"""What functions and classes hold between calls."""

from __future__ import annotations

from typing import Any

from vibe_magic.session.holdings import held, variables


def made() -> tuple[Any, Any, Any]:
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return count

    def peek() -> int:
        return count

    return step, peek, made


def test_defaults_variables_and_attributes() -> None:
    kept: list[int] = []

    def grow(x: int, seen: list[int] = kept) -> None:
        seen.append(x)

    class Holder:
        shared: list[int] = kept

    assert any(value is kept for value in held([grow])[f"<{id(grow)}>"])
    assert any(value is kept for value in held([Holder])[f"<{id(Holder)}>"])


def test_code_holds_itself() -> None:
    def inner() -> None: ...

    def outer() -> None:
        inner()

    assert held([outer]) == {}


def test_who_binds_a_variable_anew_meets_those_who_read_it() -> None:
    step, peek, plain = made()
    reads, writes = variables([step])
    assert reads == writes == variables([peek])[0]
    assert variables([peek])[1] == frozenset()
    assert variables([plain]) == (frozenset(), frozenset())
