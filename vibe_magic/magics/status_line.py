"""The one line under a cell that says what became of it."""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["show_line"]

_STYLE = "color:#767676;font-size:85%;font-family:sans-serif"


def show_line(shell: Any, name: str, line: str) -> None:
    """Show ``name · line`` as a display that says in its metadata that it can be left out."""
    text = f"{name} · {line}"
    html = f'<div style="{_STYLE};white-space:pre-wrap">{escape(text)}</div>'
    shell.display_pub.publish({"text/plain": text, "text/html": html}, {"vibe_magic": {"status": True}})
