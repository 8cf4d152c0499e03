"""Entries of what only moves values: shapes, order of axes, parts, joins."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
