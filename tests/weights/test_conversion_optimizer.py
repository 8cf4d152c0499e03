"""Adam's state between the frameworks' files, for every recipe, both ways, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
from dualport.common import recipes
from dualport.common.arrays import same_bits
from dualport.common.errors import BadInput
from dualport.common.random_streams import stream
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.weights import read, write
from dualport.common.weights.optimizer.adam_state import OptimizerState
from dualport.common.weights.optimizer.recipe_adam import from_pdopt, from_torch_adam, to_pdopt
from dualport.common.weights.recipe_conversion import convert
from dualport.common.weights.recipe_layout import paddle_names, part_layout, to_paddle

CASES = [(name, part) for name in recipes.names() for part in recipes.recipe(name).model.parts]


def written(name: str, part: str, folder, step: int = 123, **changes) -> OptimizerState:
    """Weights and the state of their Adam as Paddle's own files: `a.pdparams` and `a.pdopt`."""
    recipe = recipes.recipe(name)
    layout = part_layout(recipe.model, part)
    trained = [entry for entry in layout if entry.trained]
    optimizer = next(
        one
        for one in recipe.training.optimizers
        if set(recipe.optimizer_parameters(one)) == {entry.name for entry in trained}
    )
    draw = stream(3, "moments")
    first, second = ({e.name: draw.random(e.shape, np.float32) for e in trained} for _ in range(2))
    made = OptimizerState(step, optimizer.learning_rate, optimizer.beta1, optimizer.beta2, first, second)
    made = replace(made, **changes)
    write(folder / "a.pdparams", to_paddle(layout, initial_weights(recipe, 1)), names=paddle_names(layout))
    write(folder / "a.pdopt", to_pdopt(made, layout, paddle_names(layout)))
    return made


@pytest.mark.parametrize(("name", "part"), CASES)
def test_there_and_back_is_exact(tmp_path, name, part):
    made = written(name, part, tmp_path)
    done = convert(tmp_path / "a.pdopt", tmp_path / "b.pt", recipe=name)
    assert (done.step, done.part) == (123, part)
    state = from_torch_adam("b.pt", read(tmp_path / "b.pt").tree, part_layout(recipes.recipe(name).model, part))
    for which in ("first", "second"):
        for parameter, array in getattr(made, which).items():
            assert same_bits(getattr(state, which)[parameter], array), parameter
    convert(tmp_path / "b.pt", tmp_path / "c.pdopt", recipe=name, part=part)
    before, after = read(tmp_path / "a.pdopt").arrays, read(tmp_path / "c.pdopt").arrays
    assert list(before) == list(after)
    assert all(same_bits(before[key], after[key]) for key in before)


def test_plain_torch_takes_the_state(tmp_path):
    torch = pytest.importorskip("torch")
    from dualport.backends.recipes.module import build

    made = written("mlp-vae", "model", tmp_path)
    convert(tmp_path / "a.pdopt", tmp_path / "b.pt", recipe="mlp-vae")
    module = build("mlp-vae", "torch", weights=tmp_path / "a.pdparams")
    adam = torch.optim.Adam(module.parameters(), lr=1.0)
    adam.load_state_dict(torch.load(tmp_path / "b.pt", weights_only=True))
    for name, parameter in module.named_parameters():
        assert same_bits(adam.state[parameter]["exp_avg"].numpy(), made.first[name]), name
        assert adam.state[parameter]["step"] == 123


def test_betas_that_are_not_the_files_are_refused(tmp_path):
    written("mlp-vae", "model", tmp_path, beta1=0.5)
    with pytest.raises(BadInput, match=r"--set beta1"):
        convert(tmp_path / "a.pdopt", tmp_path / "b.pt", recipe="mlp-vae")
    convert(tmp_path / "a.pdopt", tmp_path / "b.pt", recipe="mlp-vae", settings={"beta1": 0.5})
    assert not (tmp_path / "c.pt").exists()


def test_a_parameter_without_a_gradient_has_no_entry(tmp_path):
    made = written("aistudio-vae", "encoder", tmp_path)
    arrays = {key: a for key, a in read(tmp_path / "a.pdopt").arrays.items() if not key.startswith("conv2d_1.b_0")}
    write(tmp_path / "a.pdopt", arrays)
    convert(tmp_path / "a.pdopt", tmp_path / "b.pt")
    layout = part_layout(recipes.recipe("aistudio-vae").model, "encoder")
    state = from_torch_adam("b.pt", read(tmp_path / "b.pt").tree, layout)
    assert set(made.first) - set(state.first) == {"encoder.conv2.bias"}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda arrays: arrays.pop("conv2d_0.w_0_moment2_0"), "moment2_0 missing"),
        (lambda arrays: arrays.update({"conv2d_9.w_0_moment1_0": np.ones(3, np.float32)}), "belongs to no parameter"),
        (lambda arrays: arrays.update({"conv2d_0.b_0_moment1_0": np.ones(3, np.float32)}), "not .32,"),
        (lambda arrays: arrays.update({"conv2d_0.b_0_beta2_pow_acc_0": np.ones(1, np.float32)}), "different numbers"),
    ],
)
def test_a_damaged_state_is_refused_and_nothing_is_written(tmp_path, spoil, says):
    written("aistudio-vae", "encoder", tmp_path)
    arrays = dict(read(tmp_path / "a.pdopt").arrays)
    spoil(arrays)
    write(tmp_path / "a.pdopt", arrays)
    with pytest.raises(BadInput, match=says):
        convert(tmp_path / "a.pdopt", tmp_path / "b.pt")
    assert not (tmp_path / "b.pt").exists()


def test_optimizer_state_goes_where_it_belongs(tmp_path):
    written("aistudio-vae", "encoder", tmp_path)
    for target, options in (("b.safetensors", {}), ("b.pdparams", {}), ("b.pt", {"dtype": "float16"})):
        with pytest.raises(BadInput, match="optimiser state"):
            convert(tmp_path / "a.pdopt", tmp_path / target, **options)
    (tmp_path / "a.pdparams").unlink()
    assert convert(tmp_path / "a.pdopt", tmp_path / "b.pt").part == "encoder"  # numbered as in a fresh process
    renamed = {key.replace("conv2d_", "conv2d_1"): a for key, a in read(tmp_path / "a.pdopt").arrays.items()}
    write(tmp_path / "d.pdopt", renamed)
    with pytest.raises(BadInput, match="--weights"):
        convert(tmp_path / "d.pdopt", tmp_path / "e.pt")


def test_the_step_and_the_powers_belong_together():
    """A state whose beta1 power tells another step than its beta2 power is no Adam's."""
    recipe = recipes.recipe("aistudio-vae")
    layout = part_layout(recipe.model, "encoder")
    moments = {entry.name: np.ones(entry.shape, np.float32) for entry in layout}
    state = OptimizerState(5, 1e-4, 0.5, 0.999, moments, moments)
    arrays = to_pdopt(state, layout, paddle_names(layout))
    settings = recipe.training.optimizers[0]
    assert from_pdopt("x", arrays, layout, paddle_names(layout), settings).step == 5
    spoiled = {key: array * 2 if "beta1_pow" in key else array for key, array in arrays.items()}
    with pytest.raises(BadInput, match="beta powers"):
        from_pdopt("x", spoiled, layout, paddle_names(layout), settings)
