"""Training and inference in Paddle."""

from __future__ import annotations

from .. import session
from .layers import RuledBatchNorm


class Session(session.Session):
    """See `session.Session`."""

    name = "paddle"

    def _prepare_layers(self) -> None:
        if self.dtype not in ("float32", "float64"):
            for layer in self.model.sublayers():  # Paddle's kernel takes weights in float32 whatever its input is
                if isinstance(layer, RuledBatchNorm):
                    layer.to(dtype="float32")
