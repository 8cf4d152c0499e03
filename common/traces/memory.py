"""A trace in memory, written and read as one in a file is."""

from __future__ import annotations

import numpy as np


class MemoryGroup(dict):
    """Arrays and further groups by name, in the order in which they came: what a trace asks of a group of HDF5."""

    def require_group(self, path: str) -> MemoryGroup:
        """The group at a path of names, made where it is not there."""
        group = self
        for name in path.split("/"):
            group = group.setdefault(name, MemoryGroup())
        return group

    def create_dataset(self, name: str, data) -> None:
        """Keep a copy, row-major, in the place of what was there."""
        self[name] = np.array(data, order="C")

    def get(self, path: str, default=None):
        """The array or group at a path of names."""
        node = self
        for name in path.split("/"):
            node = dict.get(node, name)
            if node is None:
                return default
        return node

    def take(self, group) -> None:
        """Take all that another group holds, of a file or in memory."""
        for name, content in group.items():
            if hasattr(content, "items"):
                self.require_group(name).take(content)
            else:
                self.create_dataset(name, content[()])
