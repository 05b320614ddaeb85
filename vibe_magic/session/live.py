"""The present as one asset sees it in a live kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from vibe_magic.identity import (
    Reach,
    combine,
    describe,
    difference,
    digest,
    explore,
    fingerprint,
    locate,
    package_version,
    text_digest,
)
from vibe_magic.errors import Undigestible
from vibe_magic.observe import facets, present_state
from vibe_magic.trace import ABSENT, UNKNOWN, Fact

from .asset import Asset

__all__ = ["PYTHON", "Live", "Surroundings", "env_digest"]

PYTHON = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"
"""The interpreter as far as results depend on it."""


def env_digest(name: str, environ: Mapping[str, str]) -> str:
    """Return a digest of an environment variable; empty where unset."""
    return text_digest(environ[name]) if name in environ else ""


@dataclass(frozen=True)
class Surroundings:
    """What all assets of a kernel share at one moment.

    Parameters
    ----------
    namespace : dict
        The notebook's names.
    base : Path
        The directory that file names are relative to.
    environ : dict of str to str
        The environment.
    memo : dict
        Digests known to hold since no code of the notebook has run.
    own : callable
        For an asset and a reference that it changed itself: the fact that it read then, or None.
    """

    namespace: MutableMapping[str, Any]
    base: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    memo: dict[Any, Any] = field(default_factory=dict)
    own: Callable[[Asset, str, Fact], Fact] = lambda asset, ref, fact: fact

    def state(self) -> Mapping[str, Any]:
        """Return the process state that differs from the defaults."""
        if "state" not in self.memo:
            self.memo["state"] = facets.snapshot(self.base)
        state: Mapping[str, Any] = self.memo["state"]
        return state


@dataclass
class Live:
    """A :class:`~vibe_magic.trace.World` made from a kernel's namespace."""

    asset: Asset
    around: Surroundings

    @cached_property
    def reach(self) -> Reach:
        """What the cell needs, with digests."""
        return explore(
            self.asset.cell.facts,
            self.around.namespace,
            ignore=frozenset(self.asset.spec.ignore),
            memo=self.around.memo,
            search_path=(str(self.around.base),),
        )
