"""A real kernel, a plain shell, and what their front ends see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.manager import KernelManager, start_new_kernel

SHOWN = {"stream", "display_data", "update_display_data", "execute_result", "clear_output", "error"}

SETUP = """
import os as _os, json as _json
from vibe_magic.capture import Recorder as _Recorder, replay as _replay
_shell = get_ipython()
_recorder, _stored, _armed = _Recorder(_shell), {}, []
def _before(info):
    if info.raw_cell.startswith("# record"):
        _recorder.start()
def _after(result):
    if _recorder.recording:
        _stored["outputs"] = _recorder.stop()
        _stored["results"] = _recorder.results
_shell.events.register("pre_run_cell", _before)
_shell.events.register("post_run_cell", _after)
"""


class Kernel:
    """A kernel, driven the way a front end drives it."""

    def __init__(self, manager: KernelManager, client: Any) -> None:
        self.manager = manager
        self.client = client

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell and return the messages that a front end would show."""
        shown: list[dict[str, Any]] = []

        def note(message: dict[str, Any]) -> None:
            kind = message["header"]["msg_type"]
            if kind in SHOWN:
                shown.append({"output_type": kind, **message["content"]})

        self.reply = self.client.execute_interactive(code, timeout=30, output_hook=note)["content"]
        self.counts = [one["execution_count"] for one in shown if "execution_count" in one]
        return shown

    def value(self, expression: str) -> Any:
        """Evaluate an expression to something that has a literal repr."""
        import ast

        client = self.client
        message = client.execute("", silent=True, user_expressions={"v": expression}, reply=True)
        return ast.literal_eval(message["content"]["user_expressions"]["v"]["data"]["text/plain"])

    def record(self, code: str) -> list[dict[str, Any]]:
        """Run a cell with the recorder on; return what the front end saw of it."""
        return joined(self.run("# record\n" + code))

    def replayed(self) -> list[dict[str, Any]]:
        """Replay the last recorded cell; return what the front end sees now."""
        return joined(self.run("_replay(_stored['outputs'], _shell, results=_stored['results'])"))


def joined(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put neighbouring pieces of a stream together and leave the counts out, as a notebook does."""
    kept: list[dict[str, Any]] = []
    for item in ({k: v for k, v in one.items() if k != "execution_count"} for one in shown):
        if kept and item["output_type"] == "stream" and item.get("name") == kept[-1].get("name"):
            kept[-1] = {**kept[-1], "text": kept[-1]["text"] + item["text"]}
        else:
            kept.append(item)
    return kept


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """Yield one kernel for the tests of a module."""
    # ipykernel leaves the file descriptors alone when it believes to be under pytest itself.
    env = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=60, env=env)
    live = Kernel(manager, client)
    live.run(SETUP)
    assert live.reply["status"] == "ok", live.reply
    yield live
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """Yield a plain shell, without history on disk."""
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()
