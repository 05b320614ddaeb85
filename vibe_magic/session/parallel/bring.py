"""Bring cells up to date: whatever can run runs, what is done is taken over in order."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace

from vibe_magic.capture import Output, here, replay
from vibe_magic.errors import UsageError
from vibe_magic.schedule import Ended
from vibe_magic.store import Store
from vibe_magic.trace import Cause

from ..kernel import Session
from ..records import Record
from ..stage import stage, title
from ..upstream import rerun
from .adopt import adopt, dead, is_inside, unpacked
from .crew import Crew
from .early import Early
from .known import death
from .outgoing import Outgoing
from .task import Ask, Heard, Phase, Reply
from .turns import Turn, Turns, Wanted

__all__ = ["Bringing"]

_BACKOFF_S = 0.5
_CHANCE = random.SystemRandom()
"""Not the generator that the notebook draws from."""
_TICK_S = 0.25
_BREAKS = 3
"""How often workers that are broken are replaced before the kernel runs what is left."""
_SILENCE_S = 1.0
"""How long the end of a worker may lag behind the end of its body."""
_LAST_WORDS_S = 10.0
"""How long a body's reply may lag behind its end."""
_HALF_DONE = "its worker was lost after it had begun to change files"


class Bringing:
    """One run over some cells.

    Parameters
    ----------
    session : Session
        The kernel's.
    crew : Crew
        The workers.
    wanted : Wanted
        What to do.
    """

    def __init__(self, session: Session, crew: Crew, wanted: Wanted) -> None:
        self.session, self.crew = session, crew
        self.wanted = wanted
        self.live = wanted.live
        self.excused = frozenset[str]()
        self.turns = Turns(wanted)
        self.scratch = Store(crew.folder, secret=session.secret)
        self.scratch.tends = False  # it goes as a whole
        self.outgoing = Outgoing(session, crew, wanted, self.turns, self.scratch)
        self._early = Early(session, self.turns)
        self._silent: dict[int, float] = {}
        self._breaks, self._given_up = 0, ""

    def steps(self, patience_s: float | None = None) -> Iterator[Record | None]:
        """Run everything; yield what became of each asset, and None while there is nothing to tell.

        Results come in order, but for those that need not wait for the ones before them.

        Parameters
        ----------
        patience_s : float, optional
            How long to wait at most before a None; until something happens by default.
        """
        for turn in self.turns:
            expected_s = self.outgoing.expected_s.get(turn.asset.name)
            self.session.events.emit("planned", turn.asset.name, expected_s)
        try:
            while self.turns:
                turn = self.turns.head
                self.outgoing.give()
                while not self._is_due(turn, patience_s):
                    self.catch_up()  # workers first: taking over can wait
                    yield from iter(self._taken_early, None)
                    yield None
                self.catch_up()
                yield self.take(turn)
        finally:
            self.stop()

    def await_turn(self, turn: Turn) -> None:
        """Go on until a cell, which must be the next one, is settled."""
        self.outgoing.give()
        while not self._is_due(turn, None):
            pass

    def _is_due(self, turn: Turn, patience_s: float | None) -> bool:
        """Tell whether the next cell is settled; else go on for as long as one thing takes to happen."""
        if turn.settled or self._abandoned(turn):
            return True
        if not self.outgoing.is_busy:
            turn.stays = "nothing else can run before it"
            return True
        if turn.ask is not None:
            self._answer(turn, self._stands(turn))
        self._unlock()
        self._hear(patience_s)
        self.outgoing.give()
        return False

    def done(self, turn: Turn, failed: bool) -> None:
        """Note that a cell's turn is over; what needs it can run, or is lost."""
        name = turn.asset.name
        self.turns.pass_on(turn)
        if not failed:
            self.outgoing.finish(name)
            return
        self._break()
        for lost in self.outgoing.drop(name):
            lost.lost = lost.lost or name

    def catch_up(self) -> None:
        """Hear what has been said meanwhile, and give out what can run now."""
        while self._hear(0.0):
            pass
        self.outgoing.give()

    def stop(self) -> None:
        """End whatever still runs."""
        self.outgoing.stop()

    # Hearing

    def _hear(self, limit_s: float | None = None) -> bool:
        """Take in one thing that is said or ends; False if there is none in time."""
        due_s = min([*self.outgoing.due_s, *self._silent.values()], default=None)
        wait_s = None if due_s is None else max(0.0, due_s - time.monotonic())
        if self.session.events and limit_s is None:
            self.session.events.emit("tick")
            limit_s = _TICK_S if wait_s is None else min(_TICK_S, wait_s)
        item = self.crew.next(wait_s if limit_s is None else limit_s)
        if isinstance(item, Ended):
            self._ended(item)
        elif isinstance(item, Heard):
            self._listen(item)
        self._note_silence()
        return item is not None

    def _note_silence(self) -> None:
        """Give up workers that have not told of the end of their bodies: they are gone as well."""
        for token in [token for token, limit_s in self._silent.items() if limit_s <= time.monotonic()]:
            del self._silent[token]
            if self.outgoing.has(token):
                self.crew.lose(token)
                self._ended(Ended(token, error=RuntimeError("it was killed")))

    def _listen(self, heard: Heard) -> None:
        turn = self.outgoing.turn(heard.token)
        if turn is None:
            return
        if isinstance(heard.what, Ask):
            turn.ask = heard.what
        elif isinstance(heard.what, Reply):
            self._settle(turn, heard.what)
        elif heard.what is Phase.GONE:
            self._gone(turn, heard.token)
        elif isinstance(heard.what, Phase):
            self.outgoing.heard(heard.token, heard.what)
        elif isinstance(heard.what, dict) and self.live:
            self._show(turn, heard.what)

    def _gone(self, turn: Turn, token: int) -> None:
        """Note the end of a body; of one that has run without a reply its worker knows more."""
        if turn.settled or self.outgoing.is_held(token):
            self.outgoing.ended(token)
        else:
            self._silent[token] = time.monotonic() + _SILENCE_S

    def _show(self, turn: Turn, output: Output) -> None:
        """Show what a body shows, in place of what its cell showed before."""
        with stage(self.session, turn.asset, fresh=not turn.shown):
            turn.shown = True
            title(self.session, turn.asset, alone=self.turns.is_single)
            replay([output], self.session.shell)

    def _unlock(self) -> None:
        """Deny the last of those that wait for their turn, if nothing but such is running."""
        running = [turn for turn in self.turns if turn.running and turn.reply is None]
        if running and all(turn.ask is not None for turn in running):
            self._answer(running[-1], False)

    def _answer(self, turn: Turn, granted: bool) -> None:
        turn.ask, turn.granted = None, granted
        self.crew.say(turn.token, granted)

    def _stands(self, turn: Turn) -> bool:
        """Tell whether a body whose turn has come may change files.

        What it was given must be what is there now, nothing above may wait to be computed, and a result of
        the same code must have been stored: were this one none that can leave the body, it could not rerun.
        """
        session, live = self.session, self.session.look(turn.asset)
        if turn.ask is None or turn.ask.key != live.key or session.deferred.above(turn.asset.label):
            return False
        known = session.store.results(turn.asset.name)
        return any(entry.trace.get("fingerprint") == live.fingerprint for entry in known)

    def _settle(self, turn: Turn, reply: Reply) -> None:
        self.outgoing.replied(turn)
        if reply.parcel is not None:
            store = self.scratch if reply.reason or turn.apart else self.session.store
            reply = unpacked(reply, reply.parcel, store)
        if reply.action == "unseen":
            self.crew.abroad = True
            if turn.attempts:  # else it has been held, and its time is still to come
                self.outgoing.retry(turn)
            turn.attempts = 0
        elif reply.action == "refused":
            turn.stays = reply.reason
        elif reply.action in ("failed", "died") and turn.attempts <= turn.asset.spec.retry:
            wait_s = _BACKOFF_S * 2 ** (turn.attempts - 1) * _CHANCE.uniform(0.5, 1.5)
            self.outgoing.retry(turn, wait_s)
        else:
            turn.reply = reply
            if reply.has_result:
                self.outgoing.finish(turn.asset.name)
            else:
                self._break()

    def _break(self) -> None:
        """Give out nothing more, unless the others are to go on."""
        self.outgoing.is_over = self.outgoing.is_over or not self.wanted.keep_going

    def _ended(self, ended: Ended) -> None:
        token = int(str(ended.token))
        if self.crew.runs(token):  # without a worker that waits for it
            return
        turn = self.outgoing.turn(token)
        self.outgoing.ended(token)
        if turn is None or turn.settled or self.outgoing.is_retried(turn):
            return
        said = getattr(ended.value, "messages", ())
        replies = [message.what for message in said if isinstance(message.what, Reply)]
        if replies:
            self._settle(turn, replies[0])
        elif getattr(ended.value, "is_far", False):
            turn.attempts -= 1
            self.outgoing.retry(turn)
        elif getattr(ended.value, "status", 1) == 0:
            self._await_last_words(turn)
        else:
            self._lose(turn, ended)

    def _await_last_words(self, turn: Turn) -> None:
        """Hear the rest of what a body has said that has ended well."""
        limit_s = time.monotonic() + _LAST_WORDS_S
        while not turn.settled and time.monotonic() < limit_s and turn.attempts:
            before = turn.attempts, self.outgoing.is_retried(turn)
            self._hear(_TICK_S)
            if before != (turn.attempts, self.outgoing.is_retried(turn)):
                return
        if not turn.settled:
            self._settle(turn, Reply("died", reason="its worker ended without a word"))

    def _lose(self, turn: Turn, ended: Ended) -> None:
        """Blame a cell whose body has died; if only its worker has, which ran nothing, nobody is to blame."""
        if ended.error is None:
            self._settle(turn, Reply("died", reason=death(ended)))
        elif self.crew.is_near is not False:
            self._replace_workers(turn)
        else:
            self._replace_workers()
            self._settle(turn, Reply("died", reason=death(ended)))

    def _replace_workers(self, *lost: Turn) -> None:
        """End all bodies and get new workers; what was in work is given out again, a few times."""
        self.crew.stop()
        self._breaks += 1
        self._given_up = self._given_up or self._reopened()
        for turn in (*lost, *self.outgoing.take_back()):
            if turn.settled:
                continue
            if turn.granted:
                self._settle(turn, Reply("died", reason=_HALF_DONE))
            elif self._given_up:
                turn.stays = self._given_up
            else:
                turn.attempts -= 1
                self.outgoing.retry(turn)

    def _reopened(self) -> str:
        """Get new workers; say why the kernel runs what is left, if there are none to be had."""
        if self._breaks > _BREAKS:
            return "workers break again and again"
        try:
            self.crew.reopen()
        except UsageError as error:
            return f"there are no workers any more: {error.where} {error.what}"
        return ""

    # Taking over

    def _abandoned(self, turn: Turn) -> bool:
        """Tell whether an asset will not run any more, since another has failed."""
        return self.outgoing.is_over and not turn.running and not turn.settled

    def take(self, turn: Turn) -> Record:
        """Take over what came of a cell whose turn has come, or run it here."""
        if turn.lost or self._abandoned(turn):
            record = self._skipped(turn)
        else:
            with stage(self.session, turn.asset, fresh=not turn.shown):
                record = self._result(turn)
        self.session.events.emit(record.action, turn.asset.name)
        self.done(turn, record.action in ("failed", "skipped"))
        self._early.revise(turn)
        return record

    def _skipped(self, turn: Turn) -> Record:
        cause = Cause("upstream", turn.lost, "failed" if turn.lost else "another asset failed")
        record = Record(turn.asset.name, "skipped", (cause,), cell_id=turn.asset.cell_id)
        self.session.records.append(record)
        return record

    def _result(self, turn: Turn) -> Record:
        session, asset = self.session, turn.asset
        record = self.adopted(turn)
        if record is not None:
            return record
        if turn.shown and here(session.shell) is not None:  # a terminal cannot take back what it has printed
            session.shell.display_pub.clear_output()
        forced = asset.name in self.wanted.forced
        done = rerun(session, asset, force=forced, in_kernel=True)
        assert done is not None
        reason = turn.stays or "what it had read in a worker has changed since"
        return session.telling.amend(replace(done, stayed=reason))

    def _taken_early(self) -> Record | None:
        """Take over a result before its turn, if nothing can tell."""
        turn = self._early.next() if self.live else None
        if turn is None:
            return None
        with stage(self.session, turn.asset, fresh=not turn.shown):
            record = self.adopted(turn)
        if record is None:
            self._early.keep(turn)
            return None
        self.session.events.emit(record.action, turn.asset.name)
        self.done(turn, failed=False)
        return record

    def adopted(self, turn: Turn, direct: bool = False) -> Record | None:
        """Take over what a body has done; None if the asset has to run in the kernel."""
        reply = turn.reply
        if reply is None:
            return None
        if reply.lost:
            return dead(self.session, turn.asset, reply)
        home = self.scratch if is_inside(reply, self.scratch) else None
        shown, excused = turn.shown, self.excused
        return adopt(self.session, turn.asset, reply, home, direct=direct, shown=shown, excused=excused)
