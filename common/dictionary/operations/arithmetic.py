"""Entries of arithmetic, elementary functions and the first comparisons, number by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..formula import reversed_operands
from ..proof import Input, Proof, gaps, index, nonfinite, positive, probability, proved, real, unit

TWO = (real(3, 4), real(3, 4))
NUMBER = real()
X, POSITIVE, UNIT, COUNTS = real(3, 4), positive(3, 4), unit(3, 4), index(5, 3, 4)
OTHER = argument("other", paddle="y")
ALPHA = argument("alpha", 1, paddle="")


def _pair(operation: Callable, x, other, alpha: float = 1.0):
    return operation(x, alpha * other if alpha != 1 else other)


def _of_two(kind: str, names: str, operation: Callable, *arguments, torch: str = "", paddle: str = "", **more) -> Entry:
    """An operation on two arrays, or an array and a number; `names` are those of both frameworks."""
    words = f"{names} {torch} {paddle}".split()
    if more.get("ordered"):
        words = [word for word in words if not word.startswith(".__r")]  # `2 - x`: the array is the second
    common = {"proof": (proved(*TWO), proved(real(3, 4), NUMBER)), "formula": partial(_pair, operation),
              "positions": {word.strip("._"): "other" for word in words}}  # fmt: skip
    return entry(kind, f"{names} {torch}", f"{names} {paddle}", (OTHER, *arguments), given="all", **common | more)


def _compared(kind: str, names: str, operation: Callable, paddle: str) -> Entry:
    proofs = (Proof(TWO, gradients=False), Proof((real(3, 4), NUMBER), gradients=False))
    return _of_two(kind, names, operation, paddle=paddle, proof=proofs)


def _extreme(of_two: Callable, of_all: Callable, x, other=None, axis=None, keepdim: bool = False):
    return of_all(x, axis, keepdims=keepdim) if other is None else of_two(x, other)


def _of_largest(kind: str, both: str, of_axis: str, method: str, of_two: Callable, of_all: Callable) -> Entry:
    """The larger of two, or the largest along axes: what frameworks call by names that cross."""
    names = f"{both} {of_axis} {method} .{both} .{of_axis} .{method}"
    axis = argument("axis", torch="dim", paddle_default=None)
    shares = Contrast("gradient of equal values", f"of {method}(dim): all to the first", "shared evenly")
    return entry(kind, names, names, (OTHER, axis, argument("keepdim", False)), given="all", exact=True,
                 formula=partial(_extreme, of_two, of_all), positions=dict.fromkeys((of_axis, method), "axis keepdim"),
                 differs=(shares, Contrast(f"{method} along an axis", "(values, indices)", "the values")),
                 proof=(proved(*TWO), Proof((real(3, 4),), {"axis": 1}, names=(of_axis, of_axis)),
                        Proof((real(3, 4),), {"axis": 1}, names=(method, method), outputs=((0,), None))))  # fmt: skip


def _of_number(kind: str, formula: Callable, given: Input, *arguments, names: str = "", **more) -> Entry:
    """A function of one number, which both frameworks call by its kind (and by `names`)."""
    both = f"{kind} .{kind} {names}"
    more.setdefault("proof", proved(given))
    return entry(kind, both, both, arguments, formula=formula, **more)


def _stepwise(kind: str, formula: Callable, *arguments, **more) -> Entry:
    """A function that is constant between its jumps."""
    return _of_number(kind, formula, X, *arguments, kink="sign", exact=True, **more)


def _special(name: str) -> Callable:
    def formula(x):
        from scipy import special

        return getattr(special, name)(x)

    return formula


def _logit(x, eps: float | None = None):
    x = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(x / (1 - x))


def _lerp(x, end, weight):
    return x + weight * (end - x)


def _addmm(x, y, z, beta: float = 1.0, alpha: float = 1.0):
    return beta * x + alpha * (y @ z)


ENTRIES: tuple[Entry, ...] = (
    _of_two("add", "add .add .__add__ .__radd__", np.add, ALPHA, torch=".__iadd__",
            differs=(Contrast("x += y", "changes x", "makes a new tensor"),)),
    _of_two("subtract", "subtract sub .subtract .sub .__sub__ .__rsub__", np.subtract, ALPHA,
            torch="rsub .__isub__", recorded="rsubtract", ordered=True, other_rules=reversed_operands),
    _of_two("multiply", "multiply mul .multiply .mul .__mul__ .__rmul__", np.multiply, torch=".__imul__",
            paddle="scale .scale"),
    _of_two("divide", "divide div true_divide .divide .div .true_divide .__div__ .__rdiv__ .__truediv__ .__rtruediv__",
            np.divide, torch=".__itruediv__", ordered=True, other_rules=reversed_operands,
            proof=(proved(real(3, 4), positive(3, 4)), proved(real(3, 4), NUMBER))),
    entry("power", "pow square .pow .square .__pow__ .__rpow__", "pow square .pow .square .__pow__ .__rpow__",
          (argument("other", torch="exponent", paddle="y"),), given="all", formula=lambda x, other=2.0: x**other,
          ordered=True, proof=(proved(positive(3, 4), other=1.5), proved(positive(3, 4), real(3, 4)),
                               Proof((real(3, 4),), names=("square", "square")))),
    entry("negative", "negative neg .negative .neg .__neg__", "negative neg .negative .neg .__neg__",
          formula=np.negative, exact=True, proof=proved(real(3, 4))),
    entry("abs", "abs .abs .__abs__", "abs .abs .__abs__", formula=np.abs, kink="sign", exact=True,
          proof=proved(real(3, 4))),
    _of_largest("maximum", "maximum", "amax", "max", np.maximum, np.max),
    _of_largest("minimum", "minimum", "amin", "min", np.minimum, np.min),
    _compared("less", "less lt .less .lt .__lt__", np.less, "less_than .less_than"),
    _compared("greater", "greater gt .greater .gt .__gt__", np.greater, "greater_than .greater_than"),
    _compared("equal", "eq equal .eq .__eq__", np.equal, ".equal"),
    _of_number("exp", np.exp, X),
    _of_number("expm1", np.expm1, X),
    _of_number("log", np.log, POSITIVE),
    _of_number("log1p", np.log1p, POSITIVE),
    _of_number("log2", np.log2, POSITIVE),
    _of_number("log10", np.log10, POSITIVE),
    _of_number("sqrt", np.sqrt, POSITIVE),
    _of_number("rsqrt", lambda x: 1 / np.sqrt(x), POSITIVE),
    _of_number("reciprocal", lambda x: 1 / x, POSITIVE),
    _of_number("sin", np.sin, X),
    _of_number("cos", np.cos, X),
    _of_number("tan", np.tan, UNIT),
    _of_number("asin", np.arcsin, UNIT),
    _of_number("acos", np.arccos, UNIT),
    _of_number("atan", np.arctan, X),
    _of_number("sinh", np.sinh, X),
    _of_number("cosh", np.cosh, X),
    _of_number("asinh", np.arcsinh, X),
    _of_number("atanh", np.arctanh, UNIT),
    _of_number("erf", _special("erf"), X),
    _of_number("erfinv", _special("erfinv"), UNIT),
    _of_number("lgamma", _special("gammaln"), POSITIVE),
    _of_number("digamma", _special("digamma"), POSITIVE, proof=Proof((POSITIVE,), gradient_bound="trigamma"),
               differs=(Contrast("gradient in float64", "to 5e-10", "to rounding"),)),
    _of_number("logit", _logit, X, argument("eps", None),
               proof=(proved(probability(3, 4)), proved(probability(3, 4), eps=0.2))),
    _of_number("deg2rad", np.deg2rad, X),
    _of_number("rad2deg", np.rad2deg, X),
    _stepwise("floor", np.floor),
    _stepwise("ceil", np.ceil),
    _stepwise("trunc", np.trunc),
    _stepwise("round", lambda x, decimals=0: np.round(x, decimals), argument("decimals", 0),
              proof=(proved(X), proved(X, decimals=1))),
    _stepwise("sign", np.sign, names="sgn .sgn"),
    _of_number("frac", lambda x: x - np.trunc(x), X, kink="sign"),
    _of_number("nan_to_num", np.nan_to_num, X, argument("nan", 0.0), argument("posinf", None),
               argument("neginf", None), exact=True,
               proof=(proved(gaps(3, 4)), proved(nonfinite(3, 4), nan=0.5, posinf=2.0, neginf=-3.0))),
    _of_two("remainder", "remainder .remainder .__mod__", np.remainder, paddle="mod floor_mod .mod .floor_mod",
            ordered=True, proof=(proved(X, POSITIVE), proved(X, positive()))),
    _of_two("floor_divide", "floor_divide .floor_divide .__floordiv__", np.floor_divide, ordered=True,
            differs=(Contrast("gradient", "raises", "none, in silence"),),
            proof=(Proof((X, POSITIVE), gradients=False), Proof((index(9, 3, 4),), {"other": 2}, gradients=False))),
    _of_two("atan2", "atan2 .atan2", np.arctan2, torch="arctan2", ordered=True, proof=proved(*TWO)),
    _of_two("hypot", "hypot .hypot", np.hypot, proof=proved(*TWO)),
    _of_two("logaddexp", "logaddexp .logaddexp", np.logaddexp, proof=proved(*TWO)),
    _of_two("fmax", "fmax .fmax", np.fmax, exact=True, kink="largest", proof=proved(gaps(3, 4), X)),
    _of_two("fmin", "fmin .fmin", np.fmin, exact=True, kink="largest", proof=proved(gaps(3, 4), X)),
    _of_two("copysign", "copysign .copysign", np.copysign, exact=True, ordered=True, proof=proved(*TWO)),
    _of_two("heaviside", "heaviside .heaviside", np.heaviside, exact=True, ordered=True,
            proof=Proof((index(2, 3, 4), COUNTS), gradients=False)),
    entry("lerp", "lerp .lerp", "lerp .lerp", (argument("end", paddle="y"), argument("weight")), given="all",
          formula=_lerp, ordered=True, proof=(proved(*TWO, weight=0.3), proved(*TWO, unit(3, 4, fixed=True))),
          differs=(Contrast("gradient of the weight", "given", "none"),)),
    entry("addmm", "addmm .addmm", "addmm .addmm",
          (argument("beta", 1.0), argument("alpha", 1.0)), given="all", formula=_addmm, ordered=True,
          proof=(proved(real(3, 4), real(3, 2), real(2, 4)),
                 proved(real(3, 4), real(3, 2), real(2, 4), beta=0.5, alpha=2.0))),
)  # fmt: skip
