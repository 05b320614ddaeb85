"""Show recorded outputs again, as the cell itself showed them."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from .transcript import Output

__all__ = ["ABSENT", "Absent", "replay"]


class Absent(enum.Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""Stands for a result that the cell did not have; None is a value like others."""


def replay(
    outputs: Iterable[Output],
    shell: Any,
    *,
    result: object = ABSENT,
    results: Sequence[object] = (),
) -> None:
    """Show recorded outputs again, in their order.

    Parameters
    ----------
    outputs : iterable of dict
        What :meth:`Recorder.stop` returned.
    shell : InteractiveShell
        Where to show them. Counts and prompts are those of its current cell.
    result : object, optional
        The value of the last expression. Goes into ``Out``, ``_``, ``__`` and ``___`` and into the
        cell's execution result, as the display hook does it, without being formatted again.
    results : sequence of object, optional
        In place of `result`, all values that the cell put into ``Out``.
    """
    values = list(results) if results or result is ABSENT else [result]
    outputs = list(outputs)
    shown = sum(item["output_type"] == "execute_result" for item in outputs)
    for value in values[: max(0, len(values) - shown)]:
        _keep(shell.displayhook, value)
    del values[: max(0, len(values) - shown)]
    for item in outputs:
        if item["output_type"] == "execute_result":
            unmatched = shown > len(values)
            shown -= 1
            _show_result(shell.displayhook, item, ABSENT if unmatched else values.pop(0))
        else:
            _show(shell.display_pub, item)


def _show(publisher: Any, item: Output) -> None:
    """Show anything but a result."""
    kind = item["output_type"]
    if kind == "stream":
        stream = getattr(sys, item["name"])
        stream.write(item["text"])
        stream.flush()  # streams are buffered apart: without this, their order would be lost
    elif kind == "clear_output":
        publisher.clear_output(item["wait"])
    else:
        publisher.publish(
            item["data"],
            item["metadata"],
            transient=item.get("transient", {}),
            update=kind == "update_display_data",
        )


def _keep(hook: Any, value: object) -> None:
    """Put a value into ``Out`` and the execution result."""
    if value is not ABSENT and value is not None:
        hook.update_user_ns(value)
        hook.fill_exec_result(value)


def _show_result(hook: Any, item: Output, value: object) -> None:
    """Show a result: the steps of ``IPython.core.displayhook.DisplayHook.__call__``."""
    hook.check_for_underscore()
    hook.start_displayhook()
    hook.write_output_prompt()
    _keep(hook, value)
    hook.write_format_data(item["data"], item["metadata"])
    hook.log_output(item["data"])
    hook.finish_displayhook()
