"""Numbers of a trained model on images that it has not seen: ELBO terms, likelihood, latents, class fidelity.

Works on anything with a session's `encode` and `decode` (arrays in, arrays out); no framework is imported here.
"""

from .fidelity import Judge, class_fidelity, train_judge
from .held_out import HeldOut, held_out_set
from .importance import log_likelihoods
from .latent_measures import active_units, knn_accuracy
from .measures import Measure
from .run_measures import Outcome, evaluate
from .terms import Terms, elbo_terms

__all__ = [
    "HeldOut",
    "Judge",
    "Measure",
    "Outcome",
    "Terms",
    "active_units",
    "class_fidelity",
    "elbo_terms",
    "evaluate",
    "held_out_set",
    "knn_accuracy",
    "log_likelihoods",
    "train_judge",
]
