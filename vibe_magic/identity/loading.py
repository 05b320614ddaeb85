"""Local modules as they were right after their files had run, before calls could change what they hold."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

from vibe_magic.errors import Undigestible
from vibe_magic.modules import is_local, is_local_file

from .keys import file_digest
from .memo import Memo
from .statics import Statics

__all__ = [
    "altered",
    "is_as_loaded",
    "loaded_since",
    "loaded_static",
    "loads",
    "note_found",
    "note_loaded",
    "note_more",
    "said_since",
]


class _Load(NamedTuple):
    """One run of a module's file.

    The module's spec, the file's digest, digests of what it left, and whether it did more or needed more.
    """

    spec: object
    file: str
    held: Mapping[str, str]
    more: bool = False


_loads: dict[str, _Load] = {}
_order: list[tuple[str, bool]] = []
"""Names of modules as they were loaded, and as they were heard to have written something."""


def note_loaded(module: ModuleType) -> None:
    """Remember what a local module holds; called right after its file has run, by whoever loads it."""
    path = getattr(module, "__file__", None)
    if path and os.path.isfile(path) and is_local_file(path):
        _loads[module.__name__] = _Load(_spec(module), file_digest(path), _held(module, Memo()))
        _order.append((module.__name__, False))


def note_more(names: Sequence[str], said: bool) -> None:
    """Remember that the modules of one import, outermost first, did more than define, or wrote something."""
    if said:
        _order.append((names[0], True))
    for name in _loads.keys() & set(names):
        _loads[name] = _loads[name]._replace(more=True)


def note_found(names: Iterable[str]) -> None:
    """Remember the files of local modules that have been loaded in other ways, whatever they hold by now."""
    for name in names:
        module = sys.modules.get(name)
        if isinstance(module, ModuleType) and is_local(name):
            _load_of(module)


def loads() -> int:
    """Return a number that tells the present from what is loaded afterwards."""
    return len(_order)


def loaded_since(count: int) -> list[ModuleType]:
    """Return the local modules that have been loaded since `loads` gave a number."""
    found = {name: sys.modules.get(name) for name, said in _order[count:] if not said}
    return [module for module in found.values() if isinstance(module, ModuleType)]


def said_since(count: int) -> list[str]:
    """Return the modules, installed ones too, that have written something as they were loaded."""
    return [name for name, said in _order[count:] if said]


def is_as_loaded(module: ModuleType, name: str, digest: str) -> bool:
    """Tell whether what a name of a module holds is what loading it gives, and all that it gives."""
    load = _loads.get(module.__name__)
    if load is None or load.spec is not _spec(module) or load.more:
        return False
    return load.held.get(name) == digest


def altered(module: ModuleType, memo: Memo) -> list[str]:
    """Return the names of a module that hold something else than right after it was loaded."""
    load = _loads.get(module.__name__)
    if load is None or load.spec is not _spec(module):
        return []
    held = _held(module, memo)
    return sorted(name for name in held.keys() | load.held.keys() if held.get(name) != load.held.get(name))


def loaded_static(module: ModuleType, attribute: str, statics: Statics) -> str:
    """Digest the source of a loaded module's name, as long as the file is as it was when loaded.

    Of a module whose loading nobody has seen, the file is taken to be what was loaded when it is first
    asked for; a reload replaces the spec.
    """
    path = getattr(module, "__file__", None) or ""
    if not path.endswith(".py") or not os.path.isfile(path) or _load_of(module).file != file_digest(path):
        return ""
    return statics.digest(module.__name__, attribute)


def _load_of(module: ModuleType) -> _Load:
    known = _loads.get(module.__name__)
    if known is None or known.spec is not _spec(module):
        path = getattr(module, "__file__", None) or ""
        known = _Load(_spec(module), file_digest(path) if os.path.isfile(path) else "", {})
        _loads[module.__name__] = known
    return known


def _spec(module: ModuleType) -> object:
    return getattr(module, "__spec__", None)


def _held(module: ModuleType, memo: Memo) -> dict[str, str]:
    """Digest what a module holds; what cannot be digested is left out, and is nothing that a trace knows."""
    found: dict[str, str] = {}
    for name, value in list(vars(module).items()):
        if name not in _OF_IMPORT and not isinstance(value, ModuleType):
            try:
                found[name] = memo.digest(value).hex
            except Undigestible:
                found[name] = ""
    return found


_OF_IMPORT = frozenset({"__annotations__", "__builtins__", "__cached__", "__file__", "__loader__"})
_OF_IMPORT |= {"__package__", "__path__", "__spec__", "__warningregistry__"}
