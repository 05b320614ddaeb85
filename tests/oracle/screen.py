"""What a person sees below the cells: recorded messages, and what is left of them in a notebook."""

from __future__ import annotations

import io
import re
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type

__all__ = ["OracleShell", "Screen", "ScreenStream"]

Message = dict[str, Any]

_NOISE = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "0x"),
    (re.compile(r"<ipython-input-(\d+)-[0-9a-f]+>(:\d+)?"), "<cell>"),
    (re.compile(r"/tmp/ipykernel_\d+/\d+\.py(:\d+)?"), "<cell>"),
    (re.compile(r'File "<cell>", line \d+'), 'File "<cell>"'),
    (re.compile(r"\bid=\d{9,}\b"), "id="),
)


def quiet(text: str) -> str:
    """Leave out addresses, colours and names of temporary files."""
    for pattern, word in _NOISE:
        text = pattern.sub(word, text)
    return text


class Screen:
    """Messages of all cells of one process, in order."""

    def __init__(self) -> None:
        self.messages: list[list[Message]] = []
        self._ids: dict[str, str] = {}

    def begin(self) -> None:
        """Start the next cell."""
        self.messages.append([])

    def show(self, kind: str, **content: Any) -> None:
        """Add a message to the present cell."""
        if self.messages:
            self.messages[-1].append({"output_type": kind, **content})

    def bundle(self, kind: str, data: Any, metadata: Any, transient: Any = None) -> None:
        """Add a mime bundle, unless it is a status line of the extension."""
        if any("vibe_magic" in str(key) for key in (metadata or {})):
            return
        display = (transient or {}).get("display_id")
        texts = {mime: quiet(v) if isinstance(v, str) else v for mime, v in dict(data).items()}
        name = self._ids.setdefault(display, f"d{len(self._ids)}") if display else None
        self.show(kind, data=texts, metadata=dict(metadata or {}), display=name)

    def outputs(self) -> list[list[Message]]:
        """Return what a saved notebook would hold below each cell that ran."""
        cells: list[list[Message]] = []
        shown: dict[str, Message] = {}
        for messages in self.messages:
            cells.append([])
            wipe = False
            for message in messages:
                if message["output_type"] == "clear_output":
                    wipe = message["wait"]
                    if not wipe:
                        cells[-1].clear()
                    continue
                if wipe:
                    cells[-1].clear()
                    wipe = False
                _apply(message, cells[-1], shown)
        return [_without_notes(cell) for cell in cells]


def _apply(message: Message, cell: list[Message], shown: dict[str, Message]) -> None:
    """Do with a message what a front end does."""
    kind, display = message["output_type"], message.get("display")
    if kind == "update_display_data":
        if display in shown:
            shown[display].update(data=message["data"], metadata=message["metadata"])
        return
    if kind == "stream" and cell and cell[-1].get("name") == message["name"]:
        cell[-1] = {**cell[-1], "text": cell[-1]["text"] + message["text"]}
        return
    item = dict(message)
    if display:
        shown[display] = item
    cell.append(item)


def _without_notes(cell: list[Message]) -> list[Message]:
    """Leave out the lines in which the extension says why a cell is not cached."""
    kept = []
    for item in cell:
        if item["output_type"] == "stream":
            lines = item["text"].splitlines(keepends=True)
            text = quiet("".join(line for line in lines if not line.startswith("vibe_magic:")))
            item = {**item, "text": text}
            if not text:
                continue
        same = kept and item["output_type"] == "stream" and kept[-1].get("name") == item["name"]
        if same:
            kept[-1] = {**kept[-1], "text": kept[-1]["text"] + item["text"]}
        else:
            kept.append(item)
    return kept


class ScreenStream(io.TextIOBase):
    """Stands for ``sys.stdout`` or ``sys.stderr``."""

    encoding = "utf-8"

    def __init__(self, screen: Screen, name: str) -> None:
        self._screen = screen
        self.name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._screen.show("stream", name=self.name, text=text)
        return len(text)


class OracleDisplayHook(DisplayHook):
    """Hands results to the screen; prompts are not part of an output."""

    def write_output_prompt(self) -> None:
        """Show nothing."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        self.shell.screen.bundle("execute_result", format_dict, md_dict)

    def finish_displayhook(self) -> None:
        self._is_active = False


class OraclePublisher(DisplayPublisher):
    """Hands displays to the screen."""

    def publish(
        self,
        data: Any,
        metadata: Any = None,
        source: Any = None,
        *,
        transient: Any = None,
        update: bool = False,
        **kwargs: Any,
    ) -> None:
        kind = "update_display_data" if update else "display_data"
        self.shell.screen.bundle(kind, data, metadata, transient)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.screen.show("clear_output", wait=wait)


class OracleShell(InteractiveShell):
    """A real shell that shows on a screen which can be read."""

    displayhook_class = Type(OracleDisplayHook)
    display_pub_class = Type(OraclePublisher)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.screen = Screen()
        super().__init__(*args, **kwargs)

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        self.showing_traceback = True
        lines = re.findall(r"Cell In\[\d+\], line \d+", quiet("\n".join(stb)))
        self.screen.show("error", ename=etype.__name__, evalue=quiet(str(evalue)), lines=sorted(set(lines)))
        self.showing_traceback = False
