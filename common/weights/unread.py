"""What of a file is not read, in words."""

from __future__ import annotations

from ..errors import listed
from .formats.bounded_bytes import quoted
from .weight_file import WeightFile

SHOWN = 4  # classes in one note


def unread(file: WeightFile) -> list[str]:
    """A note for the objects of classes that are not known here, and one for each kind of tensor that is left out."""
    count = sum(file.objects.values())
    classes = [quoted(name)[1:-1] for name in sorted(file.objects, key=lambda name: -file.objects[name])]
    of = "1 object of a class that is" if count == 1 else f"{count:,} objects of classes that are"
    notes = [f"{of} not read, {listed(classes, SHOWN)}: left out"] if count else []
    return [*notes, *(f"{what}: left out" for what in file.left_out)]
