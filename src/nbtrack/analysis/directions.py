"""Whether a higher or a lower value of a metric is better, told by its name alone."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

_LOWER_WORDS = """
    loss losses error errors err mse rmse mae mape smape wape mase rmsle msle medae mdae nll nllh
    logloss crossentropy perplexity ppl wer cer ter fid deviance brier hinge hamming
    misclassification residual residuals divergence kl kld wasserstein rss sse inertia aic bic fpr
    fnr far frr eer ece regret latency risk
"""
_HIGHER_WORDS = """
    accuracy acc auc auroc aucroc auprc aupr f1 f2 fbeta precision recall r2 rsquared ap map ndcg
    mrr iou miou dice jaccard kappa mcc sensitivity specificity silhouette bleu rouge meteor psnr
    ssim likelihood tpr tnr throughput reward rewards gain lift youden gmean
"""
_LOWER = frozenset(_LOWER_WORDS.split())
_HIGHER = frozenset(_HIGHER_WORDS.split())
_PHRASES = {
    "cross entropy": "crossentropy",
    "log loss": "loss",
    "false positive": "fpr",
    "false negative": "fnr",
    "true positive": "tpr",
    "true negative": "tnr",
    "r squared": "r2",
    "r 2": "r2",
    "f 1": "f1",
    "average precision": "precision",
    "explained variance": "r2",
    "davies bouldin": "error",
    "calinski harabasz": "accuracy",
}
_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")


@lru_cache(maxsize=4096)
def better_when(metric_name: str) -> Literal["higher", "lower"] | None:
    """Tell the direction of a metric from the words of its name.

    ``val_loss`` and ``testRMSE`` are lower, ``roc_auc`` and ``f1_score`` higher; scikit-learn's ``neg_…``
    turns a name round. Where the name says nothing, or says both, the answer is None: a wrong arrow misleads,
    a missing one does not.
    """
    text = " ".join(word.lower() for word in _WORDS.findall(metric_name[:200]))
    for phrase, word in _PHRASES.items():
        text = re.sub(rf"\b{phrase}\b", word, text)
    words = text.split()
    lower = any(_LOWER.intersection((word, word.rstrip("0123456789"))) for word in words)
    higher = any(_HIGHER.intersection((word, word.rstrip("0123456789"))) for word in words)
    if lower and higher and words[-1] in ("loss", "error"):
        higher = False  # dice_loss, f1_error: the last word is what is measured
    if not lower and not higher:
        higher = "score" in words or "scores" in words  # alone it counts, beside brier or hamming it does not
    if lower == higher:
        return None
    if words[0] in ("neg", "negative"):
        lower = not lower
    return "lower" if lower else "higher"
