"""The cells of one run in their order, and how far each is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from vibe_magic.graph import Graph

from ..asset import Asset
from .task import Ask, Reply

__all__ = ["Turn", "Turns", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """What is to be brought up to date, and how.

    Parameters
    ----------
    cells : tuple of Asset
        In order; assets that are fresh are left out.
    graph : Graph
        Of at least these.
    plain : collection of str
        The names of those that are no assets: the notebook runs them itself.
    forced : collection of str
        These run even if a result stands.
    keep_going : bool
        Whether the others go on after a failure.
    live : bool
        Whether outputs are shown while bodies run, rather than when the turn has come.
    known : dict of str to Reply
        What bodies have said of some of the cells already, whose turns come elsewhere.
    """

    cells: tuple[Asset, ...]
    graph: Graph
    plain: Collection[str] = ()
    forced: Collection[str] = ()
    keep_going: bool = False
    live: bool = False
    known: Mapping[str, Reply] = field(default_factory=dict)


@dataclass
class Turn:
    """How far a cell is.

    Attributes
    ----------
    asset : Asset
        Which one.
    token : int
        Of the task that a body has, or had last; 0 if none.
    running : bool
        Whether a body has it.
    ask : Ask or None
        What the body waits for.
    granted : bool
        Whether the body was let change what others see.
    reply : Reply or None
        What the body said at last.
    stays : str
        Why it runs in the kernel, if so.
    attempts : int
        How often it has been given to a body.
    lost : str
        The failed cell that it needs, if there is one.
    shown : bool
        Whether outputs of its last attempt were shown while it ran.
    apart : bool
        Whether its result is only handed over, not kept.
    """

    asset: Asset
    token: int = 0
    running: bool = False
    ask: Ask | None = None
    granted: bool = False
    reply: Reply | None = None
    stays: str = ""
    attempts: int = 0
    lost: str = ""
    shown: bool = False
    apart: bool = False

    @property
    def settled(self) -> bool:
        """Whether nothing has to be waited for when its turn comes."""
        return self.reply is not None or bool(self.stays or self.lost)


class Turns:
    """The turns that have not come yet, in order.

    Parameters
    ----------
    wanted : Wanted
        What they are of.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._all = {cell.name: Turn(cell) for cell in wanted.cells}
        for name in wanted.plain:
            self._all[name].stays = "it is a plain cell"
        for name, reply in wanted.known.items():
            self._all[name].reply = reply
        self._ahead = dict.fromkeys(self._all)
        self._places = {name: place for place, name in enumerate(self._all)}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._ahead)

    def __iter__(self) -> Iterator[Turn]:
        """Iterate in order."""
        return (self._all[name] for name in self._ahead)

    def __getitem__(self, name: str) -> Turn:
        """Return a turn, past ones included."""
        return self._all[name]

    @property
    def is_single(self) -> bool:
        """Whether there has never been more than one."""
        return len(self._all) == 1

    @property
    def head(self) -> Turn:
        """The one that comes next."""
        return self._all[next(iter(self._ahead))]

    def pass_on(self, turn: Turn) -> None:
        """Note that a turn has come."""
        self._ahead.pop(turn.asset.name, None)

    def put_back(self, turn: Turn) -> None:
        """Let a turn come once more."""
        self._ahead = dict.fromkeys(sorted({*self._ahead, turn.asset.name}, key=self._places.__getitem__))

    def is_behind(self, name: str) -> bool:
        """Tell whether a turn that still comes is before that of a cell."""
        return bool(self) and self._places[self.head.asset.name] < self._places[name]

    def comes(self, name: str) -> bool:
        """Tell whether the turn of a cell is still to come."""
        return name in self._ahead

    def before(self, name: str) -> Iterator[Turn]:
        """Yield the turns that come before that of a cell."""
        for other in self._ahead:
            if other == name:
                return
            yield self._all[other]
