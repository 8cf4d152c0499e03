"""Entries of recurrent layers and their cells."""

from __future__ import annotations

from ..entry import NOT, Argument, Contrast, Entry, Turned, argument, entry, setting, weight
from ..proof import Proof, real

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


def _layer(kind: str, torch: str, paddle: str, *arguments: Argument, **more) -> Entry:
    """A recurrent layer. Both frameworks have the same gates, in the same order, under the same names."""
    sizes = {"input_size": 3, "hidden_size": 4, "batch_first": True}
    return entry(
        kind, f"nn.{torch}", f"nn.{paddle}", (*SIZES, LAYERS, *arguments, *SETTINGS), (NO_WEIGHT,),
        paddle_order="input_size hidden_size num_layers direction time_major dropout", inner_layers=True,
        differs=DIFFERS,
        proof=(Proof((X,), sizes, layer=True, modes=("training",)),
               Proof((X,), sizes | {"num_layers": 2, "bidirectional": True}, layer=True, modes=("training",))),
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
    _layer("lstm", "LSTM", "LSTM", recorded="_VF.lstm lstm"),
    _layer("gru", "GRU", "GRU"),
    _layer("rnn", "RNN", "SimpleRNN", NONLINEARITY),
    _cell("lstm_cell", "LSTMCell", "LSTMCell", first=2, returns="(h, c)"),
    _cell("gru_cell", "GRUCell", "GRUCell"),
    _cell("rnn_cell", "RNNCell", "SimpleRNNCell", argument("nonlinearity", "tanh", paddle="activation")),
)
