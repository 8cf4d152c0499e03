"""Against what the notebook's own Paddle code produced: its weights, its outputs, its data and its losses."""

import numpy as np
import pytest
from dualport.backends import NAMES, load_backend
from dualport.common import data, recipes
from dualport.common.compare.lockstep import STEPS
from dualport.common.runs.epoch_plan import plan_epoch
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.tolerances import bound
from dualport.common.weights import read

pytestmark = pytest.mark.mnist
RUNS = {"A": "aistudio-vae", "D": "aistudio-cvae"}


def notebook_weights(folder, recipe) -> dict:
    """Canonical arrays from the two files that the notebook saved."""
    return {
        f"{part}.{name}": array
        for part, file in recipe.weight_files().items()
        for name, array in read(folder / f"{file}.pdparams").arrays.items()
    }


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("backend", NAMES)
def test_the_notebooks_weights_give_the_notebooks_outputs(shared_data, backend, run):
    recipe = recipes.recipe(RUNS[run])
    folder = shared_data / "aistudio"
    saved = np.load(folder / f"{run}_io.npz")
    session = load_backend(backend).Session(recipe, notebook_weights(folder, recipe), "cpu")
    mean, logvar = session.encode(saved["image"], saved["label"])
    decoded = session.decode(saved["z"], saved["z_label"])
    for name, array in (("mean", mean), ("logvar", logvar), ("decoded", decoded)):
        assert array.shape == saved[name].shape
        assert np.abs(array - saved[name]).max() <= bound("notebook outputs"), name


def test_our_pixels_are_the_notebooks_bit_for_bit(shared_data):
    """The images that the notebook's code fed its encoder are among ours, mapped to [-1, 1] as it maps them."""
    images = data.load(str(shared_data / "mnist_mat" / "train.mat")).scaled(-1.0, 1.0)
    ours = {image.tobytes() for image in images}
    fed = np.load(shared_data / "aistudio" / "A_io.npz")["image"]
    test = {image.tobytes() for image in data.load(str(shared_data / "mnist_mat" / "test.mat")).scaled(-1.0, 1.0)}
    assert all(np.ascontiguousarray(image).tobytes() in ours | test for image in fed)


@pytest.mark.parametrize("run", RUNS)
def test_losses_of_the_first_steps_agree(shared_data, run):
    """Each framework going its own way from the same start, on MNIST."""
    recipe = recipes.recipe(RUNS[run])
    digits = data.load(str(shared_data / "mnist"))
    plan = plan_epoch(recipe, 1, 0, len(digits))
    rows = plan.order[: STEPS * recipe.training.batch_size]
    used = digits.subset(rows)  # in the epoch's order: the same batches without all 60,000 images
    object.__setattr__(plan, "order", np.arange(len(rows)))
    losses = {}
    for backend in NAMES:
        session = load_backend(backend).Session(recipe, initial_weights(recipe, 1), "cpu")
        session.load_data(used.scaled(*recipe.data.value_range), used.one_hot())
        losses[backend] = np.concatenate(list(session.epoch(plan)))[:, 0]
    assert len(losses["torch"]) == STEPS
    assert np.abs(losses["paddle"] / losses["torch"] - 1).max() <= bound("float32 first losses")
