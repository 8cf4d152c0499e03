"""The one table of tolerances: quantity → bound, and why it is that. No test and no command holds a number of its own.

Errors are relative, ‖a − b‖ / ‖b‖, unless the quantity says otherwise. float32 carries 6e-8 of rounding in every
operation; float64 carries 1.1e-16.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """A bound on an error, with the reason for its size."""

    bound: float
    why: str


TOLERANCES = {
    "initial weights": Tolerance(0.0, "both frameworks are given the same bits, and must hold them"),
    "structure": Tolerance(0.0, "names, shapes and counts are whole numbers: equal, or another model"),
    "same data": Tolerance(0.0, "both frameworks are given the same images, labels, noise and masks, bit for bit"),
    "optimiser settings": Tolerance(
        1e-12, "the numbers of the recipe; a framework may compute with them before it tells them"
    ),
    "notebook outputs": Tolerance(
        1e-5, "float32 sums of 3,136 products in another order than the notebook's; absolute, for values of order 1"
    ),
    "float64 forward": Tolerance(1e-12, "the same mathematics, rounded in another order"),
    "float64 gradient": Tolerance(1e-10, "sums over batch and positions of forward values"),
    "trigamma": Tolerance(1e-9, "the gradient of digamma, which PyTorch's series keeps to 5e-10"),
    "float64 ten steps": Tolerance(1e-9, "Adam divides by the root of tiny moments and so widens rounding"),
    "float64 running statistics": Tolerance(1e-12, "after fifty steps: means of activations, which agree to rounding"),
    "float32 forward": Tolerance(1e-6, "at most 3,136 products in a sum, whose rounding errors mostly cancel"),
    "converted model, float32 forward": Tolerance(
        1e-4, "any model of any depth, each framework in float32: `align` says what rounding explains of it; a weight "
        "in the wrong place moves outputs by a tenth or more"
    ),
    "float32 step loss": Tolerance(
        1e-5, "one step from the same state: a sum of 784 squared errors over a batch, in another order"
    ),
    "float32 step weights": Tolerance(
        1e-2,
        "one Adam step from the same state, in learning rates: a stored weight of order 1 rounds by 6e-8, a thousandth "
        "of a step of 1e-4; another formula moves it by a tenth or more",
    ),
    "float32 first losses": Tolerance(
        1e-5, "twenty steps on their own from the same start, seed 1; leaving the first plateau multiplies rounding by "
        "about ten every five steps, so that some seeds go beyond it, in each framework alone as well"
    ),
    "float32 ten steps, trained": Tolerance(
        1e-6,
        "ten Adam steps from trained weights and moments: the moments are settled, so that rounding stays rounding",
    ),
    "difference quotient": Tolerance(
        1e-5, "central differences in float64 keep two thirds of its digits, 4e-11 of the loss, which is far larger "
        "than most of its derivatives"
    ),
    "reliable differences": Tolerance(0.9, "share of the elements that no kink of a ReLU lies too near to"),
    "rounding, used at most": Tolerance(
        1 / 3, "share of its bound that a float32 error may use: a bound without room fails on the next machine"
    ),
    "rounding, used at least": Tolerance(
        1 / 100, "share of its bound that the middle float32 error uses: a bound far above it would explain bugs too"
    ),
    "rounding rule, at least": Tolerance(0.2, "the mean over all orders of summation against one of them"),
    "rounding rule, at most": Tolerance(1.5, "the mean over all orders of summation against one of them"),
    "epoch loss, published schedule": Tolerance(
        5e-3, "a mean over 60,000 images: the trajectories part by rounding, the means stay"
    ),
    "epoch loss, short schedule": Tolerance(
        2e-2, "at learning rate 1e-3 on 1,797 images the trajectories part within 20 steps; the means over so few "
        "images then differ as between two seeds"
    ),
    "diverged loss": Tolerance(
        1e3, "times the loss of a run's first step, for ten steps or in the end: training that comes down again does "
        "so sooner, and a run that goes on from trained weights begins a hundred times below an untrained model"
    ),
    "published loss, first epoch": Tolerance(6e-2, "another seed; the notebook's own two seeds differ by 3.3 %"),
    "published loss, third epoch": Tolerance(4e-2, "another seed, later in training"),
    "published table": Tolerance(
        3e-2, "another seed; the first epochs, where the loss falls fastest, differ most from run to run"
    ),
    "published table, last epoch": Tolerance(2e-2, "another seed, after twenty epochs"),
    "sampled means, in standard errors": Tolerance(5.0, "chance alone goes beyond it once in 1.7 million tests"),
    "class fidelity of the published weights": Tolerance(
        5e-2, "absolute, from 0.67: judges of other sizes and other random latents differ by 0.02"
    ),
    "forward, at most": Tolerance(
        1e-2, "where float32 must judge alone: what rounding moves further is random or unstable, and proves nothing"
    ),
    "rounding, room": Tolerance(
        4.0, "how far a pass may be beyond one random pass with eightfold rounding: another draw, in another order"
    ),
    "rounding, room in float64": Tolerance(
        100.0, "the same in float64, where rounding is so small that room for a chaotic training costs nothing"
    ),
    "rounding, room of few elements": Tolerance(
        64.0, "the same for arrays of fewer than 16 elements, where one draw may come out near zero by chance"
    ),
    "same value": Tolerance(
        1e-9, "of the largest element: tells which value is which, not whether they agree. True pairs of deep models "
        "are at most 2.4e-14 apart in evaluation and 1.4e-12 in training; of 227,000 others none is within 1e-4"
    ),
    "growth between cuts": Tolerance(
        300.0, "a factor: how much further than the values that it comes from one may be apart and still be only a "
        "rewriting, which rounds otherwise; two planted faults that shrank below every bound later grew a millionfold"
    ),
    "gradient that is none": Tolerance(
        1e-12, "of the largest gradient of a weight: true zeros, as of a bias before a normalisation, hold rounding of "
        "larger gradients that cancel, about 1e-17"
    ),
    "one call on the same values": Tolerance(
        1e-11, "of the largest element: one call of either framework, given the very same numbers in float64"
    ),
    "closed form": Tolerance(1e-12, "the same formula in float64, summed in another order"),
    "diagnosis removes it": Tolerance(
        1e-9, "the suspected difference, applied in float64 to one side, leaves rounding"
    ),
    "diagnosis reproduces it": Tolerance(
        1e-6, "a closed form that gives a call's own output, float32 constants included"
    ),
    "diagnosis reduces it": Tolerance(0.1, "share of a divergence that a suspicion must leave at most to be told"),
    "initial distribution": Tolerance(
        2.7, "√n · D of Kolmogorov and Smirnov: chance alone goes beyond it once in a million draws"
    ),
    "exchanged weights": Tolerance(1e-5, "one forward pass with the same trained weights, in float32"),
}  # fmt: skip


def bound(quantity: str) -> float:
    """The bound of a quantity in the table."""
    return TOLERANCES[quantity].bound
