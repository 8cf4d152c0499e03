"""Entries of convolutions, one for each number of axes."""

from __future__ import annotations

from functools import partial

from ..entry import AFFINE, BIAS, Entry, argument, entry, setting
from ..proof import proved_layer, real
from ..windows import conv

# They decide the shape of the weight, and nothing beyond it.
CHANNELS = tuple(argument(name, decides=False) for name in ("in_channels", "out_channels", "kernel_size"))


def convolution(n: int) -> Entry:
    """The convolution over `n` axes."""
    return entry(
        f"conv{n}d", f"nn.Conv{n}d F.conv{n}d", f"nn.Conv{n}D F.conv{n}d",
        (*CHANNELS, setting("stride", 1), setting("padding", 0), setting("dilation", 1), setting("groups", 1),
         argument("bias", True, paddle="bias_attr", paddle_default=None, turned=BIAS, decides=False),
         setting("padding_mode", "zeros")),
        AFFINE, tensor_prefix=f"conv{n}d", formula=partial(conv, n), operands=("weight", "bias"),
        proof=proved_layer(real(2, 4, *(7, 6, 5)[:n]), in_channels=4, out_channels=6, kernel_size=3, stride=2,
                           padding=1, groups=2),
    )  # fmt: skip


ENTRIES: tuple[Entry, ...] = tuple(map(convolution, (1, 2, 3)))
