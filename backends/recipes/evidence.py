"""What one framework does on each rung of the ladder: it computes, and leaves what it sees in a trace.

The exact pass and the steps are the trace's float64 run in training mode, what is said of float32 its float32 run, and
so on. Nothing here compares the two frameworks: they may run in different processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from ...common.arrays import Arrays
from ...common.compare.ladder import CARRIED_ON, LOWERED, LadderPlan, Side, steps_of
from ...common.errors import BadInput
from ...common.runs.checkpoint import Checkpoint, Position, newest, save
from ...common.runs.epoch_plan import plan_epoch
from ...common.runs.initial_weights import initial_weights
from ...common.runs.loop import epoch_means
from ...common.runs.session_state import capture, restore
from ...common.traces.plan import EXACT
from ...common.traces.reading import FORMAT, VERSION
from ...common.traces.writing import Stored, put_all
from .. import NAMES, load_backend
from ..contract import Unsupported
from ..processes import Meeting
from .training_steps import Trajectory, carry_on, narrowed

DTYPES = (EXACT, "float32")
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
        device = self.backend.device.choose_device(side.device)  # a missing one is told before anything is computed
        self.dataset = ladder.some()
        self.initial = initial_weights(side.recipe, ladder.seed)
        self.head = {
            "format": FORMAT, "version": VERSION, "framework": side.backend, "model": side.recipe.name,
            "seed": ladder.seed, "device": device, "refused": {}, "unsupported": {},
        }  # fmt: skip

    def record(self, rung: str, trace) -> None:
        """Leave what this side has to show on one rung under the outermost group of a trace, of a file or in memory;
        where it refuses what it is given, the reason."""
        self.trace = trace
        ways: dict[str, Callable[[], object]] = {
            "structure": self.structure, "data": self.data, "initialisation": self.initialisation,
            "forward": lambda: self.probed, "objective": self.objective, "gradients": lambda: self.probed,
            "one step": lambda: self.steps(1), "steps": lambda: self.steps(self.ladder.steps),
            "running statistics": self.statistics, "resume": self.resume, "training": self.training,
        }  # fmt: skip
        try:
            if rung in LOWERED:
                self.lowered(rung)
            else:
                ways[rung]()
        except BadInput as error:
            self.head["refused"][rung] = str(error)
        Stored(trace).note("head", self.head)

    def run(self, dtype: str, mode: str = "train") -> Stored:
        """What takes the arrays of one precision and mode."""
        return Stored(self.trace.require_group(f"runs/{dtype}/{mode}"))

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
    def probed(self) -> dict[str, Arrays]:
        """The first batch forward and backward, in each dtype: the terms of its objective."""
        terms = {}
        for dtype, session in self.fresh.items():
            before = session.weights()
            terms[dtype] = session.probe(self.run(dtype), *session.batch(*next(self.path())))
            session.load_weights(before)  # a training pass moves the running statistics
        return terms

    @cached_property
    def meeting(self) -> Meeting:
        return Meeting(self.exchange)

    @cached_property
    def trajectory(self) -> Trajectory:
        return Trajectory(self)

    def structure(self) -> None:
        session = self.fresh[EXACT]
        put_all(self.run(EXACT), "start", session.weights())
        self.run(EXACT).note("stepped", session.stepped())

    def data(self) -> None:
        session, recipe = self.fresh[EXACT], self.side.recipe
        plan = plan_epoch(recipe, self.ladder.seed, 0, len(self.dataset))
        shown = {"steps in an epoch": np.array(plan.steps), "images in an epoch": np.array(len(plan.order))}
        for step in sorted({*range(min(self.ladder.steps, plan.steps)), plan.steps - 1}):
            image, label, noise, masks = session.batch(plan, step)
            batch = {"image": image, "label": label, "noise": noise} | (masks or {})
            arrays = {name: session.to_numpy(tensor) for name, tensor in batch.items() if tensor is not None}
            shown |= {f"{name}, step {step}": array for name, array in arrays.items()}
        put_all(self.run(EXACT), "batches", shown)

    def initialisation(self) -> None:
        put_all(self.run("float32"), "start", self.fresh["float32"].weights())

    def objective(self) -> None:
        plan, _ = next(self.path())
        for dtype, terms in self.probed.items():
            put_all(self.run(dtype), "objective", terms)
            means = epoch_means(self.side.recipe, [[float(value) for value in terms.values()]], plan)
            self.run(dtype).put("objective", "printed", np.array(means.get("printed", np.nan)))

    def lowered(self, rung: str) -> None:
        """Every activation of the first batch in a lower precision; or why this side has none."""
        dtype, device = LOWERED[rung], self.backend.device
        try:
            session = self.session(dtype)
            session.inspect(self.run(dtype), *self._moved_to(session), training=True)
        except Unsupported as error:
            self.head["unsupported"][rung] = str(error)
        except RuntimeError as error:
            reason = device.refusal(error, dtype)
            if reason is None:
                raise
            self.head["unsupported"][rung] = reason
        finally:
            device.make_repeatable()  # TF32 is off again

    def _moved_to(self, session) -> tuple:
        """The first batch, picked in float32: a framework may not even gather in less."""
        picker = self.fresh["float32"]

        def moved(tensor):
            return None if tensor is None else session.to_device(picker.to_numpy(tensor))

        *batch, masks = picker.batch(*next(self.path()))
        return *map(moved, batch), masks and {name: moved(mask) for name, mask in masks.items()}

    def steps(self, count: int) -> None:
        self.trajectory.until(count, self.run(EXACT), self.run("float32"))
        if count == self.ladder.steps:
            self.leave_state()

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
        return newest(self.meeting.wait_for(STATE.format(backend), PATIENCE))

    def statistics(self) -> None:
        """Evaluation, of one state on both sides: that of the trained model, as float32 holds it."""
        state = narrowed(self.left_state(min(NAMES))).weights
        for dtype, session in self.fresh.items():
            put_all(self.run(dtype, "eval"), "start", state)
            session.load_weights(state)
            image, label, noise, _ = session.batch(*next(self.path()))
            session.inspect(self.run(dtype, "eval"), image, label, noise)
            session.load_weights(self.initial)

    def resume(self) -> None:
        """A few more steps: without a break, from the own checkpoint, and from the checkpoint of the other side."""
        path, run = [next(self.trajectory.path) for _ in range(CARRIED_ON)], self.run(EXACT)
        for backend in NAMES:
            source = "own" if backend == self.side.backend else "other"
            session = self.session(EXACT)
            restore(session, self.left_state(backend))
            carry_on(session, path, run, f"resume/{source}")
        carry_on(self.trajectory.exact, path, run, "resume/unbroken")

    def training(self) -> None:
        """Means of each epoch in float32: `[epochs, 4]`, as loss, reconstruction, KL and what is printed."""
        recipe, ladder = self.side.recipe, self.ladder
        session = self._fill(self.backend.Session(recipe, self.initial, self.side.device, "float32"), ladder.dataset)
        rows = []
        for epoch in range(ladder.epochs):
            plan = plan_epoch(recipe, ladder.seed, epoch, len(ladder.dataset))
            means = epoch_means(recipe, np.concatenate(list(session.epoch(plan))).tolist(), plan)
            rows.append([means.get(name, np.nan) for name in ("loss", "reconstruction", "kl", "printed")])
        self.run("float32").put("means", "epochs", np.array(rows))
