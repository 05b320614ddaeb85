"""A bounded run of the oracle; by hand it runs for as long as one likes."""

from __future__ import annotations

import pytest

from tests.oracle.__main__ import Tally, check


@pytest.mark.parametrize(("start", "jobs"), [(0, 1), (12, 1), (24, 1), (36, 1), (48, 4), (60, 4)])
def test_no_wrong_hit_and_few_needless_runs(start: int, jobs: int) -> None:
    tally = Tally()
    for seed in range(start, start + 12):
        check(seed, tally, jobs)
    assert tally.wrong == {}
    assert tally.runs > 100
    assert tally.needless <= 0.05 * tally.runs, tally.idle


@pytest.mark.parametrize(("seed", "jobs"), [(300028, 1), (710086, 4), (730163, 4)])
def test_what_once_went_wrong_does_not_again(seed: int, jobs: int) -> None:
    tally = Tally()
    check(seed, tally, jobs)
    assert tally.wrong == {}
