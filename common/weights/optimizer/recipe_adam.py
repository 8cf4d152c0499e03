"""Adam's state between Paddle's `.pdopt` and the state dict that `torch.optim.Adam.load_state_dict` takes.

Paddle's keys are tensor names (`conv2d_0.w_0_moment1_0`), so its own table from structured names to tensor names is
needed: from the `.pdparams` beside the `.pdopt`, or made as a fresh process would number the recipe's layers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dictionary.training.optimizers import MOMENTS
from ...errors import BadInput
from ...spec import Optimizer
from ..recipe_layout import LayoutRow
from .adam_state import OptimizerState
from .adam_steps import beta_power, steps_of


def from_pdopt(path: str, tree: dict[str, Any], layout: list[LayoutRow], names: dict[str, str], settings: Optimizer):
    """The canonical state that a `.pdopt` holds.

    Args:
        names: structured name → tensor name of the `.pdparams`.
        settings: the recipe's optimiser; its betas must be those of the file.

    Raises:
        BadInput: keys that belong to no parameter, shapes or betas that do not fit, or a step that cannot be told.
    """
    trained = [entry for entry in layout if entry.trained]
    paddle_names = {entry.name: names.get(entry.paddle) for entry in trained}
    arrays = {key: value for key, value in tree.items() if isinstance(value, np.ndarray)}
    used: set[str] = set()
    moments: dict[str, dict[str, np.ndarray]] = {"first": {}, "second": {}}
    powers: dict[str, list[np.ndarray]] = {"beta1": [], "beta2": []}
    for entry in trained:
        keys = {which: f"{paddle_names[entry.name]}_{kept.paddle}_0" for which, kept in MOMENTS.items()}
        if not any(key in arrays for key in keys.values()):
            continue  # a parameter that never had a gradient
        keys |= {beta: f"{paddle_names[entry.name]}_{beta}_pow_acc_0" for beta in powers}
        missing = [key for key in keys.values() if key not in arrays]
        if missing:
            raise BadInput(f"{path}: {', '.join(missing)} missing; the file is not whole")
        used |= set(keys.values())
        for which in moments:
            if arrays[keys[which]].shape != entry.paddle_shape():
                raise BadInput(f"{path}: {keys[which]} is {arrays[keys[which]].shape}, not {entry.paddle_shape()}")
            moments[which][entry.name] = entry.turn(arrays[keys[which]])
        for beta in powers:
            powers[beta].append(arrays[keys[beta]])
    extra = [key for key in arrays if key not in used]
    if extra or not used:
        raise BadInput(
            f"{path}: {', '.join(extra[:8]) or 'nothing in it'} belongs to no parameter of the weights; "
            "give the .pdparams that was saved with it: --weights FILE"
        )
    rate = _learning_rate(tree, settings)
    return OptimizerState(_step(path, powers, settings), rate, settings.beta1, settings.beta2, **moments)


def _learning_rate(tree: dict[str, Any], settings: Optimizer) -> float:
    """A scheduler's last rate where the file has one; Paddle does not store a plain rate, so else the recipe's."""
    scheduler = tree.get("LR_Scheduler")
    rate = scheduler.get("last_lr") if isinstance(scheduler, dict) else None
    return float(rate) if isinstance(rate, (int, float)) and rate > 0 else settings.learning_rate


def _step(path: str, powers: dict[str, list[np.ndarray]], settings: Optimizer) -> int:
    betas = {"beta1": settings.beta1, "beta2": settings.beta2}
    for accumulators in powers.values():
        if any(power.reshape(-1)[0] != accumulators[0].reshape(-1)[0] for power in accumulators):
            raise BadInput(f"{path}: its parameters have taken different numbers of steps; one Adam cannot go on so")
    step = steps_of(powers["beta2"][0], settings.beta2)
    if step is None:
        step = steps_of(powers["beta1"][0], settings.beta1)
    dtype = str(powers["beta1"][0].dtype)
    if step is None or any(
        beta_power(value, step, dtype)[0] != powers[beta][0].reshape(-1)[0] for beta, value in betas.items()
    ):
        raise BadInput(
            f"{path}: its beta powers do not come from beta1 {settings.beta1:g} and beta2 {settings.beta2:g}; "
            "say the betas that it was trained with: --set beta1=… --set beta2=…"
        )
    return step


def to_pdopt(state: OptimizerState, layout: list[LayoutRow], names: dict[str, str]) -> dict[str, np.ndarray]:
    """A `.pdopt` with the keys in Paddle's own order."""
    entries = [entry for entry in layout if entry.trained and entry.name in state.first]
    arrays: dict[str, np.ndarray] = {}
    for which, kept in MOMENTS.items():
        moments = getattr(state, which)
        arrays |= {f"{names[entry.paddle]}_{kept.paddle}_0": entry.turn(moments[entry.name]) for entry in entries}
    for beta in ("beta1", "beta2"):
        for entry in entries:
            dtype = str(state.first[entry.name].dtype)
            arrays[f"{names[entry.paddle]}_{beta}_pow_acc_0"] = beta_power(getattr(state, beta), state.step, dtype)
    return arrays


def to_torch_adam(state: OptimizerState, layout: list[LayoutRow], settings: Optimizer) -> dict[str, Any]:
    """What `torch.optim.Adam.load_state_dict` takes; parameters are numbered in the order of the module's."""
    trained = [entry.name for entry in layout if entry.trained]
    group = {
        "lr": state.learning_rate,
        "betas": (state.beta1, state.beta2),
        "eps": settings.epsilon,
        "weight_decay": settings.weight_decay,
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "fused": None,
        "decoupled_weight_decay": False,
        "params": list(range(len(trained))),
    }
    entries = {
        number: {
            "step": np.array(state.step, np.float32),
            **{kept.torch: getattr(state, which)[name] for which, kept in MOMENTS.items()},
        }
        for number, name in enumerate(trained)
        if name in state.first
    }
    return {"state": entries, "param_groups": [group]}


def from_torch_adam(path: str, tree: Any, layout: list[LayoutRow]) -> OptimizerState:
    """The canonical state that an Adam's state dict holds.

    Raises:
        BadInput: not Adam's, more than one group, or parameters that do not fit.
    """
    trained = [entry for entry in layout if entry.trained]
    try:
        (group,), entries = tree["param_groups"], tree["state"]
        beta1, beta2 = group["betas"]
        numbers = list(group["params"])
        steps = {int(np.asarray(entry["step"]).reshape(-1)[0]) for entry in entries.values()} or {0}
        given = {
            which: {number: entry[kept.torch] for number, entry in entries.items()} for which, kept in MOMENTS.items()
        }
        rate = float(group["lr"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"{path}: is not the state of one torch.optim.Adam with one group of parameters") from None
    if len(steps) > 1:
        raise BadInput(f"{path}: its parameters have taken different numbers of steps ({sorted(steps)[:5]})")
    if len(numbers) != len(trained):
        raise BadInput(f"{path}: steps {len(numbers)} parameters, the part has {len(trained)}; say --recipe and --part")
    moments: dict[str, dict[str, np.ndarray]] = {"first": {}, "second": {}}
    for number, entry in zip(numbers, trained, strict=True):
        for which, arrays in given.items():
            if number not in arrays:
                continue
            if arrays[number].shape != entry.shape:
                raise BadInput(f"{path}: the moments of {entry.name} are {arrays[number].shape}, not {entry.shape}")
            moments[which][entry.name] = arrays[number]
    return OptimizerState(steps.pop(), rate, float(beta1), float(beta2), **moments)
