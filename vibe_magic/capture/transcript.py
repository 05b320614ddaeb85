"""The outputs of one cell, in the order in which they were shown."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

__all__ = ["Output", "Transcript", "plain_json", "settled"]

Output: TypeAlias = dict[str, Any]
"""One output in the form of nbformat, plus ``transient``, updates and ``clear_output``."""

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Transcript:
    """What one cell has shown so far; written to from any thread.

    Attributes
    ----------
    widgets : bool
        A live widget was shown or a comm was used: a replay would show a dead one.
    error : bool
        A traceback was shown.
    asked : bool
        A kernel asked its front end for input.
    results : list of object
        The values that the display hook put into ``Out``, in order.
    """

    def __init__(self) -> None:
        self._items: list[Output] = []
        self._lock = threading.Lock()
        self.widgets = False
        self.error = False
        self.asked = False
        self.results: list[object] = []

    def stream(self, name: str, text: str) -> None:
        """Add text to a stream; consecutive pieces of one stream become one output."""
        if not text:
            return
        with self._lock:
            last = self._items[-1] if self._items else None
            if last is not None and last.get("name") == name:
                last["pieces"].append(text)
            else:
                self._items.append({"output_type": "stream", "name": name, "pieces": [text]})

    def bundle(
        self,
        kind: str,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any] | None,
        transient: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a mime bundle: ``display_data``, ``update_display_data`` or ``execute_result``."""
        if WIDGET_VIEW in data:
            self.widgets = True
        item: Output = {
            "output_type": kind,
            "data": plain_json(data),
            "metadata": plain_json(metadata or {}),
        }
        if transient:
            item["transient"] = plain_json(transient)
        with self._lock:
            self._items.append(item)

    def clear(self, wait: bool) -> None:
        """Add a request to clear the cell's outputs, now or when the next one arrives."""
        with self._lock:
            self._items.append({"output_type": "clear_output", "wait": bool(wait)})

    def outputs(self) -> tuple[Output, ...]:
        """Return what was shown, in order."""
        with self._lock:
            return tuple(_joined(item) for item in self._items)


def _joined(item: Output) -> Output:
    """Return a stream item with its pieces put together, any other item as it is."""
    if "pieces" not in item:
        return item
    return {"output_type": "stream", "name": item["name"], "text": "".join(item["pieces"])}


def plain_json(value: Any) -> Any:
    """Copy a mime bundle into plain JSON; bytes become base64, as they do in a kernel."""
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): plain_json(part) for key, part in value.items()}
    if isinstance(value, Iterable):
        return [plain_json(part) for part in value]
    return repr(value)


def settled(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Leave out what a front end no longer shows once all outputs have arrived.

    Frames of an animation that a later ``clear_output`` erased, and updates of a display that a
    later update of the same display replaced, would only make an entry large and a replay flicker.
    Updates survive a ``clear_output``: their display may live in another cell.
    """
    kept: list[Output] = []
    waiting: Output | None = None
    for item in outputs:
        kind = item["output_type"]
        if kind == "clear_output" and item["wait"]:
            waiting = item
            continue
        if kind == "clear_output":
            kept, waiting = _updates(kept), None
        elif waiting is not None and kind != "update_display_data":
            kept, waiting = [*_updates(kept), waiting], None
        kept.append(item)
    if waiting is not None:
        kept.append(waiting)
    return tuple(_rejoined(_last_updates(kept)))


def _updates(outputs: Iterable[Output]) -> list[Output]:
    """Return only the updates of displays."""
    return [item for item in outputs if item["output_type"] == "update_display_data"]


def _last_updates(outputs: list[Output]) -> list[Output]:
    """Drop each update of a display that a later one overwrites."""
    seen: set[str] = set()
    kept = []
    for item in reversed(outputs):
        if item["output_type"] == "update_display_data":
            display = str(item.get("transient", {}).get("display_id", ""))
            if display in seen:
                continue
            seen.add(display)
        kept.append(item)
    return kept[::-1]


def _rejoined(outputs: Iterable[Output]) -> list[Output]:
    """Put neighbouring pieces of one stream together again."""
    kept: list[Output] = []
    for item in outputs:
        last = kept[-1] if kept else None
        if last is not None and "name" in last and last["name"] == item.get("name"):
            kept[-1] = {**last, "text": last["text"] + item["text"]}
        else:
            kept.append(item)
    return kept
