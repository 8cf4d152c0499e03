"""Entries of what multiplies matrices: linear and bilinear layers, products, tables of vectors."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
