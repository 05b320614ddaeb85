from __future__ import annotations

import copy
import copyreg

import pytest

from vibe_magic.identity import digest
from vibe_magic.slotnames import Unmarked


@pytest.fixture
def own() -> type:
    class Own:
        pass

    Own.__module__ = "__main__"
    return Own


def test_what_pickling_writes_on_own_classes_is_taken_off(own: type) -> None:
    digest(own())
    assert "__slotnames__" not in vars(own)


def test_what_was_written_before_stays(own: type) -> None:
    copy.copy(own())
    digest(own())
    assert "__slotnames__" in vars(own)


def test_contexts_that_end_in_another_order_leave_nothing_behind(own: type) -> None:
    usual = vars(copyreg)["_slotnames"]
    one, two = Unmarked(), Unmarked()
    one.__enter__()
    two.__enter__()
    one.__exit__()
    own().__reduce_ex__(4)
    assert "__slotnames__" in vars(own)
    two.__exit__()
    assert "__slotnames__" not in vars(own)
    assert vars(copyreg)["_slotnames"] is usual
