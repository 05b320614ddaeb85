"""The person's own modules as a kernel has loaded them."""

from __future__ import annotations

import sys
from types import ModuleType

from vibe_magic.identity import note_found, note_loaded, note_more
from vibe_magic.modules import is_local
from vibe_magic.observe import follow_imports, leave_imports

__all__ = ["Imported"]


class Imported:
    """Tells which local modules have been loaded, or loaded again, since it was asked last."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}
        self._specs: dict[str, object] = {}
        follow_imports(note_loaded, note_more)

    def close(self) -> None:
        """Hear no more of what is loaded."""
        leave_imports()

    def pass_over(self) -> None:
        """Take all that has been loaded for installed."""
        self._seen = dict.fromkeys(sys.modules)

    def news(self) -> list[ModuleType]:
        """Return those modules in the order in which they were loaded.

        A reload gives a module another spec. It is asked before every cell, so it looks at all modules
        only when their number has changed.
        """
        for name, spec in list(self._specs.items()):
            if _spec(name) is not spec:
                del self._specs[name]
                self._seen.pop(name, None)
        if len(sys.modules) == len(self._seen):
            return []
        new = [name for name in list(sys.modules) if name not in self._seen]
        self._seen = dict.fromkeys(sys.modules)
        tops = {name: name.partition(".")[0] for name in new}
        installed = set(filter(_is_installed, set(tops.values())))
        own = [name for name, top in tops.items() if top not in installed and is_local(name)]
        self._specs |= {name: _spec(name) for name in own}
        note_found(own)
        return [module for name in own if isinstance(module := sys.modules.get(name), ModuleType)]


def _spec(name: str) -> object:
    return getattr(sys.modules.get(name), "__spec__", None)


def _is_installed(top: str) -> bool:
    """Tell whether nothing of a package is a local module; the notebook itself is none, either."""
    return top == "__main__" or bool(getattr(sys.modules.get(top), "__file__", None) and not is_local(top))
