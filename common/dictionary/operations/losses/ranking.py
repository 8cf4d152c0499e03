"""Entries of losses of margins and embeddings, and of the similarities and distances that they are made of."""

from __future__ import annotations

import numpy as np

from ...entry import Contrast, Entry, argument, entry, setting
from ...proof import index, positive, proved, proved_layer, real, sign
from .reduced import WEIGHT, loss

TWO, THREE = (real(6, 5), real(6, 5)), (real(6, 5), real(6, 5), real(6, 5))
SIGN = sign(6, fixed=True)


def _cosine(x, y, axis: int = 1, eps: float = 1e-8):
    norms = [np.maximum(np.linalg.norm(one, axis=axis), eps) for one in (x, y)]
    return (x * y).sum(axis) / norms[0] / norms[1]


def _distance(x, y, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
    return (np.abs(x - y + eps) ** p).sum(-1, keepdims=keepdim) ** (1 / p)


def _distances(x, y, p: float = 2.0):
    return _distance(x[..., :, None, :], y[..., None, :, :], p, eps=0)


def _hinge_embedding(x, target, margin: float = 1.0):
    return np.where(target == 1, x, np.maximum(0, margin - x))


def _cosine_embedding(x, y, target, margin: float = 0.0, added: float = 1e-12):
    cosine = (x * y).sum(-1) / np.sqrt(((x**2).sum(-1) + added) * ((y**2).sum(-1) + added))
    return np.where(target == 1, 1 - cosine, np.maximum(0, cosine - margin))


def _triplet(x, near, far, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False):
    away = _distance(x, far, p, eps)
    away = np.minimum(away, _distance(near, far, p, eps)) if swap else away
    return np.maximum(0, margin + _distance(x, near, p, eps) - away)


def _multi_margin(x, target, weight=None, p: int = 1, margin: float = 1.0):
    rows = np.arange(len(x))
    beyond = np.maximum(0, margin - x[rows, target][:, None] + x) ** p
    beyond *= 1 if weight is None else weight[target][:, None]
    beyond[rows, target] = 0
    return beyond.mean(-1)


def _multilabel_margin(x, target):
    inside = np.zeros(x.shape, bool)
    np.put_along_axis(inside, target, True, 1)
    beyond = np.maximum(0, 1 - np.take_along_axis(x, target, 1)[:, :, None] + x[:, None])
    return (beyond * ~inside[:, None]).sum((1, 2)) / x.shape[1]


ENTRIES: tuple[Entry, ...] = (
    loss("margin_ranking_loss", "nn.MarginRankingLoss F.margin_ranking_loss",
         "nn.MarginRankingLoss F.margin_ranking_loss",
         lambda x, y, target, margin=0.0: np.maximum(0, margin - target * (x - y)),
         (real(6), real(6), SIGN), setting("margin", 0.0, "margin"), kink="sign", before=1,
         proof=(proved(real(6), real(6), SIGN, margin=0.5),)),
    loss("hinge_embedding_loss", "nn.HingeEmbeddingLoss F.hinge_embedding_loss",
         "nn.HingeEmbeddingLoss F.hinge_embedding_loss", _hinge_embedding, (real(6), SIGN),
         setting("margin", 1.0, "margin"), kink="sign", before=1,
         differs=(Contrast("a target that is neither 1 nor −1", "both terms", "none: 0"),),
         proof=(proved(real(6), SIGN, margin=0.5),)),
    loss("cosine_embedding_loss", "nn.CosineEmbeddingLoss F.cosine_embedding_loss",
         "nn.CosineEmbeddingLoss F.cosine_embedding_loss", _cosine_embedding, (*TWO, SIGN),
         setting("margin", 0.0, "margin"), kink="sign", before=1, float32={"added": 1e-11},
         differs=(Contrast("added to each squared norm", "1e-12", "1e-11"),),
         proof=(proved(*TWO, SIGN, margin=0.2),)),
    loss("triplet_margin_loss", "nn.TripletMarginLoss F.triplet_margin_loss",
         "nn.TripletMarginLoss F.triplet_margin_loss", _triplet, THREE, setting("margin", 1.0, "margin"),
         setting("p", 2.0, "p"), setting("eps", 1e-6, "eps epsilon", paddle="epsilon"), setting("swap", False, "swap"),
         labelled=False, kink="sign", before=4,
         proof=(proved_layer(*THREE, swap=True), proved(*THREE, margin=2.0, p=4))),
    loss("soft_margin_loss", "nn.SoftMarginLoss F.soft_margin_loss", "nn.SoftMarginLoss F.soft_margin_loss",
         lambda x, target: np.logaddexp(0, -target * x), (real(6, 5), sign(6, 5, fixed=True))),
    loss("multi_margin_loss", "nn.MultiMarginLoss F.multi_margin_loss", "nn.MultiMarginLoss F.multi_margin_loss",
         _multi_margin, (real(6, 5), index(5, 6)), setting("p", 1, "p"), setting("margin", 1.0, "margin"), WEIGHT,
         kink="sign", before=3, bound="diagnosis reproduces it",
         differs=(Contrast("the share of the label's own class", "left out", "taken off again, in float32"),),
         proof=(proved(real(6, 5), index(5, 6), p=2, margin=0.5),
                proved(real(6, 5), index(5, 6), positive(5, name="weight", fixed=True)))),
    loss("multilabel_margin_loss", "nn.MultiLabelMarginLoss F.multilabel_margin_loss",
         "nn.MultiLabelMarginLoss F.multi_label_margin_loss", _multilabel_margin, (real(6, 5), index(5, 6, 5)),
         kink="sign"),
    entry("cosine_similarity", "nn.CosineSimilarity F.cosine_similarity", "nn.CosineSimilarity F.cosine_similarity",
          (setting("axis", 1, "dim _axis", torch="dim"), setting("eps", 1e-8, "eps _eps")), given="all",
          formula=_cosine, proof=(proved_layer(*TWO), proved(*TWO, axis=0))),
    entry("pairwise_distance", "nn.PairwiseDistance F.pairwise_distance", "nn.PairwiseDistance F.pairwise_distance",
          (setting("p", 2.0, "norm p"), setting("eps", 1e-6, "eps epsilon", paddle="epsilon"),
           setting("keepdim", False, "keepdim")), given="all", formula=_distance,
          proof=(proved_layer(*TWO), proved(*TWO, p=4.0, eps=1e-3, keepdim=True))),
    entry("cdist", "cdist", "cdist", (argument("p", 2.0),), given="all", formula=_distances, ordered=True,
          proof=(proved(real(2, 4, 5), real(2, 3, 5)), proved(real(4, 5), real(3, 5), p=1.0))),
)  # fmt: skip
