"""Which processes there are besides the kernel's own."""

from __future__ import annotations

import os

import psutil


def children() -> list[psutil.Process]:
    """Return all processes below this one."""
    return psutil.Process().children(recursive=True)


def is_body(process: psutil.Process) -> bool:
    """Tell a body from the process that it was forked from, and from those that wait for an order."""
    try:
        words = [" ".join(one.cmdline()) for one in (process, process.parent()) if one is not None]
        forked = len(words) == 2 and all("schedule.bodies" in each for each in words)
        return forked and os.getpgid(process.pid) == process.pid
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
