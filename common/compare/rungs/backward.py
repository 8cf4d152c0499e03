"""The loss and the gradients of two traces, in the order of the backward pass."""

from __future__ import annotations

from ...alignment.constants import AVERAGES, averaging_factor
from ...traces.reading import Call, Run
from ..aligned_rung import AlignedRung
from ..matching.calls import CallPair
from ..matching.layers import Matching
from ..row import Row
from ..verdict import Rung
from .sides import CallRow, Sides, excuse_kinks, of_both


def backward_rungs(sides: Sides, pairs: list[CallPair], unpaired: list, matching: Matching, parted: bool) -> list[Rung]:
    loss = sides.row("loss", ("1", "1"), "loss", "float64 forward")
    lonely = [(side, call) for side, left in enumerate(unpaired) for call in left if call.kind in AVERAGES]
    if any(_factor(sides.main[side], call) != 1 for side, call in lonely):
        sides.loose = sides.loose or f"Paddle divides the gradient of {lonely[0][1].path} by its count in float32"
    rows: list[Row] = []
    waiting = dict(of_both(sides.main[0].names("gradients/1"), matching.weights, sides.main[1].names("gradients/1")))
    consumers = _consumers(pairs)
    known: dict[tuple[int, int], CallRow] = {}
    for place, pair in reversed(list(enumerate(pairs))):
        for (x_name, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            if (x, y) in known or not any(run.shape("flow", n) for run, n in zip(sides.main, (x, y), strict=True)):
                continue
            shown = f"{pair.name}" + (f" [{x_name}]" if len(pair.a.outputs) > 1 else "") + ", gradient"
            row = known[x, y] = sides.row("flow", (x, y), shown, "float64 gradient", absent_is_zero=True)
            row.place, row.where = place, (pair.a.where, pair.b.where)
            _blame(row, consumers.get(x, []), known, pairs, sides)
            rows.append(row)
        if _rounded_count(sides.main, pair):
            sides.loose = sides.loose or f"Paddle divides the gradient of {pair.name} by counts in float32"
        mine = pair.a.path if pair.a.module else None
        for name in [one for one in waiting if mine is not None and _belongs(one, mine)]:
            rows.append(_weight_gradient(sides, name, waiting.pop(name), pair, known))
    for name, other in waiting.items():
        rows.append(sides.row("gradients/1", (name, other), name, "float64 gradient"))
    for source in [number for number, one in sides.main[0].sources.items() if one.startswith("input ")]:
        if sides.main[0].shape("flow", source) and sides.main[1].shape("flow", source):
            rows.append(
                sides.row("flow", (source, source), f"{sides.main[0].sources[source]}, gradient", "float64 gradient")
            )
    excuse_kinks(sides, rows, pairs)
    for row in rows if parted else []:
        row.own = False  # other values went in, so that the gradients cannot agree
        row.remark = row.remark if row.same or "has none" in row.remark else "follows from the forward pass"
    return [AlignedRung("loss", [loss]), AlignedRung("gradients", rows)]


def _belongs(weight: str, path: str) -> bool:
    return weight.startswith(f"{path}.") if path else "." not in weight


def _rounded_count(runs: tuple[Run, Run], pair: CallPair) -> bool:
    """Whether the gradient of an average pool has a rounded count in Paddle that PyTorch could not be given."""
    averages = [call.kind in AVERAGES for call in (pair.a, pair.b)]
    factors = [_factor(run, call) for run, call in zip(runs, (pair.a, pair.b), strict=True)]
    return any(averages) and (None in factors or (averages[0] != averages[1] and factors != [1, 1]))


def _factor(run: Run, call: Call) -> float | None:
    if call.kind not in AVERAGES:
        return 1
    shapes = [run.shape("values", pairs[0][1]) for pairs in (call.inputs, call.outputs)]
    return averaging_factor(call.kind, call.settings, *shapes) if all(shapes) else None


def _consumers(pairs: list[CallPair]) -> dict[int, list[int]]:
    """Value of a → the pairs that are given it."""
    found: dict[int, list[int]] = {}
    for place, pair in enumerate(pairs):
        for _, number in pair.a.inputs:
            found.setdefault(number, []).append(place)
    return found


def _blame(row: CallRow, consumers: list[int], known: dict, pairs: list[CallPair], sides: Sides) -> None:
    """A gradient that parts where those of all that follows agree: it parts in the backward pass of what follows."""
    if row.same:
        return
    after = [
        known.get((x, y))
        for n in consumers
        for (_, x), (_, y) in zip(pairs[n].a.outputs, pairs[n].out_b.outputs, strict=False)
    ]
    row.own = all(one is None or one.same for one in after)
    if row.own and not row.remark:
        blamed = ", ".join(dict.fromkeys(pairs[n].name for n in consumers)) or "the loss"
        row.remark = f"parts in the backward pass of {blamed}"
        row.place = consumers[0] if consumers else row.place
    row.remark = row.remark or "inherited from later layers"


def _weight_gradient(sides: Sides, name: str, other: str, pair: CallPair, known: dict) -> CallRow:
    row = sides.row("gradients/1", (name, other), name, "float64 gradient")
    out = [known.get((x, y)) for (_, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False)]
    row.own = not row.same and all(one is None or one.same for one in out)
    if row.own and not row.remark:
        row.remark = "the gradient that arrives here agrees, that of the weight does not"
    return row
