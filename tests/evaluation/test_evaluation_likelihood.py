"""ELBO terms against the backends' own, and the likelihood against an integral."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.backends import NAMES, load_backend
from dualport.backends.network import objective_terms, sample_latent
from dualport.common.distance import relative_error
from dualport.common.errors import BadInput, Diverged
from dualport.common.evaluation import elbo_terms, importance, log_likelihoods
from dualport.common.evaluation.run_measures import elbo_measures
from dualport.common.random_streams import normal
from dualport.common.tolerances import bound
from evaluation_toys import LATENT, NumpySession, every_pattern, toy_recipe, toy_weights, true_log_likelihoods

OBJECTIVES = {
    "bernoulli": {},
    "bernoulli, β": {"beta": 0.25, "over_batch": "sum"},
    "squared": {"reconstruction": "squared_error"},
    "squared, mean, β": {"reconstruction": "squared_error", "over_values": "mean", "beta": 0.5},
    "published KL": {"reconstruction": "squared_error", "kl": "published_2d", "spread": "logsigma"},
    "no KL": {"kl": "none"},
    "autoencoder": {"reconstruction": "squared_error", "spread": "none"},
}


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_terms_are_those_that_training_minimises(backend, name):
    recipe, data = toy_recipe(**OBJECTIVES[name]), every_pattern()
    package = load_backend(backend)
    session = package.Session(recipe, toy_weights(recipe), "cpu", "float64")
    terms = elbo_terms(recipe, session, data, seed=3)
    image = session.to_device(data.scaled())
    heads = session.infer("encoder", image, None)
    z = sample_latent(
        recipe.model.latent, heads, session.to_device(normal(3, "evaluate/elbo", shape=(len(data), LATENT)))
    )
    (decoded,) = session.infer("decoder", z, None)
    functional = package.layers.FRAMEWORK.nn.functional
    trained = objective_terms(recipe.objective, recipe.model.latent, functional, decoded, image, heads)
    loss, reconstruction, kl = (float(term) for term in trained)
    if recipe.objective.over_batch == "sum":
        loss /= len(data)
    measures = elbo_measures(recipe, terms)
    assert relative_error(terms.reconstruction.sum(), reconstruction) <= bound("float64 forward")
    assert relative_error(terms.kl.sum(), kl) <= bound("float64 forward")
    assert relative_error(measures["loss"].value, loss) <= bound("float64 forward")


def test_the_negative_elbo_is_in_nats_whatever_the_objective_weights():
    data = every_pattern()
    plain, odd = (toy_recipe(**options) for options in ({}, {"beta": 4.0, "over_values": "mean", "kl": "published_2d"}))
    measures = [elbo_measures(one, elbo_terms(one, NumpySession(one), data, 1)) for one in (plain, odd)]
    assert measures[0]["negative_elbo"].value == measures[0]["loss"].value
    assert measures[1]["negative_elbo"].value == measures[0]["negative_elbo"].value
    assert "nats" in measures[1]["negative_elbo"].unit
    assert measures[1]["loss"].value != measures[0]["loss"].value


def test_a_summed_squared_error_is_a_gaussian_with_variance_one_half():
    recipe, data = toy_recipe(reconstruction="squared_error", value_range=(-1.0, 1.0)), every_pattern()
    session = NumpySession(recipe)
    images = data.scaled(-1, 1)
    means, logvar = session.encode(images)
    decoded = session.decode(means + np.exp(logvar / 2) * normal(1, "evaluate/elbo", shape=means.shape))
    variance = 0.5
    density = -0.5 * np.log(2 * np.pi * variance) - (images - decoded) ** 2 / (2 * variance)
    kl = -0.5 * (1 + logvar - means**2 - np.exp(logvar)).sum(1)
    expected = (kl - density.reshape(len(data), -1).sum(1)).mean()
    measure = elbo_measures(recipe, elbo_terms(recipe, session, data, 1))["negative_elbo"]
    assert relative_error(measure.value, expected) <= bound("float64 forward")
    assert "[-1, 1]" in measure.unit


@pytest.mark.parametrize("odd", [{"beta": 2.0}, {"over_values": "mean"}, {"kl": "none"}])
def test_other_squared_errors_stand_for_no_elbo(odd):
    recipe = toy_recipe(reconstruction="squared_error", **odd)
    measure = elbo_measures(recipe, elbo_terms(recipe, NumpySession(recipe), every_pattern(), 1))["negative_elbo"]
    assert measure.value is None
    assert "variance ½" in measure.note


def test_the_bound_rises_with_k_to_the_integral():
    recipe, data = toy_recipe(), every_pattern()
    session = NumpySession(recipe)
    truth = true_log_likelihoods(session, data)
    assert relative_error(np.exp(truth).sum(), 1) <= bound("float64 forward")  # the truth is one
    seeds = range(12)
    gaps = {
        k: [(truth - log_likelihoods(recipe, session, data, k, seed)).mean() for seed in seeds] for k in (1, 10, 300)
    }
    means = {k: np.mean(gap) for k, gap in gaps.items()}
    error = {k: np.std(gap, ddof=1) / np.sqrt(len(seeds)) for k, gap in gaps.items()}
    allowed = bound("sampled means, in standard errors")
    assert means[1] - means[10] > allowed * error[1]
    assert means[10] - means[300] > allowed * error[10]
    assert abs(means[300]) < allowed * error[300] + means[10] / 10  # its bias falls as 1/k


def test_the_estimate_of_the_probability_is_unbiased():
    """exp of the bound has mean p(x) for every k; over all patterns that adds up to 1."""
    recipe, data = toy_recipe(), every_pattern()
    sums = [np.exp(log_likelihoods(recipe, NumpySession(recipe), data, 20, seed)).sum() for seed in range(30)]
    error = np.std(sums, ddof=1) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - 1) <= bound("sampled means, in standard errors") * error


def test_one_sample_is_the_elbo():
    recipe, data = toy_recipe(), every_pattern()
    single = [log_likelihoods(recipe, NumpySession(recipe), data, 1, seed).mean() for seed in range(30)]
    elbo = [elbo_measures(recipe, elbo_terms(recipe, NumpySession(recipe), data, seed)) for seed in range(30)]
    difference = np.array([a + b["negative_elbo"].value for a, b in zip(single, elbo, strict=True)])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert abs(difference.mean()) <= bound("sampled means, in standard errors") * error


@pytest.mark.parametrize("samples", [1, 7, 50, 51])
def test_every_image_gets_exactly_k_samples_in_batches_of_any_size(samples, monkeypatch):
    recipe, data = toy_recipe(), every_pattern()
    whole = NumpySession(recipe)
    expected = log_likelihoods(recipe, whole, data, samples, 1)
    monkeypatch.setattr(importance, "ROWS", 25)
    pieces, told = NumpySession(recipe), []
    found = log_likelihoods(recipe, pieces, data, samples, 1, lambda *event: told.append(event))
    assert whole.decoded == pieces.decoded == len(data) * samples
    assert relative_error(found, expected) <= bound("float64 forward")
    assert told[-1] == ("log-likelihood", len(data), len(data))


def test_a_decoder_that_ignores_z_is_known_exactly():
    """Whatever the posterior, all weights average to log p(x) where it is the prior."""
    recipe, data = toy_recipe(), every_pattern()
    session = NumpySession(recipe)
    session.weights["decoder.fc.weight"][:] = 0
    for head in ("fc_mu", "fc_spread"):
        for kind in ("weight", "bias"):
            session.weights[f"encoder.{head}.{kind}"][:] = 0
    found = log_likelihoods(recipe, session, data, 5, 1)
    assert relative_error(found, true_log_likelihoods(session, data)) <= bound("float64 forward")


@pytest.mark.parametrize(("spread", "tail"), [("logvar", (1, 1)), ("logsigma", ()), ("logsigma", (1, 1))])
def test_every_form_of_the_heads_is_understood(spread, tail):
    plain, other = toy_recipe(), toy_recipe(spread)
    expected = elbo_terms(plain, NumpySession(plain), every_pattern(), 1)
    found = elbo_terms(other, NumpySession(other, tail), every_pattern(), 1)
    for name in ("reconstruction", "kl", "summed_error", "exact_kl", "means"):
        assert relative_error(getattr(found, name), getattr(expected, name)) <= bound("float64 forward"), name
    likelihoods = [
        log_likelihoods(one, NumpySession(one, ends), every_pattern(), 9, 1)
        for one, ends in ((plain, ()), (other, tail))
    ]
    assert relative_error(likelihoods[1], likelihoods[0]) <= bound("float64 forward")


def test_outputs_that_are_not_finite_are_refused():
    recipe = toy_recipe()
    session = NumpySession(recipe)
    session.weights["encoder.fc_spread.bias"][:] = 5000.0  # σ² beyond float64
    with pytest.raises(Diverged, match="not finite"):
        elbo_terms(recipe, session, every_pattern(), 1)
    session.weights["encoder.fc_mu.bias"][0] = np.nan
    with pytest.raises(Diverged, match="the encoder"):
        log_likelihoods(recipe, session, every_pattern(), 2, 1)


def test_saturated_probabilities_have_a_finite_likelihood():
    recipe = toy_recipe()
    session = NumpySession(recipe)
    session.weights["decoder.fc.bias"][:] = 800.0  # p is exactly 1
    assert np.isfinite(log_likelihoods(recipe, session, every_pattern(), 3, 1)).all()
    assert np.isfinite(elbo_terms(recipe, session, every_pattern(), 1).reconstruction).all()


def test_no_samples_are_refused():
    recipe = toy_recipe()
    with pytest.raises(BadInput, match="samples must be at least 1"):
        log_likelihoods(recipe, NumpySession(recipe), every_pattern(), 0, 1)


def test_an_autoencoder_has_no_likelihood():
    recipe = toy_recipe("none")
    with pytest.raises(BadInput, match=r"toy.*no posterior to draw from"):
        log_likelihoods(recipe, NumpySession(recipe), every_pattern(), 2, 1)
