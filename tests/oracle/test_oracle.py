"""A bounded run of the oracle; by hand it runs for as long as one likes."""

from __future__ import annotations

import pytest

from tests.oracle.__main__ import Tally, check
from tests.oracle.grammar import FIRST


@pytest.mark.parametrize(
    ("start", "jobs", "lazy"),
    [
        *((start, 1, False) for start in range(0, 36, 6)),
        *((start, 4, False) for start in range(36, 60, 6)),
        *((start, 1, True) for start in range(60, 84, 6)),
    ],
)
def test_no_wrong_hit_and_few_needless_runs(start: int, jobs: int, lazy: bool) -> None:
    tally = Tally()
    for seed in range(start, start + 6):
        check(seed, tally, jobs, lazy)
    assert tally.wrong == {}
    assert tally.runs > 50
    assert tally.needless <= 0.05 * tally.runs, tally.idle


@pytest.mark.parametrize(
    ("seed", "jobs", "lazy"),
    [
        (300028, 1, False),
        (1001838, 1, False),
        (710086, 4, False),
        (730163, 4, False),
        (56, 1, True),
        (1063, 1, True),
        (1654, 1, True),
        (2040, 1, True),
    ],
)
def test_what_once_went_wrong_does_not_again(seed: int, jobs: int, lazy: bool) -> None:
    tally = Tally()
    check(seed, tally, jobs, lazy, FIRST)
    assert tally.wrong == {}
