"""What a run depended on, and the one judge of whether that still holds.

A :class:`Trace` is written when a cell has run. :func:`verify` compares it with a :class:`World`, which may
be a live kernel or a reconstruction from records alone, and returns every :class:`Cause` for which the
result no longer stands. No cause means fresh: the decision and its explanation are the same list.

The scheme is a verifying trace with results kept for several traces per asset (a constructive trace), after
Mokhov, Mitchell and Peyton Jones, "Build systems à la carte", ICFP 2018.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

__all__ = [
    "ABSENT",
    "CAUSES",
    "UNKNOWN",
    "Cause",
    "Fact",
    "Trace",
    "World",
    "ordered",
    "source_diff",
    "verify",
]

CAUSES = (
    "never_run",
    "code",
    "function",
    "input",
    "upstream",
    "file",
    "env",
    "package",
    "python",
    "param",
    "expired",
    "evicted",
    "forced",
    "corrupt",
)
"""The words for why an asset is not fresh, in the order in which they are reported."""

_CODE_KINDS = frozenset({"function", "class", "module", "source"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One value as a trace knows it.

    Parameters
    ----------
    digest : str
        Content digest of the live value; empty if only the source was seen.
    kind : str
        ``value``, ``function``, ``class``, ``module``, ``state``, ``missing`` or ``unknown``; ``source``
        where nothing but the source can be asked.
    static : str
        Digest of the source that defines it, for names of local modules.
    as_loaded : bool
        Whether the value is what loading that source gives; where the run itself has loaded it, whether it
        would have done the same, had it been loaded already.
    summary : dict
        What a person needs to see how two values differ.
    """

    digest: str
    kind: str = "value"
    static: str = ""
    as_loaded: bool = False
    summary: Mapping[str, Any] = field(default_factory=dict)

    def same(self, other: Fact | None) -> bool:
        """Tell whether what is there at present is surely the same: by its digest, else by its source.

        Where a module was loaded at one of the two moments only, its source tells what it holds if it holds
        then what it did when it had just been loaded; calls may have changed that.
        """
        if other is None or "unknown" in (self.kind, other.kind):
            return False
        if self.digest and other.digest:
            return self.digest == other.digest
        if not self.static or self.static != other.static:
            return False
        both_unloaded = not self.digest and not other.digest
        return both_unloaded or other.kind == "source" or (self.as_loaded and other.as_loaded)


ABSENT = Fact("missing", "missing")
UNKNOWN = Fact("", "unknown")


@dataclass(frozen=True, slots=True)
class Trace:
    """All that one run of a cell was seen to depend on and to produce.

    Parameters
    ----------
    name : str
        The asset, or the label of a plain cell.
    fingerprint, source : str
        Digest of the body by meaning, and its text.
    inputs, outputs : dict of str to Fact
        By reference: a notebook name, ``module:name`` or ``<state>``.
    deleted : tuple of str
        Names that the run unbound.
    mutated : tuple of str
        Names whose values it changed in place, and paths of labels that it renamed in place.
    files, written : dict of str to dict
        States of the files that were read and of those left behind, by path.
    env : dict of str to str
        Digests of environment variables (empty where unset).
    packages : dict of str to str
        Distribution versions.
    python : str
        Implementation and minor version.
    params : dict of str to str
        Options that shape the result.
    unknown : tuple of str
        What cannot be known without running, such as a clock that was read.
    refused : tuple of str
        Why the result was not kept, so that the trace is all there is.
    """

    name: str
    fingerprint: str
    source: str = ""
    inputs: Mapping[str, Fact] = field(default_factory=dict)
    outputs: Mapping[str, Fact] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    mutated: tuple[str, ...] = ()
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the trace as plain data."""
        facts = {side: {ref: asdict(fact) for ref, fact in getattr(self, side).items()} for side in _SIDES}
        return {**{one.name: getattr(self, one.name) for one in fields(self)}, **facts}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Trace:
        """Rebuild a trace from plain data; unknown fields of other versions are an error."""
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in data.items() if key in known}
        for side in _SIDES:
            values[side] = {ref: _fact(data) for ref, data in values.get(side, {}).items()}
        for listed in ("deleted", "mutated", "unknown", "refused"):
            values[listed] = tuple(values.get(listed, ()))
        return cls(**values)


_SIDES = ("inputs", "outputs")


def _fact(data: Mapping[str, Any]) -> Fact:
    return Fact(**data)


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why a recorded result does not stand.

    Parameters
    ----------
    kind : str
        One of :data:`CAUSES`.
    subject : str
        The name, path, variable or package concerned.
    detail : str
        How it differs, in one line.
    diff : str
        Unified diff of the source, where code changed.
    """

    kind: str
    subject: str = ""
    detail: str = ""
    diff: str = ""

    def __str__(self) -> str:
        """Put the cause into one line."""
        text = f"{self.kind} {self.subject}".strip()
        return f"{text}: {self.detail}" if self.detail else text


class World(Protocol):
    """The present, as far as one asset can see it."""

    @property
    def fingerprint(self) -> str:
        """The cell's code by meaning."""

    @property
    def source(self) -> str:
        """The cell as typed."""

    @property
    def python(self) -> str:
        """The interpreter."""

    @property
    def params(self) -> Mapping[str, str]:
        """The options that shape the result."""

    def refs(self) -> frozenset[str]:
        """Return the references that the code needs at present, as far as they are known."""

    def look(self, ref: str) -> Fact:
        """Return what a reference stands for at present."""

    def summary(self, ref: str) -> Mapping[str, Any]:
        """Describe what a reference stands for at present; only asked when it differs."""

    def upstream(self, ref: str) -> str:
        """Name the stale asset that will bind the reference anew, or an empty string."""

    def file_state(self, path: str, recorded: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the present state of a file, or None if the recorded one still holds."""

    def env(self, name: str) -> str:
        """Return the digest of an environment variable; empty where unset."""

    def package(self, name: str) -> str:
        """Return the version of a distribution; empty where not installed."""

    def difference(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
        """Say in one line how two summaries differ."""


def verify(trace: Trace, world: World) -> tuple[Cause, ...]:
    """Return every cause for which the trace does not hold in the world, in fixed order.

    Parameters
    ----------
    trace : Trace
        What a run was seen to depend on.
    world : World
        The present.

    Returns
    -------
    tuple of Cause
        Empty if the recorded result stands.
    """
    checks = (_code, _inputs, _files, _env, _packages, _python, _params)
    return ordered([cause for check in checks for cause in check(trace, world)])


def ordered(causes: list[Cause]) -> tuple[Cause, ...]:
    """Sort causes into the order of :data:`CAUSES`, then by subject."""
    return tuple(sorted(causes, key=lambda cause: (CAUSES.index(cause.kind), cause.subject)))


def _code(trace: Trace, world: World) -> Iterator[Cause]:
    if trace.fingerprint != world.fingerprint:
        yield Cause("code", trace.name, "the cell", source_diff(trace.source, world.source))


def _inputs(trace: Trace, world: World) -> Iterator[Cause]:
    for ref in trace.inputs.keys() | world.refs():
        before, after = trace.inputs.get(ref, ABSENT), world.look(ref)
        if not before.same(after):
            yield _input_cause(ref, before, after, world)


def _input_cause(ref: str, before: Fact, after: Fact, world: World) -> Cause:
    stale = world.upstream(ref)
    if stale:
        return Cause("upstream", stale, f"{ref} will be made anew")
    if after.kind == "unknown":
        return Cause("input", ref, "cannot be known before it runs")
    kind = "function" if {before.kind, after.kind} & _CODE_KINDS else "input"
    if before.static and before.static == after.static and bool(before.digest) != bool(after.digest):
        return Cause(kind, ref.replace(":", "."), _loading(before, after))
    summary = world.summary(ref)
    sources = before.summary.get("source", ""), summary.get("source", "")
    diff = source_diff(*sources) if kind == "function" and any(sources) else ""
    return Cause(kind, ref.replace(":", "."), _how(before, after, summary, world), diff)


def _loading(before: Fact, after: Fact) -> str:
    if before.digest:
        return "is not loaded now, and loading it may give something else"
    return "was loaded by this cell" if after.as_loaded else "has changed since it was loaded"


def _how(before: Fact, after: Fact, summary: Mapping[str, Any], world: World) -> str:
    if after.kind == "missing":
        return "is not defined now"
    if before.kind == "missing":
        return "was not defined then"
    return world.difference(before.summary, summary) or "differs"


def _files(trace: Trace, world: World) -> Iterator[Cause]:
    for role, states in (("read", trace.files), ("written", trace.written)):
        for path, recorded in states.items():
            present = world.file_state(path, recorded)
            if present is not None:
                yield Cause("file", path, _file_change(role, recorded, present))


def _file_change(role: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    if after.get("kind") == "absent":
        return f"{role} then, gone now"
    if before.get("kind") == "absent":
        return "absent then, there now"
    sizes = before.get("size"), after.get("size")
    how = f"{sizes[0]} → {sizes[1]} bytes" if sizes[0] != sizes[1] else "new content, same size"
    return f"{role} then, changed since: {how}"


def _env(trace: Trace, world: World) -> Iterator[Cause]:
    for name, digest in trace.env.items():
        present = world.env(name)
        if present != digest:
            change = "unset now" if not present else "set now" if not digest else "changed"
            yield Cause("env", name, change)


def _packages(trace: Trace, world: World) -> Iterator[Cause]:
    for name, version in trace.packages.items():
        present = world.package(name)
        if present != version:
            yield Cause("package", name, f"{version} → {present or 'not installed'}")


def _python(trace: Trace, world: World) -> Iterator[Cause]:
    if trace.python != world.python:
        yield Cause("python", "", f"{trace.python} → {world.python}")


def _params(trace: Trace, world: World) -> Iterator[Cause]:
    for name in trace.params.keys() | world.params.keys():
        before, after = trace.params.get(name, ""), world.params.get(name, "")
        if before != after:
            yield Cause("param", name, f"{before or 'none'} → {after or 'none'}")


def source_diff(before: str, after: str) -> str:
    """Return a unified diff of two sources without file headers; empty if they are equal."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++")))
