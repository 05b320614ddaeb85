"""Parse source text without what the compiler warns of in it: the person is told by the shell already."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["parse", "unwarned"]


def parse(text: str | bytes) -> ast.Module:
    """Return the syntax tree of a source.

    Raises
    ------
    SyntaxError
        It is not Python.
    """
    with unwarned():
        return ast.parse(text)


@contextmanager
def unwarned() -> Iterator[None]:
    """Show no warnings of this thread meanwhile.

    `warnings.catch_warnings` would not do: it makes Python forget which warnings were shown, so that those of
    the notebook's own code would come a second time.
    """
    thread, show = threading.get_ident(), warnings.showwarning

    def only_of_others(*args: Any, **kwargs: Any) -> None:
        if threading.get_ident() != thread:
            show(*args, **kwargs)

    warnings.showwarning = only_of_others
    try:
        yield
    finally:
        warnings.showwarning = show
