"""Notebook cells as cached nodes of a dependency graph.

``%load_ext vibe_magic`` in a notebook, then ``%%asset`` on top of the cells that are worth keeping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vibe_magic.magics.python import asset, clear, run, status, stream, why

__version__ = "0.1.0"
__all__ = ["__version__", "asset", "clear", "run", "status", "stream", "why"]


def load_ipython_extension(shell: Any) -> None:
    """Load the extension; IPython calls this for ``%load_ext vibe_magic``."""
    from vibe_magic.collector import paused

    with paused():
        from vibe_magic.magics import load

        load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the extension out; IPython calls this for ``%unload_ext vibe_magic``."""
    from vibe_magic.magics import unload

    unload(shell)


def __getattr__(name: str) -> Any:
    if name in __all__:
        from vibe_magic.magics import python

        return getattr(python, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
