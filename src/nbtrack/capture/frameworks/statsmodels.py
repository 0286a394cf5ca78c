"""statsmodels: what ``fit`` of its models gives, with the criteria and the coefficients of the result."""

from __future__ import annotations

from itertools import islice
from types import ModuleType
from typing import Any, Final

from nbtrack.capture.constants import ABSENT
from nbtrack.capture.estimators import class_name, shape_of
from nbtrack.capture.fits import Fit
from nbtrack.capture.frameworks.classes import watch_classes
from nbtrack.capture.frameworks.patches import Closing, Patches, argument, called_from
from nbtrack.capture.params import jsonable, loaded
from nbtrack.capture.training import Training

MOST_COEFFICIENTS: Final = 1_000

# Each is at hand or a sum over the data; others, such as the pseudo R², fit another model when they are asked for.
_CRITERIA: Final = ("rsquared", "rsquared_adj", "aic", "bic", "llf")
_GIVEN: Final = ("formula", "order", "seasonal_order", "trend")


def observe(module: ModuleType, training: Training, patches: Patches) -> None:
    """Watch the module ``statsmodels.base.model``."""

    def fits(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        if called_from("statsmodels"):  # a test such as adfuller fits many models that nobody asked for
            return None

        def read(result: Any, fit: Fit) -> None:
            _read(args[0], result, fit)

        return training.fitting(None, None, read=read)

    def makes(args: tuple[Any, ...], named: dict[str, Any]) -> Closing | None:
        return training.making(args[0], argument(args, named, 1, "exog"))

    watch_classes(module.Model, {"fit": fits, "fit_regularized": fits}, patches)
    watch_classes(module.Results, {"predict": makes}, patches)


def _read(model: Any, results: Any, fit: Fit) -> None:
    attributes = vars(model)
    fit.title = fit.kind = class_name(model)
    fit.shape = shape_of(attributes.get("exog")) or shape_of(attributes.get("endog"))
    for name in _GIVEN:
        value = jsonable(attributes.get(name, ABSENT), 100)
        if value is not ABSENT and value is not None:
            fit.params[name] = value
    if "family" in attributes:
        fit.params["family"] = class_name(attributes["family"])
    with loaded("numpy", "errstate")(all="ignore"):  # a perfect fit divides by zero
        for name in _CRITERIA:
            # The plain one warns where the family is none of the normal distribution's.
            asked = "bic_llf" if name == "bic" and fit.kind == "GLM" else name
            value = getattr(results, asked, None)
            if (
                value is not None and (number := float(value)) == number
            ):  # a quantile regression has no likelihood
                fit.metrics[name] = number
    names, values = getattr(model, "exog_names", None), getattr(results, "params", None)
    names = getattr(values, "index", names)
    if names is not None and values is not None:
        pairs = zip(names, getattr(values, "values", values), strict=False)
        fit.details["coefficients"] = {
            str(name): float(value)
            for name, value in islice(pairs, MOST_COEFFICIENTS)
            if getattr(value, "ndim", 0) == 0  # with several outcomes there is a column for each
        }
