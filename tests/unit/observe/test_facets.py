"""Process state: changes can be brought back, and nothing is told where nothing was changed."""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import os
import pickle
import random
import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from vibe_magic.observe import facets
from vibe_magic.observe.facets import DEFAULT, RANDOM, Facets, changed, difference, renew


@pytest.fixture
def state(base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Facets]:
    import matplotlib as mpl
    import polars  # noqa: F401, ICN001

    mpl.rcParams.update(mpl.rcParamsOrig)
    dict.__setitem__(mpl.rcParams, "backend", dict.get(mpl.rcParamsOrig, "backend"))
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    present = Facets(base)
    yield present
    present.apply(difference(plain(present), {}))


@pytest.fixture(autouse=True)
def shell(request: pytest.FixtureRequest) -> Iterator[None]:
    if "<display>" in request.node.name:  # others look at what is without one
        InteractiveShell.instance()
    yield
    InteractiveShell.clear_instance()


def plain(state: Facets) -> dict[str, object]:
    return dict(state.snapshot(set(facets.ALL) - set(facets.RANDOM)))


def set_rc() -> None:
    import matplotlib as mpl

    mpl.rcParams["lines.linewidth"] = 9.0


def set_zone() -> None:
    os.environ["TZ"] = "UTC-3"
    time.tzset()


def keep_figures_open() -> None:
    from matplotlib_inline.config import InlineBackend

    InlineBackend.instance().close_figures = False


def text_formatter() -> Any:
    return InteractiveShell.instance().display_formatter.formatters["text/plain"]


def choose_backend() -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.interactive(True)


CHANGES: dict[str, Callable[[], object]] = {
    "<cwd>": lambda: os.chdir("sub"),
    "<environ>": lambda: os.environ.__setitem__("VM_TEST", "1"),
    "<time zone>": set_zone,
    "<sys.path>": lambda: sys.path.insert(0, os.getcwd()),
    "<warnings>": lambda: warnings.filterwarnings("ignore", "odd message", UserWarning),
    "<logging>": lambda: logging.getLogger("vm.test").setLevel(logging.DEBUG),
    "<locale>": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
    "<recursion limit>": lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 7),
    "<gc>": gc.disable,
    "<decimal>": lambda: setattr(decimal.getcontext(), "prec", 5),
    "<socket timeout>": lambda: socket.setdefaulttimeout(3.0),
    "<numpy.printoptions>": lambda: np.set_printoptions(precision=2),
    "<numpy.errstate>": lambda: np.seterr(divide="raise"),
    "<pandas.options>": lambda: pd.set_option("display.max_rows", None),
    "<matplotlib.rcParams>": set_rc,
    "<matplotlib.backend>": choose_backend,
    "<display>": lambda: setattr(text_formatter(), "max_seq_length", 7),
    "<figures>": keep_figures_open,
    "<polars.Config>": lambda: os.environ.__setitem__("POLARS_FMT_MAX_ROWS", "3"),
}


def test_every_facet_that_can_be_loaded_is_tried() -> None:
    assert set(CHANGES) == set(facets.ALL) - set(facets.RANDOM)


def test_nothing_changed_is_nothing(state: Facets) -> None:
    names = set(facets.ALL) - set(facets.RANDOM) - {"<environ>"}  # pytest itself uses that
    assert state.snapshot(names) == {}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_undone_and_brought_back(state: Facets, base: Path, name: str) -> None:
    (base / "sub").mkdir()
    locale.setlocale(locale.LC_ALL, "C")
    state = Facets(base)
    before = plain(state)
    CHANGES[name]()
    after = plain(state)
    names = {name, "<environ>"} if name in ("<polars.Config>", "<time zone>") else {name}
    assert changed(before, after) == names
    change = pickle.loads(pickle.dumps(difference(before, after)))
    state.apply(difference(after, before))
    assert plain(state) == before
    state.apply(change)
    assert plain(state) == after
    state.apply(difference(after, before))


@pytest.mark.parametrize(
    ("name", "draw"),
    [("<random>", random.random), ("<numpy.random>", lambda: np.random.rand())],
)
def test_generators_continue_where_the_run_left_them(
    state: Facets, name: str, draw: Callable[[], float]
) -> None:
    before = state.snapshot([name])
    assert changed(before, state.snapshot([name])) == set()
    draw()
    after = pickle.loads(pickle.dumps(state.snapshot([name])))
    assert changed(before, after) == {name}
    expected = draw()
    state.apply(difference({}, after))
    assert draw() == expected


def test_generators_are_renewed(state: Facets) -> None:
    before = state.snapshot(RANDOM)
    renew()
    once = state.snapshot(RANDOM)
    state.apply(before)
    renew()
    assert len({*before.values(), *once.values(), *state.snapshot(RANDOM).values()}) == 3 * len(before) == 6


def test_generator_after_a_normal_number(state: Facets) -> None:
    np.random.seed(3)
    np.random.normal()
    after = state.snapshot(["<numpy.random>"])
    expected = np.random.normal(), np.random.normal()
    state.apply(after)
    assert (np.random.normal(), np.random.normal()) == expected


def test_only_the_options_that_changed_are_brought_back(state: Facets) -> None:
    os.environ["VM_A"] = "1"
    before = state.snapshot()
    os.environ["VM_B"] = "2"
    change = difference(before, state.snapshot())
    del os.environ["VM_B"]
    os.environ["VM_A"] = "changed since"
    state.apply(change)
    assert (os.environ["VM_A"], os.environ["VM_B"]) == ("changed since", "2")
    assert change == {"<environ>": {"VM_B": "2"}}


def test_deleted_environment_variable(state: Facets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VM_GONE", "1")
    state = Facets(".")
    before = state.snapshot()
    del os.environ["VM_GONE"]
    change = difference(before, state.snapshot())
    assert change == {"<environ>": {"VM_GONE": DEFAULT}}
    os.environ["VM_GONE"] = "1"
    state.apply(change)
    assert "VM_GONE" not in os.environ


def test_directory_and_search_path_are_relative_to_the_base(state: Facets, base: Path) -> None:
    (base / "sub").mkdir()
    os.chdir("sub")
    sys.path.append(str(base / "lib"))
    try:
        now = state.snapshot(["<cwd>", "<sys.path>"])
    finally:
        sys.path.pop()
        os.chdir(base)
    assert now == {"<cwd>": "sub", "<sys.path>": ([], ["lib"])}


def test_another_search_path_is_kept_whole(state: Facets, monkeypatch: pytest.MonkeyPatch) -> None:
    original = sys.path[:]
    sys.path[:] = original[::-1]
    try:
        before, now = {}, state.snapshot(["<sys.path>"])
        sys.path[:] = original
        state.apply(difference(before, now))
        assert sys.path == original[::-1]
    finally:
        sys.path[:] = original


def test_filters_of_an_import_are_not_the_notebooks(
    state: Facets, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "vm_noisy.py").write_text(
        "import warnings, logging\nwarnings.filterwarnings('ignore', 'from the library')\n"
        "logging.getLogger('vm_noisy').setLevel(10)\n"
    )
    monkeypatch.syspath_prepend(str(base))
    state = Facets(base)
    import vm_noisy  # type: ignore[import-not-found]  # noqa: F401

    state.learn({"vm_noisy"})
    assert state.snapshot(["<warnings>", "<logging>"]) == {}
    warnings.filterwarnings("ignore", "from the notebook")
    state.learn({"warnings", "filterwarnings"})
    ((own, dropped),) = state.snapshot(["<warnings>"]).values()  # type: ignore[misc]
    assert [entry[1][0] for entry in own] == ["from the notebook"]
    assert not dropped


def test_what_the_notebook_set_before_an_import_stays_its_own(
    state: Facets, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "vm_later.py").write_text("")
    monkeypatch.syspath_prepend(str(base))
    state = Facets(base)
    warnings.filterwarnings("ignore", "from the notebook")
    logging.getLogger("vm.own").setLevel(10)
    state.learn({"filterwarnings", "setLevel"})
    before = state.snapshot(["<warnings>", "<logging>"])
    import vm_later  # type: ignore[import-not-found]  # noqa: F401

    state.learn({"vm_later"})
    assert state.snapshot(["<warnings>", "<logging>"]) == before
    assert set(before) == {"<warnings>", "<logging>"}


def test_filters_are_the_notebooks_where_its_code_names_them(
    state: Facets, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "vm_quiet.py").write_text("")
    monkeypatch.syspath_prepend(str(base))
    state = Facets(base)
    import vm_quiet  # type: ignore[import-not-found]  # noqa: F401

    warnings.simplefilter("ignore", ResourceWarning)
    state.learn({"vm_quiet", "simplefilter"})
    assert "<warnings>" in state.snapshot()


def test_order_of_filters_counts(state: Facets) -> None:
    original = list(warnings.filters)
    again = original[-1]
    before = state.snapshot()
    warnings.filters.remove(again)  # type: ignore[attr-defined]
    warnings.filters.insert(0, again)  # type: ignore[attr-defined]
    expected, change = list(warnings.filters), difference(before, state.snapshot())
    state.apply({"<warnings>": DEFAULT})
    assert list(warnings.filters) == original
    state.apply(change)
    assert list(warnings.filters) == expected


def test_removed_filters_are_removed_again(state: Facets) -> None:
    warnings.filterwarnings("ignore", "at the start")
    state = Facets(".")
    before = state.snapshot()
    removed = warnings.filters.pop(0)  # type: ignore[attr-defined]
    change = difference(before, state.snapshot())
    warnings.filters.insert(0, removed)  # type: ignore[attr-defined]
    state.apply(change)
    assert removed not in warnings.filters


def test_what_the_inline_backend_sets_does_not_count(state: Facets) -> None:
    import matplotlib as mpl

    mpl.rcParams["interactive"] = True
    assert "<matplotlib.rcParams>" not in state.snapshot()


def test_state_of_the_process(base: Path) -> None:
    facets.begin(base)
    assert "<environ>" not in facets.snapshot(base)
    os.environ["VM_TEST"] = "1"
    assert facets.snapshot(base, {"x"}, names=["<environ>"]) == {"<environ>": {"VM_TEST": "1"}}
    facets.learn(set())
    facets.apply({"<environ>": {"VM_TEST": DEFAULT}})
    assert "VM_TEST" not in os.environ


def test_a_ground_loads_nothing_for_the_sake_of_warning_filters(base: Path) -> None:
    module = ModuleType("vm_heavy")
    module.Odd = type("Odd", (UserWarning,), {"__module__": "vm_heavy"})  # type: ignore[attr-defined]
    sys.modules["vm_heavy"] = module
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "brought", module.Odd)
        facets.begin(base)
        warnings.filterwarnings("error", "own", module.Odd)
        there = pickle.dumps((facets.ground(), facets.snapshot(base, names=("<warnings>",))))
        del sys.modules["vm_heavy"]
        ground, state = pickle.loads(there)
        ground.take()
        assert facets.snapshot(base, names=("<warnings>",)) == state
        assert "vm_heavy" not in sys.modules
        sys.modules["vm_heavy"] = module  # as something that is read has loaded it
        ground.settle()
        assert facets.snapshot(base, names=("<warnings>",)) == state
        assert [entry[2] for entry in warnings.filters[:2]] == [module.Odd, module.Odd]
    del sys.modules["vm_heavy"]
