"""The magics in a shell: what a person types, sees, and is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter

import vibe_magic
from vibe_magic.session import report

from .shell import Notebook


def test_a_second_run_is_a_hit(notebook: Notebook) -> None:
    notebook.run("%%asset a\nprint('hello')\na = 1 + 1\na", "c1")
    assert "a · ran in" in notebook.text
    result = notebook.run("%%asset a\nprint('hello')\na = 1 + 1\na", "c1")
    assert "hello" in notebook.text
    assert "a · restored in" in notebook.text
    assert result.result == 2
    assert notebook["Out"][2] == 2
    assert notebook["_"] == 2


def test_why_shows_the_changed_lines(notebook: Notebook) -> None:
    notebook.run("def f():\n    return 1", "c1")
    notebook.run("%%asset y\ny = f()", "c2")
    notebook.run("def f():\n    return 2", "c1")
    notebook.run("%asset why y", "c3")
    assert "-    return 1" in notebook.text
    assert "+    return 2" in notebook.text


def test_why_says_what_stood_against_storing_the_last_run(notebook: Notebook) -> None:
    notebook.run("%%asset lines\nlines = (i for i in range(3))", "c1")
    (status,) = vibe_magic.status()
    assert status.state == "missing"
    assert "lines" in status.note
    notebook.run("%asset why lines", "c2")
    assert "no result of it is stored" in notebook.text
    assert status.note in notebook.text


def test_status_names_states(notebook: Notebook) -> None:
    notebook.run("x = 1", "c1")
    notebook.run("%%asset y\ny = x", "c2")
    notebook.run("%%asset z\nz = y", "c3")
    assert [s.state for s in vibe_magic.status()] == ["fresh", "fresh"]
    notebook.run("x = 2", "c1")
    states = {s.name: s.state for s in vibe_magic.status()}
    assert states == {"y": "stale", "z": "stale"}
    assert [c.kind for c in vibe_magic.why("z").causes] == ["upstream"]


def test_run_brings_everything_up_to_date(notebook: Notebook) -> None:
    notebook.run("x = 1", "c1")
    notebook.run("%%asset y\ny = x * 10", "c2")
    notebook.run("%%asset z\nz = y + 1", "c3")
    notebook.run("x = 2", "c1")
    notebook.run("%asset run", "c4")
    assert (notebook["y"], notebook["z"]) == (20, 21)
    assert all(s.state == "fresh" for s in vibe_magic.status())
    notebook.run("%asset run", "c4")
    assert "everything is fresh" in notebook.text


def test_a_reader_gets_its_stale_upstream_first(notebook: Notebook) -> None:
    notebook.run("x = 1", "c1")
    notebook.run("%%asset y\ny = x * 10", "c2")
    notebook.run("%%asset z\nz = y + 1", "c3")
    notebook.run("x = 2", "c1")
    notebook.run("%%asset z\nz = y + 1", "c3")
    assert notebook["z"] == 21


def test_a_name_bound_again_further_down_does_not_reach_up(notebook: Notebook) -> None:
    notebook.run("k = 1", "c1")
    notebook.run("%%asset a\na = k", "c2")
    notebook.run("k = 2", "c3")
    notebook.run("%%asset b\nb = a", "c4")
    assert notebook["b"] == 1


def test_a_taken_name_is_told_in_one_line(notebook: Notebook) -> None:
    notebook.run("%%asset same\na = 1", "c1")
    notebook.run("%%asset same\nb = 2", "c2")
    assert "'a = 1'" in notebook.text
    assert "'b = 2'" in notebook.text
    assert notebook["b"] == 2


def test_a_derived_name_gives_way(notebook: Notebook) -> None:
    notebook.run("%%asset\nd = 1", "c1")
    notebook.run("%%asset\nd = d + 1", "c2")
    assert [r.name for r in report()] == ["d", "d_2"]


@pytest.mark.parametrize(
    ("setup", "cell", "says"),
    [
        ("", "globals()['q'] = 1\ny = 1", "globals()"),
        ("", "y = (i for i in [1])", "generator"),
        ("import threading\nlock = threading.Lock()", "y = lock.locked()", "--ignore lock"),
        ("import numpy as np\na = np.array([[1], None], object)", "y = a[0]", "shares data with a"),
    ],
)
def test_what_prevents_caching_is_told_once(notebook: Notebook, setup: str, cell: str, says: str) -> None:
    notebook.run(setup, "c0")
    notebook.run(f"%%asset y\n{cell}", "c1")
    assert says in notebook.text
    notebook.run(f"%%asset y\n{cell}", "c1")
    assert says not in notebook.text
    assert notebook.last.action == "ran"


def test_ignored_inputs_make_it_cacheable(notebook: Notebook) -> None:
    notebook.run("import threading\nlock = threading.Lock()", "c0")
    for _ in range(2):
        notebook.run("%%asset y --ignore lock\ny = lock.locked()", "c1")
    assert notebook.last.action == "restored"


def test_an_error_is_shown_and_not_cached(notebook: Notebook) -> None:
    for _ in range(2):
        result = notebook.run("%%asset y\n\nraise ValueError('no')", "c1")
        assert isinstance(result.error_in_exec, ValueError)
        assert "line 3" in notebook.text or "----> 3" in notebook.text
    assert notebook.last.action == "failed"


def test_a_wrong_header_fails_with_one_line(notebook: Notebook) -> None:
    result = notebook.run("%%asset y --nope\ny = 1", "c1")
    assert not result.success
    assert notebook.text.strip().splitlines()[-1].startswith("UsageError: %%asset: no option --nope")
    assert "y" not in notebook.shell.user_ns


def test_ttl_expires_by_the_clock(notebook: Notebook) -> None:
    session = notebook.shell._vibe_magic_hooks.session
    now = [1000.0]
    session.clock = lambda: now[0]
    notebook.run("%%asset y --ttl 60\ny = 1", "c1")
    now[0] = 1059.0
    notebook.run("%%asset y --ttl 60\ny = 1", "c1")
    assert notebook.last.action == "restored"
    now[0] = 1060.0
    notebook.run("%%asset y --ttl 60\ny = 1", "c1")
    assert [c.kind for c in notebook.last.causes] == ["expired"]
    now[0] = 500.0
    assert [c.kind for c in vibe_magic.why("y").causes] == ["expired"]


@pytest.mark.parametrize("option", ["--ttl 0", "--no-cache", "--force"])
def test_options_that_always_run(notebook: Notebook, option: str) -> None:
    for _ in range(2):
        notebook.run(f"%%asset y {option}\ny = 1", "c1")
    assert notebook.last.action == "ran"


def test_declared_files_and_variables_count(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("extra.bin").write_bytes(b"1")
    cell = "%%asset y --file extra.bin --env VM_EXTRA\ny = 1"
    notebook.run(cell, "c1")
    monkeypatch.setenv("VM_EXTRA", "x")
    notebook.run(cell, "c1")
    assert [c.kind for c in notebook.last.causes] == ["env"]
    Path("extra.bin").write_bytes(b"22")
    notebook.run(cell, "c1")
    assert [c.kind for c in notebook.last.causes] == ["file"]


def test_clear_accept_pin_and_load(notebook: Notebook) -> None:
    notebook.run("x = 1", "c1")
    notebook.run("%%asset y\ny = x", "c2")
    notebook.run("x = 2", "c1")
    notebook.run("%asset accept y", "c3")
    assert vibe_magic.why("y").state == "fresh"
    notebook.run("%%asset y\ny = x", "c2")
    assert notebook["y"] == 1
    notebook.run("%asset pin y", "c3")
    assert all(entry.pinned for entry in notebook.shell._vibe_magic_hooks.session.store.entries("y"))
    notebook.run("%asset unpin y", "c3")
    notebook.run("del y", "c4")
    notebook.run("%asset load y", "c3")
    assert notebook["y"] == 1
    notebook.run("%asset clear y", "c3")
    assert "removed 2 stored results" in notebook.text
    notebook.run("%asset graph", "c3")
    assert "y" in notebook.text


@pytest.mark.parametrize("line", ["nope", "why", "why missing", "run missing", "clear --older x", "'"])
def test_wrong_commands_are_one_line(notebook: Notebook, line: str) -> None:
    result = notebook.run(f"%asset {line}", "c1")
    assert not result.success
    assert notebook.text.startswith("UsageError: ")


def test_going_back_finds_the_earlier_result(notebook: Notebook) -> None:
    for value in ("1", "2", "1"):
        notebook.run(f"x = {value}", "c1")
        notebook.run("%%asset y\ny = x", "c2")
    assert [r.action for r in report()] == ["ran", "ran", "restored"]


def test_settings_are_traits(notebook: Notebook) -> None:
    notebook.run("%config VibeMagic.quiet = True", "c0")
    notebook.run("%%asset y\ny = 1", "c1")
    assert notebook.text == ""
    notebook.run("%config VibeMagic.store = False", "c0")
    notebook.run("%%asset y\ny = 1", "c1")
    assert notebook.last.action == "ran"


def test_loading_twice_keeps_the_session(notebook: Notebook) -> None:
    notebook.run("%%asset y\ny = 1", "c1")
    vibe_magic.load_ipython_extension(notebook.shell)
    notebook.run("%%asset y\ny = 1", "c1")
    assert notebook.last.action == "restored"


def test_a_corrupt_entry_is_a_miss_and_repaired(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run("%%asset y\ny = list(range(50))", "c1")
    for path in (tmp_path / "cache").rglob("*.bin"):
        path.write_bytes(path.read_bytes()[:-5])
    notebook.run("%%asset y\ny = list(range(50))", "c1")
    assert notebook["y"] == list(range(50))
    assert [c.kind for c in notebook.last.causes] == ["corrupt"]
    notebook.run("%%asset y\ny = list(range(50))", "c1")
    assert notebook.last.action == "restored"


def test_a_cache_that_is_a_file_costs_one_warning(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("VIBE_MAGIC_CACHE_DIR", str(tmp_path / "blocked"))
    notebook.run("%%asset y\ny = 1", "c1")
    assert notebook["y"] == 1
    assert "not kept" in notebook.text


def test_completion_offers_commands_and_names(notebook: Notebook) -> None:
    notebook.run("%%asset features\ny = 1", "c1")
    assert "why" in completions(notebook, "%asset w")
    assert "features" in completions(notebook, "%asset why f")


def completions(notebook: Notebook, line: str) -> list[str]:
    with provisionalcompleter():
        found = notebook.shell.Completer.completions(line, len(line))
        return [completion.text for completion in found]


def test_load_binds_parts_of_other_values(notebook: Notebook) -> None:
    notebook.run("d = {'k': [1]}", "c1")
    notebook.run("%%asset part\npart = d['k']", "c2")
    notebook.run("del part\n", "c3")
    notebook.run("%asset load part", "c4")
    assert notebook["part"] is notebook["d"]["k"]


def test_what_is_shown_after_the_value_is_not_the_result(notebook: Notebook) -> None:
    def flush() -> None:  # as figures are shown
        notebook.shell.display_pub.publish({"text/plain": "a figure"})

    notebook.run("%%asset a\na = 41\na + 1", "c1")
    notebook.shell.events.register("post_execute", flush)
    notebook.run("%asset run --force", "c2")
    notebook.shell.events.unregister("post_execute", flush)
    result = notebook.run("%%asset a\na = 41\na + 1", "c1")
    assert notebook.last.action == "restored"
    assert result.result == 42
    assert notebook.text.index("Out[3]: 42") < notebook.text.index("a figure")
