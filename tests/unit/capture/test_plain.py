"""Record and replay in a shell without a kernel."""

from __future__ import annotations

import io
import logging
import sys
import threading

import pytest
from IPython.core.interactiveshell import InteractiveShell

from vibe_magic.capture import ABSENT, Recorder, mime_types, replay


def record(shell: InteractiveShell, code: str, **options: bool) -> tuple[dict, ...]:
    recorder = Recorder(shell)
    recorder.start()
    shell.run_cell(code, store_history=True, **options)
    return recorder.stop()


def stream(text: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": text}


def test_streams_and_displays_keep_their_order(shell: InteractiveShell) -> None:
    outputs = record(
        shell,
        "import sys; from IPython.display import display\n"
        "print('a'); print('b'); display('c'); print('d', file=sys.stderr); print('e')",
    )
    assert outputs == (
        stream("a\nb\n"),
        {"output_type": "display_data", "data": {"text/plain": "'c'"}, "metadata": {}},
        stream("d\n", "stderr"),
        stream("e\n"),
    )


def test_what_is_shown_does_not_change(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    code = "from IPython.display import display\nprint('a'); display(1); print('b')\n2"
    shell.run_cell(code)
    plain = capsys.readouterr()
    record(shell, code)
    assert capsys.readouterr().out.replace("Out[1]", "Out[0]") == plain.out


def test_replay_prints_the_same(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = record(shell, "print('a')\n{'k': 1}")
    plain = capsys.readouterr().out
    replay(outputs, shell, result={"k": 1})
    assert capsys.readouterr().out == plain


def test_rich_bundle_and_display_id(shell: InteractiveShell) -> None:
    outputs = record(
        shell,
        "from IPython.display import display\n"
        "h = display({'text/html': '<b>', 'image/png': b'\\x89'}, raw=True, display_id='d')\n"
        "h.update({'text/plain': 'x'}, raw=True)",
    )
    assert outputs == (
        {
            "output_type": "display_data",
            "data": {"text/html": "<b>", "image/png": "iQ=="},
            "metadata": {},
            "transient": {"display_id": "d"},
        },
        {
            "output_type": "update_display_data",
            "data": {"text/plain": "x"},
            "metadata": {},
            "transient": {"display_id": "d"},
        },
    )


def test_result_sets_out_and_the_underscores(shell: InteractiveShell) -> None:
    shell.run_cell("'older'", store_history=True)
    value = {"k": 1}
    outputs = record(shell, "{'k': 1}")
    replay(outputs, shell, result=value)
    namespace = shell.user_ns
    assert namespace["_"] is value
    assert namespace["_2"] is value
    assert namespace["Out"][2] is value
    assert (namespace["__"], namespace["___"]) == ({"k": 1}, "older")


def test_recorded_result_is_the_object(shell: InteractiveShell) -> None:
    recorder = Recorder(shell)
    recorder.start()
    shell.run_cell("x = [1]\nx", store_history=True)
    recorder.stop()
    (result,) = recorder.results
    assert result is shell.user_ns["x"]


def test_replay_without_a_result_leaves_out_alone(shell: InteractiveShell) -> None:
    outputs = record(shell, "5")
    shell.user_ns["Out"].clear()
    replay(outputs, shell)
    assert not shell.user_ns["Out"]
    replay(outputs, shell, result=ABSENT)
    assert not shell.user_ns["Out"]


def test_replay_inside_a_cell_gives_the_cell_its_result(shell: InteractiveShell) -> None:
    outputs = record(shell, "[7]")
    shell.user_ns["again"] = lambda: replay(outputs, shell, result=[7])
    assert shell.run_cell("again()", store_history=True).result == [7]


def test_semicolon_means_no_result(shell: InteractiveShell) -> None:
    assert record(shell, "5;") == ()


def test_print_in_repr_comes_before_the_result(shell: InteractiveShell) -> None:
    outputs = record(shell, "class L:\n    def __repr__(self): print('side'); return 'L'\nL()")
    assert [item["output_type"] for item in outputs] == ["stream", "execute_result"]


def test_logging_handler_of_an_earlier_cell(shell: InteractiveShell) -> None:
    logger = logging.getLogger("earlier")
    logger.propagate = False
    logger.addHandler(logging.StreamHandler(sys.stderr))
    assert record(shell, "import logging; logging.getLogger('earlier').error('late')") == (
        stream("late\n", "stderr"),
    )


def test_identity_of_streams_is_kept(shell: InteractiveShell) -> None:
    before = sys.stdout, sys.stderr
    record(shell, "import sys; seen = (sys.stdout, sys.stderr)")
    assert all(a is b for a, b in zip(shell.user_ns["seen"], before, strict=True))


def test_output_of_a_thread_is_recorded(shell: InteractiveShell) -> None:
    code = "import threading\nt = threading.Thread(target=lambda: print('t'))\nt.start(); t.join()"
    assert record(shell, code) == (stream("t\n"),)


def test_a_print_of_another_thread_during_a_display_is_kept(shell: InteractiveShell) -> None:
    go, done = threading.Event(), threading.Event()

    def other() -> None:
        go.wait(10)
        print("other")
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    shell.mime_renderers = {"text/x": lambda *_: (go.set(), done.wait(10))}
    outputs = record(
        shell,
        "from IPython.display import display\n"
        "display({'text/x': '', 'text/plain': 'p'}, metadata={}, raw=True)",
    )
    thread.join()
    assert stream("other\n") in outputs


def test_captured_output_is_not_shown_and_not_recorded(shell: InteractiveShell) -> None:
    assert record(shell, "%%capture c\nprint('hidden')\n1") == ()


def test_redirected_output_is_not_recorded(shell: InteractiveShell) -> None:
    code = (
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as f: print('in')\n"
        "print('out')"
    )
    assert record(shell, code) == (stream("out\n"),)


def test_clear_output_is_replayed(shell: InteractiveShell) -> None:
    outputs = record(shell, "from IPython.display import clear_output\nprint(1)\nclear_output(True)")
    assert outputs[-1] == {"output_type": "clear_output", "wait": True}


def test_error_is_noted(shell: InteractiveShell) -> None:
    recorder = Recorder(shell)
    recorder.start()
    shell.run_cell("1/0")
    recorder.stop()
    assert recorder.error
    assert not recorder.recording


def test_recorders_nest(shell: InteractiveShell) -> None:
    outer, inner = Recorder(shell), Recorder(shell)
    outer.start()
    print("a")
    inner.start()
    inner.start()
    print("b")
    assert inner.stop() == (stream("b\n"),)
    print("c")
    assert outer.stop() == (stream("a\nb\nc\n"),)
    assert outer.stop() == ()


def test_recorders_may_end_in_any_order(shell: InteractiveShell) -> None:
    first, second = Recorder(shell), Recorder(shell)
    first.start()
    second.start()
    print("a")
    assert first.stop() == (stream("a\n"),)
    print("b")
    assert second.stop() == (stream("a\nb\n"),)
    record(shell, "1")


def test_nothing_is_left_behind(shell: InteractiveShell) -> None:
    print()
    objects = (sys.stdout, sys.stderr, shell.display_pub, shell.displayhook, shell)
    shell.run_cell("1")
    before = [set(vars(thing)) for thing in objects]
    record(shell, "print(1)\n2")
    assert [set(vars(thing)) - old - {"write"} for thing, old in zip(objects, before, strict=True)] == [
        set()
    ] * len(objects)


def test_a_stream_that_cannot_be_heard_is_a_gap(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fixed(io.TextIOBase):
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

        def close(self) -> None:
            """There is nothing to close, and no attribute to note it in."""

    monkeypatch.setattr(sys, "stderr", Fixed())
    recorder = Recorder(shell)
    recorder.start()
    recorder.stop()
    assert recorder.gaps == ("sys.stderr cannot be recorded",)


def test_mime_types(shell: InteractiveShell) -> None:
    assert "text/plain" in mime_types(shell)
