"""What passes between the kernel and a body that runs one asset for it."""

from __future__ import annotations

import enum
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vibe_magic.config import Settings
from vibe_magic.observe import facets
from vibe_magic.store import Parcel

from ..spec import Spec

__all__ = ["ENCLOSED", "Ask", "Given", "Heard", "Phase", "Reply", "Rest", "Task"]


ENCLOSED = "with the task"


@dataclass(frozen=True)
class Given:
    """Variables that a body finds in a store, or here.

    Parameters
    ----------
    path : str
        The directory of an entry; empty if they are here.
    names : tuple of str
        Which of its variables.
    source, python : str
        The cell whose definitions come first, as typed and transformed; empty for none.
    spare : bool
        Whether the asset can do without: it may run, but must not look for these.
    content : bytes
        All these variables, sealed for the place `ENCLOSED`.
    """

    path: str
    names: tuple[str, ...]
    source: str = ""
    python: str = ""
    spare: bool = False
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Task:
    """One asset that a body is to run.

    Parameters
    ----------
    token : int
        Tells what is heard of this task from what is heard of others.
    name, spec, source, python, cell_id : various
        The asset.
    folder : str
        The directory that file names are relative to.
    settings : Settings
        As they are in the kernel, with the store that the result goes to.
    scratch : Path
        Where a result goes that may be handed over, but not kept.
    secret : bytes
        Key of the store's signatures.
    signs : tuple of str
        Files by which a body tells that it sees the kernel's directories.
    parcels : dict of str to Parcel or None
        The entries that `given` names, by path, for a body that does not see them; None where it should.
    force : bool
        Run it even if a result stands.
    held : bool
        Whether the body gets ready and then waits for the `Rest`.
    given : tuple of Given
        What it reads, in the order in which it is to be loaded.
    withheld : frozenset of str
        Names of the notebook that are not given.
    ground : facets.Ground
        The process that the asset is to find itself in.
    state : dict of str to object
        What the notebook has changed of it, as `observe.facets` has it.
    seeded : frozenset of str
        Random generators that follow from a seed in the notebook.
    formats : tuple of str
        In which values are shown.
    shell, colors : str
        The name of the kernel's shell class, by which libraries tell a notebook from a terminal, and its
        scheme of colours.
    count : int
        The execution count.
    """

    token: int
    name: str
    spec: Spec
    source: str
    python: str
    cell_id: str
    folder: str
    settings: Settings
    scratch: Path
    ground: facets.Ground = field(repr=False)
    secret: bytes = field(repr=False)
    signs: tuple[str, ...] = ()
    parcels: Mapping[str, Parcel] | None = None
    force: bool = False
    held: bool = False
    given: tuple[Given, ...] = ()
    withheld: frozenset[str] = frozenset()
    state: Mapping[str, object] = field(default_factory=dict)
    seeded: frozenset[str] = frozenset()
    formats: tuple[str, ...] = ()
    shell: str = ""
    colors: str = "nocolor"
    count: int = 0

    def rest_after(self, held: Task) -> Rest | None:
        """Return what a body lacks that holds this task as it was before; None if that has changed."""
        known = len(held.given)
        if self.given[:known] != held.given or self._fixed() != held._fixed():
            return None
        return Rest(self.given[known:], self.withheld)

    def _fixed(self) -> bytes:
        return pickle.dumps(replace(self, token=0, held=False, given=(), withheld=frozenset()))


@dataclass(frozen=True)
class Rest:
    """What a body that is held has waited for: it can run.

    Parameters
    ----------
    given : tuple of Given
        What it reads beyond what it was given at first.
    withheld : frozenset of str or None
        As of a task; None if that has not changed.
    """

    given: tuple[Given, ...] = ()
    withheld: frozenset[str] | None = None


@dataclass(frozen=True)
class Ask:
    """A body is about to change a file or start a program, which is for its turn; it waits for the answer.

    Parameters
    ----------
    what : str
        The file or the program.
    key : str
        The key of the asset from what the body was given.
    """

    what: str
    key: str


class Phase(enum.Enum):
    """How far a body is: it has begun, is ready to run its cell, has run it, has closed the connection.

    A worker has taken it when it waits for its end.
    """

    BEGUN = "begun"
    TAKEN = "taken"
    READY = "ready"
    COMPUTED = "computed"
    GONE = "gone"


@dataclass(frozen=True)
class Heard:
    """Something that a body says while it runs: an output, or its reply.

    Parameters
    ----------
    token : int
        The task.
    what : Reply, Ask, dict or Phase
        Outputs have the form that `capture` records.
    """

    token: int
    what: Any


@dataclass(frozen=True)
class Reply:
    """How a body's asset ended.

    Parameters
    ----------
    action : str
        ``ran`` or ``restored`` (there is an entry), ``failed``, ``refused`` (it must run in the kernel),
        ``died`` (its process is gone), ``spent`` (its result is lost, and it must not run again), or
        ``unseen`` (it is where the kernel's directories are not).
    path : str
        The directory of the entry.
    trace : dict
        Of a failed run, what it depended on.
    error : tuple of str, str and list of str
        Name, message and traceback lines of what a failed run raised.
    reason : str
        Why it must run in the kernel, or why its result is not to be kept.
    duration_s : float
        Wall time of the body.
    outputs : tuple of dict
        What a failed run had shown.
    causes : tuple of Cause
        Why it ran.
    parcel : Parcel or None
        The entry, if the kernel does not see it.
    """

    action: str
    path: str = ""
    trace: Mapping[str, Any] = field(default_factory=dict)
    error: tuple[str, str, list[str]] = ("", "", [])
    reason: str = ""
    duration_s: float = 0.0
    outputs: tuple[dict[str, Any], ...] = ()
    causes: tuple[Any, ...] = ()
    parcel: Parcel | None = field(default=None, repr=False)

    @property
    def has_result(self) -> bool:
        """Whether there is an entry that others can read."""
        return self.action in ("ran", "restored")

    @property
    def lost(self) -> bool:
        """Whether there is neither a result nor an exception to show."""
        return self.action in ("died", "spent")
