"""Entries of what draws random numbers: dropouts, noise."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
