"""The Paddle half of some pairs, as people write them; `pairs_torch` holds the other half, class by class."""

from __future__ import annotations

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F  # noqa: N812


class Tagger(nn.Layer):
    """A label for each token: [N, T] → [N, T, tags]."""

    recurrent: type[nn.Layer] = nn.LSTM

    def __init__(self, vocabulary: int = 50, tags: int = 7, width: int = 16, hidden: int = 12):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.rnn = self.recurrent(width, hidden, num_layers=2, direction="bidirect")
        self.head = nn.Linear(2 * hidden, tags)

    def forward(self, tokens: Tensor) -> Tensor:
        states, _ = self.rnn(self.embedding(tokens))
        return self.head(states)


class GruTagger(Tagger):
    recurrent = nn.GRU


class RnnTagger(Tagger):
    recurrent = nn.SimpleRNN


class Encoder(nn.Layer):
    """Classes for a whole sequence: [N, T] → [N, classes], T at most `length`."""

    def __init__(
        self,
        vocabulary: int = 50,
        width: int = 16,
        heads: int = 4,
        layers: int = 2,
        length: int = 12,
        classes: int = 5,
        normalize_before: bool = False,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = self.create_parameter(
            [1, length, width], default_initializer=nn.initializer.Normal(mean=0.0, std=0.02)
        )
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, normalize_before=normalize_before)
        self.encoder = nn.TransformerEncoder(layer, layers)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position[:, : tokens.shape[1]]
        return self.head(self.norm(self.encoder(x)).mean(axis=1))


class DoubleConv(nn.Layer):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1 = nn.Conv2D(inputs, outputs, 3, padding=1, bias_attr=False)
        self.norm1 = nn.BatchNorm2D(outputs)
        self.conv2 = nn.Conv2D(outputs, outputs, 3, padding=1, bias_attr=False)
        self.norm2 = nn.BatchNorm2D(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


class UNet(nn.Layer):
    """A mask for an image; its sides are multiples of four."""

    def __init__(self, channels: int = 1, width: int = 8, classes: int = 1):
        super().__init__()
        self.down1 = DoubleConv(channels, width)
        self.down2 = DoubleConv(width, 2 * width)
        self.middle = DoubleConv(2 * width, 4 * width)
        self.up2 = DoubleConv(6 * width, 2 * width)
        self.up1 = DoubleConv(3 * width, width)
        self.pool = nn.MaxPool2D(2)
        self.final = nn.Conv2D(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.down1(images)
        coarse = self.down2(self.pool(fine))
        x = self.middle(self.pool(coarse))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.up2(paddle.concat([coarse, x], axis=1))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = self.up1(paddle.concat([fine, x], axis=1))
        return self.final(x)


class Mixed(nn.Layer):
    """Convolutions of every rank, both ways, and each normalization: an image [N, 4, 8, 8] and an index [N]."""

    def __init__(self, entries: int = 10, outputs: int = 5):
        super().__init__()
        self.conv1d = nn.Conv1D(4, 6, 5, stride=2, padding=4, dilation=2, groups=2)
        self.group_norm = nn.GroupNorm(3, 6)
        self.prelu1 = nn.PReLU(6)
        self.up1d = nn.Conv1DTranspose(6, 4, 4, stride=2, padding=1, output_padding=1, groups=2, dilation=2)

        self.up2d = nn.Conv2DTranspose(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, bias_attr=False)
        self.instance_norm = nn.InstanceNorm2D(6)
        self.prelu2 = nn.PReLU()

        self.conv3d = nn.Conv3D(2, 4, 3, padding=(1, 2, 2), dilation=(1, 2, 2), groups=2)
        self.up3d = nn.Conv3DTranspose(
            4, 2, (2, 3, 3), stride=2, padding=(0, 1, 1), output_padding=(0, 1, 1), groups=2, dilation=1
        )

        self.embedding = nn.Embedding(entries, 6)
        self.layer_norm = nn.LayerNorm(6)
        self.linear = nn.Linear(6, outputs)

    def forward(self, image: Tensor, index: Tensor) -> dict[str, Tensor | tuple[Tensor, Tensor]]:
        line = self.prelu1(self.group_norm(self.conv1d(image.flatten(2))))
        plane = self.prelu2(self.instance_norm(self.up2d(image)))
        volume = paddle.tanh(self.conv3d(image.reshape([-1, 2, 2, 8, 8])))
        joined = line.mean(axis=2) + plane.mean(axis=[2, 3]) + self.embedding(index)
        return {"a": self.linear(self.layer_norm(joined)), "b": (self.up1d(line), self.up3d(volume))}


class Shared(nn.Layer):
    """One linear layer called three times, and the embedding's weight again as the output projection."""

    def __init__(self, vocabulary: int = 50, width: int = 16):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.step = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for _ in range(3):
            x = paddle.tanh(self.step(x))
        return paddle.matmul(x, self.embedding.weight, transpose_y=True)
