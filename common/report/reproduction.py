"""The report of `reproduce`: both frameworks side by side, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import drawing
from ..compare.row import Row
from ..runs.config import differences
from ..spec import Recipe, to_json
from ..tolerances import bound
from .blocks import Figure, FigureRow, KeyValues, Report, Section, Table, Text

ORDER = ("paddle", "torch")


@dataclass
class Outcome:
    """What one recipe gave.

    `runs` maps each backend to its folder, `figures` to its pictures, `memory` to its peak in MB; `rows` is
    the agreement, `steps` the loss and the weights of the first steps, taken from the same states.
    """

    published: Recipe
    trained: Recipe
    source: str
    images: int
    runs: dict[str, Path]
    figures: dict[str, list[Path]]
    history: dict[str, list[dict]]
    memory: dict[str, int]
    versions: dict[str, str]
    seed: int
    rows: list[Row] = field(default_factory=list)
    steps: list[tuple[Row, Row]] = field(default_factory=list)

    @property
    def ok(self) -> bool | None:
        """Whether all judged rows hold; nothing when there was one framework only."""
        judged = [row.ok for row in self.rows if row.judged]
        return all(judged) if judged else None


def build_report(outcomes: Sequence[Outcome], folder: Path) -> Report:
    """Assemble the page; the figures of both frameworks that it needs are drawn into `folder`."""
    verdicts = [outcome.ok for outcome in outcomes]
    ok = None if None in verdicts else all(verdicts)
    names = ", ".join(outcome.trained.name for outcome in outcomes)
    sentence = {
        True: f"The two frameworks agree on {names}.",
        False: "The two frameworks do NOT agree: " + "; ".join(_failures(outcomes)),
        None: f"{names}: one framework only, nothing to compare.",
    }[ok]
    return Report(
        title="Reproduction: PaddlePaddle and PyTorch",
        verdict=sentence,
        ok=ok,
        summary=[(name, value) for name, value in outcomes[0].versions.items()],
        sections=[*(_section(outcome, folder) for outcome in outcomes), *_beside_each_other(outcomes)],
        footer="Made by dualport.",
    )


def _failures(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f"{outcome.trained.name}: {row.name} differs by {row.error64:.2g}, more than {row.bound64:.2g}"
        for outcome in outcomes
        for row in outcome.rows
        if not row.ok
    ]


def _section(outcome: Outcome, folder: Path) -> Section:
    blocks = [
        KeyValues(
            [
                ("source", outcome.published.source),
                ("data", f"{outcome.source}, images: {outcome.images:,}"),
                ("seed", outcome.seed),
            ]
        ),
        _schedule(outcome),
        _training_table(outcome),
    ]  # fmt: skip
    if outcome.rows:
        blocks.append(_agreement_table(outcome.rows))
    blocks += _published_table(outcome)
    blocks += _curves(outcome, folder)
    blocks += _side_by_side(outcome)
    notes = "\n\n".join(outcome.trained.quirks)
    return Section(f"{outcome.trained.name}: {outcome.trained.title}", notes, blocks, outcome.ok)


def _schedule(outcome: Outcome) -> Table | Text:
    """What was trained otherwise than published."""
    rows = [
        [key, str(was), str(now)]
        for key, was, now in differences("", to_json(outcome.published), to_json(outcome.trained))
    ]
    if outcome.source != outcome.published.data.source:
        rows.append(["data", outcome.published.data.source, outcome.source])
    if not rows:
        return Text("Trained with the published schedule.")
    return Table(["differs from the published schedule", "published", "here"], rows)


def _training_table(outcome: Outcome) -> Table:
    header = [
        "framework",
        "epochs",
        "first loss",
        "last loss",
        "reconstruction",
        "KL",
        "seconds",
        "images/s",
        "peak MB",
    ]
    rows = []
    for backend in _backends(outcome):
        history = outcome.history[backend]
        last, seconds = history[-1], sum(row["seconds"] for row in history)
        rate = sum(row["images_per_second"] * row["seconds"] for row in history) / seconds
        rows.append(
            [backend, len(history), f"{history[0]['loss']:.3f}", f"{last['loss']:.3f}", f"{last['reconstruction']:.3f}",
             f"{last['kl']:.3f}", f"{seconds:.0f}", f"{rate:.0f}", outcome.memory[backend]]
        )  # fmt: skip
    return Table(header, rows, note="Losses are means per image. Both frameworks ran side by side, sharing the cores.")


def _agreement_table(rows: Sequence[Row]) -> Table:
    cells = [
        [row.name, f"{row.error64:.2e}", f"{row.bound64:.0e}" if row.judged else "not judged", row.why] for row in rows
    ]
    header = ["agreement", "relative difference", "bound", "why this bound"]
    return Table(header, cells, row_ok=[row.ok if row.judged else None for row in rows])


def published_rows(outcome: Outcome) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table that sets each epoch's printed number beside the published one."""
    backends = _backends(outcome)
    header = ["epoch", "published", *(column for backend in backends for column in (backend, f"{backend}, off by"))]
    rows = []
    for epoch, published in enumerate(outcome.published.published):
        row = [str(epoch), f"{published:.2f}"]
        for backend in backends:
            history = outcome.history[backend]
            printed = history[epoch]["printed"] if epoch < len(history) else None
            row += ["", ""] if printed is None else [f"{printed:.2f}", f"{printed / published - 1:+.2%}"]
        rows.append(row)
    return header, rows


def _published_table(outcome: Outcome) -> list[Table | Figure]:
    if not outcome.published.published:
        return []
    header, rows = published_rows(outcome)
    return [Table(header, rows, note=f"The number that the write-up prints: {outcome.trained.objective.printed}.")]


def _curves(outcome: Outcome, folder: Path) -> list[Figure | FigureRow]:
    name, histories = outcome.trained.name, {backend: outcome.history[backend] for backend in _backends(outcome)}
    blocks = []
    if outcome.published.published:
        per_image = [value / outcome.images for value in outcome.published.published]
        rows = [{"epoch": epoch, "loss": value} for epoch, value in enumerate(per_image)]
        only_losses = {
            key: [{"epoch": r["epoch"], "loss": r["loss"]} for r in history] for key, history in histories.items()
        }
        path = folder / f"{name}-published.png"
        drawing.loss_curves(path, {"published": rows, **only_losses}, title=f"{name}: beside the published loss")
        blocks.append(Figure(path, "The published loss of each epoch, per image, and both frameworks'."))
    losses = drawing.loss_curves(folder / f"{name}-losses.png", histories, title=f"{name}: losses of both")
    blocks += [Figure(losses, "Loss, reconstruction and KL, mean per image.")]
    if outcome.steps:
        path = drawing.step_difference(
            folder / f"{name}-steps.png",
            [loss.about.number for loss, _ in outcome.steps if loss.about.number is not None],
            [math.nan if loss.error64 is None else loss.error64 for loss, _ in outcome.steps],
            bound("float32 step loss"),
            title=f"{name}: loss of each step, taken from the same state",
        )
        blocks.append(Figure(path, "One step apart: what is left is the rounding of a single step."))
    return blocks


def _side_by_side(outcome: Outcome) -> list[FigureRow]:
    """The same figure of both frameworks, next to each other; then the GIFs."""
    backends = _backends(outcome)
    names = [path.name for path in outcome.figures[backends[0]] if path.name != "losses.png"]
    rows = [
        FigureRow(backends, [outcome.runs[b] / "figures" / name for b in backends], Path(name).stem) for name in names
    ]
    gifs = [outcome.runs[b] / "figures" / "progress.gif" for b in backends]
    if all(gif.exists() for gif in gifs):
        rows.append(FigureRow(backends, gifs, "the sample grid after each epoch, from the same noise"))
    return rows


def _backends(outcome: Outcome) -> list[str]:
    return [backend for backend in ORDER if backend in outcome.runs]


def _beside_each_other(outcomes: Sequence[Outcome]) -> list[Section]:
    """Several recipes of one write-up next to each other: what their exercises ask to compare."""
    families: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        families.setdefault(outcome.published.source, []).append(outcome)
    sections = []
    for source, family in families.items():
        if len(family) < 2:
            continue
        backend = _backends(family[0])[-1]
        header = ["recipe", "framework", "loss", "reconstruction", "KL"]
        rows = [
            [
                member.trained.name,
                name,
                *(f"{member.history[name][-1][key]:.3f}" for key in ("loss", "reconstruction", "kl")),
            ]
            for member in family
            for name in _backends(member)
        ]
        blocks: list[Table | FigureRow] = [Table(header, rows, note="Last epoch, means per image.")]
        for name in ("reconstructions.png", "samples.png"):
            if all((member.runs[backend] / "figures" / name).exists() for member in family):
                paths = [member.runs[backend] / "figures" / name for member in family]
                blocks.append(
                    FigureRow([member.trained.name for member in family], paths, f"{Path(name).stem}, {backend}")
                )
        sections.append(Section(f"Beside each other: {source}", "", blocks))
    return sections
