"""Each backend against the spec, and both against each other."""

from dataclasses import replace

import numpy as np
import pytest
from dualport.backends import NAMES, load_backend
from dualport.common import recipes
from dualport.common.distance import relative_error
from dualport.common.errors import BadInput
from dualport.common.random_streams import normal, stream
from dualport.common.runs.epoch_plan import plan_epoch
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.spec import Latent, Recipe  # fmt: skip
from dualport.common.tolerances import bound

from systems import everything


def small(name: str) -> Recipe:
    return recipes.recipe(name, {"width": 4, "image": 8, "batch_size": 8})


SYSTEMS = {
    "aistudio-vae": small("aistudio-vae"),
    "aistudio-cvae": small("aistudio-cvae"),
    "mlp": everything(),
    "mlp, published KL, mean": everything(kl="published_2d", over_values="mean", over_batch="mean", beta=0.5),
    "colour, clipped": recipes.recipe(
        "aistudio-cvae", {"width": 2, "image": 8, "channels": 3, "batch_size": 8, "clip_norm": 0.5}
    ),
}


def toy(recipe: Recipe, count: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Images in the recipe's range and one-hot labels."""
    draw = stream(0, "toy")
    low, high = recipe.data.value_range
    images = draw.uniform(low, high, (count, *recipe.model.image_shape)).astype(np.float32)
    return images, np.eye(10, dtype=np.float32)[draw.integers(0, 10, count)]


def session(backend: str, recipe: Recipe, dtype: str = "float32"):
    made = load_backend(backend).Session(recipe, initial_weights(recipe, 1), "cpu", dtype)
    made.load_data(*toy(recipe))
    return made


def trained(backend: str, recipe: Recipe, dtype: str, steps: int):
    """A session after its first steps, and their losses."""
    made = session(backend, recipe, dtype)
    plan = plan_epoch(recipe, 1, 0, 160)
    losses = [terms for _, terms in zip(range(steps), made.epoch(plan), strict=False)]
    return made, np.concatenate(losses)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("backend", NAMES)
def test_parameters_are_bit_for_bit_what_was_given(backend, system):
    recipe = SYSTEMS[system]
    given = initial_weights(recipe, 1)
    built = session(backend, recipe).weights()
    assert set(built) == set(given)
    for name, array in given.items():
        assert built[name].dtype == array.dtype, name
        assert built[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("system", SYSTEMS)
def test_ten_steps_in_float64_are_the_same_mathematics(system):
    recipe = SYSTEMS[system]
    torch, torch_losses = trained("torch", recipe, "float64", 10)
    paddle, paddle_losses = trained("paddle", recipe, "float64", 10)
    assert len(torch_losses) == 10
    assert relative_error(paddle_losses, torch_losses) <= bound("float64 ten steps")
    paddle_weights, start = paddle.weights(), initial_weights(recipe, 1)
    for name, array in torch.weights().items():
        assert relative_error(paddle_weights[name], array) <= bound("float64 ten steps"), name
        assert not np.array_equal(array, start[name]), f"{name} did not move"


@pytest.mark.parametrize("system", SYSTEMS)
def test_optimizer_states_agree_and_carry_over(system):
    """Moments after ten steps agree; and each framework goes on from the other's as from its own."""
    recipe = SYSTEMS[system]
    sessions = {name: trained(name, recipe, "float64", 10)[0] for name in NAMES}
    states = {name: made.optimizer_states() for name, made in sessions.items()}
    for name, state in states["torch"].items():
        other = states["paddle"][name]
        assert (state.step, state.learning_rate, state.beta1, state.beta2) == (
            other.step, other.learning_rate, other.beta1, other.beta2,
        )  # fmt: skip
        assert state.step == 10
        for moment in ("first", "second"):
            for parameter, array in getattr(state, moment).items():
                assert relative_error(getattr(other, moment)[parameter], array) <= bound("float64 ten steps"), parameter
    ends, weights = {}, {name: made.weights() for name, made in sessions.items()}
    for name, other in (("torch", "paddle"), ("paddle", "torch")):
        crossed = session(name, recipe, "float64")
        crossed.load_weights(weights[other])
        crossed.load_optimizer_states(states[other])
        for target in (sessions[name], crossed):
            list(target.epoch(plan_epoch(recipe, 1, 1, 160)))
        ends[name] = (sessions[name].weights(), crossed.weights())
    for own, crossed in ends.values():
        for parameter, array in own.items():
            assert relative_error(crossed[parameter], array) <= bound("float64 ten steps"), parameter


@pytest.mark.parametrize("backend", NAMES)
def test_steps_are_counted_beyond_what_powers_of_beta_can_tell(backend):
    """0.999 to the power of 200,000 is no float32 number any more."""
    made, _ = trained(backend, SYSTEMS["aistudio-vae"], "float32", 1)
    states = {name: replace(state, step=200_000) for name, state in made.optimizer_states().items()}
    made.load_optimizer_states(states)
    next(made.epoch(plan_epoch(made.recipe, 1, 0, 160)))
    assert {state.step for state in made.optimizer_states().values()} == {200_001}
    assert all(np.isfinite(array).all() for array in made.weights().values())


@pytest.mark.parametrize("system", SYSTEMS)
def test_evaluation_gives_the_same_outputs(system):
    """In evaluation mode, after training: running statistics in use, nothing dropped."""
    recipe = SYSTEMS[system]
    torch, paddle = (trained(name, recipe, "float64", 5)[0] for name in NAMES)
    images, hot = toy(recipe, 20)
    z = normal(0, "z", shape=(20, recipe.model.latent.size))
    paddle.load_weights(torch.weights())
    for own, other in zip(torch.encode(images, hot, 7), paddle.encode(images, hot, 9), strict=True):
        assert relative_error(other, own) <= bound("float64 forward")
    assert relative_error(paddle.decode(z, hot), torch.decode(z, hot)) <= bound("float64 forward")
    assert torch.decode(z, hot).shape == (20, *recipe.model.image_shape)


@pytest.mark.parametrize("backend", NAMES)
def test_weights_that_do_not_fit_are_all_named_and_none_is_loaded(backend):
    made = session(backend, SYSTEMS["mlp"])
    before = made.weights()
    wrong = {name: np.ones_like(array) for name, array in before.items()}
    del wrong["encoder.fc1.weight"]
    wrong["encoder.fc9.weight"] = np.ones(3, np.float32)
    wrong["encoder.fc2.weight"] = np.ones((32, 31), np.float32)
    with pytest.raises(BadInput) as refusal:
        made.load_weights(wrong)
    for words in ("encoder.fc1.weight missing", "encoder.fc9.weight unexpected", "(32, 31), not (32, 32)"):
        assert words in str(refusal.value)
    after = made.weights()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("backend", NAMES)
def test_running_variance_follows_the_recipes_rule(backend):
    """One step: bn1 takes the biased variance with momentum 0.2, bn2 the unbiased one with 0.1."""
    recipe = replace(SYSTEMS["mlp"], model=replace(SYSTEMS["mlp"].model, latent=Latent(4, "logsigma")))
    made, _ = trained(backend, recipe, "float64", 1)
    plan, (images, hot) = plan_epoch(recipe, 1, 0, 160), toy(recipe)
    rows, start = plan.order[:16], initial_weights(recipe, 1)
    given = np.concatenate([images[rows].reshape(16, -1), hot[rows]], 1).astype(np.float64)
    first = given @ start["encoder.fc1.weight"].T.astype(np.float64) + start["encoder.fc1.bias"]
    after = made.weights()
    expected = 0.8 + 0.2 * first.var(0)  # biased
    assert relative_error(after["encoder.bn1.running_var"], expected) <= bound("float64 forward")
    hidden = np.maximum((first - first.mean(0)) / np.sqrt(first.var(0) + 1e-5), 0) * plan.masks(0)["drop1"]
    second = hidden @ start["encoder.fc2.weight"].T.astype(np.float64) + start["encoder.fc2.bias"]
    expected = 0.9 + 0.1 * second.var(0, ddof=1)  # unbiased
    assert relative_error(after["encoder.bn2.running_var"], expected) <= bound("float64 forward")
    assert after["encoder.bn2.num_batches_tracked"] == 1


@pytest.mark.parametrize("backend", NAMES)
def test_streamed_data_trains_as_held_data(backend):
    recipe = SYSTEMS["aistudio-cvae"]
    (images, hot), plan = toy(recipe), plan_epoch(recipe, 1, 0, 160)
    ends = []
    for stream_it in (False, True):
        made = session(backend, recipe)
        if stream_it:
            made.stream_data(lambda rows: images[rows], hot)
        list(made.epoch(plan))
        ends.append(made.weights())
    assert all(ends[0][name].tobytes() == ends[1][name].tobytes() for name in ends[0])


@pytest.mark.parametrize("backend", NAMES)
def test_large_data_is_streamed(backend, monkeypatch):
    from dualport.backends.recipes import run
    from dualport.common import data

    recipe = recipes.recipe("aistudio-cvae", {"width": 2})
    made = load_backend(backend).Session(recipe, initial_weights(recipe, 1), "cpu")
    digits = data.load("digits")
    plan = plan_epoch(recipe, 1, 0, len(digits))
    run.feed(made, digits)
    held = made.to_numpy(made.batch(plan, 3)[0])
    monkeypatch.setattr(run, "HELD_BYTES", 1000)
    run.feed(made, digits)
    assert made._images is None
    assert made.to_numpy(made.batch(plan, 3)[0]).tobytes() == held.tobytes()


@pytest.mark.parametrize("system", ["mlp", "mlp, published KL, mean"])
def test_running_statistics_agree_after_fifty_steps(system):
    recipe = SYSTEMS[system]
    ends = {}
    for backend in NAMES:
        made = session(backend, recipe, "float64")
        for epoch in range(5):
            list(made.epoch(plan_epoch(recipe, 1, epoch, 160)))
        ends[backend] = made.weights()
    assert ends["torch"]["encoder.bn1.num_batches_tracked"] == 50
    for name in recipe.model.buffers():
        assert relative_error(ends["paddle"][name], ends["torch"][name]) <= bound("float64 running statistics"), name
