"""Attribute stores that reach into installed packages."""

from __future__ import annotations

import fractions
import math
from typing import Any

import pytest

from vibe_magic.session.patches import patches_of


class Own:
    """A class of the notebook."""


NAMES: dict[str, Any] = {
    "fr": fractions,
    "F": fractions.Fraction,
    "Own": Own,
    "x": fractions.Fraction(1),
    "m": math,
}


@pytest.mark.parametrize(
    ("target", "ref"),
    [
        ("fr.Fraction.twice", "fractions:Fraction.twice"),
        ("F.twice", "fractions:Fraction.twice"),
        ("m.tau2", "math:tau2"),
        ("fractions.Fraction.twice", "fractions:Fraction.twice"),
    ],
)
def test_a_store_into_a_package_is_a_patch(target: str, ref: str) -> None:
    assert [patch.ref for patch in patches_of([target], NAMES)] == [ref]


@pytest.mark.parametrize("target", ["Own.k", "x.k", "unknown.k", "fr.nothing.k", "x"])
def test_other_stores_are_not(target: str) -> None:
    assert patches_of([target], NAMES) == []


def test_a_patch_tells_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    (patch,) = patches_of(["F.twice"], NAMES)
    assert not patch.is_set
    monkeypatch.setattr(fractions.Fraction, "twice", 2, raising=False)
    assert (patch.is_set, patch.value) == (True, 2)
