"""Classes: by name where the notebook or a module holds them, by value otherwise."""

from __future__ import annotations

import builtins
import functools
import gc
import sys
import types
import typing
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vibe_magic.modules import is_local

if TYPE_CHECKING:
    from vibe_magic.payload.packer import Packer


def reduce_class(packer: Packer, cls: type) -> Any:
    """Reduce a class to its name if that leads back to it, to its content otherwise."""
    from cloudpickle import cloudpickle

    if packer.is_named(cls):
        packer.inert = False
        return _named(packer, cls)
    if not packer.context.owns(cls):
        packer.met_module(cls.__module__)
        if cls.__module__ == "builtins" or cloudpickle._should_pickle_by_reference(cls):
            return cloudpickle._class_reduce(cls)
    packer.inert = False
    packer.doubtful = True  # a metaclass or __init_subclass__ may want more than we know
    return _by_value(cls)


def _named(packer: Packer, cls: type) -> tuple[Any, ...]:
    from vibe_magic.payload.functions import make_named

    return make_named, (packer.context.namespace, cls.__qualname__, True)


def _by_value(cls: type) -> tuple[Any, ...]:
    """Let cloudpickle take the class apart, then put right what it loses.

    It sorts the members, leaves out the qualified name of a class that is no enum, makes the class without
    its slots, and marks it so that the process that stored it gets back the very class it has. A restored
    class is a new one, as it would be had the cell run.
    """
    from cloudpickle import cloudpickle

    reduced: tuple[Any, ...] = cloudpickle._dynamic_class_reduce(cls)
    make, args, *rest = reduced
    if make is cloudpickle._make_skeleton_class:
        args[3]["__qualname__"] = cls.__qualname__
        if "__slots__" in vars(cls) and _is_made_plainly(cls, args[2]):
            args[3]["__slots__"] = vars(cls)["__slots__"]
    if isinstance(rest[0], tuple):
        rest[0] = ({name: rest[0][0][name] for name in _in_order(rest[0][0], cls)}, *rest[0][1:])
    return make, (*args[:-2], None, args[-1]), *rest


def _is_made_plainly(cls: type, bases: tuple[Any, ...]) -> bool:
    """Tell whether the metaclass of a class is what makes it, not one that `typing.NamedTuple` brings."""
    found, _, _ = types.prepare_class(cls.__name__, types.resolve_bases(bases), {"metaclass": type(cls)})
    return found is type(cls)


def _in_order(members: Iterable[str], cls: type) -> list[str]:
    places = {name: place for place, name in enumerate(vars(cls))}
    return sorted(members, key=lambda name: places.get(name, 0))


def reduce_method(_packer: Packer, method: types.MethodType) -> tuple[Any, ...]:
    """Reduce a bound method to object and name: it binds what the class then has."""
    owner, function = method.__self__, method.__func__
    name = getattr(function, "__name__", "")
    found = getattr(type(owner) if not isinstance(owner, type) else owner, name, None)
    if found is function or getattr(found, "__func__", None) is function:
        return getattr, (owner, name)
    return types.MethodType, (function, owner)


def reduce_lru_cache(packer: Packer, wrapper: Any) -> Any:
    """Reduce a memoised function without what it remembers, which nobody else may share a part of."""
    module = sys.modules.get(wrapper.__module__)
    if not packer.defines(wrapper) and getattr(module, wrapper.__qualname__, None) is wrapper:
        packer.met_module(wrapper.__module__)
        return NotImplemented
    if not _remembers_atoms(wrapper):
        raise TypeError("the objects that a functools cache remembers cannot be stored")
    settings = wrapper.cache_parameters()
    state = {k: v for k, v in vars(wrapper).items() if k != "cache_parameters"}
    args = (wrapper.__wrapped__, settings["maxsize"], settings["typed"])
    return make_lru_cache, args, state, None, None, set_attributes


def _remembers_atoms(wrapper: Any) -> bool:
    """Tell whether all that a functools cache remembers are plain values that cannot change.

    The cache itself is out of reach but for the garbage collector. Unbounded, it is a dict of results;
    bounded, a dict of links, whose arguments and results count as the wrapper's own.
    """
    if not wrapper.cache_info().currsize:
        return True
    own = (wrapper.__wrapped__, vars(wrapper), *gc.get_referents(_EMPTY))
    parts = [part for part in gc.get_referents(wrapper) if not any(part is one for one in own)]
    if wrapper.cache_parameters()["maxsize"] is None:
        parts = [result for cache in parts for result in cache.values()]
    return all(_is_atom(part) or _is_cache(part) for part in parts)


_EMPTY = functools.lru_cache(maxsize=None)(lambda: None)
"""Refers to what all functools caches refer to, such as the mark before keyword arguments."""


def _is_cache(part: object) -> bool:
    values = part.values() if type(part) is dict else ()
    return bool(values) and all(type(value).__name__ == "_lru_list_elem" for value in values)


def _is_atom(value: object) -> bool:
    if isinstance(value, tuple | frozenset) and type(value) in (tuple, frozenset):
        return all(_is_atom(part) or any(part is one for one in gc.get_referents(_EMPTY)) for part in value)
    return value is None or type(value) in (bool, int, float, complex, str, bytes)


def reduce_new_type(packer: Packer, new_type: Any) -> Any:
    """Reduce a `typing.NewType` of the notebook, which pickles by its name alone, to its parts."""
    if not packer.defines(new_type):
        packer.met_module(new_type.__module__)
        return NotImplemented
    return make_new_type, (new_type.__qualname__, new_type.__supertype__, new_type.__module__)


def sentinels(cls: type) -> dict[int, str]:
    """Return the names of objects without content that the package of a class holds, by identity.

    Only that they are these very ones says something, as of ``dataclasses.MISSING``.
    """
    home = vars(sys.modules.get(cls.__module__, builtins))
    if home is vars(builtins) or is_local(cls.__module__):
        return {}
    found = {id(value): name for name, value in home.items() if type(value) is cls}
    return {key: name for key, name in found.items() if _is_empty(home[name])}


def _is_empty(value: Any) -> bool:
    """Tell whether `object` pickles a value, and nothing but its class is pickled."""
    cls: Any = type(value)
    usual = cls.__reduce_ex__ is object.__reduce_ex__ and cls.__reduce__ is object.__reduce__
    return usual and value.__reduce_ex__(5)[1:] == ((cls,), None, None, None)


def reduce_sentinel(name: str, value: Any) -> tuple[Any, ...]:
    """Reduce an object without content to where its package holds it."""
    return find_sentinel, (type(value), name)


def find_sentinel(cls: type, name: str) -> Any:
    """Find an object without content again.

    Raises
    ------
    LookupError
        The package does not hold it there any more.
    """
    found = getattr(sys.modules.get(cls.__module__), name, None)
    if type(found) is not cls:
        raise LookupError(f"{cls.__module__}.{name} is not a {cls.__name__}")
    return found


def reduce_weak_keys(_packer: Packer, known: Any) -> Any:
    """Reduce what is known by class, as what `functools.singledispatch` has found, to its items.

    Where other objects are the keys, nothing says who keeps them alive, and they cannot be stored.
    """
    if not all(isinstance(key, type) for key in known):
        raise TypeError("objects that are held weakly cannot be stored")
    return type(known), (), None, None, iter(list(known.items()))


def refuse_finalizer(_packer: Packer, _finalizer: Any) -> Any:
    """Refuse what waits for the end of an object of this process."""
    raise TypeError("it waits for the end of an object")


def make_new_type(name: str, supertype: Any, module: str) -> Any:
    """Make a `typing.NewType` again."""
    new_type: Any = typing.NewType  # a variable, since type checkers want a literal name
    made = new_type(name, supertype)
    made.__module__ = module
    return made


def make_lru_cache(function: Any, maxsize: int | None, typed: bool) -> Any:
    """Wrap a function again, remembering nothing yet."""
    return functools.lru_cache(maxsize=maxsize, typed=typed)(function)


def set_attributes(target: Any, state: dict[str, Any]) -> None:
    """Set attributes without asking the object."""
    vars(target).update(state)
