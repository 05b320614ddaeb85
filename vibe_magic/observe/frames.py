"""Names that code looks up in its callers' frames: ``df.query("age > @limit")``, formulas, SQL over frames.

No name of these stands in the code; a text holds it, and a library looks for it in the namespace of whoever
has called. Which names it looks for cannot be seen, but that it takes hold of a frame can, and at this moment
the text is at hand: the libraries' functions have it among their arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from vibe_magic.cell import words_in
from vibe_magic.modules import is_local, loaded

__all__ = ["Lookup", "lookup", "unpickled"]

_NOTEBOOK = "__main__"
_PACKAGE = __name__.partition(".")[0]
_IMPORT = "<frozen importlib._bootstrap>"
_DEPTH = 60
_WIDTH = 64
"""So many frames up, and so many parts of a container, a text is looked for."""
_LOOKING = frozenset({"_getframe", "currentframe", "stack"})
"""How code says itself that it takes hold of a frame; its text then tells what it does with it."""


@dataclass(eq=False)
class Lookup:
    """What one look into the callers' frames, or of a pickle into a module, may have been after.

    Attributes
    ----------
    scopes : set of str
        The person's own modules whose code has called, or the module that the pickle names; the notebook is
        ``__main__``.
    words : set of str
        All that may be a name in the texts that the code at hand holds.
    values : dict of str to object
        What those words stand for at that moment that are names of the notebook.
    hidden : bool
        Whether compiled code looks, which may hold further texts.
    """

    scopes: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    values: dict[str, Any] = field(default_factory=dict)
    hidden: bool = False

    @property
    def in_notebook(self) -> bool:
        """Whether names of the notebook may be meant."""
        return _NOTEBOOK in self.scopes

    @property
    def key(self) -> object:
        """What two looks have in common that need not be told apart."""
        seen = frozenset((name, id(value)) for name, value in self.values.items())
        return frozenset(self.scopes), frozenset(self.words), seen, self.hidden


def lookup(asker: FrameType | None) -> Lookup | None:
    """Return what code may be after that takes hold of a frame; None of code known to look for no names.

    Parameters
    ----------
    asker : frame or None
        The code that does.
    """
    while asker is not None and asker.f_globals.get("__name__") == "inspect":
        asker = asker.f_back
    if asker is None or _is_harmless(_module(asker)):
        return None
    found = Lookup(hidden=is_local(_module(asker)) and _LOOKING.isdisjoint(asker.f_code.co_names))
    last: FrameType = asker
    frame: FrameType | None = asker
    for _ in range(_DEPTH):
        if frame is None or found.in_notebook or frame.f_code.co_filename == _IMPORT:
            break
        _add(found, frame)
        last, frame = frame, frame.f_back
    if not found.scopes:
        return None
    if found.in_notebook:
        found.values = {word: last.f_globals[word] for word in found.words if word in last.f_globals}
    return found


def unpickled(module: str, name: str) -> Lookup | None:
    """Return what a pickle looks up by its name: code that no text of the notebook needs to mention.

    Parameters
    ----------
    module, name : str
        As the pickle has them; the standard library's and our own do not count.
    """
    top = module.partition(".")[0]
    if top == _PACKAGE or top in sys.stdlib_module_names:
        return None
    word = name.partition(".")[0]
    found = Lookup({module}, {word})
    notebook = vars(loaded(module)) if found.in_notebook else {}
    found.values = {word: notebook[word]} if word in notebook else {}
    return found


def _add(found: Lookup, frame: FrameType) -> None:
    name = _module(frame)
    values: list[Any] = [] if frame.f_locals is frame.f_globals else list(frame.f_locals.values())
    if is_local(name) and getattr(sys.modules.get(name), "__dict__", None) is frame.f_globals:
        found.scopes.add(name)
        values += frame.f_code.co_consts
        values += [frame.f_globals.get(each) for each in frame.f_code.co_names]
    for text in _texts(values):
        found.words |= words_in(text)


def _texts(values: list[Any]) -> Iterator[str]:
    """Yield the texts among some values and in the first level of their containers."""
    for value in values:
        if type(value) is str:
            yield value
        elif type(value) in (list, tuple, set, frozenset) and len(value) <= _WIDTH:
            yield from (part for part in value if type(part) is str)
        elif type(value) is dict and len(value) <= _WIDTH:
            yield from (part for part in value.values() if type(part) is str)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_harmless(module: str) -> bool:
    """Tell code that looks at frames to name them, in logs and warnings, and our own.

    Magics look up names, too; but the text of the cell shows these.
    """
    top = module.partition(".")[0]
    return top in (_PACKAGE, "IPython") or (top in sys.stdlib_module_names and top != _NOTEBOOK)
