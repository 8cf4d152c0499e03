"""The report of `reproduce`: verdicts, the published table beside both frameworks, recipes beside each other."""

import numpy as np
import pytest
from dualport.common import recipes
from dualport.common.atomic import make_folder
from dualport.common.compare.agreement import published_rows as published_agreement
from dualport.common.compare.facts import About
from dualport.common.compare.row import Row, judged
from dualport.common.drawing import save_png
from dualport.common.report import write_report
from dualport.common.report.reproduction import Outcome, build_report, published_rows
from dualport.common.tolerances import bound


def outcome_of(name: str, folder, rows=(), factor: float = 1.0) -> Outcome:
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
        list(rows), [(Row(About("loss of a step", number=0), 1e-8), Row(About("weights of a step", number=0), 1e-4))],
    )  # fmt: skip


def page_of(outcomes, folder) -> str:
    return write_report(folder / "report.html", build_report(outcomes, make_folder(folder / "figures"))).read_text(
        "utf8"
    )


def test_the_verdict_names_what_differs(tmp_path):
    good = judged(About("loss of steps", number=20), 1e-9, "float32 step loss")
    bad = judged(About("weights of steps", number=20), 0.5, "float32 step weights")
    report = build_report([outcome_of("mlp-vae", tmp_path, [good])], make_folder(tmp_path / "f"))
    assert (report.ok, report.verdict) == (True, "The two frameworks agree on mlp-vae.")
    report = build_report([outcome_of("mlp-vae", tmp_path, [good, bad])], make_folder(tmp_path / "f"))
    assert report.ok is False
    assert "mlp-vae: weights after each of the first 20 steps, from the same state differs by 0.5" in report.verdict
    assert build_report([outcome_of("mlp-vae", tmp_path)], make_folder(tmp_path / "f")).ok is None
    assert judged(About("loss of steps", number=20), float("nan"), "float32 step loss").ok is False


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
def test_the_published_table_is_judged(factor, ok, tmp_path):
    published = recipes.recipe("latent2d-vae").published
    history = [{"printed": value * factor} for value in published]
    rows = published_agreement("torch", history, published, judge=True)
    assert [row.ok for row in rows] == [ok, ok]
    assert [row.bound64 for row in rows] == [bound("published table"), bound("published table, last epoch")]
    shown = published_agreement("torch", history, published, judge=False)
    assert [row.judged for row in shown] == [False, False]
    outcome = outcome_of("latent2d-vae", tmp_path, shown)
    assert outcome.ok is None
    assert len(published_agreement("torch", history[:3], published, judge=True)) == 1


def test_recipes_of_one_write_up_stand_beside_each_other(tmp_path):
    page = page_of([outcome_of(name, tmp_path) for name in ("deep-mlp-vae-z16", "deep-mlp-vae-z64")], tmp_path)
    assert "Beside each other" in page
    page = page_of([outcome_of(name, tmp_path) for name in ("deep-mlp-vae", "mlp-vae")], tmp_path)
    assert "Beside each other" not in page
