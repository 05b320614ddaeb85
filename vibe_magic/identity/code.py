"""Functions and classes taken apart: code by meaning, and the values that belong to it."""

from __future__ import annotations

import gc
import sys
import types
from abc import ABCMeta
from typing import TYPE_CHECKING, Any

from vibe_magic.modules import is_local, module_of

from .kinds import reduces
from .relations import descendants, registered
from .sources import meaning_of

if TYPE_CHECKING:
    from .values import Walk

__all__ = ["class_content", "followed", "is_bare", "own_members"]

_CLASS_NOISE = frozenset(
    [
        "__module__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__qualname__",
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__parameters__",
        "__slotnames__",
        "__dataclass_params__",
        "__type_params__",
        "__classdictcell__",
        "__pydantic_core_schema__",
        "__pydantic_validator__",
        "__pydantic_serializer__",
        "_member_map_",
        "_value2member_map_",
        "_hashable_values_",
        "_unhashable_values_",
    ]
)


def followed(obj: Any) -> bool:
    """Tell whether code is the notebook's own or a local module's, rather than of an installed package."""
    return is_local(module_of(obj))


def is_bare(value: types.FunctionType) -> bool:
    """Tell whether a function of the notebook is nothing but its code."""
    code, held = value.__code__, (value.__defaults__, value.__kwdefaults__, value.__closure__, value.__dict__)
    named = (value.__name__, value.__qualname__) == (code.co_name, code.co_qualname)
    return named and not any(held) and not value.__annotations__ and module_of(value) == "__main__"


@reduces(types.FunctionType)
def _function(value: types.FunctionType, walk: Walk) -> Any:
    made_in = value.__globals__.get("__name__", "__main__")
    if not followed(value) and _found_by_name(value) and not is_local(made_in):
        return _package(value, walk)  # unlike a package's wrapper, which has the name of what it wraps
    walk.met(value)
    registry = getattr(value, "registry", None)
    if isinstance(registry, types.MappingProxyType):
        return "singledispatch", dict(registry)
    cells = list(value.__closure__ or ())
    code = value.__code__
    parts = (value.__defaults__, value.__kwdefaults__, cells, value.__dict__ or None)
    notes = {name: note for name, note in value.__annotations__.items() if walk.tells(note)}
    named = (value.__name__, value.__qualname__) != (code.co_name, code.co_qualname)
    names = (value.__name__, value.__qualname__) if named else ()  # else they are part of its code
    return "function", meaning_of(code).encoded, *parts, notes, names, _home(value)


def _home(value: Any) -> str:
    """Return the module that code says it is from; empty for the notebook."""
    home = module_of(value)
    return "" if home == "__main__" else home


_HEAP = 1 << 9
"""Flag of classes that were made by a class statement or a call, not in C."""


def _found_by_name(value: Any) -> bool:
    """Tell whether a function or class is what its module has under its name, not one made at run time."""
    found: Any = sys.modules.get(str(getattr(value, "__module__", "")))
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


@reduces(types.CellType)
def _content(cell: types.CellType, walk: Walk) -> Any:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _package(value: Any, walk: Walk) -> Any:
    module = str(getattr(value, "__module__", None) or "builtins")
    walk.modules.add(module.partition(".")[0])
    return "package", module, str(getattr(value, "__qualname__", type(value).__qualname__))


@reduces(type)
def _class(value: type, walk: Walk) -> Any:
    if not followed(value) and (_found_by_name(value) or not value.__flags__ & _HEAP):
        return _package(value, walk)
    walk.met(value)
    members = dict(sorted(class_content(value).items(), key=_place))
    hook = members.pop("__subclasshook__", None)
    if followed(getattr(hook, "__func__", hook)):  # not what a package puts there, as for protocols
        members["__subclasshook__"] = hook
    names = (value.__name__, value.__qualname__, _home(value))
    found = "class", names, type(value), list(value.__bases__), members
    others = registered(value, *descendants([value])) if isinstance(value, ABCMeta) else []
    return (*found, others) if others else found


def _place(member: tuple[str, Any]) -> str:
    """Leave data in their order, which vars() shows; that of methods is a matter of style."""
    name, value = member
    return name if name.startswith("__") or callable(value) or hasattr(value, "__get__") else "~"


def class_content(value: type) -> dict[str, Any]:
    """Return what belongs to a class, without what Python keeps there for itself."""
    return {
        name: member
        for name, member in vars(value).items()
        if name not in _CLASS_NOISE and not isinstance(member, _SLOTS)
    }


def own_members(value: type) -> dict[str, Any]:
    """Return what a class has by itself and its statement, or somebody later, put there."""
    made = {"__annotations__", "__slots__", "__abstractmethods__", "__orig_bases__", "__subclasshook__"}
    if vars(value).get("__hash__", made) is None:  # goes with __eq__
        made.add("__hash__")
    return {name: member for name, member in class_content(value).items() if name not in made}


_SLOTS = (types.MemberDescriptorType, types.GetSetDescriptorType)


@reduces(types.BuiltinFunctionType)
def _builtin(value: Any, walk: Walk) -> Any:
    owner = getattr(value, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        return _package(value, walk)
    return "bound", value.__name__, owner


@reduces(types.MethodType)
def _method(value: types.MethodType, walk: Walk) -> Any:
    return "method", value.__func__, value.__self__


@reduces(property)
def _property(value: property, walk: Walk) -> Any:
    return "property", value.fget, value.fset, value.fdel


@reduces(staticmethod, classmethod)
def _wrapped(value: Any, walk: Walk) -> Any:
    return type(value).__name__, value.__func__


@reduces("functools.singledispatchmethod")
def _dispatching(value: Any, walk: Walk) -> Any:
    return type(value).__name__, value.func, dict(value.dispatcher.registry)


@reduces("functools.cached_property")
def _cached_property(value: Any, walk: Walk) -> Any:
    return type(value).__name__, value.func


@reduces(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
def _descriptor(value: Any, walk: Walk) -> Any:
    return "descriptor", value.__name__, value.__objclass__


@reduces(types.CodeType, tracked=False)
def _code(value: types.CodeType, walk: Walk) -> Any:
    return "code", meaning_of(value).encoded


@reduces("numpy.ufunc")
def _ufunc(value: Any, walk: Walk) -> Any:
    name = str(value.__name__)
    if getattr(sys.modules.get("numpy"), name, None) is not value:
        inside = [part for part in gc.get_referents(value) if callable(part)]  # of numpy.frompyfunc
        return "ufunc", name, value.nin, value.nout, inside
    walk.modules.add("numpy")
    return "ufunc", name
