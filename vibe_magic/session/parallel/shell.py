"""A shell for bodies: it shows by sending, and looks like the kernel's to libraries that ask."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from vibe_magic.capture import Output

__all__ = ["BodyShell", "make_shell"]

Tell = Callable[[Output], None]


class BodyPublisher(DisplayPublisher):
    """Sends displays to the kernel."""

    tell: Tell = staticmethod(lambda output: None)

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        source: object = None,  # noqa: ARG002 - the publisher's own signature
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """Send a display or an update of one."""
        kind = "update_display_data" if update else "display_data"
        output = {"output_type": kind, "data": data, "metadata": metadata or {}}
        self.tell(output | ({"transient": transient} if transient else {}))

    def clear_output(self, wait: bool = False) -> None:
        """Send that what was shown is to go."""
        self.tell({"output_type": "clear_output", "wait": wait})


class BodyStream(io.TextIOBase):
    """Sends text to the kernel, whole lines as far as there are any."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, name: str, tell: Tell) -> None:
        self.name = f"<{name}>"
        self._kind = name
        self._tell = tell
        self._pending = ""

    def write(self, text: str) -> int:
        """Send the lines that are complete; a carriage return begins one, as well."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._pending += text
        end = max(self._pending.rfind("\n") + 1, self._pending.rfind("\r"))
        if end > 0:
            line, self._pending = self._pending[:end], self._pending[end:]
            self._tell({"output_type": "stream", "name": self._kind, "text": line})
        return len(text)

    def flush(self) -> None:
        """Send what there is."""
        if self._pending:
            text, self._pending = self._pending, ""
            self._tell({"output_type": "stream", "name": self._kind, "text": text})

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return False, as the kernel's streams do."""
        return False


class BodyShell(InteractiveShell):
    """Runs bodies; its class takes the name of the kernel's, and its configuration has a kernel's section."""

    display_pub_class = Type(BodyPublisher)
    error: tuple[str, str, list[str]] = ("", "", [])

    def listen(self, tell: Tell) -> None:
        """Send what is shown from now on."""
        publisher: BodyPublisher = self.display_pub  # type: ignore[assignment]
        publisher.tell = tell
        sys.stdout = BodyStream("stdout", tell)
        sys.stderr = BodyStream("stderr", tell)

    def _showtraceback(self, etype: Any, evalue: BaseException, stb: Sequence[str]) -> None:
        """Keep a traceback for the kernel to show."""
        self.error = (getattr(etype, "__name__", str(etype)), str(evalue), list(stb))


def make_shell() -> BodyShell:
    """Return the one shell of this process, without history."""
    config = Config()
    config.HistoryManager.enabled = False
    config.IPKernelApp.exit_on_session_leave = False  # a section by which libraries know a notebook
    shell: BodyShell = BodyShell.instance(config=config)
    return shell
