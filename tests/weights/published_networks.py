"""The published AI Studio networks, written out by hand in plain Paddle and plain PyTorch, without the kit."""

from __future__ import annotations


def torch_networks(labelled: bool) -> dict:
    """Encoder and decoder classes in PyTorch; their forwards take the one-hot label `[N, 10, 1, 1]` or nothing."""
    import torch
    from torch import nn
    from torch.nn.functional import leaky_relu

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            if labelled:
                self.conv_label = nn.Conv2d(10, 784, 1)
            self.conv1 = nn.Conv2d(2 if labelled else 1, 32, 4, 2, 1)
            self.conv2 = nn.Conv2d(32, 64, 4, 2, 1)
            self.conv_mean = nn.Conv2d(3136, 2, 1)
            self.conv_logvar = nn.Conv2d(3136, 2, 1)

        def forward(self, x, label=None):
            if labelled:
                x = torch.cat([x, self.conv_label(label).reshape(-1, 1, 28, 28)], 1)
            x = leaky_relu(self.conv2(leaky_relu(self.conv1(x))))
            x = x.reshape(-1, 3136, 1, 1)
            return self.conv_mean(x), self.conv_logvar(x)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(12 if labelled else 2, 1568, 1)
            self.conv2 = nn.ConvTranspose2d(32, 64, 4, 2, 1)
            self.conv3 = nn.ConvTranspose2d(64, 32, 4, 2, 1)
            self.conv4 = nn.Conv2d(32, 1, 3, 1, 1)

        def forward(self, z, label=None):
            z = torch.cat([z, label], 1) if labelled else z
            x = leaky_relu(self.conv1(z)).reshape(-1, 32, 7, 7)
            x = leaky_relu(self.conv3(leaky_relu(self.conv2(x))))
            return torch.tanh(self.conv4(x))

    return {"encoder": Encoder, "decoder": Decoder}


def paddle_networks(labelled: bool) -> dict:
    """The same in Paddle."""
    import paddle
    from paddle import nn
    from paddle.nn.functional import leaky_relu

    class Encoder(nn.Layer):
        def __init__(self):
            super().__init__()
            if labelled:
                self.conv_label = nn.Conv2D(10, 784, 1)
            self.conv1 = nn.Conv2D(2 if labelled else 1, 32, 4, 2, 1)
            self.conv2 = nn.Conv2D(32, 64, 4, 2, 1)
            self.conv_mean = nn.Conv2D(3136, 2, 1)
            self.conv_logvar = nn.Conv2D(3136, 2, 1)

        def forward(self, x, label=None):
            if labelled:
                x = paddle.concat([x, self.conv_label(label).reshape([-1, 1, 28, 28])], 1)
            x = leaky_relu(self.conv2(leaky_relu(self.conv1(x))))
            x = x.reshape([-1, 3136, 1, 1])
            return self.conv_mean(x), self.conv_logvar(x)

    class Decoder(nn.Layer):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2D(12 if labelled else 2, 1568, 1)
            self.conv2 = nn.Conv2DTranspose(32, 64, 4, 2, 1)
            self.conv3 = nn.Conv2DTranspose(64, 32, 4, 2, 1)
            self.conv4 = nn.Conv2D(32, 1, 3, 1, 1)

        def forward(self, z, label=None):
            z = paddle.concat([z, label], 1) if labelled else z
            x = leaky_relu(self.conv1(z)).reshape([-1, 32, 7, 7])
            x = leaky_relu(self.conv3(leaky_relu(self.conv2(x))))
            return paddle.tanh(self.conv4(x))

    return {"encoder": Encoder, "decoder": Decoder}
