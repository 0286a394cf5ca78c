"""The exact list of what may be in a model: classes, their constructors, and functions that a model refers to.

Collected by pickling every estimator of scikit-learn 1.5 and 1.9 after fitting it, and those of XGBoost, LightGBM and
CatBoost, whose state is their own binary or text form. Nothing on this list
runs code that its arguments name. Left out for that reason, although models use them:

* ``functools.partial`` and bound methods, which call what they hold; * scipy's distributions
(``RandomizedSearchCV(param_distributions={"C": uniform()})``), whose ``__setstate__`` runs
  ``exec`` on a text in their state;
* ``_codecs.encode`` and with it arrays in pickles of protocol 2 and lower, which imports the codec that it
is given.

The list says which *code* may run, not that the numbers make sense: scikit-learn follows the child indices
of a tree without looking at bounds, so that a forged tree may still crash the process that predicts with
it.
"""

from __future__ import annotations

import importlib
import re
from typing import Any, Final, Literal, TypeAlias

Role: TypeAlias = Literal["constructor", "class", "estimator", "value"]
"""What a pickle may do with a name.

A constructor may be called, a class be called and instantiated, an estimator be instantiated, a value only be
referred to.
"""


def names(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_CV = (
    "KFold StratifiedKFold GroupKFold StratifiedGroupKFold RepeatedKFold RepeatedStratifiedKFold ShuffleSplit"
)
_LOSSES = (
    "CyHalfSquaredError CyAbsoluteError CyPinballLoss CyHuberLoss CyHalfPoissonLoss CyHalfGammaLoss "
    "CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHalfBinomialLoss CyExponentialLoss CyHalfMultinomialLoss"
)
_METRICS = names(
    "Euclidean SEuclidean Manhattan Chebyshev Minkowski WMinkowski Mahalanobis Hamming Canberra BrayCurtis Jaccard "
    "Matching Dice Kulsinski RogersTanimoto RussellRao SokalMichener SokalSneath Haversine"
)

_CONSTRUCTORS: Final[dict[str, frozenset[str]]] = {
    "builtins": names("slice range complex"),
    "collections": names("OrderedDict defaultdict"),
    "copyreg": names("_reconstructor"),
    "numpy": names("dtype"),
    "numpy._core.multiarray": names("_reconstruct scalar"),
    "numpy._core.numeric": names("_frombuffer"),
    "numpy.core.multiarray": names("_reconstruct scalar"),
    "numpy.core.numeric": names("_frombuffer"),
    "numpy.ma.core": names("_mareconstruct"),
    "numpy.random._pickle": names("__bit_generator_ctor __generator_ctor __randomstate_ctor"),
    "numpy.random.bit_generator": names("__pyx_unpickle_SeedSequence"),
    "sklearn._loss._loss": names(" ".join(f"__pyx_unpickle_{loss}" for loss in _LOSSES.split())),
    "sklearn.linear_model._sgd_fast": names("__pyx_unpickle_Regression __pyx_unpickle_Classification"),
    "sklearn.metrics._dist_metrics": names("newObj"),
    "sklearn.neighbors._ball_tree": names("newObj"),
    "sklearn.neighbors._kd_tree": names("newObj"),
}

_CLASSES: Final[dict[str, frozenset[str]]] = {
    "scipy.interpolate._bsplines": names("BSpline"),
    **{
        f"scipy.sparse._{form}": names(f"{form}_matrix {form}_array")
        for form in names("bsr coo csc csr dia lil")
    },
    "sklearn._loss._loss": names(_LOSSES),
    "sklearn._loss.link": names("Interval IdentityLink LogLink LogitLink HalfLogitLink MultinomialLogit"),
    "sklearn._loss.loss": names(
        "HalfSquaredError AbsoluteError PinballLoss HuberLoss HalfPoissonLoss HalfGammaLoss HalfTweedieLoss "
        "HalfTweedieLossIdentity HalfBinomialLoss HalfMultinomialLoss ExponentialLoss"
    ),
    "sklearn.calibration": names("_CalibratedClassifier"),
    "sklearn.cluster._birch": names("_CFNode _CFSubcluster"),
    "sklearn.cluster._bisect_k_means": names("_BisectingTree"),
    "sklearn.compose._column_transformer": names("make_column_selector _RemainderColsList"),
    "sklearn.ensemble._hist_gradient_boosting.predictor": names("TreePredictor"),
    "sklearn.gaussian_process.kernels": names(
        "CompoundKernel Sum Product Exponentiation ConstantKernel WhiteKernel RBF Matern RationalQuadratic "
        "ExpSineSquared DotProduct PairwiseKernel Hyperparameter"
    ),
    "sklearn.linear_model._sgd_fast": names(
        "ModifiedHuber Hinge SquaredHinge Log SquaredLoss Huber EpsilonInsensitive SquaredEpsilonInsensitive"
    ),
    "sklearn.metrics._dist_metrics": names(
        " ".join(f"{m}Distance {m}Distance32 {m}Distance64" for m in _METRICS)
    ),
    "sklearn.metrics._scorer": names("_Scorer _PassthroughScorer _CurveScorer _MultimetricScorer"),
    "sklearn.model_selection._classification_threshold": names("_CurveScorer"),
    "sklearn.model_selection._split": names(
        f"{_CV} GroupShuffleSplit StratifiedShuffleSplit TimeSeriesSplit LeaveOneOut LeavePOut LeaveOneGroupOut "
        "LeavePGroupsOut PredefinedSplit"
    ),
    "sklearn.neighbors._ball_tree": names("BallTree BallTree32 BallTree64"),
    "sklearn.neighbors._kd_tree": names("KDTree KDTree32 KDTree64"),
    "sklearn.neural_network._stochastic_optimizers": names("AdamOptimizer SGDOptimizer"),
    "sklearn.tree._tree": names("Tree"),
    "lightgbm.basic": names("Booster"),
    "lightgbm.sklearn": names("LGBMClassifier LGBMRegressor LGBMRanker"),
    "sklearn.utils._bunch": names("Bunch"),
    "sklearn.utils._metadata_requests": names(
        "MetadataRequest MethodMetadataRequest MetadataRouter MethodMapping MethodPair RouterMappingPair"
    ),
    "catboost.core": names("CatBoost CatBoostClassifier CatBoostRegressor CatBoostRanker"),
    "xgboost.core": names("Booster"),
    "xgboost.sklearn": names("XGBClassifier XGBRegressor XGBRanker XGBRFClassifier XGBRFRegressor"),
}

_VALUES: Final[dict[str, frozenset[str]]] = {
    "builtins": names("bool int float str bytes list tuple dict set frozenset object"),
    "numpy": names(
        "ndarray matrix bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 intc uintc longlong ulonglong "
        "float16 float32 float64 longdouble complex64 complex128 str_ bytes_ object_ datetime64 timedelta64 "
        "mean median max min sum amax amin"
    ),
    "numpy.ma": names("MaskedArray"),
    "numpy.ma.core": names("MaskedArray"),
    "numpy.random._mt19937": names("MT19937"),
    "numpy.random._pcg64": names("PCG64 PCG64DXSM"),
    "numpy.random._philox": names("Philox"),
    "numpy.random._sfc64": names("SFC64"),
    "numpy.random.bit_generator": names("SeedSequence"),
    "scipy._lib.array_api_compat.numpy._aliases": names("asarray"),
    "sklearn.cluster._kmeans": names("_kmeans_single_lloyd _kmeans_single_elkan"),
    "sklearn.feature_selection._mutual_info": names("mutual_info_classif mutual_info_regression"),
    "sklearn.feature_selection._univariate_selection": names(
        "f_classif f_oneway f_regression r_regression chi2"
    ),
    "sklearn.metrics._classification": names(
        "accuracy_score balanced_accuracy_score brier_score_loss cohen_kappa_score d2_brier_score d2_log_loss_score "
        "f1_score fbeta_score hamming_loss hinge_loss jaccard_score log_loss matthews_corrcoef precision_score "
        "recall_score zero_one_loss"
    ),
    "sklearn.metrics._ranking": names(
        "average_precision_score roc_auc_score top_k_accuracy_score ndcg_score dcg_score"
    ),
    "sklearn.metrics._regression": names(
        "d2_absolute_error_score explained_variance_score max_error mean_absolute_error "
        "mean_absolute_percentage_error mean_gamma_deviance mean_pinball_loss mean_poisson_deviance "
        "mean_squared_error mean_squared_log_error median_absolute_error r2_score root_mean_squared_error "
        "root_mean_squared_log_error"
    ),
    "sklearn.metrics._scorer": names(
        "_passthrough_scorer positive_likelihood_ratio negative_likelihood_ratio"
    ),
    "sklearn.metrics.cluster._supervised": names(
        "adjusted_mutual_info_score adjusted_rand_score completeness_score fowlkes_mallows_score homogeneity_score "
        "mutual_info_score normalized_mutual_info_score rand_score v_measure_score"
    ),
    "sklearn.metrics.pairwise": names(
        "rbf_kernel linear_kernel polynomial_kernel sigmoid_kernel laplacian_kernel cosine_similarity "
        "cosine_distances euclidean_distances manhattan_distances"
    ),
    "sklearn.preprocessing._function_transformer": names("_identity"),
}

_UFUNC_MODULES: Final = names(
    "numpy numpy._core._multiarray_umath numpy.core._multiarray_umath scipy.special "
    "scipy.special._ufuncs scipy.special._special_ufuncs"
)

# scikit-learn < 1.6 pickles its losses under a module name that is not its own; a file _loss.py must not be
# imported
_RENAMED: Final = {"_loss": "sklearn._loss._loss"}

# The packages of scikit-learn that define estimators; "utils" and all tests define some that are none.
_ESTIMATOR_MODULE: Final = re.compile(
    r"sklearn\.(?:calibration|cluster|compose|covariance|cross_decomposition|decomposition|discriminant_analysis"
    r"|dummy|ensemble|feature_extraction|feature_selection|frozen|gaussian_process|impute|isotonic"
    r"|kernel_approximation|kernel_ridge|linear_model|manifold|mixture|model_selection|multiclass|multioutput"
    r"|naive_bayes|neighbors|neural_network|pipeline|preprocessing|random_projection|semi_supervised|svm|tree)"
    r"(?:\.(?!tests\b)[a-z_][a-z0-9_]*)*"
)


def role_of(module: str, name: str) -> Role | None:
    """Return what a pickle may do with ``module.name``, or None where it may not even name it. Imports nothing.

    An estimator is one only if `resolve` says so too.
    """
    module = _RENAMED.get(module, module)
    if name in _CONSTRUCTORS.get(module, ()):
        return "constructor"
    if name in _CLASSES.get(module, ()):
        return "class"
    if name in _VALUES.get(module, ()) or (module in _UFUNC_MODULES and name.isidentifier()):
        return "value"
    if _ESTIMATOR_MODULE.fullmatch(module) is not None and name.isidentifier():
        return "estimator"
    return None


def resolve(module: str, name: str) -> Any:
    """Return the allowed object ``module.name``, or None. A module outside the list is never imported."""
    role, module = role_of(module, name), _RENAMED.get(module, module)
    if role is None:
        return None
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ImportError:
        return None
    if role == "value" and name not in _VALUES.get(module, ()):
        return found if _is_ufunc(found) else None
    if role == "estimator":
        return found if _is_estimator(found, module) else None
    return found


def is_allowed(dotted: str) -> bool:
    """Whether a type that skops names as ``module.name`` is on the list."""
    module, _, name = dotted.rpartition(".")
    return resolve(module, name) is not None


def _is_ufunc(found: object) -> bool:
    import numpy as np

    return type(found) is np.ufunc


def _is_estimator(found: object, module: str) -> bool:
    """Whether it is an estimator class of this very module, and not one that it imported."""
    from sklearn.base import BaseEstimator

    return isinstance(found, type) and issubclass(found, BaseEstimator) and found.__module__ == module
