"""Entries of recurrent layers and their cells."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..entry import NOT, Argument, Contrast, Entry, Turned, argument, entry, setting, weight
from ..proof import Proof, real
from .activation import sigmoid

BOTH_WAYS = Turned("'bidirect'", lambda value: value in (2, "bidirect", "bidirectional"),
                   lambda value: "bidirect" if value else "forward")  # fmt: skip
WORD = Turned("the same word", lambda value: str(value).removeprefix("RNN_").lower(), lambda value: value)
NONLINEARITY = setting("nonlinearity", "tanh", paddle="activation", kept="nonlinearity mode", turned=WORD)
SIZES = (argument("input_size", decides=False), setting("hidden_size", kept="hidden_size"))
LAYERS = setting("num_layers", 1, kept="num_layers")
SETTINGS: tuple[Argument, ...] = (
    setting("batch_first", False, paddle="time_major", kept="batch_first time_major", turned=NOT),
    setting("dropout", 0.0, kept="dropout"),
    setting("bidirectional", False, paddle="direction", paddle_default="forward",
            kept="bidirectional num_directions", turned=BOTH_WAYS),
)  # fmt: skip
DIFFERS = (
    Contrast("axes by default", "[time, batch, …]", "[batch, time, …]"),
    Contrast("fourth argument", "bias", "direction"),
    Contrast("gradients in evaluation", "given", "refused: only after `train()`"),
    Contrast("state dict", "each weight once", "twice, also in the cells below the layer"),
)
GATES = tuple(weight(name, suffix=suffix) for name, suffix in (
    ("weight_ih", "w_0"), ("weight_hh", "w_1"), ("bias_ih", "b_0"), ("bias_hh", "b_1")))  # fmt: skip
CELLS = ("cell", "cell_fw", "cell_bw")  # below Paddle's layers, and under names of theirs their weights once more
NO_WEIGHT = weight("_dropout_state", torch="", trained=False)  # the state of Paddle's generator
X = real(2, 5, 3)
State = tuple[np.ndarray, ...]


def _lstm(given: np.ndarray, kept: np.ndarray, state: State, nonlinearity: str) -> State:
    inward, forget, fresh, outward = np.split(given + kept, 4, -1)
    cell = sigmoid(forget) * state[1] + sigmoid(inward) * np.tanh(fresh)
    return sigmoid(outward) * np.tanh(cell), cell


def _gru(given: np.ndarray, kept: np.ndarray, state: State, nonlinearity: str) -> State:
    (reset, update, fresh), (old_reset, old_update, old) = np.split(given, 3, -1), np.split(kept, 3, -1)
    fresh, share = np.tanh(fresh + sigmoid(reset + old_reset) * old), sigmoid(update + old_update)
    return ((1 - share) * fresh + share * state[0],)


def _rnn(given: np.ndarray, kept: np.ndarray, state: State, nonlinearity: str) -> State:
    return (np.tanh(given + kept) if nonlinearity == "tanh" else np.maximum(given + kept, 0),)


def _all_steps(
    step: Callable, x: np.ndarray, held: dict, training: bool = False, batch_first: bool = False, num_layers: int = 1,
    bidirectional: bool = False, dropout: float = 0.0, nonlinearity: str = "tanh", hidden_size: int = 0,
) -> np.ndarray:  # fmt: skip
    """The outputs of a layer that begins with zeros. What it is given and what it keeps go through a matrix each."""
    if x.ndim != 3 or (training and dropout and num_layers > 1):
        raise ValueError("examples without a batch, or masks that nobody knows")
    x = x if batch_first else np.swapaxes(x, 0, 1)
    for layer in range(num_layers):
        ways = [_one_way(step, x, held, f"_l{layer}", nonlinearity)]
        if bidirectional:
            ways.append(_one_way(step, x[:, ::-1], held, f"_l{layer}_reverse", nonlinearity)[:, ::-1])
        x = np.concatenate(ways, -1)
    return x if batch_first else np.swapaxes(x, 0, 1)


def _one_way(step: Callable, x: np.ndarray, held: dict, end: str, nonlinearity: str) -> np.ndarray:
    weights, kept_by = held[f"weight_ih{end}"], held[f"weight_hh{end}"]
    zeros = np.zeros((len(x), kept_by.shape[1]))
    state, outputs = (zeros, zeros), []
    for place in range(x.shape[1]):
        given = x[:, place] @ weights.T + held.get(f"bias_ih{end}", 0.0)
        state = step(given, state[0] @ kept_by.T + held.get(f"bias_hh{end}", 0.0), state, nonlinearity)
        outputs.append(state[0])
    return np.stack(outputs, 1)


def _layer(kind: str, torch: str, paddle: str, step: Callable, *arguments: Argument, **more) -> Entry:
    """A recurrent layer. Both frameworks have the same gates, in the same order, under the same names."""
    sizes = {"input_size": 3, "hidden_size": 4, "batch_first": True}
    return entry(
        kind, f"nn.{torch}", f"nn.{paddle}", (*SIZES, LAYERS, *arguments, *SETTINGS), (NO_WEIGHT,),
        paddle_order="input_size hidden_size num_layers direction time_major dropout", inner_layers=True,
        differs=DIFFERS, formula=partial(_all_steps, step), by_mode=True,
        proof=(Proof((X,), sizes, layer=True, modes=("training",), formula=False),
               Proof((X,), sizes | {"num_layers": 2, "bidirectional": True}, layer=True, modes=("training",),
                     formula=False)),
        **more,
    )  # fmt: skip


def _cell(kind: str, torch: str, paddle: str, *arguments: Argument, first: int = 1, returns: str = "h") -> Entry:
    """One step of a recurrent layer; Paddle returns the output beside the state."""
    return entry(
        kind, f"nn.{torch}", f"nn.{paddle}", (SIZES[0], argument("hidden_size"), *arguments), GATES, steps=True,
        differs=(Contrast("what it returns", returns, f"(output, {returns})"),),
        proof=Proof((real(5, 3),), {"input_size": 3, "hidden_size": 4}, layer=True,
                    outputs=(None, tuple(range(1, 1 + first)))),
    )  # fmt: skip


ENTRIES: tuple[Entry, ...] = (
    _layer("lstm", "LSTM", "LSTM", _lstm, recorded="_VF.lstm lstm"),
    _layer("gru", "GRU", "GRU", _gru),
    _layer("rnn", "RNN", "SimpleRNN", _rnn, NONLINEARITY),
    _cell("lstm_cell", "LSTMCell", "LSTMCell", first=2, returns="(h, c)"),
    _cell("gru_cell", "GRUCell", "GRUCell"),
    _cell("rnn_cell", "RNNCell", "SimpleRNNCell", argument("nonlinearity", "tanh", paddle="activation")),
)
