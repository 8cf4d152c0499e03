"""All measures of one run together, as JSON and as lines of text. Every number carries its unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, pi, prod
from typing import Any

import numpy as np

from ..data import Dataset
from ..spec import Recipe
from .fidelity import class_fidelity, train_judge
from .held_out import HeldOut
from .importance import log_likelihoods
from .latent_measures import active_units, knn_accuracy
from .measures import Measure, Progress, mean_of, skipped, unwatched
from .terms import Terms, elbo_terms

SAMPLES = 200  # importance samples an image, as the published figures take
TITLES = {
    "reconstruction": "reconstruction",
    "kl": "KL",
    "loss": "loss",
    "negative_elbo": "−ELBO",
    "log_likelihood": "log-likelihood",
    "active_units": "active units",
    "knn_accuracy": "k-NN accuracy",
    "class_fidelity": "class fidelity",
}
AUTOENCODER = "an autoencoder has codes, no posterior"


@dataclass(frozen=True)
class Outcome:
    """The measures of one run by name (`TITLES`), and what they were taken on."""

    recipe: Recipe
    data: HeldOut
    seed: int
    measures: Mapping[str, Measure]

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON; a measure that was skipped has the reason instead of a value."""
        images = self.data.images
        return {
            "recipe": self.recipe.name,
            "seed": self.seed,
            "data": {
                "what": self.data.what,
                "source": images.source,
                "images": len(images),
                "sha256": images.sha256,
                "held_out": self.data.trained_on == 0,
                "trained_on": self.data.trained_on,
            },
            "measures": {name: measure.to_json() for name, measure in self.measures.items()},
        }

    def lines(self) -> list[str]:
        """The same for a reader: value ± standard error over the images, unit, how it was computed."""
        count = len(self.data.images)
        told = [f"on {self.data.what}: {count:,} image{'s' * (count != 1)}, {self.data.verdict}"]
        for name, measure in self.measures.items():
            if measure.value is None:
                continue
            error = "" if measure.standard_error is None else f" ± {measure.standard_error:.{digits(measure.value)}f}"
            value = f"{measure.value:.{digits(measure.value)}f}"
            told.append(f"{TITLES[name]:<15}{value:>10}{error:<10} {measure.unit}")
            told += [f"{'':<15}{measure.note}"] if measure.note else []
            if "by_label" in measure.details:
                each = "  ".join(f"{label}: {share:.2f}" for label, share in measure.details["by_label"].items())
                told.append(f"{'':<15}by requested label: {each}")
        told += [
            f"{TITLES[name]:<15}not computed: {missing.note}"
            for name, missing in self.measures.items()
            if missing.value is None
        ]
        return [line.rstrip() for line in told]


def digits(value: float) -> int:
    """Decimals worth printing: counts have none; shares and small losses have more."""
    if isinstance(value, int):
        return 0
    return 2 if abs(value) >= 10 else 3 if abs(value) >= 0.1 else 5


def evaluate(
    recipe: Recipe,
    session: Any,
    data: HeldOut,
    seed: int,
    samples: int = SAMPLES,
    progress: Progress = unwatched,
) -> Outcome:
    """Take every measure that makes sense for the model and the data.

    Args:
        session: `encode(images, one-hot or None)` gives the heads, `decode(z, one-hot or None)` images
            `[N, C, H, W]` in the recipe's range. Any object that has them will do.
        seed: of the posterior samples and of the generated images. samples: k of the log-likelihood.

    Raises:
        BadInput: `samples` is below 1. Diverged: the model's outputs are not finite.
    """
    terms = elbo_terms(recipe, session, data.images, seed, progress)
    measures = elbo_measures(recipe, terms)
    autoencoder = recipe.model.latent.spread == "none"
    measures["log_likelihood"] = _likelihood(recipe, session, data.images, samples, seed, progress)
    measures["active_units"] = skipped(AUTOENCODER) if autoencoder else active_units(terms.means)
    measures["knn_accuracy"] = knn_accuracy(terms.means, data.images.labels, recipe.model.conditional)
    measures["class_fidelity"] = _fidelity(recipe, session, data, seed, progress)
    return Outcome(recipe, data, seed, measures)


def elbo_measures(recipe: Recipe, terms: Terms) -> dict[str, Measure]:
    """Reconstruction, KL and loss in the objective's own units, and the −ELBO in nats where there is one."""
    objective, values = recipe.objective, prod(recipe.model.image_shape)
    bernoulli, summed = objective.reconstruction == "binary_cross_entropy", objective.over_values == "sum"
    low, high = recipe.data.value_range
    error = "binary cross-entropy in nats" if bernoulli else f"squared error on [{low:g}, {high:g}]"
    divergence = "KL in nats" if objective.kl == "exact" else "KL as published (σ² + μ² − log σ − ½)"
    spread = f"{'summed over' if summed else 'mean of'} {values:,} values"
    measures = {"reconstruction": mean_of(terms.reconstruction, f"{error}, {spread}, an image")}
    if objective.kl == "none":
        measures["kl"] = skipped(AUTOENCODER if terms.exact_kl is None else "the objective has no KL term")
        measures["loss"] = mean_of(terms.reconstruction, f"{error}, an image", "the reconstruction alone")
    else:
        measures["kl"] = mean_of(terms.kl, f"{divergence}, summed over {recipe.model.latent.size} latents, an image")
        weight = "" if objective.beta == 1 else f"{objective.beta:g} · "
        whole = terms.reconstruction + objective.beta * terms.kl
        measures["loss"] = mean_of(whole, f"{error} + {weight}{divergence}, an image", "one posterior sample an image")
    measures["negative_elbo"] = _negative_elbo(recipe, terms)
    return measures


def _negative_elbo(recipe: Recipe, terms: Terms) -> Measure:
    """Nats an image; for squared error only where the loss is that of a Gaussian with variance ½, whose −log density
    is the squared error + (log π) / 2 for each value."""
    objective, values = recipe.objective, prod(recipe.model.image_shape)
    if terms.exact_kl is None:
        return skipped(AUTOENCODER)
    form = "" if objective.kl == "exact" else "; the exact KL, not the objective's"
    if objective.reconstruction == "binary_cross_entropy":
        note = f"Bernoulli decoder, β = 1, one posterior sample{form}"
        return mean_of(terms.summed_error + terms.exact_kl, "nats an image", note)
    if objective.over_values != "sum" or objective.beta != 1 or objective.kl == "none":
        return skipped(
            "the loss is not the −ELBO of a Gaussian with variance ½: that sums squared errors and has β = 1"
        )
    constant = values / 2 * log(pi)
    low, high = recipe.data.value_range
    return mean_of(
        terms.summed_error + terms.exact_kl + constant,
        f"nats an image, of a density of pixels on [{low:g}, {high:g}]",
        f"Gaussian decoder with variance ½: squared error + KL + {constant:.2f}{form}",
        constant=constant,
    )


def _likelihood(recipe: Recipe, session: Any, images: Dataset, samples: int, seed: int, progress: Progress) -> Measure:
    if recipe.model.latent.spread == "none":
        return skipped(AUTOENCODER)
    if recipe.objective.reconstruction != "binary_cross_entropy":
        return skipped("the decoder is not Bernoulli (its objective is the squared error)")
    each = log_likelihoods(recipe, session, images, samples, seed, progress)
    grey = "" if _binary(images) else "; grey levels as Bernoulli targets, not binarised"
    note = f"lower bound from {samples:,} importance samples an image{grey}"
    return mean_of(each, "nats an image", note, samples=samples)


def _binary(images: Dataset) -> bool:
    ends = np.array([0, 255 if images.images.dtype == np.uint8 else 1])
    return bool(np.isin(images.images, ends).all())


def _fidelity(recipe: Recipe, session: Any, data: HeldOut, seed: int, progress: Progress) -> Measure:
    if not recipe.model.conditional:
        return skipped("the model takes no label")
    if recipe.model.latent.spread == "none":
        return skipped(f"{AUTOENCODER}, and no prior to generate from")
    if data.learn is None or data.test is None:
        return skipped("there are no real images for a judge to learn from")
    progress("judge of real images", 0, 1)
    judge = train_judge(data.learn, data.test)
    progress("judge of real images", 1, 1)
    return class_fidelity(recipe, session, judge, seed)
