"""The present as it can be told from records, files and packages, without a kernel."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vibe_magic.identity import (
    PACKAGED,
    SOURCE_TEXT,
    Statics,
    describe_source,
    difference,
    fingerprint,
)
from vibe_magic.modules import is_installed, package_version
from vibe_magic.observe import Files, FileState
from vibe_magic.trace import ABSENT, UNKNOWN, Fact

from .asset import Asset
from .live import PYTHON, env_digest

__all__ = ["Recorded"]


@dataclass
class Recorded:
    """A :class:`~vibe_magic.trace.World` made from what earlier runs left behind.

    Parameters
    ----------
    asset : Asset
        The cell that looks.
    names : dict of str to Fact
        What the cells above leave behind.
    unknown : dict of str to str
        Names whose value is only known when the cell that binds them has run, by that cell.
    files : Files
        Compares files with the present.
    """

    asset: Asset
    names: Mapping[str, Fact]
    unknown: Mapping[str, str]
    files: Files
    python: str = PYTHON

    @cached_property
    def _statics(self) -> Statics:
        return Statics((self.files.base,))

    @cached_property
    def fingerprint(self) -> str:
        """The cell's code by meaning."""
        return fingerprint(self.asset.cell, docs=self.asset.cell.facts.introspects)

    @property
    def source(self) -> str:
        """The cell as typed."""
        return self.asset.cell.source

    @property
    def params(self) -> Mapping[str, str]:
        """The options that shape the result."""
        return self.asset.spec.params

    def refs(self) -> frozenset[str]:
        """Return the names that the text reads; what its helpers read is in the trace."""
        facts = self.asset.cell.facts
        known = {name for name in facts.reads if name in self.names or not hasattr(builtins, name)}
        patched = {ref for ref in (*self.names, *self.unknown) if ":" in ref}
        return frozenset((known | patched) - set(self.asset.spec.ignore) - _SHELL)

    def look(self, ref: str) -> Fact:
        """Return what a reference stands for once the cells above have run."""
        if ref in self.unknown:
            return UNKNOWN
        module, colon, attribute = ref.partition(":")
        if ref == SOURCE_TEXT:
            return UNKNOWN
        if ref in self.names:
            return self.names[ref]
        if colon:
            static = self._statics.digest(module, attribute)
            if static or is_installed(module):
                return Fact("", "source", static or PACKAGED)
        return ABSENT

    def summary(self, ref: str) -> Mapping[str, Any]:
        """Describe what a reference stands for."""
        module, colon, attribute = ref.partition(":")
        if colon:
            return describe_source(module, attribute, (self.files.base,))
        return self.look(ref).summary

    def upstream(self, ref: str) -> str:
        """Name the cell that will bind the reference anew, if that is an asset."""
        binder = self.unknown.get(ref, "")
        return "" if binder.startswith("cell_") else binder

    def file_state(self, path: str, recorded: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the present state of a file, or None if the recorded one still holds."""
        present = self.files.compare(path, FileState.from_json(recorded))
        return None if present is None else present.to_json()

    def env(self, name: str) -> str:
        """Return the digest of an environment variable."""
        return env_digest(name, os.environ)

    def package(self, name: str) -> str:
        """Return the version of an installed distribution."""
        return package_version(name)

    def difference(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        """Say in one line how two summaries differ."""
        return difference(before, after)


_SHELL = frozenset({"get_ipython", "In", "Out", "display", "exit", "quit"})
