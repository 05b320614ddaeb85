"""One asset that runs in a body while the kernel goes on."""

from __future__ import annotations

from collections.abc import Sequence

from vibe_magic.graph import Graph

from ..asset import Asset
from ..kernel import Session
from ..records import Record
from .bring import Bringing
from .crew import employ
from .turns import Turn, Wanted

__all__ = ["Background"]


class Background:
    """Begins at once; what the body reads is as it is now, whatever becomes of it in the kernel.

    Parameters
    ----------
    session : Session
        The kernel's.
    asset : Asset
        Which one.
    earlier : sequence of Background, optional
        Those before it that have a result which the kernel has not taken over yet: it may read that.
    """

    def __init__(self, session: Session, asset: Asset, earlier: Sequence[Background] = ()) -> None:
        turns = [work._turn for work in earlier]
        cells = (*(turn.asset for turn in turns), asset)
        known = {turn.asset.name: turn.reply for turn in turns if turn.reply is not None}
        graph = Graph(tuple(cell.node() for cell in cells))
        self._crew = employ(session, _SIDE_BY_SIDE, asset.spec.engine or "threading")
        self._bringing = Bringing(session, self._crew, Wanted(cells, graph, live=True, known=known))
        self._turn: Turn = self._bringing.turns[asset.name]
        self._bringing.outgoing.give()

    @property
    def stays(self) -> str:
        """Why the kernel has to run it, if so."""
        return self._turn.stays

    @property
    def has_result(self) -> bool:
        """Whether the body has ended with a result that others can read."""
        return self._turn.reply is not None and self._turn.reply.has_result

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it runs, as far as it has been heard."""
        return self._turn.settled

    def is_done(self) -> bool:
        """Show what the body has shown meanwhile; tell whether it has ended."""
        self._bringing.catch_up()
        return self._turn.settled

    def wait(self) -> None:
        """Wait for the end, and show nothing of it yet."""
        self._bringing.live = self._turn.shown = False
        self._bringing.await_turn(self._turn)
        self._bringing.live = True

    def take(self, excused: frozenset[str]) -> Record:
        """Wait for the end; take over what came of it, or run it in the kernel.

        Parameters
        ----------
        excused : frozenset of str
            Files that have changed since, as they may: the body had read them before.
        """
        self._bringing.excused = excused
        self._bringing.await_turn(self._turn)
        record = self._bringing.take(self._turn)
        self.stop()
        return record

    def stop(self) -> None:
        """End the body."""
        self._bringing.stop()
        self._crew.close()


_SIDE_BY_SIDE = 2
"""The cores are shared with one other at least: the kernel."""
