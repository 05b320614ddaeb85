"""Drive a notebook file: read it, run it in a kernel, write it back."""

from __future__ import annotations

from .reading import Notebook, read_notebook
from .running import RunReport, run_notebook

__all__ = ["Notebook", "RunReport", "read_notebook", "run_notebook"]
