"""Classes of the notebook: instances belong to the class that the notebook has now."""

from __future__ import annotations

import abc

import pytest

from vibe_magic.errors import CorruptEntry

CLASSES = """
import abc, collections, dataclasses, enum, typing

class A:
    k = 1
    class Inner:
        pass
    def method(self): return self.k + offset
    @property
    def name(self): return super().__repr__()
    @classmethod
    def make(cls): return cls()
    @staticmethod
    def static(): return 's'

offset = 10

class B(A):
    def method(self): return super().method() * 2

@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: int = 0
    y: list = dataclasses.field(default_factory=list)

class Color(enum.Enum):
    RED = 1
    BLUE = 'b'
    def shout(self): return self.name + '!'

class Flag(enum.Flag):
    X = enum.auto()
    Y = enum.auto()

class Point(typing.NamedTuple):
    x: int
    y: int = 2

Pair = collections.namedtuple('Pair', 'a b')

class Abstract(abc.ABC):
    @abc.abstractmethod
    def go(self): ...

class Concrete(Abstract):
    def go(self): return 'went'

class Meta(type):
    def __call__(cls, *a): return super().__call__(*a)

class WithMeta(metaclass=Meta):
    __slots__ = ('v',)
    def __init__(self, v): self.v = v

T = typing.TypeVar('T')
class Box(typing.Generic[T]):
    def __init__(self, item): self.item = item

class OwnError(ValueError):
    pass
"""

INSTANCES = (
    "a=A(); inner=A.Inner(); b=B(); frozen=Frozen(3, [1]); red=Color.RED; flag=Flag.X|Flag.Y;"
    "point=Point(1); pair=Pair(1, 2); concrete=Concrete(); meta=WithMeta(5); box=Box([1]);"
    "error=OwnError('x')"
)
CLASS_OF = {
    "a": "A",
    "inner": "A.Inner",
    "b": "B",
    "frozen": "Frozen",
    "red": "Color",
    "flag": "Flag",
    "point": "Point",
    "pair": "Pair",
    "concrete": "Concrete",
    "meta": "WithMeta",
    "box": "Box",
    "error": "OwnError",
}


def found(scope, dotted):
    first, *rest = dotted.split(".")
    value = scope[first]
    for part in rest:
        value = getattr(value, part)
    return value


@pytest.fixture
def classes(notebook):
    notebook.run(CLASSES)
    notebook.run(INSTANCES)
    return notebook


@pytest.mark.parametrize(("name", "cls"), CLASS_OF.items())
def test_a_restored_instance_is_one_of_the_current_class(classes, name, cls):
    data, packed = classes.bytes(name)
    classes.run(CLASSES)
    back = classes.unpack(data, packed)[name]
    assert type(back) is found(classes.namespace, cls)


@pytest.mark.parametrize(("name", "cls"), CLASS_OF.items())
def test_a_class_that_is_packed_comes_back_with_its_instances(classes, name, cls):
    roots = list(dict.fromkeys(CLASS_OF[n].split(".")[0] for n in CLASS_OF))
    back = classes.back(name, *roots)
    assert type(back[name]) is found(back, cls)
    assert type(back[name]) is not found(classes.namespace, cls)
    assert type(back[name]).__qualname__ == cls
    assert type(back[name]).__module__ == "__main__"


def test_enum_members_are_identical(classes):
    assert classes.back("red")["red"] is classes.namespace["Color"].RED
    back = classes.back("red", "Color")
    assert back["red"] is back["Color"].RED
    assert back["red"].shout() == "RED!"


def test_methods_of_a_restored_class_work(classes):
    back = classes.back("A", "B", "b", "Abstract", "Concrete", "Frozen")
    assert back["b"].method() == 22
    assert isinstance(back["b"], back["A"])
    assert "B object" in back["b"].name
    assert type(back["B"].make()) is back["B"]
    assert back["A"].static() == "s"
    assert issubclass(back["Concrete"], back["Abstract"])
    with pytest.raises(TypeError):
        back["Abstract"]()
    assert back["Frozen"](1) == back["Frozen"](1)


def test_each_restoring_makes_a_new_class(classes):
    data, packed = classes.bytes("A")
    one, two = (classes.unpack(data, packed)["A"] for _ in "12")
    one.k = 99
    assert (two.k, classes.namespace["A"].k) == (1, 1)


def test_state_of_an_instance_survives(classes):
    back = classes.back("frozen", "point", "meta", "box", "error")
    assert (back["frozen"].x, back["frozen"].y) == (3, [1])
    assert back["point"] == (1, 2)
    assert back["meta"].v == 5
    assert back["box"].item == [1]
    assert back["error"].args == ("x",)


def test_classes_made_inside_functions_go_by_value(notebook):
    notebook.run(
        "def make():\n    class Local:\n        def hi(self): return k\n    return Local()\nk = 4\nx = make()"
    )
    back = notebook.back("x")["x"]
    assert back.hi() == 4
    assert type(back).__qualname__ == "make.<locals>.Local"


def test_a_shadowed_class_goes_by_value(notebook):
    notebook.run("class A:\n    v = 'old'\na = A()\nclass A:\n    v = 'new'")
    assert notebook.back("a")["a"].v == "old"


def test_bound_methods_bind_the_current_class(classes):
    classes.run("bound = a.method; made = A.make; loose = A.method; top = [].append")
    data, packed = classes.bytes("bound", "made", "loose", "a", "top")
    classes.run("offset = 20")
    back = classes.unpack(data, packed)
    assert back["bound"].__self__ is back["a"]
    assert back["bound"]() == 21
    assert type(back["made"]()) is classes.namespace["A"]
    assert back["loose"] is classes.namespace["A"].method


@pytest.mark.parametrize("change", ["del A", "A = 5", "def A(): pass"])
def test_a_class_that_is_gone_is_a_miss_that_says_so(classes, change):
    data, packed = classes.bytes("a")
    classes.run(change)
    with pytest.raises(CorruptEntry, match="needs 'A'"):
        classes.unpack(data, packed)


def test_classes_of_modules_go_by_reference(notebook):
    notebook.run("import collections.abc\nc = [collections.abc.Mapping, dict, type(None), type(...)]")
    assert notebook.back("c")["c"] == notebook.namespace["c"]


def test_new_types_are_values_of_their_own(notebook):
    notebook.run("import typing\nUserId = typing.NewType('UserId', int)\nd = {'t': UserId}")
    back = notebook.back("UserId", "d")
    assert back["UserId"] is back["d"]["t"] is not notebook.namespace["UserId"]
    assert (back["UserId"].__supertype__, back["UserId"].__module__) == (int, "__main__")
    assert notebook.value(str) is str


def test_registered_subclasses_stay_registered(notebook):
    notebook.run("import abc\nclass R(abc.ABC): pass\nR.register(int)")
    back = notebook.back("R")["R"]
    assert isinstance(back, abc.ABCMeta)
    assert issubclass(int, back)
