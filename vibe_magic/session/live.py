"""The present as one asset sees it in a live kernel."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

from vibe_magic.cell import Facts
from vibe_magic.errors import Undigestible
from vibe_magic.execute import GENERATORS, Blocker, fact_of, fact_of_state
from vibe_magic.identity import (
    PACKAGED,
    Identity,
    Memo,
    Reach,
    Statics,
    combine,
    describe,
    describe_source,
    difference,
    explore,
    fingerprint,
    text_digest,
)
from vibe_magic.modules import is_installed, package_version
from vibe_magic.observe import Files, FileState, facets, left_open
from vibe_magic.trace import ABSENT, UNKNOWN, Fact

from .asset import Asset
from .patches import Patch, Registration, patches_of, put_into, registered

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
    files : Files
        Compares files with the present.
    environ : dict of str to str
        The environment.
    memo : Memo
        Digests that hold as long as no code of the notebook runs; its owner clears it.
    patches : dict of str to Patch or Registration
        What the notebook has set in packages.
    apart : dict of str to Identity
        Names whose values wait to be loaded; see `unread`.
    """

    namespace: dict[str, Any]
    files: Files
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    memo: Memo = field(default_factory=Memo)
    patches: Mapping[str, Patch | Registration] = field(default_factory=dict)
    apart: Mapping[str, Identity] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The directory that file names are relative to."""
        return self.files.base

    def state(self) -> Mapping[str, object]:
        """Return the process state that differs from the defaults, but for random generators."""
        notes = self.memo.notes
        if "<state>" not in notes:
            notes["<state>"] = facets.snapshot(self.folder, names=facets.INPUTS)
        state: Mapping[str, object] = notes["<state>"]
        return state

    def state_fact(self, ref: str) -> Fact:
        """Return one piece of process state; generators are large, so each is read when asked for."""
        notes = self.memo.notes
        if ref not in notes:
            state = facets.snapshot(self.folder, names=(ref,)) if ref in GENERATORS else self.state()
            notes[ref] = fact_of_state(state[ref]) if ref in state else ABSENT
        fact: Fact = notes[ref]
        return fact

    def patched(self) -> Mapping[str, object]:
        """Return what the notebook has set in packages, by reference."""
        return {patch.ref: patch.value for patch in self.patches.values() if patch.is_set}

    def code_in_state(self) -> Mapping[str, object]:
        """Return the process state that holds code, as an option may be a function, or cannot be compared."""
        notes = self.memo.notes
        if "<code>" not in notes:
            notes["<code>"] = {ref: value for ref, value in self.state().items() if self._holds_code(value)}
        state: Mapping[str, object] = notes["<code>"]
        return state

    def _holds_code(self, value: object) -> bool:
        try:
            return bool(self.memo.digest(value).code)
        except Undigestible:
            return True


@dataclass
class Live:
    """A :class:`~vibe_magic.trace.World` made from a kernel's namespace.

    Parameters
    ----------
    asset : Asset
        The cell that looks.
    around : Surroundings
        What it sees.
    own : dict of str to Fact
        What references stood for before the asset itself changed them; these are its inputs, not
        what it made of them.
    stale : dict of str to str
        Stale assets by the names that they will bind anew.
    """

    asset: Asset
    around: Surroundings
    own: Mapping[str, Fact] = field(default_factory=dict)
    stale: Mapping[str, str] = field(default_factory=dict)
    python: str = PYTHON

    @cached_property
    def reach(self) -> Reach:
        """What the cell needs, with digests."""
        return explore(
            self.asset.cell.facts,
            self.around.namespace,
            ignore=frozenset(self.asset.spec.ignore),
            memo=self.around.memo,
            search_path=(self.around.folder,),
            also={**self.around.patched(), **self.around.code_in_state()},
            apart=self.around.apart,
        )

    @cached_property
    def _statics(self) -> Statics:
        return Statics((self.around.folder,))

    @cached_property
    def fingerprint(self) -> str:
        """The cell's code by meaning."""
        return fingerprint(self.asset.cell, docs=self.reach.facts.introspects)

    @property
    def source(self) -> str:
        """The cell as typed."""
        return self.asset.cell.source

    @property
    def params(self) -> Mapping[str, str]:
        """The options that shape the result."""
        return self.asset.spec.params

    @cached_property
    def key(self) -> str:
        """Digest of all that is known before a run and looked up by name."""
        inputs = sorted(
            (ref, fact.digest) for ref in self.reach.inputs if ref.isidentifier() for fact in [self.look(ref)]
        )
        options = sorted(self.params.items())
        return combine("key", self.fingerprint, self.python, repr(options), repr(inputs))

    def blockers(self, but: str = "") -> tuple[Blocker, ...]:
        """Return what is known before a run to stand against storing its result, but for a kind of hazard."""
        found = [hazard for hazard in self.reach.facts.hazards if hazard.kind != but]
        hazards = [Blocker(h.detail, _HAZARDS[h.kind]) for h in found]
        problems = [
            Blocker(
                p.part,
                f"is of type {p.type_name}, whose content cannot be compared",
                _ADVICE.format(name=name) if (name := p.name.split(".")[0]).isidentifier() else "",
            )
            for p in self.reach.problems
        ]
        left = [
            Blocker(name, "is left from an earlier cell, and may be gone on with")
            for name in left_open(self.reach.packages)
        ]
        return tuple(dict.fromkeys((*hazards, *problems, *left, *self._patches())))

    def _patches(self) -> list[Blocker]:
        """Return what the cell sets in modules and in classes of packages: a change that other code sees."""
        given = [f"{name}()" for name in registered(self.reach, self.around.namespace)]
        return [
            *(Blocker(target, "is set outside the notebook") for target in self._set_outside()),
            *(Blocker(call, "changes something outside the notebook") for call in given),
        ]

    def _set_outside(self) -> list[str]:
        facts, namespace = self.reach.facts, self.around.namespace
        if not facts.stores and not facts.puts:
            return []
        found = {target for target in facts.stores if self._is_module(target.partition(".")[0])}
        patches = [*patches_of(facts.stores, namespace), *put_into(facts.puts, namespace)]
        return sorted(found | {patch.ref.replace(":", ".") for patch in patches})

    def _is_module(self, name: str) -> bool:
        return isinstance(self.around.namespace.get(name, sys.modules.get(name)), ModuleType)

    def env_names(self) -> frozenset[str]:
        """Return the environment variables that count."""
        return self.reach.facts.env | frozenset(self.asset.spec.env)

    def refs(self) -> frozenset[str]:
        """Return the references that the code needs at present."""
        return frozenset(self.reach.inputs) | self.around.state().keys()

    def look(self, ref: str) -> Fact:
        """Return what a reference stands for at present."""
        if ref in self.own:
            return self.own[ref]
        if ref.startswith("<"):
            return self.around.state_fact(ref)
        if ref in self.reach.inputs:
            return fact_of(self.reach.inputs[ref])
        return self._beyond(ref)

    def _beyond(self, ref: str) -> Fact:
        """Look at what an earlier run needed and the text alone does not show."""
        module, colon, attribute = ref.partition(":")
        if colon and module not in sys.modules:
            static = self._statics.digest(module, attribute)
            static = static or (PACKAGED if is_installed(module) else "")
            return Fact("", "module", static, as_loaded=True) if static else ABSENT
        wanted = Facts(modules=frozenset({(module, attribute)})) if colon else Facts(reads=frozenset({ref}))
        reach = explore(wanted, self.around.namespace, memo=self.around.memo, apart=self.around.apart)
        if ref in reach.inputs:
            return fact_of(reach.inputs[ref])
        return UNKNOWN if reach.problems else ABSENT

    def summary(self, ref: str) -> Mapping[str, Any]:
        """Describe what a reference stands for at present."""
        for values in (self.around.namespace, self.reach.values):
            if ref in values:
                return describe(values[ref])
        module, colon, attribute = ref.partition(":")
        return describe_source(module, attribute, (self.around.folder,)) if colon else {}

    def upstream(self, ref: str) -> str:
        """Name the stale asset that will bind the reference anew."""
        return self.stale.get(ref, "")

    def file_state(self, path: str, recorded: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the present state of a file, or None if the recorded one still holds."""
        present = self.around.files.compare(path, FileState.from_json(recorded))
        return None if present is None else present.to_json()

    def env(self, name: str) -> str:
        """Return the digest of an environment variable."""
        return env_digest(name, self.around.environ)

    def package(self, name: str) -> str:
        """Return the version of a distribution that is installed or loaded."""
        return package_version(name)

    def difference(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        """Say in one line how two summaries differ."""
        return difference(before, after)


_ADVICE = "--ignore {name} makes the cell cacheable all the same"
_HAZARDS: Mapping[str, str] = {
    "dynamic": "reaches names in ways that cannot be followed",
    "stdin": "asks for input",
    "process": "starts another process, whose files and effects are out of sight",
    "magic": "does what only running it can do",
    "history": "reads the history of this session",
    "file": "asks for a file in a way that cannot be followed, as os.path and pathlib can be",
    "address": "tells where an object lies, which is somewhere else in another kernel",
    "exit": "ends the process",
}
