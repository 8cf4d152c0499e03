"""Entries of linear algebra: products of vectors and matrices, distances, decompositions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import Input, Proof, proved, real

SQUARE, ROWS = real(3, 3), real(4, 3)


def _product(kind: str, formula: Callable, *inputs: Input, torch: str = "", paddle: str = "", **more) -> Entry:
    """A function of two or more arrays."""
    return entry(kind, torch or f"{kind} .{kind}", paddle or f"{kind} .{kind}", more.pop("arguments", ()), given="all",
                 formula=formula, ordered=True, **{"proof": proved(*inputs)} | more)  # fmt: skip


def _of_matrix(kind: str, formula: Callable, *inputs: Input, **more) -> Entry:
    """A function of `linalg`, of one square matrix or a stack of them."""
    names = more.pop("names", f"linalg.{kind}")
    return entry(kind, names, names, formula=formula,
                 **{"proof": (proved(SQUARE), proved(real(2, 3, 3)))} | more)  # fmt: skip


def _cross(x, y, axis: int = -1):
    return np.cross(x, y, axis=axis)


def _cdist(x, y, p: float = 2.0):
    return np.linalg.norm(x[..., :, None, :] - y[..., None, :, :], p, -1)


def _cosine_similarity(x, y, axis: int = 1, eps: float = 1e-8):
    sizes = (np.maximum(np.linalg.norm(one, axis=axis), eps) for one in (x, y))
    return np.sum(x * y, axis) / np.prod(list(sizes), 0)


def _pairwise_distance(x, y, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
    return np.linalg.norm(x - y + eps, p, -1, keepdims=keepdim)


def _triangle(x, upper: bool = False):
    """The triangular L with L Lᵀ = x"""
    lower = np.linalg.cholesky(x)
    return np.swapaxes(lower, -1, -2) if upper else lower


ENTRIES: tuple[Entry, ...] = (
    _product("dot", np.dot, real(5), real(5),
             differs=(Contrast("two axes", "refused", "a product for each row"),)),
    _product("mv", np.matmul, real(3, 4), real(4)),
    _product("outer", np.outer, real(3), real(4),
             differs=(Contrast("more than one axis", "refused", "flattened first"),)),
    _product("inner", np.inner, real(3, 4), real(2, 4)),
    _product("kron", np.kron, real(2, 3), real(3, 2)),
    _product("cross", _cross, torch="cross .cross linalg.cross",
             arguments=(argument("axis", torch="dim", paddle_default=9),),
             differs=(Contrast("axis, when it is not given", "the first of size 3 (linalg.cross: the last)",
                               "the first of size 3 (9 stands for that)"),),
             proof=(proved(real(4, 3), real(4, 3), axis=1), proved(real(3, 4), real(3, 4), axis=0))),
    _product("tensordot", lambda x, y, axes=2: np.tensordot(x, y, axes), torch="tensordot", paddle="tensordot",
             arguments=(argument("axes", 2, torch="dims"),),
             proof=(proved(real(2, 3, 4), real(3, 4, 5)), proved(real(3, 4), real(4, 5), axes=1))),
    _product("baddbmm", lambda x, y, z, beta=1.0, alpha=1.0: beta * x + alpha * y @ z,
             arguments=(argument("beta", 1.0), argument("alpha", 1.0)),
             proof=proved(real(2, 3, 5), real(2, 3, 4), real(2, 4, 5), beta=0.5, alpha=2.0)),
    _product("cdist", _cdist, torch="cdist", paddle="cdist", arguments=(argument("p", 2.0),),
             proof=(proved(ROWS, real(2, 3)), proved(ROWS, real(2, 3), p=1.0))),
    _product("cosine_similarity", _cosine_similarity, torch="nn.CosineSimilarity F.cosine_similarity cosine_similarity",
             paddle="nn.CosineSimilarity F.cosine_similarity",
             arguments=(argument("axis", 1, torch="dim"), argument("eps", 1e-8)),
             proof=(Proof((ROWS, ROWS), {"axis": 0}, layer=True), proved(ROWS, ROWS, axis=1))),
    _product("pairwise_distance", _pairwise_distance, torch="nn.PairwiseDistance F.pairwise_distance",
             paddle="nn.PairwiseDistance F.pairwise_distance",
             arguments=(argument("p", 2.0), argument("eps", 1e-6, paddle="epsilon"), argument("keepdim", False)),
             proof=(Proof((ROWS, ROWS), {"p": 2.0}, layer=True), proved(ROWS, ROWS, p=1.0, keepdim=True))),
    _product("solve", np.linalg.solve, SQUARE, real(3, 2), torch="linalg.solve", paddle="linalg.solve"),
    _of_matrix("det", np.linalg.det),
    _of_matrix("inverse", np.linalg.inv, names="linalg.inv inverse .inverse"),
    _of_matrix("matrix_power", np.linalg.matrix_power, arguments=(argument("n"),),
               proof=(proved(SQUARE, n=3), proved(SQUARE, n=-2))),
    _of_matrix("pinv", np.linalg.pinv, proof=proved(ROWS)),
    _of_matrix("svdvals", lambda x: np.linalg.svd(x, compute_uv=False), proof=proved(ROWS)),
    _of_matrix("eigvalsh", np.linalg.eigvalsh, proof=Proof((SQUARE,), gradients=False)),
)  # fmt: skip
