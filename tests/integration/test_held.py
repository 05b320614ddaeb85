"""Bodies that get ready ahead of their time, and run the moment they are told to, or not at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psutil
import pytest

import vibe_magic
from vibe_magic.session import current, foresee, report
from vibe_magic.session.parallel.bring import Bringing
from vibe_magic.session.parallel.outgoing import Outgoing
from vibe_magic.session.parallel.task import Heard, Phase

from .processes import children, is_body
from .shell import Notebook

pytestmark = [pytest.mark.usefixtures("quiet", "bodies"), pytest.mark.timeout(120)]

ENGINES = ("loky", "threading", "multiprocessing")
SETUP = (
    "import os, time\nfrom pathlib import Path\nGO = 0\n"
    "def wait(name):\n    while GO and not Path(SIGNALS, name).exists():\n        time.sleep(0.01)\n"
)


class Watched:
    """What is heard of bodies, and what a test does then."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[tuple[str, str]] = []
        self.said: list[Any] = []
        self.then: dict[tuple[str, str], Any] = {}
        self._folder = folder

    def note(self, name: str, phase: Phase) -> None:
        """Take note of a phase of a body, and let the cell run on that waits for it."""
        self.heard.append((name, phase.value))
        self.then.pop(self.heard[-1], lambda: None)()
        (self._folder / f"{name}_is_{phase.value}").touch()

    def place(self, name: str, phase: Phase) -> int:
        """Return when something was heard first."""
        return self.heard.index((name, phase.value))


@pytest.fixture
def watched(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, notebook: Notebook
) -> Watched:
    folder = tmp_path_factory.mktemp("signals")  # not beside the notebook, where new files count
    found = Watched(folder)
    listen, heard = Bringing._listen, Outgoing.heard

    def listening(self: Bringing, message: Heard) -> None:
        found.said += [message.what] if isinstance(message.what, dict) else []
        listen(self, message)
        if message.what is Phase.GONE:
            (folder / "one_is_gone").touch()

    def hearing(self: Outgoing, token: int, phase: Phase) -> None:
        turn = self.turn(token)
        heard(self, token, phase)
        if turn is not None:
            found.note(turn.asset.name, phase)

    monkeypatch.setattr(Bringing, "_listen", listening)
    monkeypatch.setattr(Outgoing, "heard", hearing)
    notebook.run(f"{SETUP}SIGNALS = {str(folder)!r}", "setup")
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_what_comes_next_gets_ready_meanwhile(notebook: Notebook, watched: Watched, engine: str) -> None:
    """Were it not ready before the other one is done, that one would wait for ever."""
    notebook.run("%%asset a\nclass P: pass\nbase = [1]\nwait('b_is_ready'); a = [base, P(), GO]", "a")
    notebook.run("%%asset b\nb = [a, base, type(a[1]) is P, GO]", "b")
    notebook.run("GO = 1", "go")
    records = vibe_magic.run(n_jobs=2, engine=engine)
    assert [(record.action, record.stayed) for record in records] == [("ran", "")] * 2
    assert watched.place("b", Phase.READY) < watched.place("a", Phase.COMPUTED)
    assert notebook["b"][0] is notebook["a"]
    assert notebook["b"][1] is notebook["a"][0] is notebook["base"]
    assert notebook["b"][2:] == [True, 1]


def test_no_more_cells_run_than_there_are_workers(notebook: Notebook, watched: Watched) -> None:
    names = [f"a{number}" for number in range(6)]
    for name in names:
        notebook.run(f"%%asset {name}\n{name} = time.monotonic(), time.sleep(GO), time.monotonic()", name)
    notebook.run("GO = 0.3", "go")
    assert {record.stayed for record in vibe_magic.run(n_jobs=2, engine="threading")} == {""}
    spans = [notebook[name] for name in names]
    at_once = [sum(begun <= moment < ended for begun, _, ended in spans) for moment, _, _ in spans]
    assert max(at_once) == 2


def test_what_a_failure_takes_along_is_not_run(notebook: Notebook, watched: Watched) -> None:
    notebook.run("%%asset a\nwait('b_is_ready')\nif GO: raise KeyError('a')\na = 1", "a")
    notebook.run("%%asset b\nprint('never'); b = a", "b")
    notebook.run("%%asset c\nc = GO", "c")
    notebook.run("GO = 1", "go")
    records = vibe_magic.run(n_jobs=2, engine="threading", keep_going=True)
    assert {record.name: record.action for record in records} == {"a": "failed", "b": "skipped", "c": "ran"}
    assert ("b", "ready") in watched.heard
    assert not watched.said


def test_one_that_is_killed_while_it_waits_has_not_been_tried(notebook: Notebook, watched: Watched) -> None:
    notebook.run("%%asset a\nwait('one_is_gone'); a = GO", "a")
    notebook.run("%%asset b\nb = a + 1", "b")
    notebook.run("GO = 1", "go")

    def kill() -> None:
        held = max(filter(is_body, children()), key=psutil.Process.create_time)
        held.kill()

    watched.then["b", "ready"] = kill
    records = vibe_magic.run(n_jobs=2, engine="threading")
    assert [(record.action, record.stayed) for record in records] == [("ran", "")] * 2
    assert notebook["b"] == 2


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("engine", "others"),
    [("loky", "bodies|tracker"), ("multiprocessing", "bodies|tracker"), ("threading", "^(?!.*bodies)")],
)
def test_workers_that_are_killed_cost_no_asset(
    notebook: Notebook, watched: Watched, engine: str, others: str
) -> None:
    notebook.run("%%asset a\nwait('b_is_ready'); a = GO", "a")
    notebook.run("%%asset b\nb = a + 1", "b")
    notebook.run("GO = 1", "go")
    killed = []

    def kill() -> None:
        below = psutil.Process().children()
        killed[:] = [one for one in below if not re.search(others, " ".join(one.cmdline()))]
        for one in killed:
            one.kill()

    watched.then["b", "ready"] = kill
    records = vibe_magic.run(n_jobs=2, engine=engine)
    assert killed
    assert {record.action for record in records} <= {"ran", "restored"}
    assert {record.stayed for record in records} == {""}
    assert notebook["b"] == 2


def test_one_that_was_given_something_else_is_begun_anew(notebook: Notebook, watched: Watched) -> None:
    notebook.run("base = [1]\ndef change(): base.append(len(base) + 1)", "base")
    notebook.run("VALUE = 0\n%config VibeMagic.n_jobs = 2\n%config VibeMagic.engine = 'threading'", "jobs")
    cells = {
        "first": "time.sleep(1)",  # in which `a` begins
        "then": "time.sleep(1); change()",  # in which `b` gets ready
        "a": "%%asset a\ntime.sleep(2 * GO); a = GO",
        "b": "%%asset b\nb = a + sum(base)",
    }
    notebook.run("GO = 1", "go")
    foresee(current(), [*cells.items()])
    for cell_id, text in cells.items():
        assert notebook.run(text, cell_id).success
    assert watched.heard.count(("b", "begun")) == 2
    found = {record.name: (record.action, record.stayed) for record in report()}
    assert found == {"a": ("ran", ""), "b": ("ran", "")}
    assert notebook["b"] == 4


def test_time_that_is_limited_does_not_run_while_nothing_does(notebook: Notebook, watched: Watched) -> None:
    notebook.run("%%asset a\nwait('b_is_ready'); time.sleep(3 * GO); a = GO", "a")
    notebook.run("%%asset b --timeout 2s\ntime.sleep(GO / 2); b = a", "b")
    notebook.run("GO = 1", "go")
    assert {record.action for record in vibe_magic.run(n_jobs=2, engine="threading")} == {"ran"}
    assert watched.place("b", Phase.READY) < watched.place("a", Phase.COMPUTED)
