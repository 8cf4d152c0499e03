"""The ladder: every system on every rung, on the CPU and on CUDA where there is one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from dualport.backends.recipes.evidence import RungEvidence
from dualport.backends.recipes.validate import validate
from dualport.common.compare.ladder import LOWERED, RUNGS, LadderPlan, Side, steps_of
from dualport.common.compare.verdict import FAIL, PASS, SKIPPED, Verdict
from dualport.common.errors import BadInput
from dualport.common.tolerances import TOLERANCES, bound
from dualport.common.traces.memory import MemoryGroup
from ladder_systems import STEPS, SYSTEMS, climb, toy

from gpus import devices

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)]
BOUNDS = {tolerance.bound for tolerance in TOLERANCES.values()}


@cache
def climbed(system: str, wanted: str) -> Verdict:
    where = devices(wanted)
    return climb(SYSTEMS[system], every=True, devices=where, epochs=1, isolate="cuda" in where.values())


@pytest.mark.parametrize("wanted", DEVICES)
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_on_every_rung(system, rung, wanted):
    if wanted == "cuda" and "cuda" not in devices("cuda").values():
        pytest.skip("neither PyTorch nor Paddle finds a CUDA GPU here")
    found = next(one for one in climbed(system, wanted).rungs if one.name == rung)
    if rung == "running statistics" and not SYSTEMS[system].model.has_batch_norm():
        assert (found.status, found.reason) == (SKIPPED, "the model has no batch normalisation")
        return
    assert found.status == PASS, found.first
    assert found.rows
    judged = [row for row in found.rows if row.bound64 is not None]
    assert all(row.bound64 in BOUNDS and row.error64 <= row.bound64 for row in judged)
    assert len(judged) >= len(found.rows) // 2 or rung == "training"


@pytest.mark.parametrize("system", SYSTEMS)
def test_float32_is_judged_by_what_rounding_explains(system):
    """Every activation, gradient and update has a bound of its own, above what is found and not far above."""
    verdict = climbed(system, "cpu")
    for name in ("forward", "gradients", "one step", "steps"):
        rung = next(one for one in verdict.rungs if one.name == name)
        assert any(row.bound32 is not None and row.error32 for row in rung.rows), name
        for side in ("torch", "paddle"):
            assert 0 < rung.share(side) <= 1, (name, side)


def test_the_sentence_and_the_json():
    verdict = climbed("aistudio-vae", "cpu")
    content = verdict.as_json()
    assert list(content) == ["recipe", "verdict", "rungs"]
    assert content["verdict"].startswith("same system; float32 differences are rounding (torch ")
    assert [rung["name"] for rung in content["rungs"]] == list(RUNGS)
    for rung in content["rungs"]:
        assert list(rung) == [
            "name", "status", "float64_error", "float32_error", "bound", "first_divergence", "seconds",
        ]  # fmt: skip
        assert set(rung["float32_error"]) == {"torch", "paddle"}
        assert rung["status"] in (PASS, SKIPPED)
        assert rung["first_divergence"] is None


def test_the_climb_stops_at_the_first_failure_unless_asked_to_go_on():
    recipe = SYSTEMS["aistudio-vae"]
    other = replace(recipe, objective=replace(recipe.objective, beta=2.0))
    stopped = climb(recipe, 2, other)
    assert [rung.name for rung in stopped.rungs] == list(RUNGS[:5])
    assert stopped.failed.first.name == "loss"
    assert stopped.sentence.startswith("different systems: first at loss (objective: float64 error ")
    whole = climb(recipe, 2, other, every=True)
    assert [rung.name for rung in whole.rungs] == list(RUNGS)
    assert sum(rung.status == FAIL for rung in whole.rungs) > 2
    assert whole.as_json()["rungs"][4]["first_divergence"] == "loss"


def test_going_on_after_another_structure_names_it_everywhere_and_does_not_break():
    recipe = SYSTEMS["aistudio-vae"]
    bare = replace(recipe.model.encoder.layers[2], bias=False)
    layers = (*recipe.model.encoder.layers[:2], bare, *recipe.model.encoder.layers[3:])
    other = replace(recipe, model=replace(recipe.model, encoder=replace(recipe.model.encoder, layers=layers)))
    verdict = climb(recipe, 2, other, every=True)
    assert [rung.name for rung in verdict.rungs] == list(RUNGS)
    assert verdict.sentence == "different systems: first at encoder.conv2.bias (structure: paddle has none)"
    assert verdict.text()


def test_apart_is_as_together():
    """Each framework in a process of its own, with arrays through files: the same verdict on the same rungs."""
    recipe = SYSTEMS["everything"]
    together, apart = climb(recipe, 2, epochs=1), climb(recipe, 2, epochs=1, isolate=True)
    assert [rung.status for rung in apart.rungs] == [rung.status for rung in together.rungs]
    assert [len(rung.rows) for rung in apart.rungs] == [len(rung.rows) for rung in together.rungs]
    other = replace(recipe, objective=replace(recipe.objective, beta=2.0))
    assert climb(recipe, 2, other, isolate=True).failed.name == "objective"


def test_one_step_leaves_the_steps_out():
    statuses = {rung.name: rung.status for rung in climb(SYSTEMS["normalised"], 1).rungs}
    assert statuses["steps"] == SKIPPED
    assert statuses["resume"] == statuses["running statistics"] == PASS


def test_steps_go_on_over_epochs():
    path = steps_of(SYSTEMS["aistudio-vae-one"], 0, 1)
    assert [(plan.epoch, step) for (plan, step), _ in zip(path, range(3), strict=False)] == [(0, 0), (1, 0), (2, 0)]


@pytest.mark.parametrize(("steps", "epochs"), [(0, 0), (1, -1)])
def test_senseless_lengths_are_refused(steps, epochs):
    recipe = SYSTEMS["aistudio-vae"]
    with pytest.raises(BadInput):
        LadderPlan(recipe, toy(recipe), 0, steps, epochs)


def test_steps_default_is_what_the_command_says():
    from dualport.common.compare.ladder import STEPS as DEFAULT

    assert DEFAULT > STEPS


def lowered(system: str, *precisions: str, where: dict[str, str] | None = None) -> dict:
    """The rungs of lower precisions of a climb of one step, by dtype."""
    recipe, where = SYSTEMS[system], where or devices("cpu")
    sides = tuple(Side(name, recipe, where[name]) for name in ("torch", "paddle"))
    climb = LadderPlan(recipe, toy(recipe), 1, 1, precisions=precisions)
    verdict = validate(sides, climb, isolate="cuda" in where.values(), every=True)
    assert [rung.name for rung in verdict.rungs] == [*RUNGS, *(f"forward, {dtype}" for dtype in precisions)]
    return {LOWERED[rung.name]: (rung, verdict) for rung in verdict.rungs if rung.name in LOWERED}


def as_rounding_explains(rung, side: str) -> None:
    """Judged on every row, with room to the bound, and not by a bound that explains anything."""
    assert all(row.bound32 is not None and side in row.error32 for row in rung.rows)
    assert bound("rounding, used at least") <= rung.share(side) <= bound("rounding, used at most")
    assert rung.ulp(side) > 0
    assert any(row.worst[side] for row in rung.rows)


@pytest.mark.parametrize("system", ["aistudio-cvae", "everything"])
def test_bfloat16_is_judged_where_a_framework_has_it_and_its_lack_is_told(system):
    rung, verdict = lowered(system, "bfloat16")["bfloat16"]
    assert rung.status == PASS, rung.first
    as_rounding_explains(rung, "torch")
    if rung.float32_error("paddle") is not None:
        as_rounding_explains(rung, "paddle")  # a Paddle that has learnt it
        return
    assert rung.reason.startswith("paddle: Paddle has no ")
    assert "in bfloat16 on CPU" in rung.reason
    entry = verdict.as_json()["rungs"][-1]
    assert (entry["status"], entry["dtype"], entry["reason"]) == (PASS, "bfloat16", rung.reason)
    assert entry["float32_error"] == {"torch": rung.float32_error("torch"), "paddle": None}
    assert "; bfloat16 differences are rounding (torch " in verdict.sentence
    assert verdict.sentence.endswith("paddle not supported)")


def keep_bits(array: np.ndarray, bits: int) -> np.ndarray:
    fraction, exponent = np.frexp(array)
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits)


def with_coarse_weights(monkeypatch, bits: int) -> tuple:
    """The rung and verdict of bfloat16, which has 8 bits, where the weights have fewer."""
    honest = RungEvidence.session

    def coarse(self, dtype, weights=None):
        if dtype == "bfloat16":
            weights = {name: keep_bits(array, bits) if array.ndim else array for name, array in self.initial.items()}
        return honest(self, dtype, weights)

    monkeypatch.setattr(RungEvidence, "session", coarse)
    return lowered("aistudio-vae", "bfloat16")["bfloat16"]


def test_more_rounding_than_bfloat16_has_is_flagged_where_it_begins(monkeypatch):
    rung, verdict = with_coarse_weights(monkeypatch, 3)
    assert rung.status == FAIL
    assert rung.first.name == "encoder.conv1"
    assert verdict.failed is rung
    assert verdict.sentence.startswith("different precision: first at encoder.conv1 (forward, bfloat16: bfloat16 error")


def test_a_little_more_rounding_is_within_the_safety_of_the_bound_but_shows(monkeypatch):
    """What the verdict cannot find: three bits of the weights lost. The share of the bound does show them."""
    rung, _ = with_coarse_weights(monkeypatch, 5)
    assert rung.status == PASS
    assert rung.share("torch") > bound("rounding, used at most")


def test_a_precision_that_neither_has_is_skipped_and_other_errors_are_not_taken_for_that(monkeypatch):
    from dualport.backends.paddle.device import refusal as of_paddle
    from dualport.backends.torch.device import refusal as of_torch
    from dualport.backends.torch.session import Session

    rung, verdict = lowered("aistudio-vae", "tf32")["tf32"]
    assert (rung.status, rung.reason) == (SKIPPED, "torch and paddle: TF32 exists on CUDA only")
    assert verdict.sentence.endswith("; tf32 differences not measured: neither has it")
    assert of_torch(RuntimeError("\"slow_conv2d_cpu\" not implemented for 'Half'"), "float16")
    for error in (RuntimeError("CUDA out of memory"), RuntimeError()):
        assert of_torch(error, "float16") is of_paddle(error, "float16") is None

    def broken(*_, **__):
        raise RuntimeError("out of memory")

    recipe = SYSTEMS["aistudio-vae"]
    evidence = RungEvidence(Side("torch", recipe), LadderPlan(recipe, toy(recipe)), ".")
    monkeypatch.setattr(Session, "inspect", broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        evidence.record("forward, bfloat16", MemoryGroup())


def test_tf32_is_allowed_only_while_it_is_asked_for(monkeypatch):
    import torch
    from dualport.backends.contract import Unsupported
    from dualport.backends.torch import device

    switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0))
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    with pytest.raises(Unsupported, match="forbids"):
        device.allow_tf32("cuda")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    device.allow_tf32("cuda")
    assert all(switch.allow_tf32 for switch in switches)
    device.make_repeatable()
    assert not any(switch.allow_tf32 for switch in switches)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    with pytest.raises(Unsupported, match="no TF32"):
        device.allow_tf32("cuda")


@pytest.mark.cuda
@pytest.mark.parametrize("system", ["aistudio-cvae", "everything"])
def test_lower_precisions_on_cuda(system, monkeypatch):
    where = devices("cuda")
    if "cuda" not in where.values():
        pytest.skip("neither PyTorch nor Paddle finds a CUDA GPU here")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)  # Paddle sets it, and the processes inherit it
    for dtype, (rung, _) in lowered(system, *LOWERED.values(), where=where).items():
        assert rung.status != FAIL, (dtype, rung.first)
        for side in where:
            if rung.float32_error(side) is not None:
                as_rounding_explains(rung, side)
            else:
                assert f"{side}: " in rung.reason or f" and {side}: " in rung.reason, dtype
        if where["torch"] == "cuda":
            assert "torch" not in rung.reason, (dtype, rung.reason)
