"""From a cell as typed to its analysed form: header, IPython's syntax, warnings."""

from __future__ import annotations

import warnings

import pytest

from vibe_magic.cell import analyse, parse, python_source, split_header, unwarned

HEADERS = [
    ("%%asset\nx = 1", "%%asset", "x = 1"), ("%%asset --name a  \nx\n", "%%asset --name a", "x\n"),
    ("%%asset\r\nx\r\n", "%%asset", "x\r\n"), ("\n \t\n\r\n%%asset a\nx", "%%asset a", "x"),
    ("\ufeff%%asset\nx", "%%asset", "x"), ("%%asset\n\n\n  x", "%%asset", "\n\n  x"),
    ("%%asset\n%%asset\n", "%%asset", "%%asset\n"), ("%%assets\nx", None, "%%assets\nx"),
    (" %%asset\nx", None, " %%asset\nx"), ("x\n%%asset", None, "x\n%%asset"), ("\ufeffx", None, "\ufeffx"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "header", "body"), HEADERS)
def test_headers_are_split_off(text: str, header: str | None, body: str) -> None:
    assert split_header(text) == (header, body)


@pytest.mark.parametrize("text", ["x = 1", "x = a%b\ny = '!'", "'a?'\n", "x != y", ""])
def test_python_is_left_as_typed(text: str) -> None:
    assert python_source(text) == text


SYNTAX = [
    ("!ls", "get_ipython().system('ls')\n"), ("x = !ls", "x = get_ipython().getoutput('ls')\n"),
    ("%cd a", "get_ipython().run_line_magic('cd', 'a')\n"),
    ("%%time\nf()", "get_ipython().run_cell_magic('time', '', 'f()\\n')\n"),
    ("x?", "get_ipython().run_line_magic('pinfo', 'x')\n"), ("x = a % b", "x = a % b\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "made"), SYNTAX)
def test_ipython_is_asked_for_its_syntax(text: str, made: str) -> None:
    assert python_source(text) == made
    assert analyse(text).python == made


def test_what_ipython_has_made_is_taken_as_it_is() -> None:
    cell = analyse("?!", "x = 1")
    assert (cell.source, cell.python, cell.first_name) == ("?!", "x = 1", "x")


FIRST = [
    ("x = (y := 1)", "x"), ("f(y := 1)\nx = 1", "y"), ("try:\n    pass\nexcept E as e:\n    pass", "e"),
    ("f()", None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "name"), FIRST)
def test_the_first_name(source: str, name: str | None) -> None:
    assert analyse(source).first_name == name


DISPLAYED = [
    ("x", True), ("x = 1", False), ("x;", False), ("x;  # note\n", False), ("';'", True),
]  # fmt: skip


@pytest.mark.parametrize(("source", "shows"), DISPLAYED)
def test_a_last_expression_is_displayed(source: str, shows: bool) -> None:
    assert analyse(source).displays is shows


def test_what_is_not_python_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        analyse("x = = 1")


def test_parsing_shows_no_warning_and_others_come_after() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        parse("x = '\\d'\n1 is 1")
        with unwarned():
            warnings.warn("inside", stacklevel=1)
        assert seen == []
        warnings.warn("after", stacklevel=1)
    assert [str(warning.message) for warning in seen] == ["after"]
