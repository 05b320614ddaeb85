"""Which files count, and by which name."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["Scope", "relative", "resolve"]

_SYSTEM = (
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/lib",
    "/usr/lib",
    "/usr/share",
    "/usr/local/lib",
    "/usr/local/share",
    "/usr/X11",
    "/usr/X11R6",
    "/Library",
    "/System",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/ssl",
)
_HOMES = (
    "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "MPLCONFIGDIR",
    "NUMBA_CACHE_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
)
"""Variables that say where programs keep settings and caches."""
_GENERATED = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".vibe_magic"})
_METADATA = (".dist-info", ".egg-info")
"""Descriptions of packages, which count by their version."""
_TEMPORARY = ("ipykernel_", "pymp-", "joblib_memmapping_folder_", "matplotlib-", "loky-")
"""How temporary files of the machinery begin."""


class Scope:
    """Which of the files that were touched belong to the notebook.

    Parameters
    ----------
    base : str
        The directory of the notebook or project; files in it are named relative to it.
    skip : iterable of str
        Directories that never count, such as the cache.
    """

    def __init__(self, base: str, skip: Iterable[str] = ()) -> None:
        self.base = os.path.abspath(base)
        self._roots = _roots(base)
        self._skip = _both(skip)
        self._ignored = tuple(
            prefix for prefix in _ignored(_homes()) if not self._roots[-1].startswith(prefix)
        )
        self._home = _inside(os.path.expanduser("~")) + "."
        self._temporary = tuple(
            prefix + name for prefix in _both([tempfile.gettempdir()]) for name in _TEMPORARY
        )

    def counts(self, path: str) -> bool:
        """Tell whether an absolute path is the notebook's business."""
        inside = _inside(path)
        parts = path.split(os.sep)
        if inside.startswith(self._skip) or not _GENERATED.isdisjoint(parts):
            return False
        if any(part.endswith(_METADATA) for part in parts):
            return False
        if inside.startswith(self._ignored) or path.startswith(self._temporary):
            return False
        return inside.startswith(self._roots) or not path.startswith(self._home)

    def name(self, path: str) -> str:
        """Return the name under which a path is recorded: relative to the base where inside it."""
        return _relative(path, self._roots)


def relative(path: str, base: str) -> str:
    """Return an absolute path relative to a directory if it is inside, with forward slashes."""
    return _relative(path, _roots(base))


def _relative(path: str, roots: Iterable[str]) -> str:
    for root in roots:
        if _inside(path) == root:
            return "."
        if path.startswith(root):
            return path[len(root) :].replace(os.sep, "/")
    return path.replace(os.sep, "/")


def _roots(base: str) -> tuple[str, ...]:
    """Return the prefixes of paths inside a directory: as it was given, and without links."""
    named = os.path.abspath(base)
    return tuple(dict.fromkeys((_inside(named), _inside(os.path.realpath(named)))))


def resolve(name: str, base: str) -> str:
    """Return the absolute path for a recorded name, for a project that is now at `base`."""
    return os.path.normpath(os.path.join(base, name))


def _homes() -> tuple[str, ...]:
    return tuple(os.environ[name] for name in _HOMES if os.environ.get(name))


@lru_cache(maxsize=16)
def _ignored(homes: tuple[str, ...]) -> tuple[str, ...]:
    """Return where the interpreter, packages, system and programs keep their own files, as prefixes."""
    library = sysconfig.get_paths()
    packages = [library[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return _both([sys.prefix, sys.base_prefix, sys.exec_prefix, *packages, *homes, *_SYSTEM])


def _inside(directory: str) -> str:
    """Return the prefix that paths inside a directory have."""
    return directory.rstrip(os.sep) + os.sep


def _both(paths: Iterable[str]) -> tuple[str, ...]:
    """Return prefixes for directories as they are written and as they are."""
    named = [os.path.abspath(path) for path in paths]
    return tuple(dict.fromkeys(_inside(p) for n in named for p in (n, os.path.realpath(n))))
