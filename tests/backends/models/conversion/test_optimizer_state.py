"""An optimizer's state of anyone's model, both ways, against what the other framework keeps after the same steps."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.distance import relative_error
from dualport.common.errors import BadInput
from dualport.common.tolerances import bound

torch, paddle = pytest.importorskip("torch"), pytest.importorskip("paddle")

from dualport.backends.models.conversion import optimizer_state  # noqa: E402
from dualport.backends.models.conversion.optimizer_state import convert_state  # noqa: E402
from optimizer_pairs import (  # noqa: E402
    ASKED,
    KINDS,
    MODELS,
    PADDLE,
    RATE,
    TORCH,
    TURNED,
    both,
    step_paddle,
    step_torch,
    turned,
)

CLOSE = bound("float32 forward")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "opt_pd.py").write_text(PADDLE)
    (tmp_path / "opt_pt.py").write_text(TORCH)
    return tmp_path


def close(made, native) -> bool:
    return relative_error(np.asarray(made), np.asarray(native)) <= CLOSE


def same_weights(of_paddle, of_torch) -> bool:
    weights = dict(of_paddle.named_parameters())
    return all(close(turned(name, weights[name].numpy()), tensor.detach().numpy())
               for name, tensor in of_torch.named_parameters())  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_pdopt_is_what_pytorch_itself_would_keep(folder, kind):
    (net_pd, opt_pd), (net_pt, opt_pt) = both(kind)
    step_paddle(net_pd, opt_pd, range(2))
    step_torch(net_pt, opt_pt, range(2))
    paddle.save(opt_pd.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "net.pdparams")
    done = convert_state("a.pdopt", "a.pt", MODELS, weights="net.pdparams", optimizer=ASKED[kind])
    assert done.checks
    assert done.agrees
    made, native = torch.load("a.pt", weights_only=True), opt_pt.state_dict()
    assert made["param_groups"] == native["param_groups"]
    assert made["state"].keys() == native["state"].keys()
    for number, kept in native["state"].items():
        assert made["state"][number].keys() == kept.keys()
        for key in kept.keys() - {"step"}:
            assert close(made["state"][number][key], kept[key]), (number, key)
        if kind in ("adam", "adamw", "adamax"):
            assert made["state"][number]["step"] == kept["step"]
    opt_pt.load_state_dict(made)
    step_torch(net_pt, opt_pt, range(2, 3))
    step_paddle(net_pd, opt_pd, range(2, 3))
    if kind not in ("adamax", "rmsprop"):  # which have a rule of their own in each
        assert same_weights(net_pd, net_pt)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_of_pytorch_is_what_paddle_itself_would_keep(folder, kind):
    (net_pd, opt_pd), (net_pt, opt_pt) = both(kind)
    step_paddle(net_pd, opt_pd, range(2))
    step_torch(net_pt, opt_pt, range(2))
    torch.save(opt_pt.state_dict(), "a.pt")
    paddle.save(net_pd.state_dict(), "net.pdparams")
    done = convert_state("a.pt", "a.pdopt", MODELS, weights="net.pdparams")
    assert done.checks
    assert done.agrees
    made, native = paddle.load("a.pdopt"), opt_pd.state_dict()
    assert made.keys() == native.keys()
    assert all(close(made[key].numpy(), native[key].numpy()) for key in native)
    opt_pd.set_state_dict(made)
    step_torch(net_pt, opt_pt, range(2, 3))
    step_paddle(net_pd, opt_pd, range(2, 3))
    if kind not in ("adamax", "rmsprop"):
        assert same_weights(net_pd, net_pt)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "sgd"])
@pytest.mark.parametrize("into", ["torch", "paddle"])
def test_a_moment_that_is_carried_wrongly_is_seen_and_nothing_is_written(folder, kind, into, monkeypatch):
    (net_pd, opt_pd), (net_pt, opt_pt) = both(kind)
    step_paddle(net_pd, opt_pd, range(2))
    step_torch(net_pt, opt_pt, range(2))
    paddle.save(opt_pd.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    torch.save(opt_pt.state_dict(), "a.pt")
    files = ("a.pdopt", "b.pt") if into == "torch" else ("a.pt", "a.pdopt")
    (folder / files[1]).unlink(missing_ok=True)
    right = optimizer_state.carried_state

    def carried(*given):
        """The last moment of one weight is turned, as one would be whose layer is taken for another kind."""
        state = right(*given)
        arrays = list(state.kept.values())[-1]
        arrays["hidden.weight"] = np.ascontiguousarray(arrays["hidden.weight"].T)
        return state

    monkeypatch.setattr(optimizer_state, "carried_state", carried)
    options = {"optimizer": ASKED[kind]} if into == "torch" else {"weights": "a.pdparams"}
    done = convert_state(*files, MODELS, **options)
    assert done.checks
    assert not done.agrees
    assert not (folder / files[1]).exists()


def test_groups_are_those_of_the_users_own_optimizer(folder):
    """Both ways: PyTorch's groups are made by the user's function, and told apart by shapes where nobody says them."""
    (net_pd, opt_pd), _ = both("adamw")
    step_paddle(net_pd, opt_pd, range(2))
    paddle.save(opt_pd.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    done = convert_state("a.pdopt", "a.pt", MODELS, makers={"torch": "opt_pt.py:by_axes"})
    assert done.agrees
    made = torch.load("a.pt", weights_only=True)
    assert [len(group["params"]) for group in made["param_groups"]] == [4, 5]
    assert [group["weight_decay"] for group in made["param_groups"]] == [0.1, 0.0]
    assert [group["lr"] for group in made["param_groups"]] == [0.02, 0.005]
    back = convert_state("a.pt", "b.pdopt", MODELS, weights="a.pdparams")
    assert back.agrees
    assert any("group 2" in note and "lr=0.005" in note for note in back.notes)
    first, second = paddle.load("a.pdopt"), paddle.load("b.pdopt")
    assert all(np.array_equal(first[key].numpy(), second[key].numpy()) for key in first)


def test_an_order_of_parameters_of_the_users_own_is_refused_until_it_is_said(folder):
    (net_pd, opt_pd), _ = both("adamw")
    step_paddle(net_pd, opt_pd, range(2))
    paddle.save(opt_pd.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    makers = {"torch": "opt_pt.py:of_vectors_first"}
    assert convert_state("a.pdopt", "a.pt", MODELS, makers=makers).agrees
    with pytest.raises(BadInput, match="another order"):
        convert_state("a.pt", "b.pdopt", MODELS, weights="a.pdparams")
    assert convert_state("a.pt", "b.pdopt", MODELS, weights="a.pdparams", makers=makers).agrees
    first, second = paddle.load("a.pdopt"), paddle.load("b.pdopt")
    assert all(np.array_equal(first[key].numpy(), second[key].numpy()) for key in first)


def test_a_schedule_goes_on_where_it_was(folder):
    (net_pd, opt_pd), _ = both("adamw", schedule=True)
    step_paddle(net_pd, opt_pd, range(2))
    paddle.save({"model": net_pd.state_dict(), "optimizer": opt_pd.state_dict(), "epoch": 2}, "ckpt.pdparams")
    done = convert_state("ckpt.pdparams", "a.pt", MODELS, key="optimizer", optimizer=ASKED["adamw"])
    assert done.agrees
    _, (net_pt, opt_pt) = both("adamw")
    schedule = torch.optim.lr_scheduler.StepLR(opt_pt, 1, 0.5)
    made = torch.load("a.pt", weights_only=True)
    opt_pt.load_state_dict(made)
    schedule.load_state_dict(made["lr_scheduler"])
    assert opt_pt.param_groups[0]["lr"] == RATE / 4
    step_torch(net_pt, opt_pt, range(2, 3), schedule)
    assert opt_pt.param_groups[0]["lr"] == RATE / 8
    torch.save({"model": {}, "optimizer": opt_pt.state_dict(), "sched": schedule.state_dict()}, "ckpt.pt")
    paddle.save(net_pd.state_dict(), "net.pdparams")
    convert_state("ckpt.pt", "b.pdopt", MODELS, weights="net.pdparams")
    assert paddle.load("b.pdopt")["LR_Scheduler"] == {"last_epoch": 3, "last_lr": RATE / 8}
    opt_pd.set_state_dict(paddle.load("b.pdopt"))
    assert opt_pd.get_lr() == RATE / 8


def test_numbers_come_from_the_function_that_makes_paddles_optimizer(folder):
    (net_pd, opt_pd), _ = both("adamw")
    step_paddle(net_pd, opt_pd, range(2))
    paddle.save(opt_pd.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    done = convert_state("a.pdopt", "a.pt", MODELS, makers={"paddle": "opt_pd.py:with_decay"})
    assert not any("does not keep" in note for note in done.notes)
    (group,) = torch.load("a.pt", weights_only=True)["param_groups"]
    assert (group["lr"], group["weight_decay"], group["decoupled_weight_decay"]) == (RATE, 0.25, True)


def test_what_nobody_tells_is_a_default_and_said(folder):
    (net_pd, opt_pd), _ = both("adamw")
    step_paddle(net_pd, opt_pd, range(2))
    paddle.save(opt_pd.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    done = convert_state("a.pdopt", "a.pt", MODELS)
    assert "adam (which keeps what adamw does) with the defaults lr=0.001" in done.notes[0]
    (group,) = torch.load("a.pt", weights_only=True)["param_groups"]
    assert group["betas"] == (0.9, 0.9)  # which the powers tell
    with pytest.raises(BadInput, match="momentum"):
        convert_state("a.pdopt", "b.pt", MODELS, optimizer="momentum:lr=0.1")
    with pytest.raises(BadInput, match="beta powers"):
        convert_state("a.pdopt", "b.pt", MODELS, optimizer="adamw:beta1=0.8")


def test_master_weights_go_along(folder):
    """What an optimizer of weights of 16 bits keeps: under other keys, with the weights in float32 beside it."""
    (net_pd, opt_pd), _ = both("adamw")
    step_paddle(net_pd, opt_pd, range(2))
    plain = opt_pd.state_dict()
    masters = {tensor.name: tensor.clone() for tensor in net_pd.parameters() if not tensor.stop_gradient}
    for name, tensor in masters.items():
        tensor.name = f"{name}_fp32_master_0"
    keys = {key: next(name for name in masters if key.startswith(f"{name}_")) for key in plain}
    named = {key.replace(keys[key], f"{keys[key]}_fp32_master_0"): value for key, value in plain.items()}
    paddle.save({**named, "master_weights": masters}, "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    done = convert_state("a.pdopt", "a.pt", MODELS, optimizer=ASKED["adamw"])
    assert done.agrees
    made = torch.load("a.pt", weights_only=True)
    weights = dict(net_pd.named_parameters())
    for name in TURNED:
        assert np.array_equal(made["master_weights"][name].numpy(), weights[name].numpy().T)
    convert_state("a.pt", "b.pdopt", MODELS, weights="a.pdparams")
    again, first = paddle.load("b.pdopt"), paddle.load("a.pdopt")
    assert again.keys() == first.keys()
    for name, tensor in first["master_weights"].items():
        assert again["master_weights"][name].name == tensor.name
        assert np.array_equal(again["master_weights"][name].numpy(), tensor.numpy())
    assert all(np.array_equal(again[key].numpy(), first[key].numpy()) for key in named)


def test_a_state_of_another_model_or_optimizer_is_refused(folder):
    (net_pd, _), (net_pt, _) = both("sgd")
    strange = paddle.optimizer.NAdam(0.01, parameters=net_pd.parameters())
    step_paddle(net_pd, strange, range(1))
    paddle.save(strange.state_dict(), "a.pdopt")
    paddle.save(net_pd.state_dict(), "a.pdparams")
    with pytest.raises(BadInput, match="as none of these does"):
        convert_state("a.pdopt", "a.pt", MODELS)
    with pytest.raises(BadInput, match="give --torch"):
        convert_state("a.pdopt", "a.pt", {"paddle": MODELS["paddle"]})
    for made, says in (
        (torch.optim.NAdam(net_pt.parameters()), "no optimizer of these"),
        (torch.optim.SGD(net_pt.parameters(), momentum=0.5, dampening=0.5), "dampening is 0.5"),
        (torch.optim.Adam(net_pt.parameters(), maximize=True), "maximize"),
        (torch.optim.Adam(net_pt.hidden.parameters()), "steps 2 parameters"),
    ):
        step_torch(net_pt, made, range(1))
        torch.save(made.state_dict(), "b.pt")
        with pytest.raises(BadInput, match=says):
            convert_state("b.pt", "b.pdopt", MODELS, weights="a.pdparams")
    assert not (folder / "b.pdopt").exists()
