"""Source text → what a cell reads, binds, calls and names; pure syntax, no state."""

from __future__ import annotations

from .definitions import bound_names, definitions, is_definition
from .encoding import encode
from .facts import Facts, Hazard
from .hazards import copies_docstrings
from .outward import outward
from .parsing import parse, unwarned
from .reading import facts_of, facts_of_module
from .text import Cell, analyse, python_source, split_header
from .words import words_in

__all__ = [
    "Cell",
    "Facts",
    "Hazard",
    "analyse",
    "bound_names",
    "copies_docstrings",
    "definitions",
    "encode",
    "facts_of",
    "facts_of_module",
    "is_definition",
    "outward",
    "parse",
    "python_source",
    "split_header",
    "unwarned",
    "words_in",
]
