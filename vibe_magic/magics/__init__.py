"""The extension: what IPython calls, and what a person types in a notebook."""

from __future__ import annotations

from .extension import load, unload

__all__ = ["load", "unload"]
