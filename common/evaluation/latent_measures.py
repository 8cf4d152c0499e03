"""What the posterior means say: how many latents are in use, and whether their neighbours share a label."""

from __future__ import annotations

import numpy as np

from .measures import Measure, share_of, skipped

THRESHOLD = 0.01  # Burda, Grosse and Salakhutdinov 2016, section 5.2
NEIGHBOURS = 5


def active_units(means: np.ndarray) -> Measure:
    """How many latents of `[N, latent]` posterior means vary by more than 0.01 over the data.

    Source: Burda et al. 2016, "Importance Weighted Autoencoders": a unit is active if Cov_x(E[u|x]) > 0.01.
    """
    if len(means) < 2:
        return skipped("the variance over the data needs two images or more")
    variances = means.var(0)
    return Measure(
        int((variances > THRESHOLD).sum()),
        f"of {means.shape[1]} latents",
        note=f"variance of the posterior mean over the {len(means):,} images above {THRESHOLD:g}",
        details={"of": means.shape[1], "threshold": THRESHOLD, "variances": variances.tolist()},
    )


def knn_accuracy(means: np.ndarray, labels: np.ndarray | None, conditional: bool = False) -> Measure:
    """Share of images whose label is the commonest among their five nearest neighbours, themselves left out.

    Args:
        means: `[N, latent]`. labels: whole numbers `[N]`, or None for unlabelled data.
        conditional: the encoder is told the label, so that a good model has no need to keep it in z.
    """
    if labels is None:
        return skipped("the data holds no labels")
    if len(means) <= NEIGHBOURS:
        return skipped(f"{NEIGHBOURS} neighbours need more than {NEIGHBOURS} images")
    from sklearn.neighbors import KNeighborsClassifier

    classifier = KNeighborsClassifier(NEIGHBOURS).fit(means, labels)
    # Asked about nothing new, scikit-learn gives the neighbours of each image it has, itself left out.
    around = labels[classifier.kneighbors(return_distance=False)]
    kinds = np.unique(labels)
    votes = (around[:, :, None] == kinds).sum(1)
    commonest = float((labels[:, None] == kinds).mean(0).max())
    note = f"{NEIGHBOURS} nearest latent means, leave-one-out; always the commonest label would give {commonest:.3f}"
    if conditional:
        note += "; the model is told the label, so that z need not hold it: a low share is as it should be"
    unit = f"share of {len(means):,} images"
    return share_of(kinds[votes.argmax(1)] == labels, unit, note, neighbours=NEIGHBOURS, commonest_label=commonest)
