"""Processes that are forked before they are needed, so that a body starts at once."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from .wire import Order, receive, send

__all__ = ["Spares", "nothing"]

_WANTED = 4
_PR_SET_PDEATHSIG = 1


@dataclass
class Spares:
    """Processes that wait for an order; each takes one and ends with it.

    Parameters
    ----------
    run : callable
        Takes an order, in the process that is to run it; returns the exit status.
    ready : callable
        Called in a process that was forked before it is needed.
    """

    run: Callable[[Order], int]
    ready: Callable[[], None]
    _waiting: list[tuple[int, socket.socket]] = field(default_factory=list)

    @property
    def lacking(self) -> bool:
        """Whether fewer wait than are wanted."""
        return len(self._waiting) < _WANTED

    def give(self, order: Order, close: Callable[[], None]) -> int:
        """Have a process run an order; return its number.

        Parameters
        ----------
        order : Order
            What to do.
        close : callable
            Closes what a new process inherits and must not hold.
        """
        while True:
            ready = self.ready if order.has_time else nothing
            pid, sock = self._waiting.pop(0) if self._waiting else self._fork(close, ready)
            with sock:
                try:
                    send(sock, order)
                except OSError:
                    continue  # somebody has killed it
            return pid

    def add(self, close: Callable[[], None]) -> None:
        """Fork one more."""
        self._waiting.append(self._fork(close, self.ready))

    def discard(self) -> None:
        """Let those go that wait: what they were forked from has changed."""
        for _, sock in self._waiting:
            sock.close()
        self._waiting.clear()

    def _fork(self, close: Callable[[], None], ready: Callable[[], None]) -> tuple[int, socket.socket]:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        pid = os.fork()
        if pid:
            theirs.close()
            return pid, ours
        status = 1
        try:
            _end_with(parent)
            ours.close()
            close()
            self.discard()
            status = self._obey(theirs, ready)
        except ConnectionError:
            pass  # nobody waits for it any more
        except BaseException:  # noqa: BLE001 - nothing else would tell of it
            traceback.print_exc()
        finally:
            os._exit(status)

    def _obey(self, sock: socket.socket, ready: Callable[[], None]) -> int:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ready()
        with sock:
            order = receive(sock)
        if order is None:
            return 0
        os.setpgid(0, 0)
        return self.run(order)


def _end_with(parent: int) -> None:
    """Have the system end this process with the one that it was forked from, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def nothing() -> None:
    """Do nothing to be ready."""
