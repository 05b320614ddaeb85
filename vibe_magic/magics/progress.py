"""One calm view of a run while it goes on: what runs, what waits, what is done, and how long it will take."""

from __future__ import annotations

import sys
import time
import uuid
from dataclasses import dataclass, field
from html import escape
from typing import Any

from vibe_magic.config import format_age
from vibe_magic.session import Event

__all__ = ["Progress"]

_REDRAW_S = 0.2
_DONE = ("ran", "restored", "failed", "skipped")
_SHADES = {"ran": "#2e7d32", "restored": "#90caf9", "failed": "#c62828", "skipped": "#bdbdbd"}
_RUNS, _WAITS = "#ffb300", "#eeeeee"


@dataclass
class _Row:
    expected_s: float | None
    started_s: float | None = None
    action: str = ""


@dataclass
class Progress:
    """Draws the view whenever something has happened; drawn once only if the run is short.

    Parameters
    ----------
    shell : InteractiveShell
        Where to draw.
    n_jobs : int
        How many workers there are, for the estimate.
    """

    shell: Any
    n_jobs: int = 1
    _rows: dict[str, _Row] = field(default_factory=dict)
    _began_s: float = field(default_factory=time.monotonic)
    _drawn_s: float = 0.0
    _drawn: bool = False
    _id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __call__(self, event: Event) -> None:
        """Take note of an event, and draw if the last drawing is old enough."""
        row = self._rows.setdefault(event.name, _Row(event.expected_s)) if event.name else None
        if row is not None and event.kind == "started":
            row.started_s = time.monotonic()
        elif row is not None and event.kind in _DONE:
            row.action = event.kind
        if time.monotonic() - max(self._drawn_s, self._began_s) >= _REDRAW_S:
            self._draw()

    def end(self) -> None:
        """Draw how it ended, if anything was drawn before; a terminal's line goes."""
        if self._drawn:
            self._draw()
            if not hasattr(self.shell, "kernel") and sys.stderr.isatty():
                sys.stderr.write("\r\x1b[K")

    def text(self) -> str:
        """Return the view as one line."""
        now_s = time.monotonic()
        done = [row for row in self._rows.values() if row.action]
        running = {n: r for n, r in self._rows.items() if r.started_s is not None and not r.action}
        parts = [f"{len(done)} of {len(self._rows)} done"]
        if running:
            parts.append("running " + ", ".join(_running(n, r, now_s) for n, r in running.items()))
        waiting = len(self._rows) - len(done) - len(running)
        parts += [f"{waiting} waiting"] if waiting else []
        parts.append(format_age(now_s - self._began_s))
        left_s = self._left_s(now_s)
        parts += [f"about {format_age(left_s)} left"] if left_s >= 1 else []
        return " · ".join(parts)

    def _left_s(self, now_s: float) -> float:
        """Estimate from recorded durations: what is open, shared among the workers."""
        open_s = [
            max(0.0, row.expected_s - (now_s - row.started_s if row.started_s is not None else 0.0))
            for row in self._rows.values()
            if not row.action and row.expected_s
        ]
        return max([sum(open_s) / max(1, self.n_jobs), *open_s], default=0.0)

    def html(self) -> str:
        """Return the view as a bar with a cell for each asset, and the line below it."""
        cells = "".join(
            f'<span title="{escape(name)}" style="flex:1;background:{_shade(row)};min-width:2px"></span>'
            for name, row in self._rows.items()
        )
        bar = f'<div style="display:flex;gap:1px;height:8px;max-width:40em">{cells}</div>'
        line = f'<div style="color:#767676;font-size:85%;font-family:sans-serif">{escape(self.text())}</div>'
        return bar + line

    def _draw(self) -> None:
        data = {"text/plain": self.text(), "text/html": self.html()}
        metadata, transient = {"vibe_magic": {"status": True}}, {"display_id": self._id}
        if hasattr(self.shell, "kernel"):
            self.shell.display_pub.publish(data, metadata, transient=transient, update=self._drawn)
        elif sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{self.text()}")
        self._drawn, self._drawn_s = True, time.monotonic()


def _running(name: str, row: _Row, now_s: float) -> str:
    assert row.started_s is not None
    expected = f" of {format_age(row.expected_s)}" if row.expected_s else ""
    return f"{name} ({format_age(now_s - row.started_s)}{expected})"


def _shade(row: _Row) -> str:
    return _SHADES.get(row.action) or (_WAITS if row.started_s is None else _RUNS)
