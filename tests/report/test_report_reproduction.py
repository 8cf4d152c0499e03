"""The report of `reproduce`: verdicts, the published table beside both frameworks, recipes beside each other."""

import numpy as np
import pytest
from dualport.common import recipes
from dualport.common.atomic import make_folder
from dualport.common.compare.agreement import Check, published_checks
from dualport.common.compare.lockstep import StepDifference
from dualport.common.compare.tolerances import bound
from dualport.common.drawing import save_png
from dualport.common.report import write_report
from dualport.common.report.reproduction import Outcome, build_report, published_rows


def outcome_of(name: str, folder, checks=(), factor: float = 1.0) -> Outcome:
    """A recipe trained for two epochs in both frameworks, with a figure each."""
    recipe = recipes.recipe(name)
    printed = [value * factor for value in (recipe.published or (2.0, 1.0))[:2]]
    history = [
        {"epoch": epoch, "loss": value / 60_000, "reconstruction": 1.0, "kl": 0.5, "printed": value, "seconds": 1.0,
         "images_per_second": 100.0}
        for epoch, value in enumerate(printed)
    ]  # fmt: skip
    runs, figures = {}, {}
    for backend in ("torch", "paddle"):
        runs[backend] = make_folder(folder / f"{name}-{backend}")
        place = make_folder(runs[backend] / "figures") / "reconstructions.png"
        figures[backend] = [save_png(place, np.zeros((4, 4), np.uint8))]
    both = dict.fromkeys(runs, history)
    return Outcome(
        recipe, recipe, "mnist", 60_000, runs, figures, both, dict.fromkeys(runs, 500), {"numpy": "2"}, 1,
        list(checks), [StepDifference(0, 1e-8, 1e-4)],
    )  # fmt: skip


def page_of(outcomes, folder) -> str:
    return write_report(folder / "report.html", build_report(outcomes, make_folder(folder / "figures"))).read_text(
        "utf8"
    )


def test_the_verdict_names_what_differs(tmp_path):
    good, bad = Check("losses", 1e-9, 1e-5, "why"), Check("weights", 0.5, 1e-5, "why")
    report = build_report([outcome_of("mlp-vae", tmp_path, [good])], make_folder(tmp_path / "f"))
    assert (report.ok, report.verdict) == (True, "The two frameworks agree on mlp-vae.")
    report = build_report([outcome_of("mlp-vae", tmp_path, [good, bad])], make_folder(tmp_path / "f"))
    assert report.ok is False
    assert "mlp-vae: weights differs by 0.5" in report.verdict
    assert build_report([outcome_of("mlp-vae", tmp_path)], make_folder(tmp_path / "f")).ok is None
    assert Check("not a number", float("nan"), 1e-5, "why").ok is False


def test_each_epoch_stands_beside_the_published_one(tmp_path):
    outcome = outcome_of("latent2d-ae", tmp_path, factor=1.01)
    header, rows = published_rows(outcome)
    assert header == ["epoch", "published", "paddle", "paddle, off by", "torch", "torch, off by"]
    assert rows[0] == ["0", "2659814.24", "2686412.38", "+1.00%", "2686412.38", "+1.00%"]
    assert rows[2][2:] == ["", "", "", ""]
    page = page_of([outcome], tmp_path)
    assert "2686412.38" in page
    assert "beside the published loss" in page or "published loss of each epoch" in page


@pytest.mark.parametrize(("factor", "ok"), [(1.01, True), (1.05, False), (0.95, False)])
def test_the_published_table_is_judged(factor, ok):
    published = recipes.recipe("latent2d-vae").published
    history = [{"printed": value * factor} for value in published]
    checks = published_checks("torch", history, published, judge=True)
    assert [check.ok for check in checks] == [ok, ok]
    assert [check.bound for check in checks] == [bound("published table"), bound("published table, last epoch")]
    assert [check.ok for check in published_checks("torch", history, published, judge=False)] == [None, None]
    assert len(published_checks("torch", history[:3], published, judge=True)) == 1


def test_recipes_of_one_write_up_stand_beside_each_other(tmp_path):
    page = page_of([outcome_of(name, tmp_path) for name in ("deep-mlp-vae-z16", "deep-mlp-vae-z64")], tmp_path)
    assert "Beside each other" in page
    page = page_of([outcome_of(name, tmp_path) for name in ("deep-mlp-vae", "mlp-vae")], tmp_path)
    assert "Beside each other" not in page
