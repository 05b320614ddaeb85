"""The collector is kept off, and nobody else can tell."""

from __future__ import annotations

import gc

import pytest

from vibe_magic import collector
from vibe_magic.collector import paused


def test_collects_nothing_inside_and_again_after():
    with paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_pause_in_a_pause_ends_with_the_outer_one():
    with paused():
        with paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_pause_is_not_somebodys_choice():
    with paused():
        assert collector.enabled()
    assert collector.enabled()


def test_somebodys_choice_outlives_a_pause():
    gc.disable()
    try:
        with paused():
            assert not collector.enabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_error_ends_the_pause():
    with pytest.raises(KeyError), paused():
        raise KeyError
    assert gc.isenabled()
    assert collector.enabled()
