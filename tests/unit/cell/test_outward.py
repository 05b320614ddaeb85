"""What a cell does to things that it has not made itself."""

from __future__ import annotations

import pytest

from vibe_magic.cell import outward

ACTS = [
    ("plt.style.use('ggplot')", "plt.style.use('ggplot')"), ("x = 1\nmodel.fit(x)", "model.fit(x)"),
    ("model = M()\nmodel.save('m.bin')", "model.save('m.bin')"),
    ("model = M()\nmodel.save(f'{n}.bin')", "model.save(f'{n}.bin')"), ("d['a'] = 1", "d['a']"),
    ("d.a.b += 1", "d.a.b"), ("del d['a']", "d['a']"), ("for i in r:\n    d[i] = 1", "d[i]"),
    ("x = open(p, 'w')", "open(p, 'w')"),
    ("import time\ntime.sleep(1)\nimport numpy\nnumpy.seterr(all=k)", "numpy.seterr(all=k)"),
]  # fmt: skip


@pytest.mark.parametrize(("python", "part"), ACTS)
def test_the_first_part_that_acts_is_named(python: str, part: str) -> None:
    assert outward(python, frozenset({"time"}), frozenset()) == part


QUIET = [
    "", "x = f(y)", "print('a')\ndisplay(x)", "model = M()\nmodel.fit(x, y)",
    "d = {}\nd['a'] = d.b = 1\ndel d['a']", "x = open(p).read()", "import time as t\nt.sleep(1)",
    "from time import sleep as s\ns(1)", "t0.sleep(1)", "def f():\n    d['a'] = 1",
]  # fmt: skip


@pytest.mark.parametrize("python", QUIET)
def test_what_a_cell_does_to_its_own_stays_inside(python: str) -> None:
    assert outward(python, frozenset({"time"}), frozenset({"t0"})) == ""
