"""What a cell depends on, as values: identities of its inputs, and what stands in the way of knowing them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vibe_magic.cell import Facts

__all__ = ["PACKAGED", "SOURCE_TEXT", "Identity", "Problem", "Reach"]

PACKAGED = "package"
"""Stands for the source of a constant that an installed package holds; its version tells if it changed."""
SOURCE_TEXT = "source:text"
"""The input of a cell that looks at code: the lines, places and docstrings of all that it can call."""


class Identity(NamedTuple):
    """What a reference stands for.

    Attributes
    ----------
    digest : str
        Of the live value; empty for a name of a module that is not loaded.
    kind : str
        ``value``, ``function``, ``class``, ``module`` or ``missing``.
    static : str
        Digest of the source, for names of local modules.
    as_loaded : bool
        Whether the value is what loading that source gives.
    """

    digest: str
    kind: str
    static: str = ""
    as_loaded: bool = False


class Problem(NamedTuple):
    """An input that has no digest: its name, the part of it that has none, of which type, and why."""

    name: str
    part: str
    type_name: str
    reason: str


@dataclass(frozen=True)
class Reach:
    """Everything that a cell depends on, as far as it is known before it runs.

    Attributes
    ----------
    inputs : mapping of str to Identity
        By reference: a notebook name, or ``module:name``.
    facts : Facts
        Of the cell and of all code that it can call.
    packages : mapping of str to str
        Versions of the distributions it uses.
    problems : tuple of Problem
        Inputs that cannot be digested.
    values : mapping of str to object
        The values behind references, code and modules left out.
    code : tuple of Facts
        Of each function and class that it can call.
    callables : tuple of object
        Those functions and classes.
    """

    inputs: Mapping[str, Identity]
    facts: Facts
    packages: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    code: tuple[Facts, ...] = ()
    callables: tuple[Any, ...] = ()
