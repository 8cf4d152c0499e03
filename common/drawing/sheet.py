"""A sheet to draw on: one style for every figure, sizes in pixels, PNG files that are whole or not there.

Matplotlib's object interface only: `pyplot` keeps figures alive and would open windows. The style holds while one
figure is drawn; the user's own settings neither reach it nor are changed by it.
"""

from __future__ import annotations

import contextlib
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic import atomic_path
from ..errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import LayoutEngine

DPI = 150
MAXIMUM_WIDTH = 1600  # px: fits a page of a report at full size
LABEL, TITLE = 9.5, 11.5  # font sizes in points
INK, FAINT = "#1b1f24", "#d8dce2"

STYLE = {
    "font.size": LABEL,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#6b7280",
    "axes.linewidth": 0.8,
    "figure.titlesize": TITLE,
    "axes.titlesize": LABEL + 0.5,
    "axes.labelsize": LABEL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,  # "+4.21e1" in a corner is overlooked
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": "#6b7280",
    "ytick.color": "#6b7280",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": LABEL - 0.5,
    "ytick.labelsize": LABEL - 0.5,
    "legend.frameon": False,
    "legend.fontsize": LABEL - 0.5,
}


@contextlib.contextmanager
def sheet(
    path: str | os.PathLike[str], width: int, height: int, layout: LayoutEngine | None = None
) -> Iterator[Figure]:
    """Give an empty figure of width × height pixels; write it to `path` as PNG if the body succeeds.

    Raises:
        BadInput: `path` does not end in .png, or its folder does not exist.
        EnvironmentFailed: the file cannot be written.
    """
    if Path(path).suffix.lower() != ".png":
        raise BadInput(f"{path}: figures are PNG files; give a name that ends in .png")
    with styled():
        figure = new_figure(width, height, layout)
        yield figure
        with atomic_path(path) as temporary:
            # Without the version of Matplotlib in it, the same numbers give the same bytes.
            figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})


@contextlib.contextmanager
def chart(path: str | os.PathLike[str], width: int, height: int, title: str | None) -> Iterator[Figure]:
    """A `sheet` whose axes find their own room, with its title in as many lines as it needs."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    room = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)  # inches; the default glues the title to the edge
    with sheet(path, width, height, room) as figure:
        if title:
            figure.suptitle(wrapped(title, width - 40), parse_math=False)
        yield figure


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's own defaults with STYLE on top, for the body only."""
    from matplotlib import style

    with style.context(["default", STYLE]):
        yield


def new_figure(width: int, height: int, layout: LayoutEngine | None = None) -> Figure:
    """A figure of width × height pixels on an Agg canvas. Call it inside `styled`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Agg cuts the size down to whole pixels: a hundredth more keeps 1159.9999 from losing one.
    figure = Figure(figsize=((width + 0.01) / DPI, (height + 0.01) / DPI), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def text_width(text: str, size: float = LABEL) -> int:
    """Width in pixels of one line of plain text at `size` points."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    with styled():
        width, _, _ = RendererAgg(1, 1, DPI).get_text_width_height_descent(text, FontProperties(size=size), False)
        return round(width + 0.5)


def text_height(size: float = LABEL) -> int:
    """Height in pixels of one line of text at `size` points, with its leading."""
    return round(size * DPI / 72 * 1.3)


def wrapped(title: str | None, width: int) -> str:
    """Break `title` into lines that fit into `width` pixels."""
    if not title:
        return ""
    return "\n".join(textwrap.wrap(title, max(12, int(width / text_width("n", TITLE)))))
