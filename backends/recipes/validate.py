"""Up the ladder with both frameworks: in this process, or each in one of its own, whose trace comes in files."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ...common.atomic import atomic_path
from ...common.compare.ladder import LadderPlan, Side
from ...common.compare.recipes import Ladder
from ...common.compare.verdict import FAIL, Rung, Verdict
from ...common.errors import EnvironmentFailed
from ...common.traces.memory import MemoryGroup
from ...common.traces.reading import trace_of
from ..processes import run_all
from .evidence import RungEvidence

OnRung = Callable[[Rung], None]
Sides = tuple[Side, Side]
Traces = dict[str, MemoryGroup]  # side → the trace that it has left so far


class _Stop(Exception):
    """A rung failed and no further one was asked for."""


def validate(
    sides: Sides,
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
    ladder, traces = Ladder(plan), {side.backend: MemoryGroup() for side in sides}

    def reach(name: str, seconds: float) -> None:
        skipped = name in plan.skips
        rung = ladder.judge(name, {} if skipped else {side: trace_of(root, side) for side, root in traces.items()})
        rung.seconds += seconds
        verdict.rungs.append(rung)
        on_rung(rung)
        if rung.status == FAIL and not every:
            raise _Stop

    with tempfile.TemporaryDirectory(prefix="dualport-") as folder:
        collect = _apart if isolate else _together
        with contextlib.suppress(_Stop):
            collect(sides, plan, folder, traces, reach)
    return verdict


def _together(sides: Sides, plan: LadderPlan, folder: str, traces: Traces, reach: Callable) -> None:
    shown = {side.backend: RungEvidence(side, plan, folder) for side in sides}
    for name in plan.rungs:
        began = time.perf_counter()
        if name not in plan.skips:
            for side, evidence in shown.items():
                evidence.record(name, traces[side])
        reach(name, time.perf_counter() - began)


def _apart(sides: Sides, plan: LadderPlan, folder: str, traces: Traces, reach: Callable) -> None:
    import h5py

    waiting = list(plan.rungs)
    starts: dict[str, str] = {}
    taken: dict[str, list[float]] = {side: [] for side in traces}  # seconds of each rung that waits for the other side

    def on_event(side: str, event: dict) -> None:
        if "start" in event:
            starts[side] = event["start"]
            missing = [starts[each] for each in traces if starts.get(each)]
            if len(starts) == len(sides) and missing:
                raise EnvironmentFailed(missing[0])
            return
        taken[side].append(event["seconds"])
        while all(taken.values()):
            name = waiting.pop(0)
            for each, trace in traces.items() if name not in plan.skips else ():
                path = _file(folder, each, name)
                with h5py.File(path, "r") as file:
                    trace.take(file)
                path.unlink()
            reach(name, max(seconds.pop(0) for seconds in taken.values()))

    run_all({side.backend: (gather_alone, (side, plan, folder)) for side in sides}, on_event)


def _file(folder: str, side: str, rung: str) -> Path:
    """Where a side's process leaves the part of its trace that a rung adds."""
    return Path(folder) / f"{side}, {rung}.h5"


def gather_alone(side: Side, plan: LadderPlan, folder: str, tell: Callable[[dict], None]) -> None:
    """In a process of its own: what every rung adds to the trace into a file, one after the other."""
    import h5py

    try:
        evidence = RungEvidence(side, plan, folder)
    except EnvironmentFailed as error:
        # Not raised: the other side, ended while it still imports Paddle, would print Paddle's traceback.
        tell({"start": str(error)})
        return
    tell({"start": ""})
    h5py.get_config().track_order = True  # arrays keep the order in which they came, as in memory
    for name in plan.rungs:
        began = time.perf_counter()
        if name not in plan.skips:
            with atomic_path(_file(folder, side.backend, name)) as path, h5py.File(path, "w") as file:
                evidence.record(name, file)
        tell({"seconds": time.perf_counter() - began})
