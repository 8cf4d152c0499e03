"""The spec: shapes inferred, wrong ones refused by name, JSON exact, sizes free."""

import inspect
import json
from dataclasses import replace

import pytest
from dualport.common import recipes
from dualport.common.errors import BadInput
from dualport.common.spec import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dropout,
    LabelChannel,
    Latent,
    Linear,
    Model,
    Network,
    OneHot,
    Optimizer,
    Reshape,
    from_json,
    to_json,
)


def test_convolution_shapes_are_those_of_the_notebook():
    encoder = recipes.recipe("aistudio-vae").model.encoder
    assert [out for _, _, out in encoder.shapes()] == [
        (32, 14, 14), (32, 14, 14), (64, 7, 7), (64, 7, 7), (3136, 1, 1), (2, 1, 1), (2, 1, 1),
    ]  # fmt: skip
    decoder = recipes.recipe("aistudio-cvae").model.decoder
    assert decoder.layers[0].in_channels == 12
    assert decoder.output_shapes() == ((1, 28, 28),)


def test_output_padding_and_odd_sizes():
    assert ConvTranspose2D("d", 4, 8, 3, 2, 1, 1).output_shape((4, 2, 2)) == (8, 4, 4)
    assert Conv2D("c", 4, 8, 3, 2, 1).output_shape((4, 5, 5)) == (8, 3, 3)


@pytest.mark.parametrize(
    ("layer", "given", "says"),
    [
        (Conv2D("conv9", 3, 8, 3), (4, 8, 8), ("conv9", "(3, H, W)", "(4, 8, 8)")),
        (Conv2D("small", 3, 8, 5), (3, 4, 4), ("small", "at least 5", "(3, 4, 4)")),
        (ConvTranspose2D("up", 3, 8, 3), (3, 8), ("up", "(3, H, W)", "(3, 8)")),
        (Linear("fc", 10, 2), (11,), ("fc", "(10,)", "(11,)")),
        (BatchNorm("bn", 8), (9, 2, 2), ("bn", "8 features", "(9, 2, 2)")),
        (Reshape((5, 5)), (24,), ("Reshape", "25 values", "(24,)")),
    ],
)
def test_a_wrong_shape_is_refused_with_the_layer_and_both_shapes(layer, given, says):
    with pytest.raises(BadInput) as refusal:
        Network("decoder", given, (layer,))
    for words in ("decoder", *says):
        assert words in str(refusal.value)


def test_conditions_join_and_refuse():
    assert OneHot(10).join((20,)) == (30,)
    assert OneHot(10).join((2, 1, 1)) == (12, 1, 1)
    with pytest.raises(BadInput, match="label channel"):
        OneHot(10).join((1, 28, 28))
    channel = LabelChannel(10, Conv2D("conv_label", 10, 784, 1))
    assert channel.join((3, 28, 28)) == (4, 28, 28)
    with pytest.raises(BadInput, match="conv_label"):
        channel.join((1, 32, 32))


def test_models_refuse_parts_that_do_not_fit():
    model = recipes.recipe("aistudio-vae").model
    with pytest.raises(BadInput, match="the latent takes 2 of 3"):
        replace(model, latent=Latent(3))
    with pytest.raises(BadInput, match="both hold"):
        replace(model, decoder=replace(model.decoder, prefix="encoder."))
    with pytest.raises(BadInput, match="either both take the label"):
        replace(model, decoder=recipes.recipe("aistudio-cvae").model.decoder)
    with pytest.raises(BadInput, match="two layers are called fc"):
        Network("encoder", (4,), (Linear("fc", 4, 4), Linear("fc", 4, 4)))


def test_an_autoencoder_refuses_a_kl():
    with pytest.raises(BadInput, match=r"latent2d-ae: .*no posterior.*choose kl=none"):
        recipes.recipe("latent2d-ae", {"kl": "exact"})
    assert recipes.recipe("latent2d-ae", {"kl": "none"}) == recipes.recipe("latent2d-ae")


def mlp_with_everything() -> Model:
    """Batch norm, dropout in hidden layers and on z, one-hot labels, log σ heads: what later recipes say."""
    encoder = Network(
        "encoder",
        (784,),
        (Linear("fc1", 794, 32), BatchNorm("bn1", 32, variance="biased"), Dropout("drop1", 0.5)),
        heads=(Linear("fc_mu", 32, 4), Linear("fc_logvar", 32, 4)),
        condition=OneHot(10),
        prefix="encoder.",
    )
    decoder = Network("decoder", (4,), (Linear("fc2", 14, 784),), condition=OneHot(10), prefix="decoder.")
    return Model(encoder, decoder, Latent(4, "logsigma", Dropout("drop_z", 0.2)), image=(1, 28, 28))


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_survives_json(name):
    recipe = recipes.recipe(name)
    assert from_json(json.loads(json.dumps(to_json(recipe)))) == recipe


def test_every_kind_of_layer_survives_json():
    model = mlp_with_everything()
    assert from_json(json.loads(json.dumps(to_json(model)))) == model
    assert [layer.name for layer, _ in model.dropouts()] == ["drop1", "drop_z"]
    assert model.buffers()["encoder.bn1.running_var"] == (32,)


def test_damaged_json_is_refused():
    spec = to_json(recipes.recipe("aistudio-vae"))
    with pytest.raises(BadInput, match="does not know"):
        from_json(spec | {"kind_of": "os.system"})
    with pytest.raises(BadInput, match="extra"):
        from_json(spec | {"extra": 1})
    with pytest.raises(BadInput, match="incomplete"):
        from_json({key: value for key, value in spec.items() if key != "model"})
    spec["model"]["encoder"]["layers"][0]["out_channels"] = 31
    with pytest.raises(BadInput, match=r"conv2.*\(32, H, W\).*\(31, 14, 14\)"):
        from_json(spec)


@pytest.mark.parametrize("name", recipes.names())
def test_sizes_are_free(name):
    legal = inspect.signature(recipes.BUILDERS[name]).parameters
    sizes = {"latent": 5, "width": 3, "hidden": 6, "image": 32, "channels": 2, "classes": 4}
    model = recipes.recipe(name, {key: size for key, size in sizes.items() if key in legal}).model
    assert model.image_shape == (2, 32, 32)
    assert model.latent.size == 5
    assert model.encoder.output_shapes()[0] == model.decoder.input_shape
    assert model.classes == (4 if "classes" in legal else 0)


@pytest.mark.parametrize("field", ["learning_rate", "beta1", "epsilon", "weight_decay"])
def test_optimizers_refuse_values_that_cannot_be(field):
    with pytest.raises(BadInput, match=field):
        Optimizer("one", ("encoder",), **({"learning_rate": 1e-3} | {field: -1.0}))


def test_settings_reach_objective_and_schedule():
    settings = recipes.parse_settings(["beta=4", "learning_rate=1e-3", "clip_norm=1", "weight_decay=1e-5", "kl=none"])
    recipe = recipes.recipe("aistudio-vae", settings)
    assert (recipe.objective.beta, recipe.objective.kl, recipe.training.clip_norm) == (4, "none", 1)
    assert isinstance(recipe.objective.beta, float)  # Paddle's optimizers take no whole numbers
    assert {(one.learning_rate, one.weight_decay) for one in recipe.training.optimizers} == {(1e-3, 1e-5)}


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("latent=1.5", "whole number"),
        ("latent=0", "at least 1"),
        ("image=30", "multiple of 4"),
        ("beta=high", "must be a number"),
        ("kl=foo", "choose one of exact"),
        ("learning_rat=1", "did you mean 'learning_rate'"),
        ("width", "key=value"),
        ("width=99999999", "at most 65,536"),
        ("learning_rate=Infinity", "must be a number"),
        ("learning_rate=1" + "0" * 400, "must be a number"),
        ("beta=" + "[" * 100_000, "must be a number"),
        ("drop_last=2", "true or false"),
    ],
)
def test_bad_settings_are_refused(pair, says):
    with pytest.raises(BadInput, match=says):
        recipes.recipe("aistudio-vae", recipes.parse_settings([pair]))
