"""Where the session meets IPython: before a cell runs, in place of its code, and after it."""

from __future__ import annotations

import ast
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vibe_magic.errors import BodyError, UsageError
from vibe_magic.session import Session

from .readers import Readers
from .transform import comment_header

__all__ = ["Hooks"]

if TYPE_CHECKING:
    from asyncio import TimerHandle

_TICK_S = 0.2


class Hooks:
    """Connects one shell with one session.

    ``pre_run_cell`` only notes the cell. Whether it must run is decided when IPython transforms its syntax
    tree, since an interrupt there ends the cell, while in a callback it would only be printed.
    """

    def __init__(self, shell: Any, session: Session) -> None:
        self.shell = shell
        self.session = session
        self._pending: Any = None
        self._cell_id = ""
        self._restored = False
        self._timer: TimerHandle | None = None
        self._readers = Readers(shell, session)

    def install(self) -> None:
        """Register with the shell."""
        self.shell.input_transformers_cleanup.append(comment_header)
        self.shell.events.register("pre_run_cell", self.pre_run_cell)
        self.shell.events.register("post_run_cell", self.post_run_cell)
        self.shell.ast_transformers.append(self)
        self._readers.install()

    def remove(self) -> None:
        """Undo `install`."""
        self.shell.input_transformers_cleanup.remove(comment_header)
        self.shell.events.unregister("pre_run_cell", self.pre_run_cell)
        self.shell.events.unregister("post_run_cell", self.post_run_cell)
        self.shell.ast_transformers.remove(self)
        self._readers.remove()

    def pre_run_cell(self, info: Any) -> None:
        """Note the cell that is about to run."""
        self.session.drop()
        self._restored = False
        self._pending = info
        self._cell_id = getattr(info, "cell_id", None) or ""

    def visit(self, module: ast.AST) -> ast.AST:
        """Replace the body of a cell that need not run by nothing."""
        info, self._pending = self._pending, None
        if info is None:
            return module
        try:
            restored = self._enter(info)
        except UsageError as error:
            return _raising(f"__import__('IPython').core.error.UsageError({str(error)!r})")
        except BodyError as error:
            arguments = (error.name, error.message, error.lines)
            return _raising(f"__import__('vibe_magic.errors').errors.BodyError(*{arguments!r}).exception()")
        except Exception:  # noqa: BLE001 - a fault of ours must not cost the person the result: the cell runs
            self.session.drop()
            self.session.tell("vibe_magic", f"runs this cell uncached:\n{traceback.format_exc()}")
            return module
        self._restored = restored
        return ast.Module([], []) if restored else module

    def _enter(self, info: Any) -> bool:
        python = getattr(info, "transformed_cell", None)
        if python is None:
            python = self.shell.transform_cell(info.raw_cell)
        return self.session.enter(info.raw_cell, python, self._cell_id)

    def post_run_cell(self, result: Any) -> None:
        """Store what the cell made."""
        self._pending = None
        failed = result is None or not result.success
        if self._restored and result is not None:
            result.result, self.session.result = self.session.result, None
        self.session.pass_on(self._cell_id, failed)
        self._wait_for_background()

    def _wait_for_background(self) -> None:
        """Look after what runs in the background as long as nobody runs a cell; without a loop, cells do."""
        if self._timer is None and self.session.deferred.is_busy:
            import asyncio

            with suppress(RuntimeError):  # no loop runs here
                self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self.session.runs_now:
            self.session.deferred.advance()
        self._wait_for_background()


def _raising(exception: str) -> ast.Module:
    """Return code that fails in place of a cell: with one line, or with what its body has raised."""
    return ast.parse(f"raise {exception}")
