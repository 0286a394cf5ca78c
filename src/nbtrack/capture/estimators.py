"""What an estimator in scikit-learn's manner tells of itself, read from its attributes: none of its code is called.

``get_params`` may be the person's own, and asks the signatures of all classes each time, which costs more than a small fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import CO_VARKEYWORDS
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.identity import ByIdentity
from nbtrack.capture.params import jsonable, loaded, scalar

if TYPE_CHECKING:
    from nbtrack.entities.values import JSONValue

MOST_PARAMS: Final = 200

_DEEPEST: Final = 5
_PARTS: Final = 100  # a param grid is a param, a vocabulary is data
_SEARCHED: Final = frozenset({"param_grid", "param_distributions", "search_spaces"})
_NO_PARAMS: Final = frozenset(
    {"steps", "transformers", "n_jobs", "verbose"}
)  # parts, and what changes no result
_WITH_SHAPES: Final = frozenset(
    {"numpy", "pandas", "polars", "scipy", "pyarrow", "modin", "cudf", "cupy", "torch"}
)

_PREPARING: Final = frozenset(
    {
        "preprocessing", "impute", "feature_extraction", "feature_selection", "compose", "pipeline",
        "kernel_approximation", "random_projection"
    }
)  # fmt: skip
_FOUNDATIONS: Final = frozenset({"base", "utils"})  # of all estimators, also of those of other libraries
_PREPARES: Final = ("transform", "fit_resample")
_LEARNED: Final = frozenset({"components_", "embedding_"})

_defaults_of: ByIdentity[dict[str, Any]] = ByIdentity()


def class_name(model: object) -> str:
    """The name of a model's class; of what predicts in the end for a pipeline or a search."""
    for _ in range(_DEEPEST):
        inner = _last_step(model) or (
            _searched(model) if _SEARCHED.intersection(attributes_of(model)) else None
        )
        if inner is None:
            break
        model = inner
    return _name(type(model))


def estimator_title(model: object, depth: int = 0) -> str:
    """A model's class and what it is made of: ``Pipeline(StandardScaler, SVC)``."""
    inner = [part for _, part in _steps(model)] if depth < _DEEPEST else []
    if not inner and (estimator := _searched(model)) is not None:
        inner = [estimator]
    names = [estimator_title(part, depth + 1) for part in inner[:20]]
    return f"{_name(type(model))}({', '.join(names)})" if names else _name(type(model))


def estimator_params(model: object) -> dict[str, JSONValue]:
    """What differs from the defaults of an estimator's class, with the params of its parts as ``part__name``."""
    found: dict[str, JSONValue] = {}
    for name, value in _differing(model, "", 0) if _is_estimator(model) else ():
        if len(found) >= MOST_PARAMS:
            break
        found[name] = value
    return found


def can_predict(model: object, conditional: type | None = None) -> bool:
    """Whether a model can predict, or find groups.

    Parameters
    ----------
    conditional
        The class of methods that are there or not by what the model is made of; of such, the last step is asked.
    """
    for kind in type(model).__mro__:
        for name in ("predict", "fit_predict"):
            method = vars(kind).get(name)
            if conditional is not None and type(method) is conditional:
                last = _last_step(model)
                return (
                    can_predict(last, conditional)
                    if last is not None
                    else "steps" not in attributes_of(model)
                )
            if callable(method):
                return True
    return False


def only_prepares(model: object) -> bool:
    """Whether what cannot predict is only a step that prepares data: it scales, encodes, fills in, selects or draws rows.

    What finds components, an embedding, a density, neighbours or a covariance is a model of the data. In scikit-learn the
    module tells the two apart; elsewhere, of what transforms, whether it has learned components or an embedding.
    """
    for _ in range(_DEEPEST):
        last = _last_step(model)
        if last is None:
            break
        model = last
    for kind in type(model).__mro__:
        package, _, rest = _module(kind).partition(".")
        if package == "sklearn" and (part := rest.partition(".")[0]) not in _FOUNDATIONS:
            return part in _PREPARING
    makes = any(callable(vars(kind).get(name)) for kind in type(model).__mro__ for name in _PREPARES)
    return makes and not _LEARNED.intersection(attributes_of(model))


def shape_of(data: object) -> tuple[int, ...] | None:
    """The shape of an array or a table, the length of a list; None for what is neither."""
    kind = type(data)
    if kind is list or kind is tuple:
        return (len(data),)  # type: ignore[arg-type]
    module = type.__getattribute__(kind, "__module__")
    if type(module) is not str or module.partition(".")[0] not in _WITH_SHAPES:
        return None
    try:
        shape = tuple(data.shape)  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001 - a table that is not computed yet may not know
        return None
    sizes = [scalar(size) for size in shape[:8]]
    return tuple(sizes) if all(type(size) is int for size in sizes) else None


def _differing(model: object, before: str, depth: int) -> Iterator[tuple[str, JSONValue]]:
    parts = dict(_steps(model))
    for name, part in parts.items():
        if depth < _DEEPEST:
            yield from _differing(part, f"{before}{name}__", depth + 1)
    attributes = attributes_of(model)
    for name, default in defaults_of(type(model)).items():
        value = attributes.get(name, ABSENT)
        if value is ABSENT or value is default or name in _SEARCHED or name in _NO_PARAMS:
            continue
        if _is_estimator(value):
            if depth < _DEEPEST:
                if name != "estimator":  # which the title tells
                    yield f"{before}{name}", _name(type(value))
                yield from _differing(value, f"{before}{name}__", depth + 1)
            continue
        plain = jsonable(value, _PARTS)
        if plain is ABSENT:
            if not (name == "estimators" and parts):
                yield f"{before}{name}", _name(type(value))
        elif type(plain) is not type(standard := jsonable(default, _PARTS)) or (
            plain != standard and (plain == plain or standard == standard)  # NaN is a default of xgboost's
        ):
            yield f"{before}{name}", plain


def defaults_of(kind: type) -> dict[str, Any]:
    """The arguments of a class and their defaults, with those of the classes above where it passes ``**named`` on."""
    known = _defaults_of.get(kind)
    if known is not None:
        return known
    found: dict[str, Any] = {}
    for place in kind.__mro__:
        init = vars(place).get("__init__")
        init = getattr(init, "__wrapped__", init) if type(init) is FunctionType else None
        if type(init) is not FunctionType:
            continue
        code = init.__code__
        names = code.co_varnames[1 : code.co_argcount]
        values = init.__defaults__ or ()
        required = len(names) - len(values)
        for place_of, name in enumerate(names):
            found.setdefault(name, values[place_of - required] if place_of >= required else ABSENT)
        for name in code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]:
            found.setdefault(name, (init.__kwdefaults__ or {}).get(name, ABSENT))
        if not code.co_flags & CO_VARKEYWORDS:
            break
    _defaults_of[kind] = found
    return found


def _steps(model: object) -> list[tuple[str, object]]:
    """The named parts of a pipeline, an ensemble or a column transformer."""
    attributes = attributes_of(model)
    for name in ("steps", "transformers", "estimators"):
        steps = attributes.get(name)
        if type(steps) is list:
            return [
                (step[0], step[1])
                for step in steps[:100]
                if type(step) is tuple and len(step) >= 2 and type(step[0]) is str and _is_estimator(step[1])
            ]
    return []


def _last_step(model: object) -> object | None:
    steps = attributes_of(model).get("steps")
    last = steps[-1] if type(steps) is list and steps else None
    return last[1] if type(last) is tuple and len(last) == 2 and _is_estimator(last[1]) else None


def _searched(model: object) -> object | None:
    """What a search, or anything else that is given an estimator, works with."""
    estimator = attributes_of(model).get("estimator")
    return estimator if _is_estimator(estimator) and "estimator" in defaults_of(type(model)) else None


def _is_estimator(value: object) -> bool:
    base = loaded("sklearn.base", "BaseEstimator")
    return isinstance(base, type) and issubclass(type(value), base)


def attributes_of(model: object) -> dict[str, Any]:
    """An object's attributes as they are, without asking it; none where it keeps them otherwise."""
    try:
        attributes = object.__getattribute__(model, "__dict__")
    except AttributeError:
        return {}
    return attributes if type(attributes) is dict else {}


def _module(kind: type) -> str:
    module = type.__getattribute__(kind, "__module__")
    return module if type(module) is str else ""


def _name(kind: type) -> str:
    name = type.__getattribute__(kind, "__name__")
    return name if type(name) is str else "?"
