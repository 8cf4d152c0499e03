"""One small model in both frameworks, stepped twice by each framework's own optimizer with the same gradients."""

from __future__ import annotations

import numpy as np
import paddle
import torch

PADDLE = """
from paddle import nn, optimizer
class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.embed, self.conv, self.norm = nn.Embedding(7, 6), nn.Conv2D(2, 4, 3), nn.BatchNorm2D(4)
        self.hidden, self.out = nn.Linear(6, 6), nn.Linear(6, 3)
def with_decay(parameters):
    return optimizer.AdamW(0.02, parameters=parameters, weight_decay=0.25, beta2=0.9)
"""
TORCH = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.conv, self.norm = nn.Embedding(7, 6), nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)
        self.hidden, self.out = nn.Linear(6, 6), nn.Linear(6, 3)
def by_axes(parameters):
    matrices, vectors = ([p for p in parameters if (p.ndim > 1) == many] for many in (True, False))
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "lr": 0.005, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.02, betas=(0.9, 0.9))
def of_vectors_first(parameters):
    return torch.optim.AdamW(sorted(parameters, key=lambda p: p.ndim), lr=0.02, betas=(0.9, 0.9))
"""
MODELS = {"paddle": "opt_pd.py:Net", "torch": "opt_pt.py:Net"}
TURNED = ("hidden.weight", "out.weight")
# Kind → Paddle's words, PyTorch's words; all other numbers are the same defaults in both. Paddle takes
# 1 − 0.999 in float32, which is another fifth digit: so betas are far from 1.
KINDS = {
    "sgd": ({"weight_decay": 0.25}, {"weight_decay": 0.25}),
    "momentum": ({"momentum": 0.75, "use_nesterov": True, "weight_decay": 0.25},
                 {"momentum": 0.75, "nesterov": True, "weight_decay": 0.25}),
    "adam": ({"beta1": 0.5, "beta2": 0.9, "weight_decay": 0.25}, {"betas": (0.5, 0.9), "weight_decay": 0.25}),
    "adamw": ({"beta2": 0.9, "weight_decay": 0.25}, {"betas": (0.9, 0.9), "weight_decay": 0.25}),
    "adamax": ({"beta2": 0.875}, {"betas": (0.9, 0.875)}),
    "rmsprop": ({"rho": 0.75, "epsilon": 1e-14, "momentum": 0.5, "centered": True},
                {"alpha": 0.75, "eps": 1e-14, "momentum": 0.5, "centered": True}),
    "adagrad": ({"epsilon": 1e-6, "initial_accumulator_value": 0.5},
                {"eps": 1e-6, "initial_accumulator_value": 0.5}),
}  # fmt: skip
RATE = 0.02
ASKED = {
    "sgd": "sgd:lr=0.02,weight_decay=0.25",
    "momentum": "momentum:lr=0.02,momentum=0.75,nesterov=1,weight_decay=0.25",
    "adam": "adam:learning_rate=0.02,weight_decay=0.25",  # its betas are in the file
    "adamw": "adamw:lr=0.02,coeff=0.25",
    "adamax": "adamax:lr=0.02,beta2=0.875",
    "rmsprop": "rmsprop:lr=0.02,rho=0.75,epsilon=1e-14,momentum=0.5",  # that it is centred is in the file
    "adagrad": "adagrad:lr=0.02,eps=1e-6,initial_accumulator_value=0.5",
}


def gradient(name: str, shape: tuple[int, ...], step: int) -> np.ndarray:
    """In PyTorch's layout, the same for both."""
    drawn = np.random.default_rng([len(name), ord(name[0]), len(shape), step])
    return drawn.standard_normal(shape).astype(np.float32)


def paddle_net(namespace: dict, weights: dict[str, np.ndarray]):
    exec(compile(PADDLE, "opt_pd.py", "exec"), namespace)
    net = namespace["Net"]()
    net.set_state_dict({name: paddle.to_tensor(turned(name, array)) for name, array in weights.items()})
    return net


def torch_net(namespace: dict):
    exec(compile(TORCH, "opt_pt.py", "exec"), namespace)
    torch.manual_seed(0)
    return namespace["Net"]()


def turned(name: str, array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.T) if name in TURNED else array


def step_paddle(net, optimizer, steps: range) -> None:
    for step in steps:
        terms = []
        for name, tensor in net.named_parameters():
            wanted = tuple(tensor.shape)[::-1] if name in TURNED else tuple(tensor.shape)
            terms.append((tensor * paddle.to_tensor(turned(name, gradient(name, wanted, step)))).sum())
        sum(terms[1:], terms[0]).backward()
        optimizer.step()
        optimizer.clear_grad()
        if not isinstance(optimizer._learning_rate, float):
            optimizer._learning_rate.step()


def step_torch(net, optimizer, steps: range, schedule=None) -> None:
    for step in steps:
        for name, tensor in net.named_parameters():
            tensor.grad = torch.from_numpy(gradient(name, tuple(tensor.shape), step))
        optimizer.step()
        if schedule is not None:
            schedule.step()


def both(kind: str, schedule: bool = False):
    """Net and optimizer of either framework, from the same weights, before any step."""
    of_torch = torch_net({})
    weights = {name: tensor.detach().numpy().copy() for name, tensor in of_torch.named_parameters()}
    of_paddle = paddle_net({}, weights)
    words_paddle, words_torch = KINDS[kind]
    names = {"sgd": ("SGD", "SGD"), "momentum": ("Momentum", "SGD"), "rmsprop": ("RMSProp", "RMSprop"),
             "adam": ("Adam", "Adam"), "adamw": ("AdamW", "AdamW"), "adamax": ("Adamax", "Adamax"),
             "adagrad": ("Adagrad", "Adagrad")}[kind]  # fmt: skip
    rate = paddle.optimizer.lr.StepDecay(RATE, 1, 0.5) if schedule else RATE
    first = getattr(paddle.optimizer, names[0])(rate, parameters=of_paddle.parameters(), **words_paddle)
    second = getattr(torch.optim, names[1])(of_torch.parameters(), lr=RATE, **words_torch)
    return (of_paddle, first), (of_torch, second)
