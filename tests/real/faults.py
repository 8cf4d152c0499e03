"""Faults planted into real PyTorch models, one at a time: what the verdicts are scored on.

    python tests/real/faults.py [MODEL…] [--each N] [--seed N] [--lines FILE]

What counts as a fault: with the weights and inputs of the comparison, in float64 and in evaluation, PyTorch's own model
returns something else with it than without it, or has other gradients of its parameters or inputs; its outputs keep
their shapes, and are finite. What changes nothing (a ReLU before a ReLU) is none, and is not counted.

Where a fault lies: at the calls of the module that was changed and of what is inside it, or at those that the changed
line of the code makes; at calls that only the right or only the faulty pass of PyTorch's model has, in the code; where
no such call is left, or the fault only changes which value goes where, at the first call that makes an array which the
right pass has not, and at what is given it. On Paddle's side it lies at the counterparts of these in the right pair:
the calls between the same common values, and those that make a value which these calls make; where there are none, as
of a constant, it lies also at the calls that are given what lies there.

What is said of it: *missed*, "same system"; *renamed*, the same with layers in each other's place, which is no fault;
*located*, all calls that the first divergence names, of either side, are among those where the fault lies, and it
names no more than five of a side; *half*, some are; *wide*, it names more; *nowhere*, it names no operation; *wrong*,
it names others alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from dualport.common.compare import facts
from dualport.common.compare.matching.calls import call_name
from packages import found
from pairs import PAIRS
from planted import Fault, faults_of
from subject import Names, Subject

CHANGED = 1e-12  # of the largest element: what is less is the same mathematics, by the rule of the verdict
WIDEST = 5  # calls of one side


def named_by(comparison: Any) -> tuple[Names, int]:
    """The calls that the first divergence names, and how many it holds at most on one side."""
    if comparison.first_divergence is None:
        return (set(), set()), 0
    rung, row = comparison.first_divergence
    labels = getattr(row.cause, "labels", {})
    size = max((len(each) if isinstance(each, tuple) else 1 for each in labels.values()), default=1)
    if isinstance(row.cause, facts.BeginsNaN) or row.about.what not in ("call", "call gradient", "weight gradient"):
        return (set(), set()), size
    pair = comparison.pair_of(rung, row)
    if pair is not None:
        return ({call_name(pair.a)}, {call_name(pair.b)}), size
    side = row.cause.side if isinstance(row.cause, facts.OneSided) else next((n for n in labels if labels[n]), "paddle")
    return ({row.about.name}, set()) if side == "paddle" else (set(), {row.about.name}), size


def judged(comparison: Any, lies: Names, right: Any) -> str:
    """What is said of a fault, in one of the words above."""
    if comparison.ok:
        return "renamed" if comparison.matching.weights != right.matching.weights else "missed"
    named, size = named_by(comparison)
    right = [name in there for names, there in zip(named, lies, strict=True) for name in names]
    if not right:
        return "nowhere"
    if not any(right):
        return "wrong"
    return "half" if not all(right) else "wide" if size > WIDEST else "located"


def chosen(subject: Subject, each: int, seed: int) -> Iterator[tuple[Fault, float]]:
    """Some faults, of as many kinds as there are, each with what it changes."""
    order, kinds = np.random.default_rng(seed), {}
    faults = faults_of(subject.torchs, subject.made)
    for place in order.permutation(len(faults)):
        kinds.setdefault(faults[place].kind, []).append(faults[place])
    left = each
    while left and kinds:
        for kind in [*kinds]:
            while kinds[kind] and left:
                fault = kinds[kind].pop()
                with fault.plant():
                    effect = subject.effect()
                if effect is not None and effect > CHANGED:
                    yield fault, effect
                    left -= 1
                    break
            else:
                del kinds[kind]


def score(name: str, each: int, seed: int, tell: Callable[[dict], None], only: str = "") -> list[dict]:
    """Plant some faults into one pair and see what is said of each."""
    subject = Subject(next(pair for pair in PAIRS if pair.name == name))
    scores = []
    for fault, effect in chosen(subject, each, seed):
        if only and only not in fault.kind:
            continue
        with fault.plant():
            lies, start = subject.lies(fault), time.perf_counter()
            try:
                comparison = subject.aligned()
            finally:
                seconds = time.perf_counter() - start
        scores.append({
            "model": name, "kind": fault.kind, "where": fault.path or fault.line, "what": fault.what, "effect": effect,
            "said": judged(comparison, lies, subject.right), "sentence": comparison.sentence,
            "seconds": round(seconds, 2), "lies": [sorted(side)[:6] for side in lies],
        })  # fmt: skip
        tell(scores[-1])
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", help="names of pairs; all that are right and installed if none is given")
    parser.add_argument("--each", type=int, default=10, help="faults a model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds of faults that hold this word")
    parser.add_argument("--lines", type=argparse.FileType("a"), help="a file that each score is appended to, as JSON")
    given = parser.parse_args()
    warnings.simplefilter("ignore")

    def tell(one: dict) -> None:
        for file in filter(None, (sys.stdout, given.lines)):
            print(json.dumps(one), file=file, flush=True)

    names = given.models or [pair.name for pair in PAIRS if not pair.differs and found(*pair.needs)]
    scores = [one for name in names for one in score(name, given.each, given.seed, tell, given.only)]
    counts = Counter(one["said"] for one in scores)
    print(f"{len(scores)} faults in {len(names)} models: {dict(counts)}, {sum(one['seconds'] for one in scores):.0f} s")


if __name__ == "__main__":
    main()
