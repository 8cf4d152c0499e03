"""From a `Report` to one HTML file: no other file, no network, no script that the page could not do without."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path

from ..atomic import write_text
from ..errors import BadInput
from .blocks import Cell, Report, Table

TEMPLATE = "report.html.j2"
MEDIA = {
    ".png": "image/png",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}
# What people write for numbers: 1,797 · −0.5 · 1e-12 · ≤ 1e-9 · 98.2 % · 1.31×
NUMBER = re.compile(r"[<>≤≥≈]?\s*[-−+±]?[\d][\d,]*(\.\d+)?([eE][-−+]?\d+)?\s*[%×]?|nan|[-−+]?inf|[-–—]?")


def write_report(path: str | os.PathLike[str], report: Report) -> Path:
    """Write `report` as one self-contained HTML file, pictures inside.

    Raises:
        BadInput: a figure's file is missing or of no known kind, or the folder of `path` does not exist.
        EnvironmentFailed: the file cannot be written.
    """
    write_text(path, render(report))
    return Path(path)


def render(report: Report) -> str:
    """The HTML of `report`.

    Raises:
        BadInput: a figure's file is missing or of no known kind.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(shown=shown, paragraphs=paragraphs, numeric=numeric_columns, data_uri=data_uri)
    environment.tests.update(kind=lambda block, name: type(block).__name__ == name)
    return environment.get_template(TEMPLATE).render(report=report)


def data_uri(path: str | os.PathLike[str]) -> str:
    """A picture file as `data:` address.

    Raises:
        BadInput: the file is missing, cannot be read, or is of no known kind.
    """
    kind = MEDIA.get(Path(path).suffix.lower())
    if kind is None:
        raise BadInput(f"{path}: a report takes {', '.join(MEDIA)} pictures; convert it first")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: the figure cannot be read ({error.strerror}); draw it again") from None
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def shown(value: Cell) -> str:
    """A cell as text: a dash for None, yes or no, six significant digits for a float."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def paragraphs(text: str) -> list[str]:
    """Text parted at its empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def numeric_columns(table: Table) -> Sequence[bool]:
    """For each column, whether its cells are numbers (or empty), at least one of them."""
    columns = [[shown(row[index]) for row in table.rows] for index in range(len(table.header))]
    return [
        all(NUMBER.fullmatch(cell) for cell in column) and any(re.search(r"\d|nan|inf", cell) for cell in column)
        for column in columns
    ]
