"""The judge of freshness: each cause, its words, and the order in which causes come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from vibe_magic.trace import ABSENT, CAUSES, UNKNOWN, Fact, Trace, verify


@dataclass
class Present:
    """A world made of plain data."""

    fingerprint: str = "f"
    source: str = "y = x"
    python: str = "cpython 3.11"
    params: Mapping[str, str] = field(default_factory=dict)
    names: dict[str, Fact] = field(default_factory=lambda: {"x": Fact("1")})
    stale: dict[str, str] = field(default_factory=dict)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: {"numpy": "2"})
    summaries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def refs(self) -> frozenset[str]:
        return frozenset(self.names)

    def look(self, ref: str) -> Fact:
        return self.names.get(ref, ABSENT)

    def summary(self, ref: str) -> Mapping[str, Any]:
        return self.summaries.get(ref, {})

    def upstream(self, ref: str) -> str:
        return self.stale.get(ref, "")

    def file_state(self, path: str, recorded: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self.changed.get(path)

    def env(self, name: str) -> str:
        return self.environ.get(name, "")

    def package(self, name: str) -> str:
        return self.versions.get(name, "")

    def difference(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        return "differs so" if before != after else ""


TRACE = Trace(
    "y",
    "f",
    "y = x",
    inputs={"x": Fact("1")},
    files={"d.csv": {"kind": "file", "size": 3}},
    env={"HOME": ""},
    packages={"numpy": "2"},
    python="cpython 3.11",
)


def test_a_trace_that_holds_has_no_causes() -> None:
    assert verify(TRACE, Present()) == ()


@pytest.mark.parametrize(
    ("world", "kind", "subject", "detail"),
    [
        (Present(fingerprint="g", source="y = x + 1"), "code", "y", "the cell"),
        (Present(names={"x": Fact("2")}), "input", "x", "differs"),
        (Present(names={}), "input", "x", "is not defined now"),
        (Present(names={"x": Fact("1"), "z": Fact("9")}), "input", "z", "was not defined then"),
        (Present(names={"x": UNKNOWN}), "input", "x", "cannot be known before it runs"),
        (Present(names={"x": UNKNOWN}, stale={"x": "a"}), "upstream", "a", "x will be made anew"),
        (Present(names={"x": Fact("2", "function")}), "function", "x", "differs"),
        (Present(changed={"d.csv": {"kind": "absent"}}), "file", "d.csv", "read then, gone now"),
        (
            Present(changed={"d.csv": {"kind": "file", "size": 4}}),
            "file",
            "d.csv",
            "read then, changed since: 3 → 4 bytes",
        ),
        (Present(environ={"HOME": "d"}), "env", "HOME", "set now"),
        (Present(versions={"numpy": "3"}), "package", "numpy", "2 → 3"),
        (Present(versions={}), "package", "numpy", "2 → not installed"),
        (Present(python="cpython 3.13"), "python", "", "cpython 3.11 → cpython 3.13"),
        (Present(params={"out": "y"}), "param", "out", "none → y"),
    ],
)
def test_each_cause(world: Present, kind: str, subject: str, detail: str) -> None:
    (cause,) = verify(TRACE, world)
    assert (cause.kind, cause.subject, cause.detail) == (kind, subject, detail)
    assert str(cause)


def test_causes_come_in_a_fixed_order() -> None:
    world = Present(fingerprint="g", names={}, versions={}, python="", environ={"HOME": "x"})
    kinds = [cause.kind for cause in verify(TRACE, world)]
    assert kinds == sorted(kinds, key=CAUSES.index)
    assert kinds == ["code", "input", "env", "package", "python"]


def test_changed_code_shows_its_lines() -> None:
    (cause,) = verify(TRACE, Present(fingerprint="g", source="y = x + 1"))
    assert "-y = x\n+y = x + 1" in cause.diff


LOADED, CHANGED = Fact("d", "function", "s", as_loaded=True), Fact("d", "function", "s")
UNLOADED, LOUD = Fact("", "module", "s", as_loaded=True), Fact("", "module", "s")


@pytest.mark.parametrize(
    ("recorded", "present", "same"),
    [
        (LOADED, UNLOADED, True),
        (CHANGED, UNLOADED, False),
        (UNLOADED, LOADED, True),
        (UNLOADED, CHANGED, False),
        (LOUD, LOADED, False),
        (LOUD, UNLOADED, True),
        (CHANGED, LOADED, True),
        (LOADED, Fact("", "module", "t", as_loaded=True), False),
        (LOADED, Fact("e", "function", "s", as_loaded=True), False),
        (CHANGED, Fact("", "source", "s"), True),
        (LOADED, Fact("", "source", "t"), False),
        (Fact("d"), Fact("", "source"), False),
        (LOADED, UNKNOWN, False),
    ],
)
def test_a_source_stands_in_for_a_value_that_is_as_loading_left_it(
    recorded: Fact, present: Fact, same: bool
) -> None:
    assert recorded.same(present) is same


def test_a_trace_survives_json() -> None:
    trace = replace(TRACE, deleted=("t",), mutated=("x",), outputs={"y": Fact("3", summary={"a": 1})})
    assert Trace.from_json(trace.to_json()) == trace
