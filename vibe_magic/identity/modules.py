"""Which code is the person's own, and which is installed."""

from __future__ import annotations

import os
import re
import site
import sys
import sysconfig
from functools import lru_cache
from types import ModuleType
from typing import Any

__all__ = ["importable", "is_installed_file", "is_local", "loaded", "module_of"]

_INSTALLED_PART = re.compile(r"[\\/](?:site|dist)-packages[\\/]")


def module_of(obj: Any) -> str:
    """Return the name of the module that an object says it was made in."""
    name = getattr(obj, "__module__", None)
    return name if isinstance(name, str) else "builtins"


def loaded(name: str) -> ModuleType | None:
    """Return a module if it is loaded."""
    module = sys.modules.get(name)
    return module if isinstance(module, ModuleType) else None


def importable(obj: Any) -> bool:
    """Tell whether an object is what its module and qualified name lead to."""
    found: Any = loaded(module_of(obj))
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    if found is None or not isinstance(name, str):
        return False
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is obj or _same_method(found, obj)


def _same_method(found: Any, obj: Any) -> bool:
    """Tell whether both are one function: a class method is bound anew each time it is looked up."""
    function = getattr(found, "__func__", None)
    return function is not None and function is getattr(obj, "__func__", obj)


def is_local(name: str) -> bool:
    """Tell whether a module is the notebook or one of the person's own files, by where it lies."""
    if name == "__main__":
        return True
    module = sys.modules.get(name)
    if module is None:
        return _is_local_orphan(name)
    file = getattr(module, "__file__", None)
    return _is_local_module(name, file if isinstance(file, str) else None, _place(module))


def _is_local_orphan(name: str) -> bool:
    """Judge a module that is not loaded by the package that it says it is in."""
    top = name.partition(".")[0]
    if top == name or top not in sys.modules:
        return top not in sys.stdlib_module_names
    return is_local(top)


def _place(module: ModuleType) -> str:
    """Return where a module without a file comes from: ``built-in``, ``frozen``, a directory."""
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    if isinstance(origin, str):
        return origin
    try:
        return next(iter(module.__path__))
    except (AttributeError, StopIteration, TypeError):
        return ""


@lru_cache(maxsize=4096)
def _is_local_module(name: str, file: str | None, place: str) -> bool:
    path = file or place
    if path in ("built-in", "frozen"):
        return False
    if path:
        return not is_installed_file(path)
    top = name.partition(".")[0]
    if top != name:
        return is_local(top)
    return name not in sys.builtin_module_names and name not in sys.stdlib_module_names


@lru_cache(maxsize=8192)
def is_installed_file(path: str) -> bool:
    """Tell whether a file belongs to the interpreter or to an installed distribution."""
    absolute = os.path.abspath(path)
    real = os.path.realpath(path)
    roots = _installed_roots()
    if absolute.startswith(roots) or real.startswith(roots):
        return True
    return bool(_INSTALLED_PART.search(absolute) or _INSTALLED_PART.search(real))


@lru_cache(maxsize=1)
def _installed_roots() -> tuple[str, ...]:
    """Return where packages and the standard library lie, and this package itself."""
    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {site.getusersitepackages(), os.path.dirname(os.path.dirname(__file__))}
    every = {place for path in paths if path for place in (path, os.path.realpath(path))}
    return tuple(sorted(os.path.join(place, "") for place in every))
