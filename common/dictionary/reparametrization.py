"""Weights that a layer makes of other tensors before each call: what is kept in place of the weight, and how.

`weight_norm` keeps a size `g` and a direction `v`; `spectral_norm` keeps the weight itself, `orig`, and the two vectors
`u` and `v` that its largest singular value is estimated with. Both frameworks have both as hooks; PyTorch has them as
parametrizations too, under other names. What each tensor is, is told by the axis that the norm leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple


class Kept(NamedTuple):
    """One tensor that is kept in place of a weight.

    `suffix`: after the weight's name, where hooks do it. `parametrized`: its name below `parametrizations.NAME`.
    `extent`: "whole", as large as the weight; "axis", along the axis that the norm leaves out; "rest", all others.
    """

    suffix: str
    parametrized: str
    extent: str


KEPT: dict[str, tuple[Kept, ...]] = {
    "weight_norm": (Kept("_g", "original0", "axis"), Kept("_v", "original1", "whole")),
    "spectral_norm": (
        Kept("_orig", "original", "whole"),
        Kept("_u", "0._u", "axis"),
        Kept("_v", "0._v", "rest"),
    ),
}
# The names of the classes that do it, as hooks in both frameworks and as parametrizations of PyTorch.
_HOOKS = {"WeightNorm": "weight_norm", "SpectralNorm": "spectral_norm"}
_PARAMETRIZATIONS = {"_WeightNorm": "weight_norm", "_SpectralNorm": "spectral_norm"}
WHOLE_NORM = -1  # in both frameworks, of weight_norm: one norm of all elements


def reparametrized(framework: str, layer: Any) -> dict[str, dict]:
    """What makes the weights of a live layer, as data: name → `kind` (of `KEPT`; else the class that does it, which
    nothing is known of), the `axis` that the norm leaves out (None: none), and `stored`: suffix → name in the layer.
    """
    library = f"{framework}.nn."
    return dict(_hooked(library, layer)) | dict(_parametrized(library, layer))


def _hooked(library: str, layer: Any) -> Iterator[tuple[str, dict]]:
    for hook in list(getattr(layer, "_forward_pre_hooks", {}).values()):
        if not type(hook).__module__.startswith(library):
            continue
        name = getattr(hook, "name", None) or getattr(hook, "_tensor_name", None)  # the second: PyTorch's pruning
        if isinstance(name, str):
            kind = _HOOKS.get(type(hook).__name__, type(hook).__name__)
            stored = {kept.suffix: name + kept.suffix for kept in KEPT.get(kind, ())}
            yield name, {"kind": kind, "axis": _axis(kind, hook), "stored": stored}


def _parametrized(library: str, layer: Any) -> Iterator[tuple[str, dict]]:
    """PyTorch's own form."""
    lists = getattr(layer, "parametrizations", None)
    if lists is None or not type(lists).__module__.startswith(library) or not hasattr(lists, "items"):
        return
    for name, chain in lists.items():
        steps = list(chain)
        classes = [type(step).__name__ for step in steps]
        known = len(steps) == 1 and type(steps[0]).__module__.startswith(library)
        kind = _PARAMETRIZATIONS.get(classes[0], classes[0]) if known else " and ".join(classes)
        where = f"parametrizations.{name}"
        stored = {kept.suffix: f"{where}.{kept.parametrized}" for kept in KEPT.get(kind, ())}
        yield name, {"kind": kind, "axis": _axis(kind, steps[0]), "stored": stored or {"": where}}


def _axis(kind: str, doer: Any) -> int | None:
    dim = getattr(doer, "dim", None) if kind in KEPT else None
    return None if dim is None or (kind == "weight_norm" and dim == WHOLE_NORM) else int(dim)
