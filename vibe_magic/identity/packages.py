"""Which distribution a module belongs to, and in which version."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache

from .keys import file_digest

__all__ = ["package_of", "package_version", "packages_of"]

_KNOWN: Mapping[str, str] = {
    "IPython": "ipython",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
"""Modules that are not named like their distribution; spares a scan of all that is installed."""


def packages_of(modules: frozenset[str] | set[str]) -> dict[str, str]:
    """Return the versions of the distributions that top-level modules belong to.

    Modules of the standard library are left out: the version of Python stands for them.
    """
    names = sorted({package_of(top) for top in modules} - {""})
    return {name: package_version(name) for name in names}


@lru_cache(maxsize=4096)
def package_of(top: str) -> str:
    """Return the distribution that a top-level module belongs to; empty for the standard library."""
    if top in sys.stdlib_module_names or top in ("", "__main__"):
        return ""
    for name in (_KNOWN.get(top, top), top.replace("_", "-")):
        if _version(name):
            return name
    names: Sequence[str] = importlib.metadata.packages_distributions().get(top, [])
    return names[0] if names else top


def package_version(name: str) -> str:
    """Return the version of a distribution, or what a module without one shows; else empty."""
    return _version(name) or _shown(name)


def _shown(name: str) -> str:
    module = sys.modules.get(name)
    version = getattr(module, "__version__", None)
    if isinstance(version, str):
        return version
    file = getattr(module, "__file__", None)
    try:
        return file_digest(file) if isinstance(file, str) else ""
    except OSError:
        return ""


@lru_cache(maxsize=4096)
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
