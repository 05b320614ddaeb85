"""Readers of the notebook's names that are no cells: completion, inspection, widgets, debuggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vibe_magic.cell import words_in
from vibe_magic.session import Session

__all__ = ["Readers"]

_Message = Mapping[str, Any]


class Readers:
    """Stands between a kernel and the requests by which it may read names, so that values can wait unread.

    Without a kernel nobody tells of such readers, and values are loaded as soon as they are restored.

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's, or a terminal's.
    session : Session
        Whose values wait.
    """

    def __init__(self, shell: Any, session: Session) -> None:
        self._kernel = getattr(shell, "kernel", None)
        self._session = session
        self._unread = session.unread
        self._replaced: list[tuple[dict[str, Any], str, Any]] = []

    def install(self) -> None:
        """Meet the requests; from now on values may wait."""
        if self._kernel is None:
            return
        everything = dict.fromkeys(("comm_open", "comm_msg", "comm_close"), self._all)
        wanted = {
            **everything,
            "debug_request": self._debugged,
            "complete_request": self._named,
            "inspect_request": self._named,
        }
        wanted["execute_request"] = self._evaluated
        for handlers in (self._kernel.shell_handlers, self._kernel.control_handlers):
            for name in wanted.keys() & handlers.keys():
                self._replaced.append((handlers, name, handlers[name]))
                handlers[name] = _after(wanted[name], handlers[name])
        self._unread.is_open = True

    def remove(self) -> None:
        """Undo `install`."""
        self._unread.load_all()
        self._unread.is_open = False
        for handlers, name, handler in self._replaced:
            handlers[name] = handler
        self._replaced.clear()

    def _all(self, _message: _Message) -> None:
        self._unread.load_all()

    def _debugged(self, _message: _Message) -> None:
        """Load everything for a debugger, which has a thread of its own; not while a cell runs."""
        if not self._session.runs_now:
            self._unread.load_all()

    def _named(self, message: _Message) -> None:
        """Load what the text names in which the cursor stands."""
        self._unread.load(words_in(str(message["content"].get("code", ""))))

    def _evaluated(self, message: _Message) -> None:
        """Load what expressions read that are evaluated after a cell, or code that is run silently."""
        content = message["content"]
        texts = list(content.get("user_expressions", {}).values())
        for text in [content.get("code", ""), *texts] if content.get("silent") else texts:
            try:
                self._unread.expect(text)
            except SyntaxError:  # then it reads nothing, or is no Python
                self._unread.load_all()


def _after(first: Callable[[_Message], None], handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler of requests that lets another function see them first."""

    def handle(*args: Any) -> Any:
        first(args[-1])
        return handler(*args)

    return handle
