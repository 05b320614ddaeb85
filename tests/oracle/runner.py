"""Run the cells of a notebook in a fresh process, with the extension or without, and say what came of it."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import pickle
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Cell", "Observed", "Pass", "run"]

PRELOADED = ("IPython.core.interactiveshell", "numpy", "pandas", "joblib", "cloudpickle")
"""What every fork starts with, so that a run takes milliseconds."""

for _name in PRELOADED:
    importlib.import_module(_name)

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_PLACE = re.compile(r"<ipython-input-\d+-[0-9a-f]+>(?::\d+)?|/tmp/\S+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CLEARED = "\033[2K\r"
"""What a shell prints in place of clearing a cell."""
_HINT = "ResourceWarning: Enable tracemalloc to get the object allocation traceback\n"
"""Workers tell warnings as Python does; here it depends on what a test runner has put in its place."""
LIMIT_S = 60


@dataclass(frozen=True)
class Cell:
    """One cell: its identity in the front end, and its text."""

    id: str
    text: str


@dataclass(frozen=True)
class Pass:
    """One run of all cells, after files beside the notebook were written.

    A cell that fails ends the pass, as "run all" does, unless it is to go on.
    """

    cells: Sequence[Cell]
    files: Mapping[str, str] = field(default_factory=dict)
    goes_on: bool = False


@dataclass
class Observed:
    """What one process showed and held at the end."""

    outputs: list[list[Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    shared: set[tuple[str, str]] = field(default_factory=set)
    actions: list[list[tuple[str, str, str, bool]]] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    failed: bool = False
    fault: str = ""


def run(
    passes: Sequence[Pass],
    folder: Path,
    cache: Path | None,
    limit_s: int = LIMIT_S,
    jobs: int = 1,
    lazy: bool = False,
    unread: bool = False,
) -> list[Observed]:
    """Run passes over a notebook one after another in one fresh process.

    Parameters
    ----------
    passes : sequence of Pass
        Each is run from top to bottom.
    folder : Path
        The notebook's directory.
    cache : Path or None
        Where results are kept; None runs without the extension.
    limit_s : int
        The process is ended after this many seconds.
    jobs : int
        How many workers run assets ahead of their turn.
    lazy : bool
        Whether assets may run in the background.
    unread : bool
        Whether restored values wait until something reads them.
    """
    nursery = shared_nursery() if jobs > 1 or lazy else None
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a test runner's handler would wait for what hangs
        signal.alarm(limit_s)
        if nursery is not None:
            _use(nursery)
        _child(passes, folder, cache, writer, jobs, unread)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        data = stream.read()
    os.waitpid(pid, 0)
    if not data:
        return [Observed(fault="the process died")]
    found: list[Observed] = pickle.loads(data)
    return found


@functools.cache
def shared_nursery() -> Any:
    """Return the process that bodies of all runs are forked from; each run would start one of its own."""
    from vibe_magic.schedule import Nursery
    from vibe_magic.session.parallel.crew import PRELOAD

    return Nursery(PRELOAD, 1)


def _use(nursery: Any) -> None:
    """Let the nursery of another process be that of this one."""
    from vibe_magic.schedule import nursery as module

    nursery.process.poll = lambda: None  # only its parent can tell whether it has ended
    module._own[:] = [(os.getpid(), nursery)]


def _child(
    passes: Sequence[Pass], folder: Path, cache: Path | None, writer: int, jobs: int, unread: bool
) -> None:
    warnings.resetwarnings()
    warnings.simplefilter("default")
    warnings._showwarnmsg_impl = _tell_warning  # a test runner may have put a list in its place
    _forget_tests()
    try:
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        shell = _shell(cache)
        if unread and cache is not None:
            _wait_unread()
        if jobs > 1:
            os.environ["VIBE_MAGIC_N_JOBS"] = str(jobs)
            os.environ["VIBE_MAGIC_ENGINE"] = "threading"
        found = [_pass(each, shell, cache is not None) for each in passes]
    except BaseException:
        found = [Observed(fault=traceback.format_exc())]
    try:
        with os.fdopen(writer, "wb") as stream:
            pickle.dump(found, stream)
    finally:
        os._exit(0)


def _forget_tests() -> None:
    """Unload the modules of tests: they would count as local modules of the notebook."""
    own = __name__.split(".")
    kept = {".".join(own[:depth]) for depth in range(1, len(own) + 1)}
    for name in [name for name in sys.modules if name.partition(".")[0] == own[0] and name not in kept]:
        del sys.modules[name]


def _wait_unread() -> None:
    """Let values wait as in a kernel: nobody but cells reads names here."""
    from vibe_magic.session import current

    current().unread.is_open, current().unread.from_bytes = True, 0


def _tell_warning(told: Any) -> None:
    """Print a warning as Python does."""
    text = warnings.formatwarning(told.message, told.category, told.filename, told.lineno, told.line)
    sys.stderr.write(text)


def _shell(cache: Path | None) -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True

    class Shell(InteractiveShell):
        """A shell that takes ``%matplotlib inline`` and shows things in earlier cells, as a kernel does."""

        place: str = ""
        shown_in: ClassVar[dict[str, list[Any]]] = {}

        def get_parent(self) -> str:
            """Return the cell that things are shown in."""
            return self.place

        def set_thread_parent(self, place: str) -> Any:
            """Show what follows in another cell."""
            from IPython.utils.capture import capture_output

            former, self.place = self.place, place
            capture = capture_output()
            return former, place, capture, capture.__enter__()

        def reset_thread_parent(self, tokens: Any) -> None:
            """Show what follows where it was shown before."""
            self.place, place, capture, captured = tokens
            capture.__exit__(None, None, None)
            shown = _read(captured)[0]
            before = [] if _CLEARED in captured.stdout else self.shown_in.get(place, [])
            streams = ["".join(pair) for pair in zip(before or ["", ""], shown[:2], strict=False)]
            self.shown_in[place] = [*streams, *before[2:], *shown[2:]]

        def enable_gui(self, gui: str | None = None) -> None:
            """There is no event loop to integrate with."""

    config = Config()
    config.HistoryManager.hist_file = ":memory:"  # several oracles at once would lock each other's out
    shell = Shell.instance(config=config)
    shell.colors = "nocolor"
    if cache is not None:
        os.environ["VIBE_MAGIC_CACHE_DIR"] = str(cache)
        os.environ["VIBE_MAGIC_QUIET"] = "1"
        shell.run_line_magic("load_ext", "vibe_magic")
    return shell


def _pass(each: Pass, shell: Any, warm: bool) -> Observed:
    found = Observed()
    for name, text in each.files.items():
        Path(name).write_text(text)
    if warm:
        from vibe_magic.session import current, foresee

        for name in ("sys.stdout", "sys.stderr"):  # replaced here, to see what cells write
            current().at_start.pop(name, None)
        foresee(current(), [(cell.id, cell.text) for cell in each.cells])
    for cell in each.cells:
        text = cell.text if warm else plain(cell.text)
        before = _records(warm)
        if not warm:
            found.before.append(_state(shell.user_ns))
        outputs, told, ok = _shown(text, cell.id, shell)
        found.told += told
        found.outputs.append(outputs)
        found.actions.append(_records(warm)[len(before) :])
        if not (ok or each.goes_on):
            found.failed = True
            break
    if warm:
        _settle(found, each.cells, shell)
    found.values, found.shared = _namespace(shell.user_ns)
    return found


def _settle(found: Observed, cells: Sequence[Cell], shell: Any) -> None:
    """Bring up to date what was put off and never read; put what deferred cells have shown in its place."""
    found.told += _shown("globals();", "last", shell)[1]
    for place, cell in enumerate(cells[: len(found.outputs)]):
        if cell.id in shell.shown_in:
            found.outputs[place] = [*shell.shown_in.pop(cell.id), *found.outputs[place][-1:]]


def _state(namespace: dict[str, Any]) -> str:
    """Return a digest of all that a cell could read, to tell whether two runs had the same ground."""
    import random

    import numpy as np

    values, shared = _namespace(namespace)
    files = {p.name: p.read_bytes() for p in sorted(Path.cwd().glob("*.*")) if p.is_file()}
    drawn = (random.getstate(), repr(np.random.get_state()), np.get_printoptions())
    environ = os.environ.get("VM_ORACLE")
    ground = (values, sorted(shared), files, drawn, environ, _modules())
    return hashlib.sha256(repr(ground).encode()).hexdigest()


def _modules() -> dict[str, Any]:
    """Return what the modules beside the notebook hold, as far as they are loaded."""
    here = os.path.join(os.getcwd(), "")
    own = {
        name: m for name, m in sorted(sys.modules.items()) if str(getattr(m, "__file__", "")).startswith(here)
    }
    return {
        f"{name}.{key}": (_content(value), _content(getattr(value, "made", None)))
        for name, module in own.items()
        for key, value in vars(module).items()
        if not key.startswith("__")
    }


def plain(text: str) -> str:
    """Return a cell as someone without the extension would run it."""
    return "#" + text if text.startswith("%%asset") else text


def _records(warm: bool) -> list[tuple[str, str, str, bool]]:
    if not warm:
        return []
    from vibe_magic.session import report

    return [(r.name, r.action, r.note or "; ".join(map(str, r.causes)), bool(r.note)) for r in report()]


def _shown(text: str, cell_id: str, shell: Any) -> tuple[list[Any], list[str], bool]:
    """Run one cell; return what it wrote and displayed, without what differs from run to run.

    What the extension tells the person is apart from that.
    """
    from IPython.utils.capture import capture_output

    shell.place = cell_id
    with capture_output() as captured:
        result = shell.run_cell(text, store_history=True, cell_id=cell_id)
    error = result.error_before_exec or result.error_in_exec
    shown, told = _read(captured)
    shown.append(_normal(_repr(result.result)))
    if error is not None:
        shown = [type(error).__name__, _normal(str(error))]
    return shown, told, error is None


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # the notebook's own class may raise anything
        return repr(error)


def _read(captured: Any) -> tuple[list[Any], list[str]]:
    """Return what was shown, and what the extension told."""
    shown = [_normal(text.replace(_CLEARED, "")) for text in (captured.stdout, captured.stderr)]
    shown += [
        _normal(repr(sorted(output.data.items())))
        for output in captured.outputs
        if not output.metadata.get("vibe_magic")
    ]
    return shown, [o.data["text/plain"] for o in captured.outputs if o.metadata.get("vibe_magic")]


def _normal(text: str) -> str:
    text = text.replace(_HINT, "")
    text = _ADDRESS.sub("0x", _PLACE.sub("<place>", _COLOUR.sub("", text)))
    return re.sub(r"Out\[\d+\]", "Out[]", text)


def _namespace(namespace: dict[str, Any]) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    from IPython.core.interactiveshell import InteractiveShell

    hidden = {"In", "Out", "exit", "quit", "get_ipython", "open", "display"}
    del InteractiveShell
    names = sorted(n for n in namespace if not n.startswith("_") and n not in hidden)
    values = {name: _content(namespace[name]) for name in names}
    return values, _sharing({name: namespace[name] for name in names})


def _sharing(values: dict[str, Any]) -> set[tuple[str, str]]:
    """Return pairs of names that hold one object, or containers or arrays with a common mutable part."""
    import numpy as np

    reached = {name: _mutables(value) for name, value in values.items()}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    pairs = {(one, two) for one in values for two in values if one < two and (reached[one] & reached[two])}
    return pairs | {
        (one, two)
        for one in arrays
        for two in arrays
        if one < two and np.may_share_memory(values[one], values[two])
    }


def _mutables(value: Any, depth: int = 0) -> set[int]:
    import numpy as np

    if isinstance(value, np.ndarray):
        return {id(value)}
    if depth > 6:
        return set()
    found = {id(value)} if isinstance(value, list | dict | set | bytearray) else set()
    parts: list[Any] = []
    if isinstance(value, list | tuple | set):
        parts = list(value)
    elif isinstance(value, dict):
        parts = list(value.values())
    elif type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
        found.add(id(value))
        parts = list(vars(value).values())
    return found.union(*(_mutables(part, depth + 1) for part in parts))


def _content(value: Any) -> Any:
    try:
        return content(value, {})
    except RecursionError:
        return ("too deep", type(value).__name__)


def content(value: Any, seen: dict[int, int]) -> Any:
    """Return a value as plain data that tells types and contents apart; our own, not the package's."""
    import types

    import numpy as np
    import pandas as pd

    if id(value) in seen and isinstance(value, list | dict | set):
        return ("seen", seen[id(value)])
    if isinstance(value, list | tuple | dict | set | frozenset):
        seen[id(value)] = len(seen)
        name = type(value).__name__
        if isinstance(value, dict):
            return (name, [(content(k, seen), content(v, seen)) for k, v in value.items()])
        parts = [content(part, seen) for part in value]
        return (name, sorted(map(repr, parts)) if isinstance(value, set | frozenset) else parts)
    if isinstance(value, np.ndarray):
        return ("array", value.dtype.str, value.shape, repr(value.tolist()), value.flags.writeable)
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index):
        return (
            type(value).__name__,
            value.to_csv() if hasattr(value, "to_csv") else repr(value.tolist()),
            repr(value),
        )
    if isinstance(value, types.FunctionType):
        cells = [content(c.cell_contents, seen) for c in value.__closure__ or ()]
        return (
            "function",
            value.__qualname__,
            value.__code__.co_code,
            content(value.__defaults__, seen),
            cells,
        )
    if isinstance(value, types.ModuleType):
        return ("module", value.__name__)
    if isinstance(value, type):
        return ("class", value.__qualname__, sorted(k for k in vars(value) if k[:2] != "__"))
    if type(value).__module__ == "__main__" and hasattr(value, "__dict__"):
        here = type(value) is sys.modules["__main__"].__dict__.get(type(value).__name__, None)
        return ("instance", type(value).__qualname__, here, content(vars(value), seen))
    return (type(value).__name__, _ADDRESS.sub("0x", repr(value)))
