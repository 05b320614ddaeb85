"""The recorder: one cell's outputs, from start to stop."""

from __future__ import annotations

from typing import Any

from .kernel import KernelTap
from .plain import PlainTap
from .transcript import Output, Transcript

__all__ = ["Recorder", "mime_types"]


class Recorder:
    """Records what a cell shows, while it is shown.

    Recorders nest: a cell that runs another one records what that one shows, too.

    Parameters
    ----------
    shell : InteractiveShell
        The shell that runs the cell, in a kernel or without one.

    Attributes
    ----------
    widgets : bool
        The cell showed a live widget or used a comm; its outputs cannot be replayed.
    error : bool
        The cell showed a traceback (also one from formatting a value, which fails no cell).
    asked : bool
        The cell asked the front end for input; without a kernel, `Observed.stdin` tells.
    gaps : tuple of str
        Why the record may lack something; empty as a rule.
    results : tuple of object
        The values that went into ``Out``, in order. Usually one or none; more where
        ``InteractiveShell.ast_node_interactivity`` shows every expression. Cleared by `start`.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._transcript = Transcript()
        self._tap: KernelTap | PlainTap | None = None
        self._gaps: tuple[str, ...] = ()

    @property
    def recording(self) -> bool:
        """Whether the recorder is between `start` and `stop`."""
        return self._tap is not None

    @property
    def widgets(self) -> bool:
        """Whether a live widget was shown or a comm used."""
        return self._transcript.widgets

    @property
    def error(self) -> bool:
        """Whether a traceback was shown."""
        return self._transcript.error

    @property
    def asked(self) -> bool:
        """Whether the front end was asked for input."""
        return self._transcript.asked

    @property
    def gaps(self) -> tuple[str, ...]:
        """Why the record may lack something."""
        return self._gaps

    @property
    def results(self) -> tuple[object, ...]:
        """The values that went into ``Out``."""
        return tuple(self._transcript.results)

    def start(self) -> None:
        """Begin; does nothing if already begun."""
        if self._tap is not None:
            return
        self._transcript = Transcript()
        self._gaps = ()
        tap = KernelTap if _has_kernel(self._shell) else PlainTap
        self._tap = tap(self._shell, self._transcript)
        self._tap.open()

    def stop(self) -> tuple[Output, ...]:
        """End, and return what was shown since `start`; empty if never begun."""
        tap, self._tap = self._tap, None
        if tap is None:
            return ()
        outputs = tap.close()
        self._gaps = tap.gaps + _paged(self._shell)
        return outputs


def _has_kernel(shell: Any) -> bool:
    """Tell a kernel's shell from a plain one by the session it sends with."""
    return getattr(getattr(shell, "kernel", None), "session", None) is not None


def _paged(shell: Any) -> tuple[str, ...]:
    """Name what goes to the front end with the reply instead of being shown."""
    pending = getattr(getattr(shell, "payload_manager", None), "_payload", ())
    sources = sorted({str(payload.get("source")) for payload in pending})
    return tuple(f"{source} is sent with the reply" for source in sources)


def mime_types(shell: Any) -> tuple[str, ...]:
    """Return the formats in which a shell shows values.

    An output recorded where only plain text is shown lacks the tables and images that a notebook
    would show; a caller can tell by comparing these.
    """
    return tuple(sorted(shell.display_formatter.active_types))
