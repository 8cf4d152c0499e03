"""`--set key=value`: sizes go to the recipe's builder, the rest replaces a field of its objective or schedule."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import BadInput, choose
from ..spec import Objective, Optimizer, Recipe, Training

LARGEST_SIZE = 65_536  # of a latent, a layer or an image's side: more is a slip of the keyboard
LARGEST_NUMBER = sys.float_info.max  # and neither infinite nor NaN
_OPTIMIZER = ("learning_rate", "beta1", "beta2", "epsilon", "weight_decay")
_TRAINING = ("batch_size", "epochs", "drop_last", "clip_norm")
_OBJECTIVE = ("reconstruction", "over_values", "over_batch", "kl", "beta")


def parse_settings(pairs: Iterable[str]) -> dict[str, object]:
    """`["latent=8", "kl=exact"]` → `{"latent": 8, "kl": "exact"}`.

    Raises:
        BadInput: a pair without `=`.
    """
    settings: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise BadInput(f"--set {pair}: write it as key=value, such as --set learning_rate=1e-3")
        try:
            settings[key.strip().replace("-", "_")] = json.loads(text)
        except (ValueError, RecursionError):  # not JSON, or not to be read as such: plain text
            settings[key.strip().replace("-", "_")] = {"None": None, "True": True, "False": False}.get(text, text)
    return settings


def apply_settings(builder: Callable[..., Recipe], settings: dict[str, object]) -> Recipe:
    """Build a recipe with some of its sizes, schedule or objective changed.

    Raises:
        BadInput: an unknown setting (the legal ones are listed), or a value of the wrong kind.
    """
    sizes = list(inspect.signature(builder).parameters)
    for key in settings:
        choose(key, [*sizes, *_OPTIMIZER, *_TRAINING, *_OBJECTIVE], "setting")
    chosen = {key: settings[key] for key in sizes if key in settings}
    for key, size in chosen.items():
        if not isinstance(size, int) or isinstance(size, bool):
            raise BadInput(f"{key} must be a whole number, not {size!r}")
        if size > LARGEST_SIZE:
            raise BadInput(f"{key} must be at most {LARGEST_SIZE:,}")
    recipe = builder(**chosen)
    objective = _pick(Objective, _OBJECTIVE, settings)
    optimizer = _pick(Optimizer, _OPTIMIZER, settings)
    training = _pick(Training, _TRAINING, settings)
    return replace(
        recipe,
        objective=replace(recipe.objective, **objective),
        training=replace(
            recipe.training,
            optimizers=tuple(replace(current, **optimizer) for current in recipe.training.optimizers),
            **training,
        ),
    )


def _pick(kind: type, keys: tuple[str, ...], settings: dict[str, object]) -> dict[str, object]:
    hints = get_type_hints(kind)
    chosen = {
        field.name: settings[field.name] for field in fields(kind) if field.name in keys and field.name in settings
    }
    for key, value in chosen.items():
        if value == "none" and type(None) in get_args(hints[key]):
            chosen[key] = None
        chosen[key] = _checked(key, chosen[key], hints[key])
    return chosen


def _checked(key: str, value: object, hint: Any) -> object:
    """The value, if it is of the field's kind; a whole number as a float where any number will do.

    Raises:
        BadInput: it is of another kind.
    """
    if get_origin(hint) is Literal:
        return choose(str(value), get_args(hint), f"value of {key}")
    kinds = get_args(hint) if get_origin(hint) is Union or "|" in str(hint) else (hint,)
    if not any(_is_a(value, kind) for kind in kinds):
        wanted = {int: "a whole number", float: "a number", bool: "true or false"}
        named = " or ".join(wanted[kind] for kind in kinds if kind in wanted)
        raise BadInput(f"{key} must be {named}, not {value!r}")
    return float(value) if float in kinds and isinstance(value, int) else value


def _is_a(value: object, kind: type) -> bool:
    if kind is type(None):
        return value is None
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, (int, float)) and kind is float:
        return abs(value) <= LARGEST_NUMBER
    return isinstance(value, kind)
