"""Run one asset in a body while its cell waits: for a limit of time, further attempts, or another engine."""

from __future__ import annotations

from vibe_magic.errors import BodyError, UsageError
from vibe_magic.graph import Graph

from ..asset import Asset
from ..kernel import Session
from .bring import Bringing
from .crew import Crew
from .turns import Wanted

__all__ = ["run_apart"]


def run_apart(session: Session, crew: Crew, asset: Asset) -> bool:
    """Restore an asset, or have a body run it; False if it has to run in the kernel.

    Raises
    ------
    BodyError
        It raised.
    UsageError
        It took too long, or its process was killed.
    """
    bringing = Bringing(session, crew, Wanted((asset,), Graph((asset.node(),)), live=True))
    try:
        turn = bringing.turns.head
        bringing.await_turn(turn)
    finally:
        bringing.stop()
    reply = turn.reply
    if reply is not None and reply.lost:
        raise UsageError(reply.reason, asset.name)
    done = None if reply is None else bringing.adopted(turn, direct=True)
    if done is not None and done.action == "failed" and reply is not None:
        raise BodyError(*reply.error)
    if done is None:
        limits = "--timeout and --retry do not hold: " if asset.spec.retry or asset.spec.timeout_s else ""
        session.tell(asset.name, f"runs in the kernel; {limits}{turn.stays or 'its inputs have changed'}")
    return done is not None
