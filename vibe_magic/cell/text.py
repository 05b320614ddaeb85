"""From a cell as typed to its analysed form."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from .definitions import bound_names, definitions
from .facts import Facts
from .parsing import parse
from .reading import Reader

__all__ = ["Cell", "analyse", "python_source", "split_header"]

_HEADER = r"(?:[ \t]*\r?\n)*%%asset(?=\s|$)[^\n]*(?:\n|$)"
_SPECIAL = r"(?m)^\s*[%!?]|[=\s][!%]\s*\w|\?\s*$"


@dataclass(frozen=True, eq=False)
class Cell:
    """The analysed source text of one cell body.

    Attributes
    ----------
    source : str
        The body as typed.
    python : str
        What IPython makes of it.
    facts : Facts
        What it needs and does.
    first_name : str or None
        The first name it binds.
    definitions : tuple of ast.stmt
        Statements that only define; they are run again on a hit.
    defines : frozenset of str
        The names that these alone bind.
    displays : bool
        Whether the value of a last expression is shown.
    unbinds : frozenset of str
        Names that its own statements delete, whatever happens in between.
    """

    source: str
    python: str
    facts: Facts
    first_name: str | None = None
    definitions: tuple[ast.stmt, ...] = field(default=(), repr=False)
    defines: frozenset[str] = frozenset()
    displays: bool = False
    unbinds: frozenset[str] = frozenset()

    def definition_module(self) -> ast.Module:
        """Return the definitions as a module of their own, at their places in the cell."""
        return ast.Module(list(self.definitions), [])


def split_header(text: str) -> tuple[str | None, str]:
    """Split a cell into its ``%%asset`` line, or None, and its body."""
    match = re.match(_HEADER, text.lstrip("\ufeff"))
    if match is None:
        return None, text
    return match.group().strip(), text.lstrip("\ufeff")[match.end() :]


def python_source(text: str) -> str:
    """Return what IPython makes of a cell; IPython is only asked where the text needs it."""
    if not re.search(_SPECIAL, text):
        with contextlib.suppress(SyntaxError):
            parse(text)
            return text
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(text))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=20_000)
def analyse(source: str, python: str | None = None) -> Cell:
    """Analyse a cell body.

    Parameters
    ----------
    source : str
        The body as typed.
    python : str, optional
        What IPython has made of it, where that is known.

    Raises
    ------
    SyntaxError
        As the compiler says.
    """
    python = python_source(source) if python is None else python
    tree = parse(python)
    reader = Reader()
    reader.block(tree.body)
    facts = reader.facts()
    chosen, names = definitions(tree, facts.stores)
    last = tree.body[-1] if tree.body else None
    shows = isinstance(last, ast.Expr) and not _ends_with_semicolon(python)
    first = _first_name(tree, reader)
    return Cell(source, python, facts, first, chosen, names, shows, frozenset(_unbound(tree)))


def _first_name(tree: ast.Module, reader: Reader) -> str | None:
    """Return the name that a reader of the text meets first: a target before what its value binds."""
    for statement in tree.body:
        for name in bound_names(statement):
            if name in reader.writes:
                return name
    return next(iter(reader.writes), None)


def _unbound(tree: ast.Module) -> Iterator[str]:
    """Yield the names that statements on the cell's own level delete."""
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Delete) else []
        nodes = (node for target in targets for node in ast.walk(target))
        yield from (n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Del))


def _ends_with_semicolon(python: str) -> bool:
    noise = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.DEDENT)
    try:
        tokens = [t for t in tokenize.generate_tokens(io.StringIO(python).readline) if t.type not in noise]
    except (tokenize.TokenError, IndentationError):
        return False
    return bool(tokens) and tokens[-1].string == ";"
