"""Run assets of a notebook ahead of their turn, while the kernel goes from cell to cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from vibe_magic.cell import Cell, analyse, split_header
from vibe_magic.errors import UsageError
from vibe_magic.graph import Graph

from ..asset import Asset, Registry
from ..kernel import Session
from ..spec import Spec, parse_header
from ..work import is_control, plain_name
from .bring import Bringing
from .crew import Crew
from .turns import Turn, Wanted

__all__ = ["Ahead"]


class Ahead:
    """The cells that are going to run, in order, and workers for the assets among them.

    Whoever runs another cell than the next one has left the order; then everything runs in the kernel.

    Parameters
    ----------
    session : Session
        The kernel's.
    crew : Crew
        The workers.
    cells : sequence of (str, str)
        The front end's identity and the text of each.
    """

    def __init__(self, session: Session, crew: Crew, cells: Sequence[tuple[str, str]]) -> None:
        self._session = session
        found = list(_foreseen(session.shell, cells))
        nodes = tuple(asset.node() for asset in found)
        plain = [asset.name for asset in found if asset.name.startswith(_PLAIN)]
        wanted = Wanted(tuple(found), Graph(nodes), plain, keep_going=True)
        self._bringing = Bringing(session, crew, wanted)
        for turn in self._bringing.turns:
            if turn.asset.spec.lazy:
                turn.stays = turn.stays or "it is put off (--lazy)"
        self._bringing.outgoing.give()

    def serve(self, asset: Asset) -> bool:
        """Take over what a worker has done for the asset that runs now; False if it must run in the kernel.

        Raises
        ------
        UsageError
            Its process was killed.
        """
        turn = self._next(asset.cell_id)
        if turn is None:
            return False
        self._bringing.await_turn(turn)
        reply = turn.reply
        if reply is not None and reply.lost:
            raise UsageError(reply.reason, asset.name)
        if turn.stays and asset.spec.apart:
            line = f"runs in the kernel, without the limits it asks for: {turn.stays}"
            self._session.tell(asset.name, line)
        if reply is None or reply.action == "failed":
            return False  # it fails again where its traceback and the debugger are
        return self._bringing.adopted(replace(turn, asset=asset), direct=True) is not None

    def leave(self, cell_id: str, failed: bool) -> None:
        """Note that a cell has run or was restored; more may be able to run now."""
        turn = self._next(cell_id)
        if turn is None:
            return
        records = self._session.records
        if turn.stays and records and records[-1].name == turn.asset.name:
            self._session.telling.amend(replace(records[-1], stayed=turn.stays))
        self._bringing.done(turn, failed)
        self._bringing.catch_up()
        if not self._bringing.turns:
            self.stop()
            self._session.ahead = None

    def stop(self) -> None:
        """End whatever still runs."""
        self._bringing.stop()

    def _next(self, cell_id: str) -> Turn | None:
        turns = self._bringing.turns
        turn = turns.head if turns else None
        if turn is None or turn.asset.cell_id != cell_id:
            self.stop()
            self._session.ahead = None
            return None
        return turn


_PLAIN = "cell "


def _foreseen(shell: Any, cells: Sequence[tuple[str, str]]) -> Iterator[Asset]:
    """Yield what each cell is going to be; one that cannot be read is a plain one that may do anything."""
    registry = Registry()
    for number, (cell_id, text) in enumerate(cells):
        header, body = split_header(text)
        plain = Asset(f"{_PLAIN}{number}", Spec(), _analysed(shell, text), cell_id)
        if header is None or is_control(plain.cell):
            yield plain
            continue
        try:
            spec = parse_header(header)
        except UsageError:
            yield plain
            continue
        cell = analyse(body, plain.cell.python)
        asset, holder = registry.claim(spec, cell, cell_id, cell.first_name or plain_name(cell))
        if holder is None:
            registry = registry.with_asset(asset)
        yield plain if holder is not None else asset


def _analysed(shell: Any, text: str) -> Cell:
    try:
        return analyse(split_header(text)[1], shell.transform_cell(text))
    except SyntaxError:
        return analyse("", "")
