"""Every kind of figure from a session that only records what it is asked: latents, labels and noise are right."""

from dataclasses import replace

import numpy as np
import pytest
from dualport.common import recipes
from dualport.common.data import Dataset
from dualport.common.drawing import latent_figures, progress_figures, sample_figures, write_up
from dualport.common.drawing.figure_source import FigureSource
from dualport.common.errors import BadInput
from dualport.common.spec import Figure
from PIL import Image


class Recorder:
    """A session whose encoder gives the image's mean and label, and whose decoder remembers what it was given."""

    def __init__(self, recipe):
        self.recipe, self.decoded = recipe, []

    def encode(self, images, labels=None):
        means = np.repeat(images.mean((1, 2, 3))[:, None], self.recipe.model.latent.size, 1)
        return (means,) if self.recipe.model.latent.spread == "none" else (means, np.full_like(means, -2.0))

    def decode(self, z, labels=None):
        self.decoded.append((np.array(z), None if labels is None else labels.argmax(1)))
        shape = self.recipe.model.image_shape
        return np.broadcast_to(np.tanh(z.sum(1))[:, None, None, None], (len(z), *shape)).astype(np.float32)


def source_of(name: str, folder, count: int = 140):
    recipe = recipes.recipe(name, {"image": 8} if name != "face-vae" else {"image": 32, "width": 2})
    shape = recipe.model.image_shape
    labels = np.arange(count) % 10
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, *shape)).copy()
    history = [
        {"epoch": 0, "loss": 2.0, "reconstruction": 1.5, "kl": 0.5},
        {"epoch": 1, "loss": 1.0, "reconstruction": 1, "kl": 0},
    ]
    data = Dataset(images, labels, "toy", "toy")
    return FigureSource(recipe, Recorder(recipe), data, 1, history, folder, "torch")


@pytest.mark.parametrize("name", recipes.names())
def test_every_figure_of_every_recipe_is_drawn(tmp_path, name):
    source = source_of(name, tmp_path)
    paths = [path for figure in source.recipe.figures for path in write_up.draw(source, figure)]
    assert len(paths) >= len(source.recipe.figures)
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width <= 1600
            assert path.suffix == ".gif" or np.asarray(picture.convert("L")).std() > 0, path


def test_a_conditional_model_draws_a_row_for_each_digit(tmp_path):
    source = source_of("aistudio-cvae", tmp_path)
    sample_figures.samples(source, rows=10, columns=4)
    z, labels = source.session.decoded[-1]
    assert labels.tolist() == np.repeat(np.arange(10), 4).tolist()
    sample_figures.samples(source, rows=1, columns=12)
    assert source.session.decoded[-1][1].tolist() == [*range(10), 0, 1]
    sample_figures.classes(source)
    assert source.session.decoded[-1][1].tolist() == list(range(10))
    again = source_of("aistudio-cvae", tmp_path)
    sample_figures.samples(again, rows=10, columns=4)
    assert np.array_equal(again.session.decoded[-1][0], z), "the same noise at every call and in every run"


def test_the_manifolds_spans_are_those_of_the_write_ups(tmp_path):
    source = source_of("latent2d-vae", tmp_path)
    latent_figures.manifold(source, side=10, half_width=3.0)
    z, _ = source.session.decoded[-1]
    assert (z.min(), z.max(), len(z)) == (-3.0, 3.0, 100)
    assert z[0].tolist() == [-3.0, 3.0]
    means = source.session.encode(source.first(1000)[0])[0]
    latent_figures.manifold(source, side=4, margin=1000.0)
    z, _ = source.session.decoded[-1]
    assert np.allclose([z.min(), z.max()], [means.min() - 1000, means.max() + 1000])
    conditional = source_of("aistudio-cvae", tmp_path)
    assert [path.name for path in latent_figures.manifold(conditional, side=3, labels=(2, 5, 0))] == [
        "manifold-2.png", "manifold-5.png", "manifold-0.png",
    ]  # fmt: skip
    assert [set(labels.tolist()) for _, labels in conditional.session.decoded] == [{2}, {5}, {0}]
    wide = replace(source, recipe=recipes.recipe("latent2d-vae", {"latent": 3}))
    assert latent_figures.manifold(wide, side=3) == []


def test_an_interpolation_runs_from_the_second_one_to_the_second_zero(tmp_path):
    source = source_of("latent2d-ae", tmp_path)
    latent_figures.interpolation(source, labels=(1, 0), count=5)
    z, _ = source.session.decoded[-1]
    ends = source.session.encode(source.data.subset([11, 10]).scaled(0, 1))[0]
    assert np.allclose(z[[0, -1]], ends)
    assert np.allclose(z[2], ends.mean(0))
    (path,) = latent_figures.interpolation_gif(source, labels=(1, 0), count=6, pixels=256)
    with Image.open(path) as gif:
        assert gif.size == (256, 256)
        assert gif.info["loop"] == 0
        durations = []
        for frame in range(gif.n_frames):
            gif.seek(frame)
            durations.append(gif.info["duration"])
        assert sum(durations) == 12 * 40  # six frames and back; equal neighbours are stored once, for longer
    with pytest.raises(BadInput, match="fewer than two"):
        latent_figures.between(replace(source, data=source.data.subset(range(5))), (1, 0), 3)
    with pytest.raises(BadInput, match="labelled"):
        latent_figures.between(replace(source, data=replace(source.data, labels=None)), (1, 0), 3)


def test_sigma_follows_the_meaning_of_the_second_head(tmp_path):
    images = np.zeros((3, 1, 8, 8), np.float32)
    logvar = source_of("aistudio-vae", tmp_path).posterior(images, None)[1]
    logsigma = source_of("latent2d-vae", tmp_path).posterior(images, None)[1]
    assert np.allclose(logvar, np.exp(-1.0))
    assert np.allclose(logsigma, np.exp(-2.0))
    assert source_of("latent2d-ae", tmp_path).posterior(images, None)[1] is None


def test_the_progress_is_kept_and_joined(tmp_path):
    (tmp_path / "progress").mkdir()
    source = source_of("aistudio-vae", tmp_path)
    for epoch in range(3):
        source.session.decode = lambda z, labels=None, level=epoch: np.full((len(z), 1, 8, 8), level / 3, np.float32)
        assert progress_figures.draw_progress(source, epoch).name == f"epoch-{epoch:03d}.png"
    with Image.open(progress_figures.join_progress(tmp_path)) as gif:
        assert gif.n_frames == 3
    assert progress_figures.draw_progress(source_of("aistudio-vae-one", tmp_path), 0) is None


def test_an_unknown_figure_is_refused(tmp_path):
    with pytest.raises(BadInput, match="draws samples, latents"):
        write_up.draw(source_of("aistudio-vae", tmp_path), Figure("hologram"))
