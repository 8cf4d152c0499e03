"""Entries of pooling: the largest or the mean of each window."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
