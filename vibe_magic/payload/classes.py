"""Classes: by name where the notebook or a module holds them, by value otherwise."""

from __future__ import annotations

import functools
import sys
import typing
from types import MethodType
from typing import TYPE_CHECKING, Any

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

    It leaves out the qualified name of a class that is no enum, and marks the class so that the
    process that stored it gets back the very class it has. A restored class is a new one, as it
    would be had the cell run.
    """
    from cloudpickle import cloudpickle

    reduced: tuple[Any, ...] = cloudpickle._dynamic_class_reduce(cls)
    make, args, *rest = reduced
    if make is cloudpickle._make_skeleton_class:
        args[3]["__qualname__"] = cls.__qualname__
    return make, (*args[:-2], None, args[-1]), *rest


def reduce_method(_packer: Packer, method: MethodType) -> tuple[Any, ...]:
    """Reduce a bound method to object and name: it binds what the class then has."""
    owner, function = method.__self__, method.__func__
    name = getattr(function, "__name__", "")
    found = getattr(type(owner) if not isinstance(owner, type) else owner, name, None)
    if found is function or getattr(found, "__func__", None) is function:
        return getattr, (owner, name)
    return MethodType, (function, owner)


def reduce_lru_cache(packer: Packer, wrapper: Any) -> Any:
    """Reduce a memoised function; what it remembers cannot be read, so it must remember nothing."""
    module = sys.modules.get(wrapper.__module__)
    if not packer.defines(wrapper) and getattr(module, wrapper.__qualname__, None) is wrapper:
        packer.met_module(wrapper.__module__)
        return NotImplemented
    if any(wrapper.cache_info()[:2]):
        raise TypeError("the results that a functools cache remembers cannot be stored")
    settings = wrapper.cache_parameters()
    state = {k: v for k, v in vars(wrapper).items() if k != "cache_parameters"}
    args = (wrapper.__wrapped__, settings["maxsize"], settings["typed"])
    return make_lru_cache, args, state, None, None, set_attributes


def reduce_new_type(packer: Packer, new_type: Any) -> Any:
    """Reduce a `typing.NewType` of the notebook, which pickles by its name alone, to its parts."""
    if not packer.defines(new_type):
        packer.met_module(new_type.__module__)
        return NotImplemented
    return make_new_type, (new_type.__qualname__, new_type.__supertype__, new_type.__module__)


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
