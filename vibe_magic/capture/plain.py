"""Listen to a shell without a kernel: a terminal, a test, a worker.

Such a shell prints what it displays, so a display is noted where it is published and the text
printed for it is not noted a second time. Streams are heard at the ``write`` of the stream objects
themselves: their identity does not change, and a logging handler made in an earlier cell, which
holds the object, is heard as well. What goes past Python to a file descriptor is not heard; a cell
that starts processes is known from :mod:`vibe_magic.observe`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vibe_magic.methods import Patches

from .transcript import Output, Transcript

__all__ = ["PlainTap"]


class PlainTap:
    """Writes what a plain shell shows to a transcript.

    Parameters
    ----------
    shell : InteractiveShell
        A shell that prints what it displays.
    transcript : Transcript
        Where to write.
    """

    def __init__(self, shell: Any, transcript: Transcript) -> None:
        self._shell = shell
        self._transcript = transcript
        self._patches = Patches()
        self._printing = threading.local()
        self._listening = False
        self.gaps: tuple[str, ...] = ()

    def open(self) -> None:
        """Start to listen."""
        put, hook, publisher = self._patches.put, self._shell.displayhook, self._shell.display_pub
        for name in ("stdout", "stderr")[: 1 if sys.stderr is sys.stdout else 2]:
            if not put(getattr(sys, name), "write", self._write(name)):
                self.gaps += (f"sys.{name} cannot be recorded",)
        put(publisher, "publish", self._publish)
        put(publisher, "clear_output", self._clear)
        put(hook, "write_output_prompt", self._unheard)
        put(hook, "write_format_data", self._result)
        put(hook, "finish_displayhook", self._unheard)
        put(hook, "update_user_ns", self._update_user_ns)
        put(self._shell, "_showtraceback", self._traceback)
        self._listening = True

    def close(self) -> tuple[Output, ...]:
        """Stop listening."""
        self._listening = False
        self._patches.undo()
        return self._transcript.outputs()

    @contextmanager
    def _own_text(self) -> Iterator[None]:
        """While a display is printed, what this thread writes is part of it."""
        before = getattr(self._printing, "now", False)
        self._printing.now = True
        try:
            yield
        finally:
            self._printing.now = before

    def _hears(self) -> bool:
        return self._listening and not getattr(self._printing, "now", False)

    def _write(self, name: str) -> Callable[[Any], Any]:
        def make(write: Callable[..., Any]) -> Callable[..., Any]:
            def write_and_note(text: str, *args: Any, **kwargs: Any) -> Any:
                written = write(text, *args, **kwargs)
                if self._hears():
                    self._transcript.stream(name, str(text))
                return written

            return write_and_note

        return make

    def _publish(self, publish: Callable[..., Any]) -> Callable[..., Any]:
        def publish_and_note(data: Any, metadata: Any = None, *args: Any, **kwargs: Any) -> Any:
            if self._hears():
                kind = "update_display_data" if kwargs.get("update") else "display_data"
                self._transcript.bundle(kind, data, metadata, kwargs.get("transient"))
            with self._own_text():
                return publish(data, metadata, *args, **kwargs)

        return publish_and_note

    def _clear(self, clear: Callable[..., Any]) -> Callable[..., Any]:
        def clear_and_note(wait: bool = False) -> Any:
            if self._hears():
                self._transcript.clear(wait)
            with self._own_text():
                return clear(wait)

        return clear_and_note

    def _unheard(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._own_text():
                return method(*args, **kwargs)

        return call

    def _result(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def write_and_note(data: Any, metadata: Any = None) -> Any:
            if self._hears():
                self._transcript.bundle("execute_result", data, metadata)
            with self._own_text():
                return write(data, metadata)

        return write_and_note

    def _update_user_ns(self, update: Callable[[object], None]) -> Callable[[object], None]:
        def update_and_note(result: object) -> None:
            update(result)
            if self._listening:
                self._transcript.results.append(result)

        return update_and_note

    def _traceback(self, show: Callable[..., Any]) -> Callable[..., Any]:
        def show_and_note(*args: Any, **kwargs: Any) -> Any:
            self._transcript.error = True
            return show(*args, **kwargs)

        return show_and_note
