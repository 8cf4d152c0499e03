"""Entries of what makes one number of many: sums, means, extremes, norms, searches."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
