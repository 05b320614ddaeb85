"""Random programs: their facts against what happens when they run, their encodings against edits."""

from __future__ import annotations

import ast
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vibe_magic.cell import Facts, analyse, encode, parse, split_header, unwarned

START = {name: float(place) for place, name in enumerate("abc")}  # no two objects are one
names, functions, numbers = st.sampled_from("abcd"), st.sampled_from("fg"), st.sampled_from("012")


def join(template: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: template.format(*found))


def indented(block: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return block.map(lambda text: "    " + text.replace("\n", "\n    "))


def grow(e: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        join("({} {} {})", e, st.sampled_from(["+", "-", "%", "<", "and", "or"]), e),
        join("({} if {} else {})", e, e, e),
        join("[{} for {} in ({}, {}) if {}]", e, names, names, names, e),
        join("(lambda {}, z={}: {})({})", names, e, e, e),
    )


atoms = names | names | numbers
plain = st.recursive(atoms, grow, max_leaves=4)
expressions = st.recursive(
    atoms | join("({} := {})", names, atoms),
    lambda e: grow(e) | join("({} := {})", names, e),
    max_leaves=6,
)
simple = st.one_of(
    join("{} = {}", names, expressions),
    join("{} = {}", names, expressions),
    join("{}, {} = {}, {}", names, names, expressions, expressions),
    join("{} += {}", names, expressions),
    join("del {}", names),
    join("def {}(z={}):\n    return {}", functions, expressions, expressions),
    join("def {}(z):\n    global {}\n    {} = {}\n    return {}", functions, names, names, plain, plain),
    join("{} = lambda {}: {}", functions, names, expressions),
    join("class {}:\n    {} = {}\n    {} = {}", functions, names, plain, names, plain),
)
block = indented(st.lists(simple, min_size=1, max_size=2).map("\n".join))
compound = st.one_of(
    join("if {}:\n{}\nelse:\n{}", expressions, block, block),
    join("for {} in ({}, {})[{}:]:\n{}\nelse:\n{}", names, expressions, expressions, numbers, block, block),
    join("try:\n{}\nexcept Exception as {}:\n{}", block, names, block),
    join("try:\n{}\nexcept Exception:\n{}\n    raise", block, block),
    join("match {}:\n    case {} if {}:\n        {} = 0\n    case _:\n        pass", *[names] * 4),
)
calls = st.one_of(
    join("{} = {}({})", names, functions, plain),
    join("def f(z):\n    return {}\n{}\n{} = f(0)", plain, simple, names),
    join("def f(z):\n    def g():\n        return {}\n    return g()\nf({})", plain, plain),
)
programs = st.tuples(
    st.lists(simple | calls | compound, min_size=1, max_size=5), st.lists(names, max_size=2)
).map(lambda parts: "\n".join(parts[0] + parts[1]))


class Watched(dict):
    """A namespace that knows what is read and bound here."""

    def __init__(self, found: dict[str, Any]) -> None:
        super().__init__(found)
        self.bound: set[str] = set()
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if name not in self.bound and value is START.get(name):  # functions bind past `__setitem__`
            self.read.add(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.bound.add(name)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.bound.discard(name)


def facts_of_valid(program: str) -> Facts:
    try:
        with unwarned():
            compile(program, "cell", "exec")
    except SyntaxError:
        assume(False)
    return analyse(program).facts


def run(program: str, found: dict[str, Any]) -> tuple[Watched, str]:
    """Return the namespace that a program leaves, and the error that it ends with."""
    builtins = {"Exception": Exception, "__build_class__": __build_class__}
    namespace = Watched({"__builtins__": builtins, "__name__": "cell"} | found)
    try:
        with unwarned():
            exec(program, namespace)
    except (NameError, TypeError, ValueError, ArithmeticError) as error:
        return namespace, type(error).__name__
    return namespace, ""


@given(programs)
@settings(max_examples=150, deadline=None)
def test_what_a_program_does_is_in_its_facts(program: str) -> None:
    facts = facts_of_valid(program)
    namespace, error = run(program, START)
    changed = {name for name, value in namespace.items() if value is not START.get(name)}
    assert namespace.read <= facts.reads
    assert changed - {"__builtins__", "__name__"} <= facts.writes
    assert START.keys() - namespace.keys() <= facts.deletes
    assert facts.definite <= facts.writes
    assert error or facts.definite <= namespace.keys()


@given(programs)
@settings(max_examples=150, deadline=None)
def test_a_program_needs_no_more_than_it_reads(program: str) -> None:
    facts = facts_of_valid(program)
    full, error = run(program, START)
    little, same = run(program, {name: START[name] for name in START.keys() & facts.reads})
    assert error == same
    bound = full.bound & set("abcd")
    assert {name: repr(full.get(name)) for name in bound} == {n: repr(little.get(n)) for n in bound}


@given(programs)
@settings(max_examples=60, deadline=None)
def test_form_does_not_change_an_encoding(program: str) -> None:
    facts_of_valid(program)
    code = encode(parse(program))
    assert encode(parse(ast.unparse(parse(program)))) == code
    assert encode(parse("# note\n\n" + program.replace("\n", "  # note\n\n") + "\n\n")) == code
    inner = "\n    ".join(program.splitlines())
    one, other = (parse(f"class C:\n{doc}    {inner}") for doc in ("", "    'What it is.'\n"))
    assert encode(one) == encode(other) != encode(other, docs=True)


@given(programs, st.data())
@settings(max_examples=120, deadline=None)
def test_every_edit_changes_an_encoding(program: str, data: st.DataObject) -> None:
    facts_of_valid(program)
    tree = parse(program)
    before = encode(tree)
    places = [n for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Constant | ast.BinOp | ast.arg)]
    match data.draw(st.sampled_from(places)) if places else assume(False):
        case ast.Name() as name:
            name.id += "_"
        case ast.arg() as argument:
            argument.arg += "_"
        case ast.Constant() as constant:
            constant.value = str(constant.value) if constant.value else not constant.value
        case ast.BinOp() as operation:
            operation.op = ast.Mult()
    assert encode(tree) != before


pieces = st.sampled_from(["%%asset", "%%assets", " --name a", "x = 1", "\n", "\r\n", " ", "\t", "\ufeff"])


@given(st.lists(pieces, max_size=8).map("".join))
@settings(max_examples=120, deadline=None)
def test_header_and_body_make_the_cell_again(text: str) -> None:
    header, body = split_header(text)
    if header is None:
        assert body == text
    else:
        assert text.endswith(body)
        assert text.removesuffix(body).lstrip("\ufeff").strip() == header
        assert split_header(f"{header}\n{body}") == (header, body)
