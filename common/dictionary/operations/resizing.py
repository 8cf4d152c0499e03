"""Entries of what changes the size of images: padding, interpolation, shuffles of pixels and channels."""

from __future__ import annotations

from ..entry import Entry

ENTRIES: tuple[Entry, ...] = ()
