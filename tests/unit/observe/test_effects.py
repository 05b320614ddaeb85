"""What only running a cell again brings back."""

from __future__ import annotations

import io
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from vibe_magic.observe import effects, irreversible


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()


def after(change: Callable[[], object], shell: InteractiveShell | None = None) -> tuple[str, ...]:
    before = effects(shell)
    change()
    return irreversible(before, effects(shell))


def test_nothing_changed(shell: InteractiveShell) -> None:
    assert after(lambda: shell.run_cell("x = 1\nprint(x)\nx"), shell) == ()


@pytest.mark.parametrize("name", ["stdout", "stderr", "excepthook", "displayhook"])
def test_replaced_streams_and_hooks(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert after(lambda: monkeypatch.setattr(sys, name, io.StringIO())) == (f"sys.{name}",)


def test_signal_handler() -> None:
    old = signal.getsignal(signal.SIGUSR1)
    try:
        assert after(lambda: signal.signal(signal.SIGUSR1, lambda *_: None)) == ("a signal handler",)
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_patched_builtin(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    assert after(lambda: monkeypatch.setattr(builtins, "sorted", list)) == ("builtins",)


def test_hooks_of_threads_and_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    def change() -> None:
        monkeypatch.setattr(threading, "excepthook", print)
        monkeypatch.setattr(warnings, "showwarning", print)

    assert after(change) == ("threading.excepthook", "warnings.showwarning")


def test_logging_handler() -> None:
    logger, handler = logging.getLogger("vm.effects"), logging.StreamHandler(io.StringIO())
    before = effects()
    logger.addHandler(handler)
    now = effects()
    assert irreversible(before, now) == ("logging handlers",)
    assert irreversible(before, now, imported=True) == ()
    assert irreversible(before, now, imported=True, mentions={"addHandler"}) == ("logging handlers",)
    logger.removeHandler(handler)


def test_handler_that_does_nothing() -> None:
    assert after(lambda: logging.getLogger("vm.null").addHandler(logging.NullHandler())) == ()


def test_open_figure() -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    assert after(plt.figure) == ("an open figure",)
    plt.close("all")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("get_ipython().events.register('pre_run_cell', lambda info: None)", "an event callback"),
        ("get_ipython().input_transformers_post.append(lambda l: l)", "an input transformer"),
        (
            "import ast\nget_ipython().ast_transformers.append(ast.NodeTransformer())",
            "an AST transformer",
        ),
        (
            "from IPython.core.magic import register_line_magic\n"
            "@register_line_magic\ndef mine(line): return line",
            "a magic",
        ),
        (
            "f = get_ipython().display_formatter.formatters['text/html']\nn = f.for_type(int, lambda i: 'x')",
            "a display formatter",
        ),
    ],
)
def test_additions_to_the_shell(shell: InteractiveShell, code: str, reason: str) -> None:
    assert after(lambda: shell.run_cell(code), shell) == (reason,)


def test_what_the_machinery_adds_does_not_count(shell: InteractiveShell, tmp_path: Path) -> None:
    from matplotlib_inline.backend_inline import flush_figures

    assert after(lambda: shell.events.register("post_execute", flush_figures), shell) == ()
