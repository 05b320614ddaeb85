"""Assets brought up to date by several workers: as right as one after another, whatever gives up."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import pandas as pd
import psutil
import pytest

import vibe_magic
from vibe_magic.session import current, foresee, report
from vibe_magic.session.parallel import Bringing
from vibe_magic.session.parallel.crew import Crew
from vibe_magic.session.parallel.task import Given, Task

from .processes import is_body
from .shell import Notebook

ENGINES = ("loky", "threading", "multiprocessing")
SWITCH = "import os, threading, time\nGO = False"


def asset(name: str, body: str, options: str = "") -> str:
    """Return a cell that does something once GO is set."""
    return f"%%asset {name} {options}\nif GO:\n    {body}\n{name} = 1"


def actions(records: list[vibe_magic.session.Record]) -> dict[str, str]:
    return {record.name: record.action for record in records}


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("engine", ENGINES)
def test_workers_and_the_kernel_agree(notebook: Notebook, engine: str) -> None:
    cells = {
        "setup": "import numpy as np\nclass P:\n    def __init__(self, x): self.x = x\nk = 2\nbase = [1, 2]",
        "a": "%%asset a\nprint('in a')\na = np.arange(5) * k",
        "b": "%%asset b\nb = P(base)",
        "c": "%%asset c\nc = a.sum() + b.x[0]\nc",
        "d": "%%asset d\nd = [b, b]",
        "e": "%%asset e\nimport random\nrandom.seed(3)\ne = random.random()",
    }
    for cell_id, text in cells.items():
        notebook.run(text, cell_id)
    alone = {name: repr(notebook[name]) for name in "ace"}
    keys = {name: current().look(current().registry[name]).key for name in "abcde"}
    vibe_magic.clear()
    notebook.run("k = 2", "again")
    found = actions(vibe_magic.run(n_jobs=3, engine=engine, force=True))
    assert found == dict.fromkeys("abcde", "ran")
    assert not [record for record in report()[-5:] if record.stayed]
    assert {name: repr(notebook[name]) for name in "ace"} == alone
    assert {name: current().look(current().registry[name]).key for name in "abcde"} == keys
    assert notebook["d"][0] is notebook["d"][1]
    assert type(notebook["b"]) is notebook["P"]
    assert notebook["b"].x is notebook["base"]
    assert vibe_magic.run(n_jobs=3, engine=engine) == []


@pytest.mark.timeout(60)  # nothing hangs
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.usefixtures("bodies")
def test_what_gives_up_gives_up_alone(notebook: Notebook, engine: str) -> None:
    notebook.run(SWITCH, "s")
    notebook.run("lock = threading.Lock()", "l")
    notebook.run(asset("fine", "time.sleep(0.2)"))
    notebook.run(asset("killed", "os.kill(os.getpid(), 9)"))
    notebook.run(asset("left", "os._exit(3)"))
    notebook.run(asset("raised", "1 / 0"))
    notebook.run(asset("endless", "time.sleep(100)", "--timeout 2"))
    notebook.run("%%asset held --ignore lock\nheld = lock.locked() if GO else 0")
    notebook.run("%%asset odd\nodd = (i for i in range(3)) if GO else 0")
    notebook.run("%%asset after\nafter = killed + 1")
    notebook.run("%%asset beside\nbeside = fine + 1")
    notebook.run("GO = True", "go")
    records = {r.name: r for r in vibe_magic.run(n_jobs=3, engine=engine, keep_going=True)}
    failed = {name for name, record in records.items() if record.action == "failed"}
    assert failed == {"killed", "left", "raised", "endless"}
    assert "SIGKILL" in records["killed"].note
    assert "status 3" in records["left"].note
    assert "--timeout" in records["endless"].note
    assert records["after"].action == "skipped"
    assert records["after"].causes[0].subject == "killed"
    assert records["fine"].action == "ran"
    assert not records["fine"].stayed
    assert "lock" in records["held"].stayed
    assert "generator" in records["odd"].stayed
    assert next(notebook["odd"]) == 0
    notebook.run("GO = False", "stop")
    assert set(actions(vibe_magic.run(n_jobs=3, engine=engine)).values()) <= {"ran", "restored"}


def test_without_keep_going_nothing_new_is_begun(notebook: Notebook) -> None:
    notebook.run(SWITCH, "s")
    notebook.run("%%asset raised\nif GO: 1 / 0\ntime.sleep(0.2)")  # the longest known, so it is begun first
    for number in range(8):
        notebook.run(asset(f"later{number}", "time.sleep(1)"))
    notebook.run("GO = True", "go")
    found = list(actions(vibe_magic.run(n_jobs=2, engine="threading")).values())
    assert found.count("failed") == 1
    assert found.count("ran") <= 2
    assert found.count("skipped") >= 6


@pytest.mark.parametrize("spares", [True, False])
def test_imports_in_workers_leave_byte_code_behind_as_in_the_kernel(
    notebook: Notebook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spares: bool,
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", spares)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "beside.py").write_text("one = 1")
    notebook.run("%%asset a --engine threading\nimport beside\na = beside.one", "a")
    assert notebook["a"] == 1
    assert not report()[-1].stayed
    assert (tmp_path / "__pycache__").exists() != spares


def test_a_retry_waits_and_tries_again(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(SWITCH, "s")
    notebook.run("def note():\n    with open('tries', 'a') as file:\n        file.write('x')", "f")
    body = "note()\n    assert os.path.getsize('tries') > 2"
    notebook.run(asset("flaky", body, "--retry 3"))
    notebook.run("GO = True", "go")
    notebook.run(asset("flaky", body, "--retry 3"))
    assert notebook["flaky"] == 1
    assert (tmp_path / "tries").read_text() == "xxx"


def test_a_lost_result_is_not_computed_twice_where_files_change(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(SWITCH, "s")
    header = "%%asset late --engine threading\nif GO:\n"
    cell = header + "    late = open('log', 'a')\n    late.write('x'); late.flush()"
    notebook.run(f"{cell}\nelse:\n    late = 0", "a")
    notebook.run("GO = True", "go")
    notebook.run(f"{cell}\nelse:\n    late = 0", "a")
    assert "cannot leave the worker" in notebook.text
    assert (tmp_path / "log").read_text() == "x"
    notebook.run(f"{cell}\nlate = late", "a")  # new code: the kernel runs it
    assert (tmp_path / "log").read_text() == "xx"
    notebook["late"].close()


def test_a_limit_holds_for_a_cell_of_its_own(notebook: Notebook) -> None:
    result = notebook.run("%%asset slow --timeout 2\nimport time\ntime.sleep(60)\nslow = 1", "c")
    assert not result.success
    assert "took longer than its --timeout" in notebook.text
    assert "slow" not in notebook.shell.user_ns
    result = notebook.run("%%asset wrong --engine threading\nprint('so far')\n[][1]", "d")
    assert not result.success
    assert "so far" in notebook.text
    assert "IndexError: list index out of range" in notebook.text
    notebook.run("%%asset right --engine threading\nprint('well')\nright = 3\nright", "e")
    assert notebook["right"] == 3
    assert "well" in notebook.text


def test_a_limit_holds_when_a_command_runs_the_asset(notebook: Notebook) -> None:
    notebook.run(SWITCH, "s")
    notebook.run(asset("slow", "time.sleep(60)", "--timeout 2"), "c")
    notebook.run("%%asset here --engine local\nhere = os.getpid() if GO else 0", "h")
    notebook.run("GO = True", "go")
    (slow, here) = vibe_magic.run(keep_going=True)
    assert (slow.action, here.action) == ("failed", "ran")
    assert "--timeout" in slow.note
    notebook.run("GO = 2", "go")
    (slow, here) = vibe_magic.run(keep_going=True, n_jobs=2, engine="threading")
    assert (slow.action, here.action) == ("failed", "ran")
    assert notebook["here"] == os.getpid()


def test_what_a_text_happens_to_name_need_not_go(notebook: Notebook) -> None:
    """Of a value that cannot go, only a look for it keeps the cell in the kernel."""
    notebook.run("GO = 0", "s")
    notebook.run("%%asset a\nclass P: pass\na = [P()]", "a")
    notebook.run("%%asset b\nb = [a[0]]", "b")
    notebook.run("%%asset c\nc = 'b or not b', GO", "c")
    notebook.run("GO = 1", "go")
    (record,) = vibe_magic.run(n_jobs=2, engine="threading")
    assert (record.action, record.stayed) == ("ran", "")
    assert notebook["c"] == ("b or not b", 1)


def test_effects_wait_for_their_turn(notebook: Notebook, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("0")
    notebook.run("import pathlib, time\nGO = 0", "s")
    notebook.run("%%asset first\ntime.sleep(GO)\nfirst = pathlib.Path('log').read_text()", "a")
    notebook.run("%%asset second\npathlib.Path('log').write_text(str(GO)); second = GO", "b")
    (tmp_path / "log").write_text("1")
    notebook.run("GO = 0.3", "g")
    vibe_magic.run(n_jobs=3, engine="threading")
    assert notebook["first"] == "1"
    assert (tmp_path / "log").read_text() == "0.3"


def test_a_change_in_place_is_seen_by_those_behind_it(notebook: Notebook) -> None:
    notebook.run("import time\nGO = 0\nx = [1]", "s")
    notebook.run("%%asset change\ntime.sleep(GO)\nx.append(2); change = 1", "a")
    notebook.run("%%asset read\nread = sum(x) + GO", "b")
    notebook.run("x = [10]\nGO = 0.2", "g")
    vibe_magic.run("change", "read", n_jobs=3, engine="threading")
    assert notebook["x"] == [10, 2]
    assert notebook["read"] == 12.2


def test_outputs_come_in_order_and_only_once(notebook: Notebook) -> None:
    notebook.run("import sys\nGO = 0", "s")
    notebook.run("%%asset talk\nprint('one'); print('two', file=sys.stderr)\ntalk = GO\ntalk + 40", "a")
    notebook.run("GO = 2", "g")
    notebook.run("%asset run -j 2 --engine threading", "r")
    assert notebook.text.count("one") == 1
    assert "42" in notebook.text
    notebook.run("%%asset talk\nprint('one'); print('two', file=sys.stderr)\ntalk = GO\ntalk + 40", "a")
    assert report()[-1].action == "restored"
    assert notebook.text.count("one") == 1


def test_outputs_of_several_are_titled_where_cells_cannot_be_told_apart(
    notebook: Notebook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIBE_MAGIC_QUIET", "0")
    notebook.run("import time\nGO = 0", "s")
    for name in ("one", "two"):
        body = f"for i in range(3 * GO):\n    print('{name}', i)\n    time.sleep(0.1)\n{name} = GO"
        notebook.run(f"%%asset {name}\n{body}", name)
    notebook.run("GO = 1", "g")
    notebook.run("%asset run -j 2 --engine threading", "r")
    titled = ""
    said = []
    for line in notebook.text.splitlines():
        titled = line.removesuffix(" · shows:") if line.endswith("shows:") else titled
        said += [(titled, *line.split())] if re.fullmatch("(one|two) [0-9]", line) else []
    assert sorted(said) == [(name, name, str(i)) for name in ("one", "two") for i in range(3)]


KERNEL = """
import os, sys, psutil
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "vibe_magic")
import vibe_magic
shell.run_cell("import time; pace = 0", cell_id="s")
for name, factor in (("short", 0), ("one", 1), ("two", 1)):
    shell.run_cell(f"%%asset {name}\\ntime.sleep(pace * {factor})\\n{name} = pace", cell_id=name)
shell.run_cell("pace = 60", cell_id="p")
print("ready", flush=True)
try:
    vibe_magic.run(n_jobs=3, engine=sys.argv[1])
except KeyboardInterrupt:
    shell.run_cell("pace = 0.001", cell_id="p")
    print([(r.name, r.action) for r in vibe_magic.run(n_jobs=3, engine=sys.argv[1])], flush=True)
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str) -> Iterator[psutil.Popen]:
    """Give a process in which two assets sleep for a minute."""
    monkeypatch.setenv("VIBE_MAGIC_CACHE_DIR", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("COVERAGE")]:
        monkeypatch.delenv(name)  # processes that are killed at any moment cannot say what they ran
    monkeypatch.chdir(tmp_path)
    with psutil.Popen([sys.executable, "-c", KERNEL, engine], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        deadline, settled = time.monotonic() + 60, 0
        while time.monotonic() < deadline and settled < 10:  # the short one comes and goes
            time.sleep(0.05)
            settled = settled + 1 if len(sleepers(process)) == 2 else 0
        assert settled == 10
        yield process
        if process.poll() is None:
            process.kill()


def sleepers(process: psutil.Process) -> list[psutil.Process]:
    """Return the bodies below a process."""
    return [one for one in process.children(recursive=True) if is_body(one)]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_outlives_a_kernel_that_is_killed(kernel: psutil.Popen) -> None:
    left = kernel.children(recursive=True)
    kernel.kill()
    kernel.wait()
    _, alive = psutil.wait_procs(left, timeout=30)
    assert [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_ends_what_runs_and_the_next_run_is_right(kernel: psutil.Popen) -> None:
    ended = sleepers(kernel)
    kernel.send_signal(signal.SIGINT)
    assert psutil.wait_procs(ended, timeout=30)[1] == []
    assert kernel.stdout.readline() == "[('short', 'ran'), ('one', 'ran'), ('two', 'ran')]\n"
    kernel.wait(30)


def test_what_a_query_looks_up_is_there_in_workers_too(notebook: Notebook) -> None:
    notebook.run(
        "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2, 3]})\nlimit = 1\ndef f(x): return x * limit"
    )
    notebook.run("%%asset y --lazy\ny = len(df.query('a > @limit'))", "y")
    notebook.run("%%asset z --lazy\nz = df.eval('@f(a)').tolist()", "z")
    notebook.run("%asset run -j 2 --engine threading", "run")
    stayed = {record.name: record.stayed for record in report() if record.action == "ran"}
    assert stayed == {"y": "", "z": "it reads f by its name in a text"}
    assert (notebook["y"], notebook["z"]) == (2, [1, 2, 3])


def test_what_joblib_selects_is_used(notebook: Notebook) -> None:
    notebook.run("import os, time\nGO = 0", "s")
    notebook.run("%%asset who\nwho = os.getpid() if GO else 0", "a")
    notebook.run("GO = 1", "g")
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert [record.action for record in vibe_magic.run()] == ["ran"]
    assert notebook["who"] not in (0, os.getpid())


def test_what_may_have_changed_files_is_not_run_again_when_workers_are_lost(
    notebook: Notebook, tmp_path: Path
) -> None:
    notebook.run("import os, time\nGO, OURS = 0, os.getppid()", "setup")
    notebook.run(
        "%%asset a\nwith open('log', 'a') as log:\n    log.write('x')\n    log.flush()\n"
        "    a = GO\n    if GO and os.getppid() != OURS: os.kill(os.getppid(), 9); time.sleep(60)",
        "a",
    )
    notebook.run("%%asset b\nb = GO", "b")
    notebook.run("GO = 1", "go")
    first, second = vibe_magic.run(n_jobs=2, engine="threading", keep_going=True)
    assert (first.action, first.note) == ("failed", "its worker was lost after it had begun to change files")
    assert second.action in ("ran", "restored")
    assert (tmp_path / "log").read_text() == "xx"


class Meddling(joblib._parallel_backends.ThreadingBackend):
    """Does to this process what some libraries do to have workers."""

    def configure(self, *args: object, **options: object) -> int:
        signal.signal(signal.SIGUSR2, lambda *_: None)
        return super().configure(*args, **options)


def test_what_a_backend_changes_of_the_process_keeps_no_asset_in_the_kernel(notebook: Notebook) -> None:
    joblib.register_parallel_backend("meddling", Meddling)
    before = signal.getsignal(signal.SIGUSR2)
    notebook.run("%%asset a\na = 1", "a")
    try:
        (record,) = vibe_magic.run("a", n_jobs=2, engine="meddling", force=True)
        assert (record.action, record.stayed) == ("ran", "")
        notebook.run("import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_IGN)", "own")
        (record,) = vibe_magic.run("a", n_jobs=2, engine="meddling", force=True)
        assert record.stayed == "the notebook has changed a signal handler"
    finally:
        signal.signal(signal.SIGUSR2, before)


class Losing(joblib._parallel_backends.ThreadingBackend):
    """Loses the workers that get the first calls, and maybe cannot have others after that."""

    lost, least, starts = 0, 1, 9

    def configure(self, *args: object, **options: object) -> int:
        Losing.starts -= 1
        if Losing.starts < 0:
            raise OSError("nobody answers")
        return super().configure(*args, **options)

    def submit(self, call: Callable[[], object], callback: Callable[..., object] | None = None) -> object:
        Losing.lost += 1
        return super().submit(self._die if Losing.lost <= Losing.least else call, callback)

    def _die(self) -> None:
        raise RuntimeError("lost")


@pytest.mark.parametrize(
    ("least", "starts", "why"),
    [
        (1, 9, ""),
        (1000, 9, "workers break again and again"),
        (1, 1, "there are no workers any more: engine losing cannot be used (nobody answers)"),
    ],
)
def test_workers_that_are_lost_before_they_have_said_anything_cost_no_asset(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch, least: int, starts: int, why: str
) -> None:
    for name, value in (("lost", 0), ("least", least), ("starts", starts)):
        monkeypatch.setattr(Losing, name, value)
    joblib.register_parallel_backend("losing", Losing)
    notebook.run("%%asset a\na = 1", "a")
    notebook.run("%%asset b\nb = a", "b")
    records = vibe_magic.run("a", "b", n_jobs=2, engine="losing", force=True)
    assert [record.action for record in records] == ["ran", "ran"]
    assert {record.stayed for record in records} == {why}
    assert Losing.lost > least or why


def test_a_package_that_hooks_imports_to_find_its_modules_keeps_no_asset_in_the_kernel(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tlz", "toolz")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = len(sys.meta_path)
    notebook.run("from tlz import first", "package")
    assert len(sys.meta_path) > before
    notebook.run("%%asset a\na = first([1, 2])", "a")
    (record,) = vibe_magic.run("a", n_jobs=2, engine="threading", force=True)
    assert (record.action, record.stayed) == ("ran", "")
    notebook.run("class Finder:\n    find_spec = staticmethod(lambda *_: None)", "class")
    notebook.run("import sys\nsys.meta_path.append(Finder)", "own")
    (record,) = vibe_magic.run("a", n_jobs=2, engine="threading", force=True)
    assert record.stayed == "the notebook has changed an import hook"


def test_what_workers_were_given_goes_with_the_run(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Given] = []
    run = Crew.run

    def watched(crew: Crew, task: Task, *rest: object) -> None:
        given.extend(task.given)
        run(crew, task, *rest)

    monkeypatch.setattr(Crew, "run", watched)
    notebook.run("large, small = bytes(1 << 17), [1, 2]", "base")
    notebook.run("%%asset a\na = len(large) + sum(small)", "a")
    notebook.run("large, small = bytes((1 << 17) + 1), [3]", "more")
    assert actions(vibe_magic.run(n_jobs=2, engine="threading")) == {"a": "ran"}
    assert notebook["a"] == (1 << 17) + 4
    assert {bool(one.path) for one in given} == {bool(one.content) for one in given} == {True, False}
    assert not [one.path for one in given if one.path and Path(one.path).exists()]


def test_workers_get_ready_once_cells_have_taken_long(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vibe_magic.session.warming.EFFORT_S", 0.01)
    notebook.run("import time\nlength = 0.02", "setup")
    for name in "ab":
        assert current().crew is None
        notebook.run(f"%%asset {name}\n{name} = time.sleep(length)", name)
    deadline = time.monotonic() + 30
    while not current().crew.is_near and time.monotonic() < deadline:
        time.sleep(0.01)
    assert current().crew.is_near
    assert current().crew.workers.n_jobs >= 4
    assert not current().crew.workers.busy


def test_workers_that_are_at_work_stay(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibe_magic.session.warming.EFFORT_S", 0.2)
    notebook.run("import time\nlength = 0", "setup")
    for name in "abcd":
        notebook.run(f"%%asset {name}\n{name} = time.sleep(length)", name)
    notebook.run("length = 0.2", "longer")
    assert actions(vibe_magic.run(n_jobs=2, engine="threading")) == dict.fromkeys("abcd", "ran")
    assert current().crew.plan == (2, "threading", None)


def test_an_unknown_engine_is_one_line(notebook: Notebook) -> None:
    notebook.run("%%asset a\na = 1", "a")
    notebook.run("%asset run --engine nonsense", "r")
    assert "engine nonsense: cannot be used" in notebook.text
    assert "Traceback" not in notebook.text


def test_process_state_is_that_of_the_kernel(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("VM_TEST", "")  # so that what the notebook sets goes with the test
    notebook.run("import os, sys, warnings, numpy as np\nGO = 0", "s")
    notebook.run(
        "np.set_printoptions(precision=2)\nos.environ['VM_TEST'] = 'x'\nsys.path.append('/odd')", "p"
    )
    cell = "%%asset seen\nseen = [repr(np.array([1.2345])), os.environ.get('VM_TEST'), sys.path[-1], "
    notebook.run(cell + "'OMP_NUM_THREADS' in os.environ, GO]", "a")
    alone = notebook["seen"][:-1]
    notebook.run("GO = 1", "g")
    (record,) = vibe_magic.run(n_jobs=2, engine="threading")
    assert not record.stayed
    assert notebook["seen"][:-1] == alone
    notebook.run("np.set_printoptions(precision=8)")


@pytest.mark.parametrize("formatter", ["lambda v: f'<{v:.1f}>'", "Formatter().write"])
def test_an_option_that_is_code_of_the_notebook_keeps_assets_in_the_kernel(
    notebook: Notebook, formatter: str
) -> None:
    locked = "def __init__(self): self.lock = __import__('threading').Lock()"
    notebook.run(f"class Formatter:\n    {locked}\n    def write(self, v): return '<?>'", "class")
    notebook.run("import pandas as pd\nGO = 0", "setup")
    notebook.run("%%asset a\na = str(pd.Series([1.25])) if GO else ''", "a")
    notebook.run(f"pd.options.display.float_format = {formatter}\nGO = 1", "option")
    (record,) = vibe_magic.run(n_jobs=2, engine="threading")
    notebook.run("pd.reset_option('display.float_format')", "reset")
    assert "<pandas.options>" in record.stayed
    assert "<" in notebook["a"]


def test_what_nobody_has_seeded_draws_other_numbers_in_each_worker(notebook: Notebook) -> None:
    cell = "%%asset {0}\n{0} = GO and [random.random(), np.random.rand()]"
    notebook.run("import random, numpy as np\nnp.random.rand()\nGO = 0", "setup")
    for name in "abcd":
        notebook.run(cell.format(name), name)
    notebook.run("GO = 1", "go")
    records = vibe_magic.run(n_jobs=2, engine="threading")
    assert [(record.action, record.stayed) for record in records] == [("ran", "")] * 4
    notebook.run("e = [random.random(), np.random.rand()]", "e")
    drawn = [number for name in "abcde" for number in notebook[name]]
    assert len(set(drawn)) == len(drawn)


def test_assets_of_a_notebook_run_ahead(notebook: Notebook) -> None:
    cells = [
        ("0", "import time, os"),
        ("1", "%%asset a\ntime.sleep(0.3)\na = os.getpid()"),
        ("2", "%%asset b\ntime.sleep(0.3)\nb = os.getpid()"),
        ("3", "x = a > 0"),
        ("4", "%%asset c\nc = (x, b > 0)"),
    ]
    notebook.run("%config VibeMagic.n_jobs = 2\n%config VibeMagic.engine = 'threading'", "config")
    foresee(current(), cells)
    for cell_id, text in cells:
        assert notebook.run(text, cell_id).success
    assert len({notebook["a"], notebook["b"], os.getpid()}) == 3
    assert notebook["c"] == (True, True)
    assert [record.action for record in report()] == ["ran", "ran", "ran"]


def test_an_input_that_loses_something_on_its_way_stays(notebook: Notebook) -> None:
    notebook.run("class Spared:\n    def __getstate__(self):\n        return {}", "class")
    notebook.run("s = Spared()\ns.cache = [5]", "s")
    notebook.run("%%asset k --lazy\nk = s.cache[0]", "k")
    (record,) = vibe_magic.run("k", n_jobs=2, engine="threading")
    assert (record.action, notebook["k"]) == ("ran", 5)
    assert "s cannot be handed to a worker: Spared (.cache is missing" in record.stayed


@pytest.mark.parametrize("delay_s", [0.0, 1.0])
def test_results_that_need_not_wait_come_at_once(
    notebook: Notebook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    delay_s: float,
) -> None:
    """Also where the kernel is slow, so that it hears of several of them before it looks at the first."""
    catch_up = Bringing.catch_up

    def late(self: Bringing) -> None:
        if any(turn.asset.name == "c" for turn in self.outgoing._given.values()):
            time.sleep(delay_s)
        catch_up(self)

    monkeypatch.setattr(Bringing, "catch_up", late)
    notebook.run("import time\nfrom pathlib import Path", "start")
    wait = "for _ in range(3000):\n    time.sleep(0.01)\n    if Path('go').exists():\n        break\n"
    notebook.run(f"%%asset slow --lazy\n{wait}slow = 1", "slow")
    notebook.run("%%asset b --lazy\nb = 2", "b")
    notebook.run("%%asset c --lazy\nc = b + 1", "c")
    records = []
    for record in vibe_magic.stream(n_jobs=2, engine="threading"):
        records.append(record)
        if record.name == "c":
            (tmp_path / "go").touch()
    assert [record.name for record in records] == ["b", "c", "slow"], records
    assert records[-1].stayed == ""  # it has waited for the others, and not they for it
    assert (notebook["c"], notebook["slow"]) == (3, 1)


@pytest.mark.parametrize("early", ["def f():\n    return b", "x = 'b'", "b = 7"])
def test_a_result_waits_for_cells_that_could_tell(notebook: Notebook, early: str) -> None:
    notebook.run("b = 1\ndef g():\n    return b", "start")
    notebook.run(f"%%asset a --lazy\nimport time\ntime.sleep(0.3)\n{early}\na = g()", "a")
    notebook.run("%%asset late --lazy\nb = 2\nlate = 5", "late")
    records = list(vibe_magic.stream(n_jobs=2, engine="threading"))
    assert [record.name for record in records] == ["a", "late"]


def test_what_came_early_comes_again_if_options_were_changed_before_it(notebook: Notebook) -> None:
    settle = "def settle():\n    pd.set_option('display.precision', 2)"
    notebook.run(f"import time\nimport pandas as pd\nscale = 0\n{settle}", "s")
    slow = "if scale:\n    time.sleep(scale)\n    settle()\nslow = scale"
    notebook.run(f"%%asset slow\n{slow}", "a")
    notebook.run("%%asset text\ntext = [scale] and str(pd.Series([1.23456]))", "b")
    notebook.run("%%asset size\nsize = len(text)", "c")
    with pd.option_context("display.precision", 5):
        notebook.run("scale = 1", "g")
        records = list(vibe_magic.stream(n_jobs=2, engine="threading"))
    assert [record.name for record in records] == ["text", "size", "slow", "text", "size"]
    assert "1.23\n" in notebook["text"]
    assert notebook["size"] == len(notebook["text"])


def test_other_tasks_run_while_records_are_waited_for(notebook: Notebook) -> None:
    notebook.run(SWITCH, "s")
    notebook.run(asset("slow", "time.sleep(0.3)"))
    notebook.run(asset("quick", "pass"))
    notebook.run("GO = True", "go")
    ticks: list[int] = []

    async def tick() -> None:
        while True:
            ticks.append(0)
            await asyncio.sleep(0.01)

    async def read() -> list[str]:
        ticking = asyncio.create_task(tick())
        found = [record.name async for record in vibe_magic.stream(n_jobs=2, engine="threading")]
        ticking.cancel()
        return found

    loop = asyncio.new_event_loop()  # asyncio.run would set a signal handler, which workers do not have
    assert sorted(loop.run_until_complete(read())) == ["quick", "slow"]
    loop.close()
    assert len(ticks) > 3
    assert [record.name for record in vibe_magic.stream(n_jobs=2, engine="threading")] == []
