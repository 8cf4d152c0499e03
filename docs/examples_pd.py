"""A small convolutional VAE, as a PaddlePaddle notebook has it."""

import paddle
import paddle.nn.functional as F
from paddle import nn


class Net(nn.Layer):
    def __init__(self, latent=8, width=16):
        super().__init__()
        self.conv1 = nn.Conv2D(1, width, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2D(width)
        self.conv2 = nn.Conv2D(width, 2 * width, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2D(2 * width)
        self.mean = nn.Linear(2 * width * 7 * 7, latent)
        self.logvar = nn.Linear(2 * width * 7 * 7, latent)
        self.expand = nn.Linear(latent, 2 * width * 7 * 7)
        self.up1 = nn.Conv2DTranspose(2 * width, width, 4, stride=2, padding=1)
        self.up2 = nn.Conv2DTranspose(width, 1, 4, stride=2, padding=1)

    def forward(self, x):
        h = F.leaky_relu(self.bn1(self.conv1(x)))
        h = F.leaky_relu(self.bn2(self.conv2(h)))
        h = paddle.flatten(h, 1)
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + paddle.exp(0.5 * logvar) * paddle.randn(mean.shape)
        h = F.relu(self.expand(z)).reshape([x.shape[0], -1, 7, 7])
        return F.sigmoid(self.up2(F.relu(self.up1(h)))), mean, logvar


if __name__ == "__main__":
    paddle.save(Net().state_dict(), "net.pdparams")
