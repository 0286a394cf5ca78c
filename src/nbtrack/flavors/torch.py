"""Networks of PyTorch as one safetensors file: the tensors, and in its header what the modules around them are.

The header names each module's class and its plain attributes. A network of ``torch.nn`` alone is built again from that
without a call of any code that the file names. Where a class is another's, the file names it or brings its source, and
loading it runs that: the version is marked so, and needs ``trust``.
"""

from __future__ import annotations

import importlib
import json
import types as python_types
from collections.abc import Mapping
from typing import Any, Final

from nbtrack.errors import ModelError, StoreCorrupt, UnsafeModel
from nbtrack.flavors.allowed import names
from nbtrack.flavors.content import Written, sentence, type_name
from nbtrack.flavors.formats import is_made_of, require
from nbtrack.flavors.own_source import module_of, sources_of

FORMAT: Final = "torch"
LIBRARY: Final = "torch"

_OWN: Final = "torch.nn.modules."
_DERIVED: Final = frozenset({"_flat_weights", "_flat_weight_refs"})
"""Attributes of recurrent layers that are their weights once more."""
_FUNCTIONS: Final = names(
    "relu relu6 elu selu celu gelu silu mish leaky_relu tanh sigmoid softplus softsign hardtanh hardswish softmax "
    "log_softmax logsigmoid"
)
"""Functions of ``torch.nn.functional`` that a module may hold as its activation."""
_MOST_HEADER: Final = 100_000_000


def holds(kind: type) -> bool:
    """Whether it is a module of torch, of any class."""
    return is_made_of(kind, "torch.nn", "Module")


def write(model: Any, namespace: Mapping[str, object] | None = None) -> Written:
    """The network as safetensors.

    Parameters
    ----------
    namespace
        The variables of the notebook, where its classes are found; without it, a class of a notebook cannot be written.

    Raises
    ------
    ModelError
        If a part of it has no form: a hook, an attribute that is no plain value, a class whose source is not known.
    """
    torch, saving = require("torch"), require("safetensors.torch", "safetensors")
    tensors: dict[str, Any] = {}
    foreign: dict[str, type] = {}
    tree = _described(torch, model, "", tensors, {}, foreign)
    header = {"nbtrack": json.dumps(tree)}
    own = {name: kind for name, kind in foreign.items() if kind.__module__ == "__main__"}
    if own:
        header["source"] = sources_of(own.values(), namespace or {})
    content: bytes = saving.save(tensors, metadata=header)
    return Written(content=content, types=sorted(foreign), runs_code=bool(foreign))


def is_one(content: bytes) -> bool:
    """Eight bytes that say how long the header is, and a JSON object as the header, with ours in it."""
    try:
        return "nbtrack" in _header(content)
    except StoreCorrupt:
        return False


def runs_code(content: bytes) -> bool:
    """Whether any module is of a class beyond ``torch.nn``, or the file has source."""
    header = _header(content)
    return "source" in header or bool(_foreign(json.loads(header["nbtrack"])))


def load(content: bytes, types: list[str], *, trusted: bool = False) -> Any:
    """The network, as it was: in training or evaluation mode, on the CPU.

    Raises
    ------
    UnsafeModel
        If it has classes beyond ``torch.nn`` and is not trusted.
    ModelError
        If the installed torch cannot build it.
    """
    torch, saving = require("torch"), require("safetensors.torch", "safetensors")
    header = _header(content)
    tree = json.loads(header["nbtrack"])
    if (foreign := _foreign(tree)) and not trusted:
        raise UnsafeModel(
            f"The model has classes that are not of torch.nn: {', '.join(foreign)}.", types=foreign
        )
    own = module_of(header["source"], content) if "source" in header and trusted else None
    try:
        return _built(torch, tree, saving.load(content), {}, own)
    except UnsafeModel:
        raise
    except Exception as problem:
        raise ModelError(f"torch cannot load the model here: {sentence(problem)}") from problem


def _header(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 10 or not 2 <= length <= min(len(content) - 8, _MOST_HEADER) or content[8:9] != b"{":
        raise StoreCorrupt("The file is no safetensors file.")
    try:
        header = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, RecursionError) as problem:
        raise StoreCorrupt(f"The file is no safetensors file: {sentence(problem)}") from None
    return header if isinstance(header, dict) else {}


def _foreign(tree: Any) -> list[str]:
    """The classes of a description that are not those of ``torch.nn``."""
    found: dict[str, None] = {}
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if not str(part["class"]).startswith(_OWN):
            found[str(part["class"])] = None
        waiting.extend(part["children"].values())
    return list(found)


def _described(
    torch: Any,
    module: Any,
    path: str,
    tensors: dict[str, Any],
    placed: dict[int, str],
    foreign: dict[str, type],
) -> dict[str, Any]:
    kind = type(module)
    name = type_name(kind)
    if not _is_torchs(torch, kind):
        foreign[name] = kind
    blank = vars(torch.nn.Module())
    attributes = vars(module)
    for hook in blank:
        if hook.endswith("_hooks") and attributes.get(hook):
            raise ModelError(f"The module {path or name} has hooks, which no file holds: remove them first.")

    def kept(found: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for key, tensor in found.items():
            told[key] = None
            if tensor is not None:
                if id(tensor) not in placed:
                    placed[id(tensor)] = f"{path}{key}"
                    tensors[f"{path}{key}"] = tensor.detach().cpu().contiguous().clone()
                told[key] = [placed[id(tensor)], bool(tensor.requires_grad)]
        return told

    return {
        "class": name,
        "training": bool(module.training),
        "parameters": kept(attributes["_parameters"]),
        "buffers": kept(attributes["_buffers"]),
        "passing": sorted(attributes["_non_persistent_buffers_set"]),
        "state": {
            key: _plain(torch, value, f"{path}{key}")
            for key, value in attributes.items()
            if key not in blank and key not in _DERIVED
        },
        "children": {
            key: None
            if child is None
            else _described(torch, child, f"{path}{key}.", tensors, placed, foreign)
            for key, child in attributes["_modules"].items()
            if child is not None
        },
    }


def _is_torchs(torch: Any, kind: type) -> bool:
    return kind.__module__.startswith(_OWN) and issubclass(kind, torch.nn.Module)


def _plain(torch: Any, value: Any, where: str) -> Any:
    """An attribute as JSON; what JSON has no form for is an object with one key."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_plain(torch, item, where) for item in value]}
    if isinstance(value, list):
        return [_plain(torch, item, where) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _plain(torch, item, where) for key, item in value.items()}}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"device": "cpu"}
    name = getattr(value, "__name__", "")
    if name in _FUNCTIONS and getattr(torch.nn.functional, name, None) is value:
        return {"function": name}
    raise ModelError(
        f"The attribute {where} of the network is a {type(value).__name__}, which its file cannot hold; "
        "--format pickle keeps all of it, and runs code when it is loaded."
    )


def _value(torch: Any, plain: Any) -> Any:
    if isinstance(plain, list):
        return [_value(torch, item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((form, content),) = plain.items()
    if form == "tuple":
        return tuple(_value(torch, item) for item in content)
    if form == "dict":
        return {key: _value(torch, item) for key, item in content.items()}
    if form == "dtype" and isinstance(found := getattr(torch, content, None), torch.dtype):
        return found
    if form == "device":
        return torch.device("cpu")
    if form == "function" and content in _FUNCTIONS:
        return getattr(torch.nn.functional, content)
    raise UnsafeModel(f"The network has a {form} {content!r}, which no network that nbtrack writes has.")


def _class(torch: Any, name: str, own: python_types.ModuleType | None) -> Any:
    module, _, short = name.rpartition(".")
    if name.startswith(_OWN):
        found = vars(importlib.import_module(module)).get(short) if module.count(".") == 3 else None
    elif module == "__main__":
        found = getattr(own, short, None)
    else:  # loaded only where the person trusts the file
        found = getattr(importlib.import_module(module), short, None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        raise UnsafeModel(f"{name} is no class of networks.", types=[name])
    return found


def _built(
    torch: Any,
    tree: Any,
    tensors: dict[str, Any],
    made: dict[str, Any],
    own: python_types.ModuleType | None,
) -> Any:
    kind = _class(torch, tree["class"], own)
    module = kind.__new__(kind)
    torch.nn.Module.__init__(module)
    attributes = vars(module)
    for key, place in tree["parameters"].items():
        if place is not None and place[0] not in made:
            made[place[0]] = torch.nn.Parameter(tensors[place[0]], requires_grad=bool(place[1]))
        attributes["_parameters"][key] = None if place is None else made[place[0]]
    for key, place in tree["buffers"].items():
        attributes["_buffers"][key] = None if place is None else tensors[place[0]]
    attributes["_non_persistent_buffers_set"].update(tree["passing"])
    blank = vars(torch.nn.Module())
    for key, plain in tree["state"].items():
        if key in blank:
            raise UnsafeModel(f"The network would change {key} of its modules.", types=[key])
        attributes[key] = _value(torch, plain)
    for key, child in tree["children"].items():
        attributes["_modules"][key] = _built(torch, child, tensors, made, own)
    if isinstance(module, torch.nn.RNNBase):
        module._init_flat_weights()
    attributes["training"] = bool(tree["training"])
    return module
