"""Where bodies send what they have to say while they run."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any

from .wire import SocketFolder, receive

__all__ = ["Channel"]


class Channel:
    """Listens on a socket in a folder of its own, which only this user can reach.

    Parameters
    ----------
    hear : callable
        Takes each message and the connection it came from, and None at the end of a connection; in a thread
        of this object.
    """

    def __init__(self, hear: Callable[[Any, socket.socket], None]) -> None:
        self._folder = SocketFolder()
        self.address = os.path.join(self._folder.name, "channel")
        self._hear = hear
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen(128)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._listen, name="vibe_magic channel", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stop.close()
        self._thread.join(5)
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._folder.cleanup()

    def _listen(self) -> None:
        while True:
            for key, _ in self._selector.select():
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._stopped:
                    return
                if sock is self._listener:
                    self._accept()
                else:
                    self._read(sock)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._listener.accept()
            self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, sock: socket.socket) -> None:
        message = receive(sock)
        if message is None:
            self._selector.unregister(sock)
            self._hear(None, sock)
            sock.close()
        else:
            self._hear(message, sock)
