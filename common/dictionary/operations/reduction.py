"""Entries of what makes one number of many: sums, means, extremes, norms, searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import Proof, boolean, distinct, gaps, index, positive, proved, real

X, DISTINCT = real(3, 4, 5), distinct(3, 5)
VALUES = ((0,), None)  # of PyTorch's (values, indices), against Paddle's values
MEDIAN = argument("mode", "min", torch="", paddle_default="avg")
ROOT = Contrast("exponent 1 / p", "in the type of x", "in float32: p = 3 is 6e-8 off", "p = 1, 2, 4 are exact")
TWO_MIDDLES = Contrast("an even number of values", "the lower of the two in the middle", "their mean")
ONE_AXIS = argument("axis", torch="dim", paddle_default=-1)
AXIS, KEEPDIM = argument("axis", torch="dim", paddle_default=None), argument("keepdim", False)


def _variance(x, axis=None, unbiased: bool = True, keepdim: bool = False):
    return x.var(axis, ddof=int(unbiased), keepdims=keepdim)


def _deviation(x, axis=None, unbiased: bool = True, keepdim: bool = False):
    return x.std(axis, ddof=int(unbiased), keepdims=keepdim)


def _normalized(x, p: float = 2.0, axis: int = 1, eps: float = 1e-12):
    return x / np.maximum(np.linalg.norm(x, p, axis, keepdims=True), eps)


Interpolation = Literal["linear", "lower", "higher", "midpoint", "nearest"]


def axes_of(axis) -> int | tuple[int, ...] | None:
    """Axes as NumPy takes them."""
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _along(kind: str, reduction: Callable, proofs, *arguments, names: str = "", **more) -> Entry:
    """A reduction along one axis, several, or all; both frameworks call it by its kind."""
    both = f"{kind} .{kind} {names}"

    def formula(x, axis=None, keepdim: bool = False, **others):
        return reduction(x, axis=axes_of(axis), keepdims=keepdim, **others)

    return entry(kind, both, both, (AXIS, KEEPDIM, *arguments), formula=formula, proof=proofs,
                 positions={kind: "axis keepdim"}, **more)  # fmt: skip


def _cumulative(kind: str, scan: Callable, *, paddle: str = "axis", **more) -> Entry:
    """A scan along one axis."""
    both = f"{kind} .{kind}"
    more.setdefault("proof", (proved(X, axis=1), proved(X, axis=-1)))
    return entry(kind, both, both, (argument("axis", torch="dim", paddle=paddle, paddle_default=None),),
                 formula=scan, positions={kind: "axis"}, **more)  # fmt: skip


def _logsumexp(x, axis=None, keepdims: bool = False):
    largest = x.max(axis, keepdims=True)
    summed = np.log(np.exp(x - largest).sum(axis, keepdims=True)) + largest
    return summed if keepdims else np.squeeze(summed, axis)


def _position(of: Callable) -> Callable:
    return lambda x, axis=None, keepdim=False: of(x, axis, keepdims=keepdim)


def _sorted(x, axis: int = -1, descending: bool = False):
    return -np.sort(-x, axis) if descending else np.sort(x, axis)


def _order(x, axis: int = -1, descending: bool = False):
    return np.argsort(-x if descending else x, axis, kind="stable")


def _topk(x, k: int, axis: int = -1, largest: bool = True):
    return np.take(_sorted(x, axis, largest), range(k), axis)


def _kthvalue(x, k: int, axis: int = -1, keepdim: bool = False):
    return np.take(np.sort(x, axis), [k - 1] if keepdim else k - 1, axis)


def _median(x, axis=None, keepdim: bool = False, mode: str = "min"):
    method = "lower" if mode == "min" else "midpoint"
    return np.quantile(x, 0.5, axis, method=method, keepdims=keepdim)


def _nanmedian(x, axis=None, keepdim: bool = False, mode: str = "min"):
    method = "lower" if mode == "min" else "midpoint"
    return np.nanquantile(x, 0.5, axis, method=method, keepdims=keepdim)


def _vector_norm(x, p: float = 2.0, axis=None, keepdim: bool = False):
    if np.isinf(p):
        return np.abs(x).max(axes_of(axis), keepdims=keepdim)
    return (np.abs(x) ** p).sum(axes_of(axis), keepdims=keepdim) ** (1 / p)


def _norm(x, p: float | Literal["fro"] = "fro", axis=None, keepdim: bool = False):
    if isinstance(axis, (list, tuple)) and p != "fro":
        raise ValueError(f"{p} over two axes")  # vectors in PyTorch, matrices in Paddle
    return _vector_norm(x, 2.0 if p == "fro" else p, axis, keepdim)


def _matrix_norm(x, p: float | Literal["fro", "nuc"] = "fro", axis=(-2, -1), keepdim: bool = False):
    return np.linalg.norm(x, p, axes_of(axis), keepdim)


def _histogram(x, bins: int = 100, min: float = 0.0, max: float = 0.0):
    return np.histogram(x, bins, (min, max) if min or max else None)[0]


def _count(x, axis=None, keepdim: bool = False):
    return np.count_nonzero(x, axes_of(axis), keepdims=keepdim)


def _quantile(x, q: float, axis=None, keepdim: bool = False, interpolation: Interpolation = "linear"):
    return np.quantile(x, q, axes_of(axis), method=interpolation, keepdims=keepdim)


ENTRIES: tuple[Entry, ...] = (
    entry("variance", "var .var", "var .var", (AXIS, argument("unbiased", True, paddle_default=None), KEEPDIM),
          formula=_variance, proof=(proved(X, axis=1), proved(X, axis=1, unbiased=False, keepdim=True)),
          differs=(Contrast("NumPy's own", "unbiased", "unbiased", "NumPy divides by n unless told otherwise"),)),
    entry("deviation", "std .std", "std .std", (AXIS, argument("unbiased", True), KEEPDIM), formula=_deviation,
          proof=(proved(X, axis=1), proved(X, axis=1, unbiased=False, keepdim=True))),
    entry("norm_l2", "F.normalize", "F.normalize",
          (argument("p", 2.0), argument("axis", 1, torch="dim"), argument("eps", 1e-12, paddle="epsilon")),
          formula=_normalized, proof=(proved(X), proved(X, p=1.0, axis=2))),
    _along("sum", np.sum, (proved(X), proved(X, axis=1), proved(X, axis=[0, 2], keepdim=True))),
    _along("mean", np.mean, (proved(X), proved(X, axis=1), proved(X, axis=[0, 2], keepdim=True)),
           differs=(Contrast("of booleans or whole numbers", "raises", "keeps the type: (p == y).mean() is a bool"),)),
    _along("prod", np.prod, (proved(X), proved(X, axis=1), proved(X, axis=2, keepdim=True))),
    _along("logsumexp", _logsumexp, (proved(X, axis=1), proved(X, axis=[0, 2], keepdim=True))),
    _along("nansum", np.nansum, (proved(gaps(3, 6)), proved(gaps(3, 6), axis=1, keepdim=True))),
    _along("nanmean", np.nanmean, (proved(gaps(3, 6)), proved(gaps(3, 6), axis=1, keepdim=True))),
    _along("all", np.all, (Proof((boolean(3, 2),), gradients=False),
                           Proof((boolean(5, 2),), {"axis": 1}, gradients=False)), exact=True),
    _along("any", np.any, (Proof((boolean(3, 2),), gradients=False),
                           Proof((boolean(5, 2),), {"axis": 1, "keepdim": True}, gradients=False)), exact=True),
    entry("count_nonzero", "count_nonzero .count_nonzero", "count_nonzero .count_nonzero",
          (AXIS, argument("keepdim", False, torch="")), formula=_count, exact=True,
          proof=(Proof((index(3, 3, 4),), gradients=False), Proof((index(3, 3, 4),), {"axis": 1}, gradients=False))),
    entry("argmax", "argmax .argmax", "argmax .argmax", (AXIS, KEEPDIM), formula=_position(np.argmax), exact=True,
          positions={"argmax": "axis keepdim"}, differs=(Contrast("of NaN", "its place", "passes it over"),),
          proof=(Proof((DISTINCT,), gradients=False),
                 Proof((DISTINCT,), {"axis": 1, "keepdim": True}, gradients=False))),
    entry("argmin", "argmin .argmin", "argmin .argmin", (AXIS, KEEPDIM), formula=_position(np.argmin), exact=True,
          positions={"argmin": "axis keepdim"},
          proof=(Proof((DISTINCT,), gradients=False),
                 Proof((DISTINCT,), {"axis": 1, "keepdim": True}, gradients=False))),
    _cumulative("cumsum", np.cumsum, differs=(Contrast("without an axis", "raises", "of all values in a row"),)),
    _cumulative("cumprod", np.cumprod, paddle="dim"),
    _cumulative("logcumsumexp", np.logaddexp.accumulate),
    _cumulative("cummax", np.maximum.accumulate, exact=True, kink="largest"),
    _cumulative("cummin", np.minimum.accumulate, exact=True, kink="largest"),
    entry("sort", "sort .sort", "sort .sort", (ONE_AXIS, argument("descending", False), argument("stable", False)),
          formula=_sorted, exact=True, kink="largest",
          differs=(Contrast("returns", "(values, indices)", "the values"),),
          proof=(Proof((DISTINCT,), outputs=VALUES),
                 Proof((DISTINCT,), {"axis": 0, "descending": True}, outputs=VALUES))),
    entry("argsort", "argsort .argsort", "argsort .argsort",
          (ONE_AXIS, argument("descending", False), argument("stable", False)), formula=_order, exact=True,
          proof=(Proof((DISTINCT,), gradients=False),
                 Proof((DISTINCT,), {"axis": 0, "descending": True}, gradients=False))),
    entry("topk", "topk .topk", "topk .topk",
          (argument("k"), AXIS, argument("largest", True), argument("sorted", True, decides=False)), formula=_topk,
          exact=True, kink="largest", positions={"topk": "k axis largest sorted"},
          proof=(proved(DISTINCT, k=2), proved(DISTINCT, k=2, axis=0, largest=False))),
    entry("kthvalue", "kthvalue .kthvalue", "kthvalue .kthvalue", (argument("k"), AXIS, KEEPDIM), formula=_kthvalue,
          exact=True, kink="largest", positions={"kthvalue": "k axis keepdim"},
          proof=(proved(DISTINCT, k=2), proved(DISTINCT, k=2, axis=0, keepdim=True))),
    entry("median", "median .median", "median .median", (AXIS, KEEPDIM, MEDIAN), formula=_median, kink="largest",
          positions={"median": "axis keepdim"}, differs=(TWO_MIDDLES, Contrast("along an axis", "(values, indices)",
                                                                              "the values")),
          proof=(proved(DISTINCT), Proof((DISTINCT,), {"axis": 1}, outputs=VALUES),
                 Proof((distinct(3, 4),), {"axis": 1}, paddle={"mode": "min"}, outputs=((0,), (0,))))),
    entry("nanmedian", "nanmedian .nanmedian", "nanmedian .nanmedian", (AXIS, KEEPDIM, MEDIAN), formula=_nanmedian,
          kink="largest", positions={"nanmedian": "axis keepdim"}, differs=(TWO_MIDDLES,),
          proof=Proof((gaps(6, 6),), paddle={"mode": "min"})),
    entry("quantile", "quantile .quantile", "quantile .quantile",
          (argument("q"), AXIS, KEEPDIM, argument("interpolation", "linear")), formula=_quantile, kink="largest",
          positions={"quantile": "q axis keepdim"},
          proof=(proved(DISTINCT, q=0.3), proved(DISTINCT, q=0.6, axis=1, keepdim=True))),
    entry("norm", "norm linalg.norm .norm", "norm linalg.norm .norm",
          (argument("p", "fro", paddle_default=None), argument("axis", None, torch="dim"), KEEPDIM), formula=_norm,
          differs=(Contrast("p=2 over two axes", "of a vector; linalg.norm: of a matrix", "of a matrix"),
                   ROOT, Contrast("linalg.norm of a matrix, p=2, no axis", "of a matrix", "of a vector")),
          proof=(proved(X), proved(X, p=4.0, axis=1), proved(X, p="fro", axis=[0, 2], keepdim=True))),
    entry("vector_norm", "linalg.vector_norm", "linalg.vector_norm",
          (argument("p", 2.0, torch="ord"), argument("axis", None, torch="dim"), KEEPDIM), formula=_vector_norm,
          differs=(ROOT,), proof=(proved(X), proved(X, p=4.0, axis=[0, 1], keepdim=True), proved(X, p=1.0, axis=2))),
    entry("matrix_norm", "linalg.matrix_norm", "linalg.matrix_norm",
          (argument("p", "fro", torch="ord"), argument("axis", (-2, -1), torch="dim", paddle_default=[-2, -1]),
           KEEPDIM), formula=_matrix_norm,
          proof=(proved(X), proved(X, p=2, axis=[0, 1]), proved(X, p="nuc"), proved(X, p=1, keepdim=True))),
    entry("dist", "dist .dist", "dist .dist", (argument("other", paddle="y"), argument("p", 2)), given="all",
          formula=lambda x, other, p=2: np.linalg.norm((x - other).ravel(), p),
          differs=(ROOT,), proof=(proved(X, X), proved(X, X, p=4))),
    entry("trace", "trace .trace", "trace .trace", (argument("offset", 0, torch=""),), formula=np.trace,
          proof=proved(real(4, 3)), differs=(Contrast("of more than two axes", "raises", "of the first two"),)),
    entry("diff", "diff .diff", "diff .diff", (argument("n", 1), argument("axis", -1, torch="dim")),
          formula=np.diff, positions={"diff": "n axis"},
          proof=(proved(X), proved(X, n=2, axis=1))),
    entry("unique", "unique .unique", "unique .unique",
          (argument("return_inverse", False), argument("return_counts", False)), formula=lambda x, **_: np.unique(x),
          exact=True, differs=(Contrast("return_index", "not offered", "offered, first of the extra results"),),
          proof=Proof((index(5, 12),), {"return_inverse": True, "return_counts": True}, gradients=False)),
    entry("bincount", "bincount .bincount", "bincount .bincount",
          (argument("weights", None), argument("minlength", 0)), formula=np.bincount, exact=True,
          proof=(Proof((index(5, 12),), {"minlength": 8}, gradients=False),
                 Proof((index(5, 12), positive(12, name="weights", fixed=True)), gradients=False))),
    entry("histc", "histc .histc", "histogram .histogram",
          (argument("bins", 100), argument("min", 0, paddle_default=0.0), argument("max", 0, paddle_default=0.0)),
          formula=_histogram, exact=True, differs=(Contrast("counts", "floating-point", "whole numbers"),),
          proof=(Proof((X,), {"bins": 7}, gradients=False, same_type=False),
                 Proof((X,), {"bins": 7, "min": -1, "max": 2}, gradients=False, same_type=False))),
)  # fmt: skip
