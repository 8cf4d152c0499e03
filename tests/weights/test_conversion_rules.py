"""Layouts, names, refusals and the check by reading back, for every recipe and for every kind of layer."""

import numpy as np
import pytest
from dualport.backends import load_backend
from dualport.backends.recipes.module import build
from dualport.backends.recipes.verify import verify
from dualport.common import recipes
from dualport.common.arrays import same_bits
from dualport.common.distance import relative_error
from dualport.common.errors import BadInput
from dualport.common.random_streams import stream
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.spec import (  # fmt: skip
    Activation,
    BatchNorm,
    Data,
    Latent,
    Linear,
    Model,
    Network,
    Objective,
    Optimizer,
    Recipe,
    Training,
)
from dualport.common.tolerances import bound
from dualport.common.weights import read, write
from dualport.common.weights import recipe_conversion as conversion
from dualport.common.weights.loading import load_weights
from dualport.common.weights.recipe_conversion import convert
from dualport.common.weights.recipe_layout import paddle_names, part_layout, to_paddle, to_torch


def square(width: int = 16) -> Recipe:
    """Square linear layers and batch normalisation: what a guess from shapes gets wrong."""
    layers = (Linear("fc1", width, width), BatchNorm("bn1", width), Activation("relu"), Linear("fc2", width, width))
    encoder = Network(
        "encoder", (width,), layers, heads=(Linear("fc_mu", width, width), Linear("fc_logvar", width, width))
    )
    decoder = Network("decoder", (width,), (Linear("fc3", width, width), Linear("fc4", width, width)))
    return Recipe(
        "square", "square layers", "these tests", "torch", Model(encoder, decoder, Latent(width), image=(1, 4, 4)),
        Objective(), Training((Optimizer("all", ("encoder", "decoder"), 1e-3),), 8, 1), Data((0.0, 1.0)),
    )  # fmt: skip


@pytest.fixture
def with_square(monkeypatch):
    monkeypatch.setitem(recipes.BUILDERS, "square", square)


def random_weights(recipe: Recipe) -> dict[str, np.ndarray]:
    """Weights with nothing equal to anything else, statistics included."""
    draw = stream(7, "weights")
    return {
        name: np.array(11) if array.dtype.kind == "i" else draw.uniform(0.5, 1.5, array.shape).astype(np.float32)
        for name, array in initial_weights(recipe, 1).items()
    }


def write_part(recipe: Recipe, part: str, weights: dict, path) -> None:
    """A part's file as the framework itself would write it."""
    layout = part_layout(recipe.model, part)
    if path.suffix == ".pdparams":
        write(path, to_paddle(layout, weights), names=paddle_names(layout))
    else:
        write(path, to_torch(layout, weights))


CASES = [
    (name, part) for name in recipes.names() for part in dict.fromkeys([*recipes.recipe(name).model.parts, "model"])
] + [("square", "model")]


@pytest.mark.parametrize(("name", "part"), CASES)
@pytest.mark.parametrize(("first", "second"), [(".pdparams", ".pt"), (".pt", ".pdparams")])
def test_there_and_back_is_exact_and_the_outputs_agree(with_square, tmp_path, name, part, first, second):
    recipe = recipes.recipe(name)
    start, middle, end = (
        tmp_path / f"{stem}{ending}" for stem, ending in zip("abc", (first, second, first), strict=True)
    )
    write_part(recipe, part, random_weights(recipe), start)
    done = convert(start, middle, recipe=name)
    assert (done.recipe, done.part, done.exact) == (name, part, True)
    convert(middle, end, recipe=name)
    before, after = read(start).arrays, read(end).arrays
    assert list(before) == list(after)
    for key, array in before.items():
        if not key.endswith("num_batches_tracked"):  # Paddle's files have no place for the counter
            assert same_bits(array, after[key]), key
    assert all(check.ok for check in verify(done))


def test_the_table_says_what_was_done(with_square, tmp_path):
    recipe = square()
    write_part(recipe, "model", random_weights(recipe), tmp_path / "a.pdparams")
    done = {row.name: row.done for row in convert(tmp_path / "a.pdparams", tmp_path / "b.pt").rows}
    assert done["fc2.weight"] == "transposed"
    assert done["fc2.bias"] == "kept"
    assert done["bn1.running_var"] == "renamed from bn1._variance"
    assert done["bn1.num_batches_tracked"] == "added"
    back = {row.name: row.done for row in convert(tmp_path / "b.pt", tmp_path / "c.pdparams").rows}
    assert back["bn1.num_batches_tracked"] == "dropped"
    assert back["bn1._mean"] == "renamed from bn1.running_mean"


def test_a_square_linear_is_transposed_and_a_wrong_transposition_is_seen(with_square, tmp_path, monkeypatch):
    recipe = square()
    weights = random_weights(recipe)
    write_part(recipe, "model", weights, tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "b.pdparams")
    assert np.array_equal(read(tmp_path / "b.pdparams").arrays["fc2.weight"], weights["fc2.weight"].T)
    monkeypatch.setattr(conversion.LayoutRow, "turn", lambda entry, array: array)
    wrong = convert(tmp_path / "a.pt", tmp_path / "c.pdparams")  # the file reads back, and yet is another network
    monkeypatch.undo()
    monkeypatch.setitem(recipes.BUILDERS, "square", square)
    assert not all(check.ok for check in verify(wrong))


def test_every_wrong_key_is_listed_and_nothing_is_written(tmp_path):
    recipe = recipes.recipe("aistudio-vae")
    layout = part_layout(recipe.model, "encoder")
    arrays = to_paddle(layout, random_weights(recipe))
    del arrays["conv1.bias"]
    arrays["conv9.weight"] = np.ones(3, np.float32)
    arrays["conv2.weight"] = arrays["conv2.weight"][:, :3]
    write(tmp_path / "bad.pdparams", arrays)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadInput) as refusal:
        convert(tmp_path / "bad.pdparams", tmp_path / "out.pt")
    for words in (
        "conv1.bias missing",
        "conv9.weight unexpected",
        "conv2.weight is 64×3×4×4, not 64×32×4×4",
        "--recipe",
    ):
        assert words in str(refusal.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_result_that_does_not_read_back_is_not_put_in_place(tmp_path, monkeypatch):
    recipe = recipes.recipe("aistudio-vae")
    write_part(recipe, "decoder", random_weights(recipe), tmp_path / "a.pdparams")
    real = conversion.write

    def spoiled(path, arrays, **options):
        arrays = {name: array.copy() for name, array in arrays.items()}
        arrays["conv4.bias"][0] += 1
        real(path, arrays, **options)

    monkeypatch.setattr(conversion, "write", spoiled)
    with pytest.raises(BadInput, match=r"conv4\.bias does not come back"):
        convert(tmp_path / "a.pdparams", tmp_path / "b.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdparams"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_dtypes_are_written_in_both_formats(tmp_path, dtype):
    recipe = recipes.recipe("aistudio-vae")
    write_part(recipe, "decoder", random_weights(recipe), tmp_path / "a.pdparams")
    done = convert(tmp_path / "a.pdparams", tmp_path / "b.pt", dtype=dtype)
    assert done.exact is (dtype == "float64")
    assert {array.dtype.name for array in read(tmp_path / "b.pt").arrays.values()} == {dtype}
    source_dtype = "bfloat16" if dtype == "bfloat16" else None
    convert(tmp_path / "b.pt", tmp_path / "c.pdparams")
    convert(tmp_path / "c.pdparams", tmp_path / "d.pt", source_dtype=source_dtype)
    first, again = read(tmp_path / "b.pt").arrays, read(tmp_path / "d.pt").arrays
    assert all(same_bits(first[name], again[name]) for name in first)


def test_bfloat16_becomes_float32_only_when_asked(tmp_path):
    """Hostile cases 15 and 16: 16-bit integers of a Paddle file are not weights until someone says so."""
    recipe = recipes.recipe("aistudio-vae")
    write_part(recipe, "decoder", random_weights(recipe), tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "b.pdparams", dtype="bfloat16")
    with pytest.raises(BadInput, match="bfloat16"):
        convert(tmp_path / "b.pdparams", tmp_path / "c.pt")
    convert(tmp_path / "b.pdparams", tmp_path / "c.pt", source_dtype="bfloat16")
    assert {array.dtype.name for array in read(tmp_path / "c.pt").arrays.values()} == {"bfloat16"}
    convert(tmp_path / "b.pdparams", tmp_path / "d.pt", source_dtype="bfloat16", dtype="float32")
    assert {array.dtype.name for array in read(tmp_path / "d.pt").arrays.values()} == {"float32"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"recipe": "aistudio-xae"}, "did you mean"),
        ({"part": "head"}, "no part 'head'"),
        ({"dtype": "int8"}, "float16"),
        ({"recipe": "aistudio-cvae"}, "fits no part of aistudio-cvae"),
        ({"settings": {"latent": 3}}, "not 1568×3"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, says):
    recipe = recipes.recipe("aistudio-vae")
    write_part(recipe, "decoder", random_weights(recipe), tmp_path / "a.pdparams")
    with pytest.raises(BadInput, match=says):
        convert(tmp_path / "a.pdparams", tmp_path / "b.pt", **options)
    assert not (tmp_path / "b.pt").exists()


def test_the_target_must_have_a_known_extension_and_not_be_the_source(tmp_path):
    recipe = recipes.recipe("aistudio-vae")
    write_part(recipe, "decoder", random_weights(recipe), tmp_path / "a.pt")
    for target in ("b.onnx", "a.pt", "b.pdopt"):
        with pytest.raises(BadInput):
            convert(tmp_path / "a.pt", tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_build_gives_a_plain_module_with_the_files_weights(tmp_path, backend):
    recipe = recipes.recipe("aistudio-cvae")
    weights = random_weights(recipe)
    write_part(recipe, "decoder", weights, tmp_path / "D_decoder_True.pdparams")
    module = build("aistudio-cvae", backend, weights=tmp_path / "D_decoder_True.pdparams")
    state = {name: np.asarray(tensor.numpy()) for name, tensor in module.state_dict().items()}
    loaded = load_weights(tmp_path / "D_decoder_True.pdparams")
    assert state.keys() == loaded.keys()
    assert all(same_bits(state[name], array) for name, array in loaded.items())
    whole = build("aistudio-cvae", backend, weights=weights)
    assert len(whole.state_dict()) == len(weights)
    with pytest.raises(BadInput, match=r"decoder\.conv4\.bias missing"):
        build("aistudio-cvae", backend, weights={n: a for n, a in weights.items() if n != "decoder.conv4.bias"})


def test_the_two_builds_compute_the_same(tmp_path):
    torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")
    z, label = np.ones((3, 2), np.float32), np.eye(10, dtype=np.float32)[:3]
    made = {backend: build("aistudio-cvae", backend, part="decoder") for backend in ("torch", "paddle")}
    with torch.no_grad(), paddle.no_grad():
        own = made["torch"](torch.from_numpy(z), torch.from_numpy(label)).numpy()
        other = made["paddle"](paddle.to_tensor(z), paddle.to_tensor(label)).numpy()
    assert own.shape == (3, 1, 28, 28)
    assert relative_error(other, own) <= bound("float32 forward")
    assert load_backend("torch").Net is type(made["torch"])
