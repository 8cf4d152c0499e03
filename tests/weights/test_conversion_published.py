"""The notebook's own files, converted, in plain networks that know nothing of the kit."""

import numpy as np
import pytest
from dualport.common.distance import relative_error
from dualport.common.tolerances import bound
from dualport.common.weights.recipe_conversion import convert
from published_networks import paddle_networks, torch_networks

pytestmark = pytest.mark.mnist
RUNS = {"A": False, "D": True}
PARTS = ("encoder", "decoder")


def io_of(folder, run: str, part: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Inputs and outputs of one network, as the notebook's code gave them."""
    saved = np.load(folder / f"{run}_io.npz")
    if part == "encoder":
        return [saved["image"], saved["label"]], [saved["mean"], saved["logvar"]]
    return [saved["z"], saved["z_label"]], [saved["decoded"]]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("run", RUNS)
def test_a_converted_file_loads_in_plain_torch_and_gives_the_notebooks_outputs(shared_data, tmp_path, run, part):
    torch = pytest.importorskip("torch")
    labelled, folder = RUNS[run], shared_data / "aistudio"
    convert(folder / f"{run}_{part}_{labelled}.pdparams", tmp_path / "net.pt")
    network = torch_networks(labelled)[part]()
    network.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True), strict=True)
    inputs, outputs = io_of(folder, run, part)
    with torch.no_grad():
        given = network(*(torch.from_numpy(array) for array in inputs))
    for own, saved in zip(given if isinstance(given, tuple) else (given,), outputs, strict=True):
        assert np.abs(own.numpy() - saved).max() <= bound("notebook outputs")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("run", RUNS)
def test_a_file_converted_there_and_back_loads_in_plain_paddle(shared_data, tmp_path, run, part):
    paddle = pytest.importorskip("paddle")
    labelled, folder = RUNS[run], shared_data / "aistudio"
    convert(folder / f"{run}_{part}_{labelled}.pdparams", tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "b.pt")
    convert(tmp_path / "b.pt", tmp_path / "back.pdparams")
    network = paddle_networks(labelled)[part]()
    assert network.set_state_dict(paddle.load(str(tmp_path / "back.pdparams"))) == ([], [])
    inputs, outputs = io_of(folder, run, part)
    with paddle.no_grad():
        given = network(*(paddle.to_tensor(array) for array in inputs))
    for own, saved in zip(given if isinstance(given, tuple) else (given,), outputs, strict=True):
        assert np.abs(own.numpy() - saved).max() <= bound("notebook outputs")


@pytest.mark.parametrize("run", RUNS)
def test_ten_more_adam_steps_from_the_converted_state_agree(shared_data, tmp_path, run):
    """The notebook's two networks and two Adams go on with its own loss: in Paddle, and converted in PyTorch."""
    torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")
    folder, saved = shared_data / "aistudio", np.load(shared_data / "aistudio" / f"{run}_io.npz")
    ours, theirs = {}, {}
    for part in PARTS:
        name = f"{run}_{part}_{RUNS[run]}"
        assert convert(folder / f"{name}.pdparams", tmp_path / f"{name}.pt").part == part
        assert convert(folder / f"{name}.pdopt", tmp_path / f"{name}-adam.pt").step == 3 * 937
        ours[part] = torch_part(torch, torch_networks(RUNS[run])[part](), tmp_path / name)
        theirs[part] = paddle_part(paddle, paddle_networks(RUNS[run])[part](), folder / name)
    batch = {key: saved[key] for key in ("image", "label")} | {"noise": saved["z"]}
    for _ in range(10):
        step(torch.from_numpy, ours, batch, "zero_grad")
        step(paddle.to_tensor, theirs, batch, "clear_grad")
    for part in PARTS:
        end = {name: parameter.numpy() for name, parameter in theirs[part][0].named_parameters()}
        for name, parameter in ours[part][0].named_parameters():
            assert relative_error(parameter.detach().numpy(), end[name]) <= bound("float32 ten steps, trained"), name


def torch_part(torch, network, path):
    network.load_state_dict(torch.load(f"{path}.pt", weights_only=True))
    adam = torch.optim.Adam(network.parameters(), lr=1.0)  # replaced by what the file says: 1e-4 and beta1 0.5
    adam.load_state_dict(torch.load(f"{path}-adam.pt", weights_only=True))
    assert (adam.param_groups[0]["lr"], adam.param_groups[0]["betas"]) == (1e-4, (0.5, 0.999))
    return network, adam


def paddle_part(paddle, network, path):
    """As the notebook loads its own files; the tensors' automatic names depend on what the process made before."""
    weights = paddle.load(f"{path}.pdparams", return_numpy=True, keep_name_table=True)
    names = weights.pop("StructuredToParameterName@@")
    network.set_state_dict(weights)
    adam = paddle.optimizer.Adam(1e-4, beta1=0.5, beta2=0.999, parameters=network.parameters())
    now = {names[structured]: parameter.name for structured, parameter in network.named_parameters()}
    state = paddle.load(f"{path}.pdopt")
    adam.set_state_dict({_renamed(key, now): value for key, value in state.items()})
    return network, adam


def _renamed(key: str, now: dict[str, str]) -> str:
    return next((key.replace(old, new, 1) for old, new in now.items() if key.startswith(f"{old}_")), key)


def step(tensor, parts: dict, batch: dict, clear: str) -> None:
    """The notebook's loss and both steps, in operations that both frameworks spell alike."""
    image, label, noise = (tensor(batch[key].copy()) for key in ("image", "label", "noise"))
    mean, logvar = parts["encoder"][0](image, label)
    decoded = parts["decoder"][0](noise * (logvar / 2).exp() + mean, label)
    divergence = -0.5 * (1 + logvar - mean * mean - logvar.exp()).sum()
    loss = (((decoded - image) ** 2).sum() + divergence) / len(batch["image"])
    for _, adam in parts.values():
        getattr(adam, clear)()
    loss.backward()
    for _, adam in parts.values():
        adam.step()
