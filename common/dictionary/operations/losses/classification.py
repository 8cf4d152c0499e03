"""Entries of losses of classes and labels."""

from __future__ import annotations

import numpy as np

from ...entry import Contrast, Entry, argument, setting
from ...proof import Proof, index, positive, probability, proved, real
from .reduced import WEIGHT, loss, reduced

SCORES, LABELS = real(6, 5), index(5, 6)
IGNORED = setting("ignore_index", -100, "ignore_index")
OF_EACH = positive(6, 5, name="weight", fixed=True)
OF_CLASS = positive(5, name="weight", fixed=True)
CHANCES, SHARES = probability(6, 5), probability(6, 5, fixed=True)
COUNTED = Contrast("mean, with some labels ignored", "over those that count",
                   "over all, if ignore_index is negative, as by default")  # fmt: skip


def _log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    x = x - x.max(axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def _nll(
    logs, target, weight=None, ignore_index: int = -100, reduction: str = "mean", axis: int = 1, smoothing: float = 0.0
):
    """The mean is over the labels that count, by the weights of their classes."""
    logs, target = np.moveaxis(logs, axis, -1), np.asarray(target)
    weight = np.ones(logs.shape[-1]) if weight is None else weight
    kept = target != ignore_index
    label = np.where(kept, target, 0)
    share = np.where(kept, weight[label], 0)
    each = -share * np.take_along_axis(logs, label[..., None], -1)[..., 0]
    each = (1 - smoothing) * each - np.where(kept, (logs * weight).mean(-1), 0) * smoothing
    return each.sum() / share.sum() if reduction == "mean" else reduced(each, reduction)


def _cross_entropy(
    x, target, weight=None, ignore_index: int = -100, reduction: str = "mean", soft_label: bool = False,
    axis: int = 1, use_softmax: bool = True, label_smoothing: float = 0.0,
):  # fmt: skip
    """`target`: labels, or the probability of each class."""
    logs = _log_softmax(x, axis) if use_softmax else np.log(x)
    if target.dtype.kind == "f":
        if weight is not None or label_smoothing:
            raise ValueError("weights or smoothing of probabilities")
        return reduced(-(logs * target).sum(axis), reduction)
    if target.ndim == x.ndim:
        target = np.squeeze(target, axis)
    return _nll(logs, target, weight, ignore_index, reduction, axis, label_smoothing)


def _binary(x, target, weight=1.0):
    return -weight * (target * np.maximum(np.log(x), -100) + (1 - target) * np.maximum(np.log1p(-x), -100))


def _binary_with_logits(x, target, weight=1.0, pos_weight=1.0):
    return weight * (pos_weight * target * np.logaddexp(0, -x) + (1 - target) * np.logaddexp(0, x))


def _multilabel(x, target, weight=1.0):
    return _binary_with_logits(x, target, weight).mean(-1)


ENTRIES: tuple[Entry, ...] = (
    loss("cross_entropy", "nn.CrossEntropyLoss F.cross_entropy",
         "nn.CrossEntropyLoss F.cross_entropy F.softmax_with_cross_entropy", None, (SCORES, LABELS), WEIGHT, IGNORED,
         setting("label_smoothing", 0.0, "label_smoothing"),
         setting("axis", 1, "- axis", torch="", paddle_default=-1),
         setting("soft_label", False, "- soft_label", torch=""),
         setting("use_softmax", True, "- use_softmax", torch=""), formula=_cross_entropy, before=2,
         paddle_order="weight ignore_index reduction soft_label axis use_softmax label_smoothing",
         differs=(Contrast("axis of the classes", "the second", "the last"), COUNTED,
                  Contrast("all labels ignored", "NaN", "0"),
                  Contrast("labels [N, 1]", "raises", "taken; the loss without reduction is [N, 1]"),
                  Contrast("probabilities as target", "taken", "soft_label=True; class weights count otherwise"),
                  Contrast("label_smoothing in float64", "exact", "made in float32"),
                  Contrast("softmax_with_cross_entropy", "missing", "of each label, [N, 1]")),
         proof=(proved(SCORES, LABELS, ignore_index=2), proved(SCORES, LABELS, OF_CLASS),
                Proof((SCORES, SHARES), paddle={"soft_label": True}),
                Proof((SCORES, LABELS), {"label_smoothing": 0.1}, bound="diagnosis reproduces it",
                      gradient_bound="diagnosis reproduces it"),
                Proof((real(2, 5, 3), index(5, 2, 3)), paddle={"axis": 1}))),
    loss("nll_loss", "nn.NLLLoss F.nll_loss", "nn.NLLLoss F.nll_loss", None, (SCORES, LABELS), WEIGHT,
         setting("ignore_index", -100), formula=_nll, before=2,
         differs=(Contrast("an ignored label, in a mean or a sum", "ignored", "ends the process, or hangs it",
                           "it writes beyond its memory, for any ignore_index"),),
         proof=(proved(SCORES, LABELS, ignore_index=2, reduction="none"), proved(SCORES, LABELS, OF_CLASS),
                proved(real(2, 5, 3, 4), index(5, 2, 3, 4)))),
    loss("binary_cross_entropy", "nn.BCELoss F.binary_cross_entropy", "nn.BCELoss F.binary_cross_entropy", _binary,
         (CHANCES, SHARES), WEIGHT, before=1, proof=(proved(CHANCES, SHARES, OF_EACH),)),
    loss("binary_cross_entropy_with_logits", "nn.BCEWithLogitsLoss F.binary_cross_entropy_with_logits",
         "nn.BCEWithLogitsLoss F.binary_cross_entropy_with_logits", _binary_with_logits, (SCORES, SHARES), WEIGHT,
         argument("pos_weight", None), before=1,
         proof=(proved(SCORES, SHARES, OF_EACH), proved(SCORES, SHARES, positive(5, name="pos_weight", fixed=True)))),
    loss("multilabel_soft_margin_loss", "nn.MultiLabelSoftMarginLoss F.multilabel_soft_margin_loss",
         "nn.MultiLabelSoftMarginLoss F.multi_label_soft_margin_loss", _multilabel, (SCORES, SHARES), WEIGHT, before=1,
         proof=(proved(SCORES, SHARES, OF_CLASS),)),
)  # fmt: skip
