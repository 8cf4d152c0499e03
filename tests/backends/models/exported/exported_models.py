"""Models that are exported, in Paddle; and the same, written in PyTorch."""

from __future__ import annotations

import math

import paddle
import torch
from paddle import nn
from paddle.nn import functional


class Picture(nn.Layer):
    """Convolutions with and without bias, by channel and by group, norms, pools, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2D(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2D(8)
        self.by_channel = nn.Conv2D(8, 8, 3, padding=1, groups=8, bias_attr=False)
        self.gain = self.create_parameter([1], default_initializer=nn.initializer.Constant(1.25))
        self.head = nn.Linear(32, 6)
        self.last = nn.LayerNorm(6)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        x = functional.hardswish(self.norm(self.first(x)))
        x = x + functional.relu(self.by_channel(x)) * self.gain
        x = functional.adaptive_avg_pool2d(x, 2).flatten(1)
        return functional.softmax(self.last(self.drop(self.head(x)))[:, 1:], axis=-1)


class TorchPicture(torch.nn.Module):
    """`slope`: of the activation behind the second convolution, where it is not the exported model's."""

    def __init__(self, slope: float = 0.0) -> None:
        super().__init__()
        self.slope = slope
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.stem_norm = torch.nn.BatchNorm2d(8)
        self.depthwise = torch.nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.gain = torch.nn.Parameter(torch.ones(1))
        self.classifier = torch.nn.Linear(32, 6)
        self.layer_norm = torch.nn.LayerNorm(6)

    def forward(self, x):
        x = torch.nn.functional.hardswish(self.stem_norm(self.stem(x)))
        x = x + torch.nn.functional.leaky_relu(self.depthwise(x), self.slope) * self.gain
        x = torch.nn.functional.adaptive_avg_pool2d(x, 2).flatten(1)
        return torch.softmax(self.layer_norm(self.classifier(x))[:, 1:], -1)


class Words(nn.Layer):
    """An embedding, attention with a mask, a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8, padding_idx=0)
        self.packed = nn.Linear(8, 24)
        self.recurrent = nn.LSTM(8, 6, direction="bidirect")
        self.out = nn.Linear(12, 3, bias_attr=False)

    def forward(self, tokens):
        x = self.words(tokens)
        query, key, value = paddle.split(self.packed(x), 3, axis=-1)
        scores = paddle.matmul(query, key, transpose_y=True) / math.sqrt(8)
        mask = paddle.tril(paddle.ones([5, 5]))
        scores = paddle.where(mask > 0, scores, paddle.full_like(scores, -1e9))
        mixed, _ = self.recurrent(paddle.matmul(functional.softmax(scores), value))
        return self.out(mixed).mean(1), paddle.cumsum(mixed, axis=1)


class TorchWords(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(20, 8, padding_idx=0)
        self.packed = torch.nn.Linear(8, 24)
        self.recurrent = torch.nn.LSTM(8, 6, bidirectional=True, batch_first=True)
        self.out = torch.nn.Linear(12, 3, bias=False)

    def forward(self, tokens):
        query, key, value = self.packed(self.words(tokens)).chunk(3, -1)
        scores = query @ key.transpose(1, 2) / math.sqrt(8)
        scores = scores.masked_fill(torch.ones(5, 5).tril() == 0, -1e9)
        mixed, _ = self.recurrent(scores.softmax(-1) @ value)
        return self.out(mixed).mean(1), mixed.cumsum(1)


class Many(nn.Layer):
    """Operations that the others have not."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2D(3, 8, 3, 2, 1), nn.Conv2DTranspose(8, 8, 4, 2, 1)
        self.groups, self.single, self.slopes = nn.GroupNorm(4, 8), nn.InstanceNorm2D(8), nn.PReLU(8)
        self.mix, self.line = nn.Conv2D(16, 4, 1), nn.Conv1D(4, 4, 3, padding=1)

    def forward(self, x):
        low = functional.leaky_relu(self.groups(self.down(x)), 0.1)
        high = functional.interpolate(low, scale_factor=2, mode="bilinear", align_corners=True)
        both = paddle.concat([self.slopes(self.single(self.up(low))), high], axis=1)
        mixed = functional.pad(self.mix(both), [1, 1, 1, 1], mode="reflect")
        left, right = paddle.split(functional.max_pool2d(mixed, 2, 2, ceil_mode=True), 2, axis=1)
        line = functional.elu(self.line(self.mix(both).flatten(2)))
        top, _ = paddle.topk(line, 3)
        stacked = paddle.stack([left, right], axis=1).clip(-1, 1)
        return stacked, top, paddle.norm(line, 2, -1), line.sum([1, 2], keepdim=True), paddle.exp(-left.square()).max(1)


INPUTS = {"Picture": ([4, 3, 16, 16], "float32"), "Words": ([4, 5], "int64"), "Many": ([2, 3, 8, 8], "float32")}


def export(name: str, folder: str) -> None:
    """Export a model that is not fresh, and keep what it gives for one input. Rows at `padding_idx` are zero."""
    import numpy as np

    paddle.seed(7)
    model = {"Picture": Picture, "Words": Words, "Many": Many}[name]()
    for tensor in model.state_dict().values():
        tensor.set_value(tensor + 0.1 * paddle.rand(tensor.shape))
    if name == "Words":
        rows = model.words.weight.numpy()
        rows[0] = 0
        model.words.weight.set_value(rows)
    model.eval()
    shape, dtype = INPUTS[name]
    x = paddle.randint(0, 20, shape) if dtype == "int64" else paddle.randn(shape)
    made = model(x)
    np.savez(
        f"{folder}/{name}.npz", x.numpy(), *[each.numpy() for each in (made if isinstance(made, tuple) else [made])]
    )
    paddle.jit.save(model, f"{folder}/{name}", [paddle.static.InputSpec([None, *shape[1:]], dtype)])


if __name__ == "__main__":
    import sys

    for wanted in sys.argv[2:]:
        export(wanted, sys.argv[1])
