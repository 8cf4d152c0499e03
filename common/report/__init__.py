"""One HTML file that says what was done, whether it holds, and shows it: made by `reproduce` and `validate`."""

from .blocks import Block, Figure, FigureRow, KeyValues, Report, Section, Table, Text
from .page import write_report

__all__ = ["Block", "Figure", "FigureRow", "KeyValues", "Report", "Section", "Table", "Text", "write_report"]
