"""The order of outputs, and what of them a front end shows in the end."""

from __future__ import annotations

from vibe_magic.capture.transcript import Transcript, plain_json, settled

SHOWN = {"output_type": "display_data", "data": {"text/plain": "1"}, "metadata": {}}


def text(value: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": value}


def update(display: str, value: str) -> dict:
    return {
        "output_type": "update_display_data",
        "data": {"text/plain": value},
        "metadata": {},
        "transient": {"display_id": display},
    }


def clear(wait: bool) -> dict:
    return {"output_type": "clear_output", "wait": wait}


def test_pieces_of_one_stream_become_one_output() -> None:
    transcript = Transcript()
    for name, piece in [("stdout", "a"), ("stdout", "b"), ("stderr", ""), ("stderr", "c")]:
        transcript.stream(name, piece)
    transcript.clear(True)
    transcript.stream("stderr", "d")
    assert transcript.outputs() == (
        text("ab"),
        text("c", "stderr"),
        clear(True),
        text("d", "stderr"),
    )


def test_cleared_outputs_are_left_out() -> None:
    assert settled([text("a"), SHOWN, clear(False), text("b")]) == (clear(False), text("b"))


def test_waiting_clear_acts_with_the_next_output() -> None:
    assert settled([text("a"), clear(True)]) == (text("a"), clear(True))
    assert settled([text("a"), clear(True), text("b")]) == (clear(True), text("b"))


def test_waiting_clear_is_not_set_off_by_an_update() -> None:
    assert settled([SHOWN, clear(True), update("i", "1")]) == (
        SHOWN,
        update("i", "1"),
        clear(True),
    )


def test_updates_survive_a_clear() -> None:
    assert settled([update("i", "1"), SHOWN, clear(False)]) == (update("i", "1"), clear(False))


def test_the_last_update_of_each_display_counts() -> None:
    outputs = [update("i", "1"), update("k", "2"), text("a"), update("i", "3"), text("b")]
    assert settled(outputs) == (update("k", "2"), text("a"), update("i", "3"), text("b"))
    assert settled([text("a"), update("i", "1"), text("b"), update("i", "2")]) == (
        text("ab"),
        update("i", "2"),
    )


def test_bundles_become_plain_json() -> None:
    assert plain_json({"a": (1, b"x", None), 2: {"b": 1.5}}) == {
        "a": [1, "eA==", None],
        "2": {"b": 1.5},
    }
