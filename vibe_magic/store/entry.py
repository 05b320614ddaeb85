"""An entry's metadata, written so that no changed byte goes unseen."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vibe_magic.errors import CorruptEntry
from vibe_magic.payload import Packed

__all__ = ["Draft", "Entry", "Group"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A result that is to be stored.

    Attributes
    ----------
    asset : str
        Name of the asset.
    key : str
        Digest of what was known before the run, 32 hexadecimal digits.
    observed : str
        Digest of what the run was then seen to depend on, 32 hexadecimal digits.
    groups : mapping of str to Packed
        Variables that share objects, under a label that is unique in the entry.
    outputs : tuple of dict
        What the cell displayed.
    trace : mapping
        What the run depended on; plain JSON.
    created_at, duration_s, ttl_s
        Seconds; `created_at` since the epoch, `ttl_s` None for a result that does not expire.
    kind : str
        ``"asset"`` or ``"cell"``.
    notebook : str
        Where the cell stands, for people.
    """

    asset: str
    key: str
    observed: str
    groups: Mapping[str, Packed]
    outputs: tuple[dict[str, Any], ...] = ()
    trace: Mapping[str, Any] = field(default_factory=dict)
    created_at: float = 0.0
    duration_s: float = 0.0
    kind: str = "asset"
    notebook: str = ""
    ttl_s: float | None = None

    @property
    def nbytes(self) -> int:
        """Size of the values, about."""
        return sum(packed.nbytes for packed in self.groups.values())


@dataclass(frozen=True, slots=True)
class Group:
    """One file of an entry.

    Attributes
    ----------
    file : str
        Its name.
    names : tuple of str
        The variables in it.
    externals : tuple of str
        Names of the notebook that the values refer to.
    nbytes : int
        Size of the file.
    signature : str
        The file's signature.
    inert : bool
        Whether its values come back the same whenever they are read; see `payload.Packed`.
    """

    file: str
    names: tuple[str, ...]
    externals: tuple[str, ...]
    nbytes: int
    signature: str
    inert: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored result: everything but its values.

    Attributes
    ----------
    asset, key, observed, created_at, duration_s, kind, notebook, ttl_s, trace
        As in `Draft`.
    path : Path
        Its directory.
    groups : mapping of str to Group
        Its files of values, by label.
    nbytes : int
        Size of its files.
    outputs_file, outputs_digest : str
        Where its outputs are; empty if it displayed nothing.
    accepted_at : float or None
        When a person declared this result right for inputs under which it was not computed.
    pinned : bool
        Whether the asset is never evicted.
    """

    asset: str
    key: str
    observed: str
    created_at: float
    duration_s: float
    kind: str
    notebook: str
    ttl_s: float | None
    trace: Mapping[str, Any]
    path: Path
    groups: Mapping[str, Group]
    nbytes: int
    outputs_file: str
    outputs_digest: str
    accepted_at: float | None
    pinned: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The variables it holds."""
        return tuple(name for group in self.groups.values() for name in group.names)

    @property
    def externals(self) -> frozenset[str]:
        """Names of the notebook that its values refer to."""
        return frozenset(name for group in self.groups.values() for name in group.externals)

    @property
    def expires_at(self) -> float | None:
        """When it expires, in seconds since the epoch; None for never."""
        return None if self.ttl_s is None else self.created_at + self.ttl_s

    def expired(self, now: float) -> bool:
        """Tell whether it is too old, or made so far in the future that a clock was wrong."""
        return self.ttl_s is not None and abs(now - self.created_at) >= self.ttl_s


def place(asset: str, key: str, observed: str, label: str) -> str:
    """Name the place of one file, to which its signature binds it."""
    return "\0".join((asset, key, observed, label))


_MAC_LINE = b',\n"mac": "%s"\n}\n'


def encode(meta: Mapping[str, Any], secret: bytes) -> bytes:
    """Write metadata as JSON, a line per item, the last a keyed digest of what is before it."""
    dumps = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode
    lines = ",\n".join(f"{dumps(name)}: {dumps(value)}" for name, value in meta.items())
    body = ("{\n" + lines).encode("utf-8", "surrogatepass")
    return body + _MAC_LINE % _mac(body, secret)


def decode(data: bytes, secret: bytes, where: str) -> dict[str, Any]:
    """Read metadata whose keyed digest is right.

    Raises
    ------
    CorruptEntry
        It is not what was written under this secret.
    """
    tail = len(_MAC_LINE) - 2 + 64
    body = data[:-tail]
    if len(data) <= tail or not hmac.compare_digest(data[-tail:], _MAC_LINE % _mac(body, secret)):
        raise CorruptEntry("its metadata are damaged, or were not written by you", where)
    meta: dict[str, Any] = json.loads(data.decode("utf-8", "surrogatepass"))
    if meta.get("format") != FORMAT:
        raise CorruptEntry("was written by another version", where)
    return meta


def _mac(body: bytes, secret: bytes) -> bytes:
    key = secret if len(secret) <= 64 else hashlib.blake2b(secret).digest()
    digest = hashlib.blake2b(body, digest_size=32, key=key, person=b"vibe_magic.meta")
    return digest.hexdigest().encode()


def content_digest(data: bytes) -> str:
    """Return the digest that the metadata keep of a file of outputs."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def meta_of_draft(draft: Draft) -> dict[str, Any]:
    """Return the metadata of a draft, without what only its files tell."""
    return {
        "format": FORMAT,
        "asset": draft.asset,
        "kind": draft.kind,
        "notebook": draft.notebook,
        "key": draft.key,
        "observed": draft.observed,
        "created": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(max(0.0, draft.created_at))),
        "created_at": draft.created_at,
        "duration_s": draft.duration_s,
        "ttl_s": draft.ttl_s,
        "accepted_at": None,
        "trace": dict(draft.trace),
    }


def entry_of_meta(meta: Mapping[str, Any], path: Path, *, pinned: bool) -> Entry:
    """Make an entry from checked metadata."""
    groups = {
        label: Group(**{**group, "names": tuple(group["names"]), "externals": tuple(group["externals"])})
        for label, group in meta["groups"].items()
    }
    same = ("asset", "key", "observed", "created_at", "duration_s", "kind", "notebook", "ttl_s")
    return Entry(
        **{name: meta[name] for name in (*same, "trace", "nbytes", "accepted_at")},
        path=path,
        groups=groups,
        outputs_file=meta["outputs"]["file"],
        outputs_digest=meta["outputs"]["digest"],
        pinned=pinned,
    )
