"""Which code is the person's own and which is an installed package, and in which version."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from functools import lru_cache
from types import ModuleType
from typing import Any

__all__ = [
    "is_installed",
    "is_local",
    "is_local_file",
    "loaded",
    "module_of",
    "package_of",
    "package_version",
]


def module_of(obj: Any) -> str:
    """Return the name of the module that an object says it was made in."""
    name = getattr(obj, "__module__", None)
    return name if isinstance(name, str) else "builtins"


def is_local(name: str) -> bool:
    """Tell whether a module is the notebook or one of the person's own files."""
    if name == "__main__":
        return True
    module = sys.modules.get(name)
    if module is None:
        return name.partition(".")[0] not in sys.stdlib_module_names and _orphan(name)
    return _local(getattr(module, "__file__", None), _spec_origin(module))


def _orphan(name: str) -> bool:
    """Tell whether a name that is no loaded module belongs to no package that is one, either."""
    top = sys.modules.get(name.partition(".")[0])
    return top is None or (top.__name__ != name and is_local(top.__name__))


def _spec_origin(module: ModuleType) -> str:
    return str(getattr(getattr(module, "__spec__", None), "origin", None) or "")


@lru_cache(maxsize=4096)
def _local(file: str | None, origin: str) -> bool:
    path = file or origin
    if not path or path in ("built-in", "frozen"):
        return False
    return is_local_file(path)


@lru_cache(maxsize=4096)
def is_local_file(path: str) -> bool:
    """Tell whether a file is the person's own: it lies where no packages are installed."""
    real = os.path.realpath(path)
    inside = any(real.startswith(root) or path.startswith(root) for root in _installed())
    return not inside and "site-packages" not in real and "dist-packages" not in real


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    """Return where packages and the standard library lie, and this package itself."""
    paths = {sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    paths |= {site.getusersitepackages(), os.path.dirname(__file__)}
    return tuple(os.path.join(os.path.realpath(path), "") for path in paths if path)


def is_installed(name: str) -> bool:
    """Tell whether a module is of the standard library or an installed distribution, without loading it."""
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or bool(package_version(package_of(top)))


def loaded(name: str) -> ModuleType | None:
    """Return a module if it is loaded."""
    module = sys.modules.get(name)
    return module if isinstance(module, ModuleType) else None


def package_of(top: str) -> str:
    """Return the distribution that a top-level module belongs to; empty for the standard library."""
    return _package_of(top, str(getattr(sys.modules.get(top), "__file__", "")))


@lru_cache(maxsize=4096)
def _package_of(top: str, _file: str) -> str:
    if top in sys.stdlib_module_names or top in ("builtins", "__main__"):
        return ""
    for name in (top, top.replace("_", "-")):
        if _version(name):
            return name
    from importlib.metadata import packages_distributions

    names = packages_distributions().get(top, [])
    return names[0] if names else top


def package_version(name: str) -> str:
    """Return the version of a distribution, or what a module says of itself; empty if unknown."""
    version = _version(name)
    return version or str(getattr(sys.modules.get(name), "__version__", ""))


@lru_cache(maxsize=4096)
def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except (PackageNotFoundError, ValueError):
        return ""
