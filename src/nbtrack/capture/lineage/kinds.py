"""What kind of thing an object is, told from its type alone.

Nothing is asked of the object, nor of a metaclass: ``type(x)`` and the descriptors of ``type`` itself answer without running
anybody's code, where ``isinstance``, ``getattr`` and ``in`` would.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

identity: Final = object.__hash__
"""A number that no other object of the process has while this one lives. `id` raises an audit event, this does not."""

mro_of: Final = type.__dict__["__mro__"].__get__
_dict_of: Final = type.__dict__["__dict__"].__get__
_module_of: Final = type.__dict__["__module__"].__get__
module_dict: Final = vars(types.ModuleType)["__dict__"].__get__
name_of: Final = type.__dict__["__name__"].__get__

_EXACT: Final[dict[int, str]] = {
    identity(kind): word
    for word, kinds in {
        "dict": (dict,),
        "list": (list,),
        "tuple": (tuple,),
        "set": (set, frozenset),
        "function": (types.FunctionType,),
        "method": (types.MethodType,),
        "builtin": (types.BuiltinFunctionType,),
        "module": (types.ModuleType,),
        "class": (type,),
        "generator": (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType),
        "referents": (property, staticmethod, classmethod, types.CellType, types.MappingProxyType),
        "value": (
            *(range, slice, type(...), type(NotImplemented), types.CodeType, types.WrapperDescriptorType),
            *(types.MethodDescriptorType, types.ClassMethodDescriptorType, types.GetSetDescriptorType),
            *(types.MemberDescriptorType, types.MethodWrapperType, types.GenericAlias, types.UnionType),
            *(weakref.ref, int, str, float, complex, bytes, bool, type(None), object),
        ),
    }.items()
    for kind in kinds
}
_INHERITED: Final = (
    (dict, "dict"),
    (list, "list"),
    (tuple, "tuple"),
    (set, "set"),
    (frozenset, "set"),
    (deque, "referents"),
    (bytearray, "bytes"),
    (type, "class"),
    (types.ModuleType, "module"),
    (BaseException, "object"),
)
_NUMPY: Final = {"ndarray": "array", "generic": "value", "dtype": "value", "ufunc": "value"}
_RANDOM: Final = {"Generator": "random", "RandomState": "random", "BitGenerator": "random"}
_PANDAS: Final = {"NDFrame": "frame", "Index": "index", "ExtensionArray": "extension"}
_IMMUTABLE: Final = (
    "pyarrow",
    "re",
    "datetime",
    "decimal",
    "zoneinfo",
    "pathlib",
    "uuid",
    "fractions",
    "ipaddress",
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind: its word, and how instances' attributes are reached.

    ``slots`` and ``attributes`` are descriptors that read the instance without running code. ``library`` is the first part
    of the name of the module that made the type.
    """

    word: str
    library: str
    name: str
    slots: tuple[Any, ...] = ()
    attributes: Any = None


_kinds: dict[int, tuple[weakref.ref[type], Kind]] = {}


def kind_of(cls: type) -> Kind:
    """The kind of the instances of `cls`. The type is not kept alive."""
    key = identity(cls)
    known = _kinds.get(key)
    if known is not None and known[0]() is cls:
        return known[1]
    kind = _classified(cls)
    if len(_kinds) > 5_000:
        _kinds.clear()
    _kinds[key] = (weakref.ref(cls), kind)
    return kind


def module_of(cls: type) -> str:
    """The module that made a type; empty where that is no text."""
    module = _module_of(cls)
    return module if type(module) is str else ""


def own_dict(cls: type) -> Any:
    """What the class itself defines."""
    return _dict_of(cls)


def in_library(function: types.FunctionType, own: dict[str, object], is_project: Any) -> bool:
    """Whether a library's module holds a function by its name: then what is around it, such as a wrapper, is its own."""
    module = function.__module__
    holder = sys.modules.get(module) if type(module) is str else None
    if holder is None or not issubclass(type(holder), types.ModuleType):
        return False
    names = module_dict(holder)
    if type(names) is not dict or names is own or names.get(function.__name__) is not function:
        return False
    return not is_project(names.get("__file__"))


def _classified(cls: type) -> Kind:
    module, name = module_of(cls), name_of(cls)
    library = module.partition(".")[0]
    word = _EXACT.get(identity(cls))
    if word is not None:
        return Kind(word, library, name)
    mro = mro_of(cls)
    slots, attributes = _reached(mro)
    has_state = attributes is not None or any("__slots__" in _dict_of(base) for base in mro[:-1])
    word = _inherited(mro) or _plain(mro, library, has_state=has_state)
    return Kind(word, library, name, slots, attributes)


def _reached(mro: tuple[type, ...]) -> tuple[tuple[Any, ...], Any]:
    slots, attributes = [], None
    for base in mro[:-1]:
        for name, entry in list(_dict_of(base).items()):
            if type(entry) is types.MemberDescriptorType:
                if type(name) is str and not name.startswith("__"):
                    slots.append(entry)
            elif attributes is None and name == "__dict__" and type(entry) is types.GetSetDescriptorType:
                attributes = entry
    return tuple(slots), attributes


def _inherited(mro: tuple[type, ...]) -> str | None:
    for base in mro[:-1]:
        for known, word in _INHERITED:
            if base is known:
                return word
        module, name = module_of(base), name_of(base)
        if module == "numpy":
            if name in _NUMPY:
                return _NUMPY[name]
        elif module.startswith("numpy.random"):
            if name in _RANDOM:
                return _RANDOM[name]
        elif module.partition(".")[0] == "pandas":
            if name in _PANDAS:
                return _PANDAS[name]
        elif module == "_random" and name == "Random":
            return "python random"
        elif module == "_io" and name == "_IOBase":
            return "moving"
        elif module == "array" and name == "array":
            return "bytes"
        elif module == "torch" and name in ("Tensor", "Generator"):
            return "tensor" if name == "Tensor" else "opaque"
        elif module == "enum" and name == "Enum":
            return "value"
        elif module == "functools" and name == "_lru_cache_wrapper":
            return "cache"
    return None


def _plain(mro: tuple[type, ...], library: str, *, has_state: bool) -> str:
    if library in _IMMUTABLE:
        return "value"
    if has_state:
        return "object"
    for base in mro[:-1]:
        if "__next__" in _dict_of(base):
            return "moving"
    for base in mro[:-1]:
        own = _dict_of(base)
        if "__hash__" in own:  # what is compared by what it holds cannot change
            return "value" if own["__hash__"] is not None and "__eq__" in own else "opaque"
    return "referents" if library == "builtins" else "opaque"
