"""What climbs the ladder: two sides, the data between them, and the names of the rungs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..data import Dataset
from ..errors import BadInput, choose
from ..runs.epoch_plan import EpochPlan, plan_epoch
from ..spec import Recipe

RUNGS = (
    "structure",
    "data",
    "initialisation",
    "forward",
    "objective",
    "gradients",
    "one step",
    "steps",
    "running statistics",
    "resume",
    "training",
)
PRECISIONS = ("float32", "tf32", "float16", "bfloat16")  # float32 is on every rung that computes
LOWERED = {f"forward, {dtype}": dtype for dtype in PRECISIONS[1:]}  # rungs after all others, where they are asked for
STEPS = 20
CARRIED_ON = 3  # steps taken after a hand-over
MOST_IMAGES = 4096  # beyond it, only training looks at more


@dataclass(frozen=True)
class Side:
    """One realisation: which backend walks which recipe on which device. The recipes of both sides should be one."""

    backend: str
    recipe: Recipe
    device: str = "cpu"


@dataclass(frozen=True)
class LadderPlan:
    """What both sides are given.

    `recipe` is the one that the witness computes. `epochs` = 0 leaves training out. The first `steps` steps are
    compared, one by one. `precisions`: those of `PRECISIONS` in which the first batch goes forward as well.

    Raises:
        BadInput: no step, a negative number of epochs, or an unknown precision.
    """

    recipe: Recipe
    dataset: Dataset
    seed: int = 0
    steps: int = STEPS
    epochs: int = 0
    precisions: tuple[str, ...] = PRECISIONS[:1]

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise BadInput(f"steps must be at least 1, but is {self.steps}")
        if self.epochs < 0:
            raise BadInput(f"epochs must be at least 0, but is {self.epochs}")

        for precision in self.precisions:
            choose(precision, PRECISIONS, "precision")

    @property
    def rungs(self) -> tuple[str, ...]:
        """Names of all rungs in their order: the mathematics before what each lower precision loses."""
        return RUNGS + tuple(name for name, dtype in LOWERED.items() if dtype in self.precisions)

    @property
    def skips(self) -> dict[str, str]:
        """Rungs that are left out, with the reason: a key of `wording.SKIPS`."""
        left_out = {
            "steps": "one step" if self.steps < 2 else "",
            "running statistics": "" if self.recipe.model.has_batch_norm() else "no statistics",
            "training": "" if self.epochs else "no epochs",
        }
        return {name: why for name, why in left_out.items() if why}

    def some(self) -> Dataset:
        """The images of every rung but training: all of them, or the first few thousand and a partial batch."""
        wanted = max(MOST_IMAGES, (self.steps + CARRIED_ON + 1) * self.recipe.training.batch_size) + 1
        return self.dataset if len(self.dataset) <= wanted else self.dataset.subset(slice(0, wanted))


def steps_of(recipe: Recipe, seed: int, count: int) -> Iterator[tuple[EpochPlan, int]]:
    """Plan and step within it, one training step after the other, epoch after epoch."""
    epoch = 0
    while True:
        plan = plan_epoch(recipe, seed, epoch, count)
        for step in range(plan.steps):
            yield plan, step
        epoch += 1
