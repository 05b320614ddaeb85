"""Record what a cell shows while it is shown, and show it again.

A :class:`Recorder` listens where the shell hands its output over: in a kernel at the session that
sends messages to the front ends, in a plain shell at the write methods of its streams, its display
publisher and its display hook. Nothing is held back or changed on the way, so the person sees
exactly what plain Jupyter shows. :func:`replay` hands the same outputs to the same shell again.
"""

from __future__ import annotations

from .place import here, showing_in
from .recorder import Recorder, mime_types
from .replay import ABSENT, Absent, replay
from .transcript import Output, Transcript

__all__ = [
    "ABSENT",
    "Absent",
    "Output",
    "Recorder",
    "Transcript",
    "here",
    "mime_types",
    "replay",
    "showing_in",
]
