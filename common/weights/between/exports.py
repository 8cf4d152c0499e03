"""How PyTorch has the tensors of an inference export of Paddle's, by their names and by what its program does."""

from __future__ import annotations

from collections.abc import Mapping

from ...dictionary.index import BY_KIND
from ...dictionary.operations.normalization import COUNTER
from ...errors import listed
from ..exports.kinds import export_views
from ..fit import LISTED
from ..formats.bounded_bytes import quoted
from ..formats.paddle_exports.program import Program
from ..formats.stored import Array
from ..view import View, joined
from .kinds import MODEL_FIRST, Layout, NotTold
from .pieces import Part, Piece


def by_export(path: str, arrays: Mapping[str, Array], table: Mapping[str, str], program: Program | None) -> Layout:
    """The layout in PyTorch: layers under the names that the export has for them, told kinds in PyTorch's words.

    Args:
        arrays: by the names that are wanted. table: those names → Paddle's names of the tensors.

    Raises:
        NotTold: a matrix of no told kind; all such are listed.
    """
    views = export_views(arrays, table, program)
    _require_told(path, views)
    layout = Layout({}, {}, {}, [], {})
    for name, view in views.items():
        flat = view.shape if view.stored_shape is not None else None
        layout.shapes[name] = view.shape
        layout.pieces[name] = [Piece(Part(view.stored_name, view.transposed, shape=flat), Part(name), "its name")]
        if view.leaf == "running_mean" and BY_KIND[view.kind].rows(COUNTER):
            layout.filled[joined(view.owner, COUNTER)] = ()
    used = {view.stored_name for view in views.values()}
    layout.dropped.extend(name for name in arrays if name not in used)
    return layout


def _require_told(path: str, views: Mapping[str, View]) -> None:
    """Only a matrix may lie the other way round in Paddle, whatever it belongs to."""
    untold = {view.stored_name: view.unruled for view in views.values() if view.unruled and len(view.shape) == 2}
    if untold:
        names, why = [quoted(name)[1:-1] for name in untold], next(iter(untold.values()))
        many = f"the kinds of {len(untold)} matrices are" if len(untold) > 1 else "the kind of one matrix is"
        raise NotTold(
            f"{path}: {many} not told, {listed(names, LISTED)} ({why}), and Paddle has some transposed; {MODEL_FIRST}"
        )
