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
from .evidence import Climber

OnRung = Callable[[Rung], None]


class _Stop(Exception):
    """A rung failed and no further one was asked for."""


def validate(
    sides: tuple[Side, Side],
    climb: LadderPlan,
    isolate: bool = False,
    every: bool = False,
    on_rung: OnRung = lambda rung: None,
) -> Verdict:
    """Climb, rung by rung, and give the verdict.

    Args:
        isolate: each side in a process of its own. every: go on after a rung that fails.
        on_rung: called with each rung when it is done.

    Raises:
        EnvironmentFailed: a framework or its device is missing.
    """
    verdict = Verdict(climb.recipe.name, tuple(side.backend for side in sides))
    ladder = Ladder(climb)

    def reach(name: str, evidence: dict[str, Arrays], seconds: float) -> None:
        rung = ladder.judge(name, evidence)
        rung.seconds += seconds
        verdict.rungs.append(rung)
        on_rung(rung)
        if rung.status == FAIL and not every:
            raise _Stop

    with tempfile.TemporaryDirectory(prefix="dualport-") as folder:
        climbing = _apart if isolate else _together
        with contextlib.suppress(_Stop):
            climbing(sides, climb, folder, reach)
    return verdict


def _together(sides: tuple[Side, Side], climb: LadderPlan, folder: str, reach: Callable) -> None:
    climbers = {side.backend: Climber(side, climb, folder) for side in sides}
    for name in climb.rungs:
        began = time.perf_counter()
        found = {} if name in climb.skips else {side: gather(climber, name) for side, climber in climbers.items()}
        reach(name, found, time.perf_counter() - began)


def gather(climber: Climber, name: str) -> Arrays:
    """One side's evidence; where it refuses what it is given, the reason."""
    try:
        return climber.evidence(name)
    except BadInput as error:
        return {REFUSED: text_array(str(error))}


def _apart(sides: tuple[Side, Side], climb: LadderPlan, folder: str, reach: Callable) -> None:
    waiting = list(climb.rungs)
    starts: dict[str, str] = {}
    done: dict[str, dict[str, tuple[str, float]]] = {name: {} for name in climb.rungs}

    def on_event(side: str, event: dict) -> None:
        if "start" in event:
            starts[side] = event["start"]
            missing = [starts[one.backend] for one in sides if starts.get(one.backend)]
            if len(starts) == len(sides) and missing:
                raise EnvironmentFailed(missing[0])
            return
        done[event["rung"]][side] = (event["file"], event["seconds"])
        while waiting and len(done[waiting[0]]) == len(sides):
            name = waiting.pop(0)
            files = done[name]
            found = {one.backend: read_arrays(files[one.backend][0]) for one in sides if files[one.backend][0]}
            for path, _ in files.values():
                Path(path).unlink(missing_ok=True) if path else None
            reach(name, found, max(seconds for _, seconds in files.values()))

    run_all({side.backend: (climb_alone, (side, climb, folder)) for side in sides}, on_event)


def climb_alone(side: Side, climb: LadderPlan, folder: str, tell: Callable[[dict], None]) -> None:
    """In a process of its own: every rung's evidence into a file, one after the other."""
    try:
        climber = Climber(side, climb, folder)
    except EnvironmentFailed as error:
        # Not raised: the other side, ended while it still imports Paddle, would print Paddle's traceback.
        tell({"start": str(error)})
        return
    tell({"start": ""})
    for place, name in enumerate(climb.rungs):
        began, path = time.perf_counter(), Path(folder) / f"{side.backend}-{place:02d}.h5"
        if name in climb.skips:
            tell({"rung": name, "file": "", "seconds": 0.0})
            continue
        write_arrays(path, gather(climber, name))
        tell({"rung": name, "file": str(path), "seconds": time.perf_counter() - began})
