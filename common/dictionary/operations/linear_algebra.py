"""Entries of linear algebra: products of vectors and matrices, systems of equations, decompositions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import Input, Proof, positive, proved, real

SQUARE, ROWS, LARGE_DIAGONAL = real(3, 3), real(4, 3), positive(3, 3)


def _product(kind: str, formula: Callable, *inputs: Input, torch: str = "", paddle: str = "", **more) -> Entry:
    """A function of two or more arrays."""
    more.setdefault("proof", proved(*inputs))
    return entry(kind, torch or f"{kind} .{kind}", paddle or f"{kind} .{kind}", more.pop("arguments", ()), given="all",
                 formula=formula, ordered=True, **more)  # fmt: skip


def _of_matrix(kind: str, formula: Callable, *inputs: Input, **more) -> Entry:
    """A function of `linalg`, of one square matrix or a stack of them."""
    names = more.pop("names", f"linalg.{kind}")
    more.setdefault("proof", (proved(SQUARE), proved(real(2, 3, 3))))
    return entry(kind, names, names, formula=formula, **more)


def _cross(x, y, axis: int = -1):
    return np.cross(x, y, axis=axis)


def _matrix_exp(x):
    """1 + x + x x / 2 + x x x / 6 + …"""
    from scipy.linalg import expm

    return expm(x)


def _solve_triangular(x, y, upper: bool = True):
    """The z with (the triangle of x) z = y; the rest of x is not read"""
    return np.linalg.solve(np.triu(x) if upper else np.tril(x), y)


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
    _product("solve", np.linalg.solve, SQUARE, real(3, 2), torch="linalg.solve", paddle="linalg.solve"),
    _product("solve_triangular", _solve_triangular, torch="linalg.solve_triangular", paddle="linalg.triangular_solve",
             arguments=(argument("upper", paddle_default=True),),
             proof=(proved(LARGE_DIAGONAL, real(3, 2), upper=True), proved(LARGE_DIAGONAL, real(3, 2), upper=False))),
    _product("multi_dot", lambda x, y, z: x @ y @ z, torch="linalg.multi_dot", paddle="linalg.multi_dot",
             proof=Proof((real(3, 4), real(4, 2), real(2, 5)), listed=True)),
    entry("covariance", "cov .cov", "linalg.cov .cov", formula=np.cov, proof=proved(real(3, 9)),
          differs=(Contrast("divisor", "n − correction", "n − 1, or n with ddof=False"),)),
    entry("corrcoef", "corrcoef .corrcoef", "linalg.corrcoef .corrcoef", formula=np.corrcoef, proof=proved(real(3, 9))),
    _of_matrix("matrix_exp", _matrix_exp),
    _of_matrix("cond", np.linalg.cond, proof=Proof((real(3, 3),), gradients=False)),
    _of_matrix("det", np.linalg.det),
    _of_matrix("inverse", np.linalg.inv, names="linalg.inv inverse .inverse"),
    _of_matrix("matrix_power", np.linalg.matrix_power, arguments=(argument("n"),),
               proof=(proved(SQUARE, n=3), proved(SQUARE, n=-2))),
    _of_matrix("pinv", np.linalg.pinv, proof=proved(ROWS)),
    _of_matrix("svdvals", lambda x: np.linalg.svd(x, compute_uv=False), proof=proved(ROWS)),
    _of_matrix("eigvalsh", np.linalg.eigvalsh, proof=Proof((SQUARE,), gradients=False)),
)  # fmt: skip
