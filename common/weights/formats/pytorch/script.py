"""Which tensors of a TorchScript module are weights: the two lists that begin the text of its class.

That text is a program. It is searched for the lists as any text is, and nothing else is done with it.
"""

from __future__ import annotations

import re

from ..bounded_bytes import Source
from ..pickles.modules import SCRIPTED
from ..pickles.names import stand_in
from ..pickles.values import Name, StandIn
from ..pt_zip import Entry, read_entry

MAX_TEXT = 8_000_000  # bytes of all classes' text together; what lies beyond is not searched
_CLASS = re.compile(
    r"^class (\w+)\(\w+\):\n  __parameters__ = \[([^\]\n]*)\]\n  __buffers__ = \[([^\]\n]*)\]$", re.MULTILINE
)
_WORD = re.compile(r'"([^"]*)"')


class Classes:
    """The classes of an archive, looked up when the first object of one is met."""

    def __init__(self, source: Source, entries: dict[str, Entry], folder: str) -> None:
        self.source, self.entries, self.folder = source, entries, folder
        self.left = MAX_TEXT
        self.known: dict[str, dict[str, tuple[str, ...]]] = {}  # path of a text -> class -> names of its weights

    def stand_in(self, module: str, name: str) -> Name | None:
        """As `pickles.names.stand_in`; an object of a class of the archive knows which attributes are its weights."""
        found = stand_in(module, name)
        if found is None or not f"{module}.".startswith(SCRIPTED):
            return found
        weights = self._weights(f"{self.folder}code/{module.replace('.', '/')}.py").get(name)

        def make(arguments: tuple) -> StandIn:
            made = StandIn(found.label, arguments)
            made.weights = weights
            return made

        return Name(found.label, new=make, unread=True)

    def _weights(self, path: str) -> dict[str, tuple[str, ...]]:
        if path not in self.known:
            entry = self.entries.get(path)
            text = ""
            if entry and entry.size <= self.left:
                self.left -= entry.size
                text = read_entry(self.source, entry).tobytes().decode("utf-8", "replace")
            self.known[path] = {
                name: tuple(_WORD.findall(parameters) + _WORD.findall(buffers))
                for name, parameters, buffers in _CLASS.findall(text)
            }
        return self.known[path]
