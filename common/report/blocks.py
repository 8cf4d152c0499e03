"""What a report is made of, as data. Every text is plain text: nothing in it is read as HTML."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True)
class Text:
    """Paragraphs, parted by empty lines; or, `preformatted`, lines as they are, such as a command or a log."""

    text: str
    preformatted: bool = False


@dataclass(frozen=True)
class KeyValues:
    """A list of names and values, such as versions and settings."""

    pairs: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Table:
    """Rows under a header. Columns that hold only numbers are set right, digit under digit.

    `row_ok` marks each row: True passed, False failed, None not judged. Floats are shown with six significant digits;
    give text where another number of digits matters. None is shown as a dash.

    Raises:
        ValueError: a row is not as long as the header, or `row_ok` not as long as the rows.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    row_ok: Sequence[bool | None] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"a row of {len(row)} cells under a header of {len(self.header)}: {list(row)}")
        if self.row_ok is not None and len(self.row_ok) != len(self.rows):
            raise ValueError(f"{len(self.row_ok)} marks for {len(self.rows)} rows")


@dataclass(frozen=True)
class Figure:
    """One picture file (PNG, GIF, JPEG or SVG) over its caption."""

    path: str | os.PathLike[str]
    caption: str = ""


@dataclass(frozen=True)
class FigureRow:
    """The same figure from several sides, such as the two frameworks, next to each other; `title` is above them.

    Raises:
        ValueError: not one caption for each path.
    """

    captions: Sequence[str]
    paths: Sequence[str | os.PathLike[str]]
    title: str = ""

    def __post_init__(self) -> None:
        if len(self.captions) != len(self.paths):
            raise ValueError(f"{len(self.captions)} captions for {len(self.paths)} figures")


Block: TypeAlias = Text | KeyValues | Table | Figure | FigureRow


@dataclass(frozen=True)
class Section:
    """A heading, some paragraphs, and blocks. `ok` puts a mark beside it, in the table of contents too."""

    title: str
    text: str = ""
    blocks: Sequence[Block] = ()
    ok: bool | None = None


@dataclass(frozen=True)
class Report:
    """The whole page. `verdict` is one sentence; `ok` colours it: True green, False red, None grey."""

    title: str
    verdict: str
    ok: bool | None
    summary: Sequence[tuple[str, Cell]] = ()
    sections: Sequence[Section] = ()
    footer: str = ""
