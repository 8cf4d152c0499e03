"""Up the ladder with both frameworks: in this process, or each in one of its own, exchanging HDF5 files."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ...common.arrays import Arrays, text_array
from ...common.compare.ladder import REFUSED, LadderPlan, Side
from ...common.compare.recipes import Ladder
from ...common.compare.verdict import FAIL, Rung, Verdict
from ...common.errors import BadInput, EnvironmentFailed
from ...common.traces.exchange import read_arrays, write_arrays
from ..processes import run_all
from .evidence import RungEvidence

OnRung = Callable[[Rung], None]


class _Stop(Exception):
    """A rung failed and no further one was asked for."""


def validate(
    sides: tuple[Side, Side],
    plan: LadderPlan,
    isolate: bool = False,
    every: bool = False,
    on_rung: OnRung = lambda rung: None,
) -> Verdict:
    """Judge rung by rung, and give the verdict.

    Args:
        isolate: each side in a process of its own. every: go on after a rung that fails.
        on_rung: called with each rung when it is done.

    Raises:
        EnvironmentFailed: a framework or its device is missing.
    """
    verdict = Verdict(plan.recipe.name, tuple(side.backend for side in sides))
    ladder = Ladder(plan)

    def reach(name: str, evidence: dict[str, Arrays], seconds: float) -> None:
        rung = ladder.judge(name, evidence)
        rung.seconds += seconds
        verdict.rungs.append(rung)
        on_rung(rung)
        if rung.status == FAIL and not every:
            raise _Stop

    with tempfile.TemporaryDirectory(prefix="dualport-") as folder:
        collect = _apart if isolate else _together
        with contextlib.suppress(_Stop):
            collect(sides, plan, folder, reach)
    return verdict


def _together(sides: tuple[Side, Side], plan: LadderPlan, folder: str, reach: Callable) -> None:
    both = {side.backend: RungEvidence(side, plan, folder) for side in sides}
    for name in plan.rungs:
        began = time.perf_counter()
        shown = {} if name in plan.skips else {side: gather(evidence, name) for side, evidence in both.items()}
        reach(name, shown, time.perf_counter() - began)


def gather(evidence: RungEvidence, name: str) -> Arrays:
    """One side's evidence; where it refuses what it is given, the reason."""
    try:
        return evidence.of(name)
    except BadInput as error:
        return {REFUSED: text_array(str(error))}


def _apart(sides: tuple[Side, Side], plan: LadderPlan, folder: str, reach: Callable) -> None:
    waiting = list(plan.rungs)
    starts: dict[str, str] = {}
    done: dict[str, dict[str, tuple[str, float]]] = {name: {} for name in plan.rungs}

    def on_event(side: str, event: dict) -> None:
        if "start" in event:
            starts[side] = event["start"]
            missing = [starts[each.backend] for each in sides if starts.get(each.backend)]
            if len(starts) == len(sides) and missing:
                raise EnvironmentFailed(missing[0])
            return
        done[event["rung"]][side] = (event["file"], event["seconds"])
        while waiting and len(done[waiting[0]]) == len(sides):
            name = waiting.pop(0)
            files = done[name]
            shown = {each.backend: read_arrays(files[each.backend][0]) for each in sides if files[each.backend][0]}
            for path, _ in files.values():
                Path(path).unlink(missing_ok=True) if path else None
            reach(name, shown, max(seconds for _, seconds in files.values()))

    run_all({side.backend: (gather_alone, (side, plan, folder)) for side in sides}, on_event)


def gather_alone(side: Side, plan: LadderPlan, folder: str, tell: Callable[[dict], None]) -> None:
    """In a process of its own: every rung's evidence into a file, one after the other."""
    try:
        evidence = RungEvidence(side, plan, folder)
    except EnvironmentFailed as error:
        # Not raised: the other side, ended while it still imports Paddle, would print Paddle's traceback.
        tell({"start": str(error)})
        return
    tell({"start": ""})
    for place, name in enumerate(plan.rungs):
        began, path = time.perf_counter(), Path(folder) / f"{side.backend}-{place:02d}.h5"
        if name in plan.skips:
            tell({"rung": name, "file": "", "seconds": 0.0})
            continue
        write_arrays(path, gather(evidence, name))
        tell({"rung": name, "file": str(path), "seconds": time.perf_counter() - began})
