"""`dualport data`: fetch, check and export training data."""

from __future__ import annotations

import argparse
import contextlib
from functools import partial
from pathlib import Path

EXAMPLES = """examples:
  dualport data fetch mnist                            download MNIST into the cache, with pinned hashes
  dualport data check mnist_mat/train.mat              what it holds, and a preview of it as train-preview.png
  dualport data check img_align_celeba                 a folder of images, as face-vae would see them
  dualport data export out --from digits               out/mnist_mat/train.mat and test.mat for the notebook
"""

READING = "reading images"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the three actions. This runs for `--help` too, so nothing heavy is imported."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=type(parser))
    fetch = actions.add_parser("fetch", help="download a data set into the cache")
    fetch.add_argument("dataset", choices=["mnist"])
    fetch.add_argument(
        "--mirror", metavar="URL", action="append", help="an https folder to try before the known ones; may be repeated"
    )
    check = actions.add_parser("check", help="say what a data file holds, or what is wrong with it")
    check.add_argument("source", metavar="FILE", help="a .mat v7.3 file, a zip, a folder, digits, mnist or photos")
    check.add_argument("--size", type=int, metavar="PIXELS", help="side that the images of a folder get (default: 64)")
    check.add_argument(
        "--crop", type=int, metavar="PIXELS", help="side of the centre crop they are cut to first (default: 168)"
    )
    check.add_argument("--grey", action="store_true", help="bring the images of a folder to one channel")
    check.add_argument("--preview", metavar="PNG", type=Path, help="where to draw the first 50 images (default: here)")
    check.add_argument("--no-preview", action="store_true", help="draw nothing")
    check.add_argument("--json", action="store_true", help="print JSON")
    export = actions.add_parser("export", help="write train.mat and test.mat in the notebook's layout")
    export.add_argument("folder", metavar="OUT_FOLDER", type=Path, help="gets the folder mnist_mat")
    export.add_argument(
        "--from", dest="source", metavar="SOURCE", required=True, help="digits, mnist, photos or a path"
    )
    for action in (check, export):
        action.add_argument("--transposed", action="store_true", help="the file has rows and columns exchanged")
        action.add_argument(
            "--labels",
            choices=["ten-is-zero", "shifted"],
            help="what labels 1..10 mean: 10 stands for the digit 0, or each is its digit plus one",
        )
    check.add_argument("--part", choices=["train", "test"], default="train", help="of a folder, a zip or mnist")


def run(arguments: argparse.Namespace) -> int:
    """Run the chosen action."""
    return {"fetch": _fetch, "check": _check, "export": _export}[arguments.action](arguments)


def _fetch(arguments: argparse.Namespace) -> int:
    from dualport.common.data import MIRRORS, fetch_mnist
    from dualport.scripts.terminal.stage_progress import StageProgress

    with StageProgress() as progress:
        folder = fetch_mnist(progress.show, [*(arguments.mirror or []), *MIRRORS])
    print(f"MNIST is in {folder}, its hashes checked; --data mnist uses it")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from dualport.common.data import FACE_CROP, FACE_SHAPE, check, write_preview
    from dualport.common.errors import BadInput
    from dualport.scripts.terminal.stage_progress import StageProgress

    if arguments.preview and arguments.no_preview:
        raise BadInput("--preview and --no-preview contradict each other; give one of them")
    channels, side = FACE_SHAPE[0], FACE_SHAPE[1] if arguments.size is None else arguments.size
    with StageProgress() as progress:
        report, data = check(
            arguments.source,
            arguments.part,
            arguments.transposed,
            arguments.labels,
            image_shape=(1 if arguments.grey else channels, side, side),
            crop=FACE_CROP if arguments.crop is None else arguments.crop,
            progress=partial(progress.show, READING),
        )
    preview = None if arguments.no_preview else arguments.preview or _default_preview(arguments.source, data.name)
    if preview:
        write_preview(data, preview)
    if arguments.json:
        _print_json(report, preview)
        return 0
    _print_report(report)
    if preview:
        titles = "numbers" if data.labels is None else "labels"
        print(f"preview: {preview}, the first {min(len(data), 50)} images under their {titles}")
    elif not arguments.no_preview:
        print("preview: not drawn into the data's own folder unasked; name a file with --preview")
    return 0


def _default_preview(source: str, name: str) -> Path | None:
    """A file in the current folder; None where that is the data's own."""
    path = Path(source)
    from dualport.common.data import NAMED

    if source not in NAMED:
        folder = path if path.is_dir() else path.parent
        if folder.resolve() == Path.cwd():
            return None
    return Path(f"{Path(name).stem}-preview.png")


def _print_json(report, preview: Path | None) -> None:
    import json
    from dataclasses import asdict

    print(json.dumps({**asdict(report), "preview": preview and str(preview)}, indent=2, ensure_ascii=False))


def _print_report(report) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False, markup=False)
    table = Table("variable", "shape", "type", "values")
    for variable in report.variables:
        values = "" if variable.low is None else f"{variable.low:g} … {variable.high:g}"
        table.add_row(variable.name, "×".join(map(str, variable.shape)), variable.dtype, values)
    console.print(table)
    console.print(f"{report.source}: {report.images:,} images, kept as {report.pixels}, mean {report.mean:.4f}")
    if report.class_counts is not None:
        console.print("labels: " + "  ".join(f"{digit}: {n:,}" for digit, n in report.class_counts.items()))
    console.print(f"orientation: {report.orientation} (judged by the ink; look at the preview)")
    for problem in report.problems:
        console.print(f"problem: {problem}")


def _export(arguments: argparse.Namespace) -> int:
    from dualport.common.atomic import make_folder
    from dualport.common.data import NAMED, PARTS, export_parts, load
    from dualport.scripts.terminal.stage_progress import StageProgress

    # A single .mat file is one part, and cannot be told from train.mat by its name alone.
    path = Path(arguments.source)
    single = arguments.source not in NAMED and path.is_file() and path.suffix != ".zip"
    options = {"transposed": arguments.transposed, "label_meaning": arguments.labels, "image_shape": (1, 28, 28)}
    with StageProgress() as progress:
        parts = {
            part: load(arguments.source, part, progress=partial(progress.show, READING), **options)
            for part in (PARTS[:1] if single else PARTS)
        }
    target = arguments.folder / "mnist_mat"
    made = [folder for folder in (target, *target.parents) if not folder.exists()]
    make_folder(target)
    try:
        with StageProgress() as progress:
            written = export_parts(parts, target, partial(progress.show, "writing"))
    except BaseException:
        for folder in made:  # nothing is left behind
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
    for file, data in zip(written, parts.values(), strict=True):
        print(f"{file}: {len(data):,} images")
    return 0
