"""`dualport recipes`: the published systems, as a table or one in full."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport recipes
  dualport recipes aistudio-cvae
  dualport recipes aistudio-cvae --set latent=8 --json      the spec that a run's config.json holds
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this recipe in full")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="with sizes or settings changed"
    )
    parser.add_argument("--json", action="store_true", help="print the spec as JSON")


def run(arguments: argparse.Namespace) -> None:
    import json

    from dualport.common import recipes
    from dualport.common.errors import BadInput
    from dualport.common.spec import to_json

    if arguments.name is None:
        if arguments.set or arguments.json:
            raise BadInput("--set and --json need the name of a recipe")
        _table([recipes.recipe(name) for name in recipes.names()])
        return
    recipe = recipes.recipe(arguments.name, recipes.parse_settings(arguments.set))
    if arguments.json:
        print(json.dumps(to_json(recipe), indent=1, ensure_ascii=False))
    else:
        _page(recipe)


def _table(chosen: list) -> None:
    from math import prod

    from rich.console import Console
    from rich.table import Table

    table = Table(title="recipes", title_style="bold", header_style="bold")
    for column in ("name", "model", "published in", "parameters", "latent", "training"):
        table.add_column(
            column, justify="right" if column in ("parameters", "latent") else "left", no_wrap=column == "name"
        )
    for recipe in chosen:
        size = sum(prod(shape) for shape in recipe.model.parameters().values())
        training = recipe.training
        table.add_row(
            recipe.name,
            recipe.title,
            recipe.framework,
            f"{size:,}",
            str(recipe.model.latent.size),
            f"{training.epochs} epochs, batch {training.batch_size}",
        )
    Console().print(table)


def _page(recipe) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{recipe.name}[/bold]: {recipe.title}\nsource: {recipe.source}\n", markup=True)
    for network in recipe.model.networks().values():
        table = Table(title=network.name, title_justify="left", title_style="bold", header_style="bold")
        for column in ("layer", "kind", "in", "out", "parameters"):
            table.add_column(column)
        if network.condition:
            table.add_row("", _describe(network.condition), "", "", "")
        for layer, given, out in network.shapes():
            shapes = ", ".join(f"{name.rsplit('.', 1)[1]} {list(shape)}" for name, shape in layer.parameters().items())
            table.add_row(layer.name, _describe(layer), str(list(given)), str(list(out)), shapes)
        console.print(table)
    for title, value in _facts(recipe):
        console.print(f"[bold]{title}[/bold]: {value}")


def _describe(thing) -> str:
    """A dataclass in a few words: its kind, and the settings that are not shapes."""
    hidden = ("name", "in_channels", "out_channels", "in_features", "out_features", "features", "shape", "layer")
    settings = {key: value for key, value in vars(thing).items() if key not in hidden}
    if settings.get("function") and settings["function"] != "leaky_relu":
        settings.pop("slope")
    settings = {key: value for key, value in settings.items() if value not in (0, True) or key == "slope"}
    words = " ".join(f"{value}" if key in ("function",) else f"{key} {value}" for key, value in settings.items())
    return f"{type(thing).__name__} {words}".strip()


def _facts(recipe):
    objective, training = recipe.objective, recipe.training
    latent = recipe.model.latent
    yield "latent", f"{latent.size}, the second head gives {latent.spread}"
    yield (
        "objective",
        (
            f"{objective.over_batch} over the batch of ({objective.over_values} over values of "
            f"{objective.reconstruction} + {objective.beta:g} · KL ({objective.kl})); printed: {objective.printed}"
        ),
    )
    for optimizer in training.optimizers:
        yield (
            f"optimiser {optimizer.name}",
            (
                f"{optimizer.algorithm} lr {optimizer.learning_rate:g}, betas {optimizer.beta1:g} {optimizer.beta2:g}, "
                f"epsilon {optimizer.epsilon:g}, weight decay {optimizer.weight_decay:g}"
            ),
        )
    last = "dropped" if training.drop_last else "kept"
    yield "training", f"{training.epochs} epochs, batch {training.batch_size}, last partial batch {last}"
    picked = "all" if recipe.data.indices is None else f"images {', '.join(map(str, recipe.data.indices))}"
    yield "data", f"{recipe.data.source} ({picked}), pixels in {list(recipe.data.value_range)}"
    yield "initial weights", f"default distributions of {recipe.framework}, in both frameworks"
    yield "weight files", ", ".join(f"{name}.pdparams" for name in recipe.weight_files().values())
    yield "figures", ", ".join(figure.kind for figure in recipe.figures)
    for quirk in recipe.quirks:
        yield "note", quirk
