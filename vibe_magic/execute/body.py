"""Run a cell body outside its own cell: for an asset that another cell or a command brings up to date."""

from __future__ import annotations

import ast
import inspect
import threading
import warnings
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from vibe_magic.cell import Cell

from .job import RESULT

__all__ = ["run_body"]


def run_body(cell: Cell, namespace: dict[str, Any], shell: Any) -> tuple[bool, tuple[object, ...]]:
    """Run a body as its cell would; show its traceback if it raises.

    The value of a last expression is displayed, but does not enter ``Out``, which belongs to the cell that
    the person runs.

    Returns
    -------
    tuple
        Whether it raised, and the values displayed as results (one or none).
    """
    shell.events.trigger("pre_execute")
    try:
        return _run(cell, namespace, shell)
    finally:
        shell.events.trigger("post_execute")


def _run(cell: Cell, namespace: dict[str, Any], shell: Any) -> tuple[bool, tuple[object, ...]]:
    name = shell.compile.cache(cell.python, shell.execution_count, raw_code=cell.source)
    try:
        with shell.builtin_trap, shell.display_trap:
            results = [
                value
                for code, shows in _codes(cell, name, shell.compile)
                for value in [_evaluated(code, namespace)]
                if shows and value is not None
            ]
            for value in results:
                _display(value, shell)
    except KeyboardInterrupt:
        raise
    except SystemExit:
        shell.showtraceback(exception_only=True)
        warnings.warn("To exit: use 'exit', 'quit', or Ctrl-D.", stacklevel=1)
        return True, ()
    except BaseException as error:  # noqa: BLE001 - whatever a cell raises is shown, as IPython does
        error.__traceback__ = _inside(error.__traceback__, name)
        shell.showtraceback(tb_offset=0, running_compiled_code=True)
        return True, ()
    return False, tuple(results)


def _inside(trace: TracebackType | None, filename: str) -> TracebackType | None:
    """Return a traceback from the cell's own code on; all of it if that was not reached."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != filename:
        found = found.tb_next
    return found or trace


def _codes(cell: Cell, filename: str, compiler: Any) -> list[tuple[Any, bool]]:
    tree = compiler.ast_parse(cell.python, filename=filename)
    codes = []
    for place, statement in enumerate(tree.body):
        shows = cell.displays and place == len(tree.body) - 1 and isinstance(statement, ast.Expr)
        unit: ast.AST = ast.Module([statement], [])
        if shows:
            unit = ast.Expression(statement.value)
        with compiler.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
            codes.append((compiler(unit, filename, "eval" if shows else "exec"), shows))
    return codes


def _evaluated(code: Any, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)
    if code.co_flags & inspect.CO_COROUTINE:
        return _awaited(value)
    return value


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Await in a thread of its own: the loop of this thread is busy with the cell that asked."""
    import asyncio

    box: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            box.append(asyncio.run(coroutine))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            errors.append(error)

    thread = threading.Thread(target=run, name="vibe_magic await")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return box[0]


def _display(value: Any, shell: Any) -> None:
    data, metadata = shell.display_formatter.format(value)
    if data:
        shell.display_pub.publish(data, metadata, transient={RESULT: True})
