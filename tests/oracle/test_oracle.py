"""A bounded run of the oracle; by hand it runs for as long as one likes."""

from __future__ import annotations

import pytest

from tests.oracle.__main__ import Tally, check


@pytest.mark.parametrize("start", [0, 12, 24, 36])
def test_no_wrong_hit_and_few_needless_runs(start: int) -> None:
    tally = Tally()
    for seed in range(start, start + 12):
        check(seed, tally)
    assert tally.wrong == {}
    assert tally.runs > 100
    assert tally.needless <= 0.05 * tally.runs, tally.idle


@pytest.mark.parametrize("seed", [300028])
def test_what_once_went_wrong_does_not_again(seed: int) -> None:
    tally = Tally()
    check(seed, tally)
    assert tally.wrong == {}
