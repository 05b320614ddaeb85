"""Run one asset in a body while its cell waits: for a limit of time, further attempts, or another engine."""

from __future__ import annotations

from vibe_magic.errors import BodyError, UsageError
from vibe_magic.graph import Graph

from ..asset import Asset
from ..kernel import Session
from ..records import Record
from .bring import Bringing
from .crew import Crew
from .turns import Wanted

__all__ = ["run_apart"]


def run_apart(
    session: Session, crew: Crew, asset: Asset, *, force: bool = False, direct: bool = True
) -> Record | None:
    """Restore an asset, or have a body run it; None if it has to run in the kernel.

    Parameters
    ----------
    session : Session
        The kernel's.
    crew : Crew
        The workers.
    asset : Asset
        Which one.
    force : bool
        Run it even if a result stands.
    direct : bool
        Whether this is the asset's own cell, which is to fail if the asset does.

    Raises
    ------
    BodyError
        It raised, in its own cell.
    UsageError
        It took too long or its process was killed, in its own cell.
    """
    forced = [asset.name] if force else ()
    wanted = Wanted((asset,), Graph((asset.node(),)), forced=forced, live=True)
    bringing = Bringing(session, crew, wanted)
    try:
        turn = bringing.turns.head
        bringing.await_turn(turn)
    finally:
        bringing.stop()
    reply = turn.reply
    if direct and reply is not None and reply.lost:
        raise UsageError(reply.reason, asset.name)
    done = bringing.adopted(turn, direct=direct)
    if direct and done is not None and done.action == "failed" and reply is not None:
        raise BodyError(*reply.error)
    if done is None:
        limits = "--timeout and --retry do not hold: " if asset.spec.retry or asset.spec.timeout_s else ""
        session.tell(asset.name, f"runs in the kernel; {limits}{turn.stays or 'its inputs have changed'}")
    return done
