"""Entries of layers that normalise: batch, instance, layer, group, root mean square, local response."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
