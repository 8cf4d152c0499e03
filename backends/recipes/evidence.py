"""What one framework does on each rung of the ladder: it computes, and gives arrays by name for others to compare.

Every array of float64 is under `float64/`, its float32 counterpart under `float32/`, that of a lower precision under
`lowered/`. Nothing here compares the two
frameworks: they may run in different processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from ...common.arrays import Arrays, text_array, under
from ...common.compare.ladder import CARRIED_ON, LOWERED, RUNGS, UNSUPPORTED, LadderPlan, Side, steps_of
from ...common.runs.checkpoint import Checkpoint, Position, load_newest, save
from ...common.runs.epoch_plan import plan_epoch
from ...common.runs.initial_weights import initial_weights
from ...common.runs.loop import epoch_means
from ...common.runs.session_state import capture, restore
from .. import NAMES, load_backend
from ..contract import Unsupported
from ..processes import Meeting
from .training_steps import Trajectory, carry_on, narrowed

DTYPES = ("float64", "float32")
STATE = "{}-state"  # the folder of a side's checkpoint
PATIENCE = 600.0  # seconds that one side waits for what the other leaves


class RungEvidence:
    """One side on its way up. Rungs are asked for in their order; what one has computed the next ones use.

    Args:
        exchange: a folder in which the sides leave what the other needs.

    Raises:
        EnvironmentFailed: the framework or its device is missing.
    """

    def __init__(self, side: Side, ladder: LadderPlan, exchange: str) -> None:
        self.side, self.ladder, self.exchange = side, ladder, Path(exchange)
        self.backend = load_backend(side.backend)
        self.backend.device.choose_device(side.device)  # a missing one is told before anything is computed
        self.dataset = ladder.some()
        self.initial = initial_weights(side.recipe, ladder.seed)

    def of(self, rung: str) -> Arrays:
        """What this side has to show on one rung."""
        if rung in LOWERED:
            return self.lowered(LOWERED[rung])
        ways: dict[str, Callable[[], Arrays]] = dict(zip(RUNGS, (
            self.structure, self.data, self.initialisation, self.forward, self.objective, self.gradients,
            self.one_step, self.steps, self.statistics, self.resume, self.training,
        ), strict=True))  # fmt: skip
        return ways[rung]()

    def session(self, dtype: str, weights: Arrays | None = None):
        """A fresh session with the data on its device."""
        recipe = self.side.recipe
        made = self.backend.Session(recipe, self.initial if weights is None else weights, self.side.device, dtype)
        return self._fill(made, self.dataset)

    def _fill(self, session, dataset):
        recipe = self.side.recipe
        hot = dataset.one_hot(recipe.model.classes) if recipe.model.conditional else None
        session.load_data(dataset.scaled(*recipe.data.value_range), hot)
        return session

    def path(self) -> Iterator:
        """Plan and step of each training step from the first on."""
        return steps_of(self.side.recipe, self.ladder.seed, len(self.dataset))

    @cached_property
    def fresh(self) -> dict:
        """A session of each dtype that never trains."""
        return {dtype: self.session(dtype) for dtype in DTYPES}

    @cached_property
    def probes(self) -> dict:
        """The first batch, forward and backward, in each dtype."""
        shown = {}
        for dtype, session in self.fresh.items():
            before = session.weights()
            shown[dtype] = session.probe(*session.batch(*next(self.path())))
            session.load_weights(before)  # a training pass moves the running statistics
        return shown

    @cached_property
    def meeting(self) -> Meeting:
        return Meeting(self.exchange)

    @cached_property
    def trajectory(self) -> Trajectory:
        return Trajectory(self)

    def structure(self) -> Arrays:
        session = self.fresh["float64"]
        shapes = {name: np.array(array.shape, np.int64) for name, array in session.weights().items()}
        stepped = {f"{name}/{each}": np.ones(1) for name, group in session.stepped().items() for each in group}
        return under("shape", shapes) | under("stepped", stepped)

    def data(self) -> Arrays:
        session, recipe = self.fresh["float64"], self.side.recipe
        plan = plan_epoch(recipe, self.ladder.seed, 0, len(self.dataset))
        shown = {"steps in an epoch": np.array(plan.steps), "images in an epoch": np.array(len(plan.order))}
        for step in sorted({*range(min(self.ladder.steps, plan.steps)), plan.steps - 1}):
            image, label, noise, masks = session.batch(plan, step)
            batch = {"image": image, "label": label, "noise": noise} | (masks or {})
            arrays = {name: session.to_numpy(tensor) for name, tensor in batch.items() if tensor is not None}
            shown |= {f"{name}, step {step}": array for name, array in arrays.items()}
        return shown

    def initialisation(self) -> Arrays:
        return self._both(lambda session: session.weights())

    def forward(self) -> Arrays:
        return self._probed("activations")

    def objective(self) -> Arrays:
        shown = self._probed("objective")
        plan, _ = next(self.path())
        for dtype, probe in self.probes.items():
            terms = [[float(value) for value in probe.objective.values()]]
            shown[f"{dtype}/printed"] = np.array(epoch_means(self.side.recipe, terms, plan).get("printed", np.nan))
        return shown

    def gradients(self) -> Arrays:
        return self._probed("gradients", "gradient/") | self._probed("flow", "flow/")

    def lowered(self, dtype: str) -> Arrays:
        """Every activation of the first batch in a lower precision, and in float64; or why this side has none."""
        device = self.backend.device
        exact = under("float64", self.probes["float64"].activations)
        try:
            session = self.session(dtype)
            seen = session.inspect(*self._moved_to(session), training=True)
        except Unsupported as error:
            return {UNSUPPORTED: text_array(str(error))}
        except RuntimeError as error:
            reason = device.refusal(error, dtype)
            if reason is None:
                raise
            return {UNSUPPORTED: text_array(reason)}
        finally:
            device.make_repeatable()  # TF32 is off again
        return exact | under("lowered", seen)

    def _moved_to(self, session) -> tuple:
        """The first batch, picked in float32: a framework may not even gather in less."""
        picker = self.fresh["float32"]

        def moved(tensor):
            return None if tensor is None else session.to_device(picker.to_numpy(tensor))

        *batch, masks = picker.batch(*next(self.path()))
        return *map(moved, batch), masks and {name: moved(mask) for name, mask in masks.items()}

    def _probed(self, which: str, below: str = "") -> Arrays:
        return {
            f"{dtype}/{below}{name}": array
            for dtype, probe in self.probes.items()
            for name, array in getattr(probe, which).items()
        }

    def _both(self, of) -> Arrays:
        return {key: a for dtype, session in self.fresh.items() for key, a in under(dtype, of(session)).items()}

    def one_step(self) -> Arrays:
        shown = dict(self.trajectory.until(1))
        if self.ladder.steps == 1:
            self.leave_state()
        return shown

    def steps(self) -> Arrays:
        shown = self.trajectory.until(self.ladder.steps)
        self.leave_state()
        return shown | self.trajectory.growth()

    def leave_state(self) -> None:
        """Leave the state after all steps for the other side."""
        state = capture(self.trajectory.exact, Position(total=self.ladder.steps))
        name = STATE.format(self.side.backend)
        save(self.exchange / name, state)
        self.meeting.leave(name)

    def left_state(self, backend: str) -> Checkpoint:
        """The state after all steps of one side.

        Raises:
            EnvironmentFailed: the other side leaves none within ten minutes, or has died.
        """
        return load_newest(self.meeting.wait_for(STATE.format(backend), PATIENCE))[0]

    def statistics(self) -> Arrays:
        """Running statistics after the first and the last step; then evaluation, of one state on both sides."""
        shown = self.trajectory.statistics()
        state = narrowed(self.left_state(min(NAMES))).weights
        for dtype, session in self.fresh.items():
            session.load_weights(state)
            image, label, noise, _ = session.batch(*next(self.path()))
            shown |= under(f"{dtype}/evaluation", session.inspect(image, label, noise))
            session.load_weights(self.initial)
        return shown | under("weights", state) | under("final", self.trajectory.final)

    def resume(self) -> Arrays:
        """A few more steps: without a break, from the own checkpoint, and from the checkpoint of the other side."""
        path = [next(self.trajectory.path) for _ in range(CARRIED_ON)]
        shown: Arrays = {}
        for backend in NAMES:
            source = "own" if backend == self.side.backend else "other"
            session = self.session("float64")
            restore(session, self.left_state(backend))
            shown |= under(source, carry_on(session, path))
        return shown | under("unbroken", carry_on(self.trajectory.exact, path))

    def training(self) -> Arrays:
        """Means of each epoch in float32: `[epochs, 3]`, as loss, reconstruction and KL."""
        recipe, ladder = self.side.recipe, self.ladder
        session = self._fill(self.backend.Session(recipe, self.initial, self.side.device, "float32"), ladder.dataset)
        rows = []
        for epoch in range(ladder.epochs):
            plan = plan_epoch(recipe, ladder.seed, epoch, len(ladder.dataset))
            means = epoch_means(recipe, np.concatenate(list(session.epoch(plan))).tolist(), plan)
            rows.append([means.get(name, np.nan) for name in ("loss", "reconstruction", "kl", "printed")])
        return {"epochs": np.array(rows)}
