"""A recipe as JSON and back, exactly. Each dataclass is written with its name under `kind_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from ..errors import BadInput
from . import layers, network, recipe

_KINDS = {
    kind.__name__: kind
    for module in (layers, network, recipe)
    for kind in vars(module).values()
    if isinstance(kind, type) and is_dataclass(kind)
}
_TAG = "kind_of"


def to_json(value: Any) -> Any:
    """Plain dicts, lists, numbers and strings that say what `value`, a spec, says."""
    if is_dataclass(value):
        return {_TAG: type(value).__name__} | {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def from_json(value: Any) -> Any:
    """The inverse of `to_json`; lists become tuples. Every check of the spec runs again.

    Raises:
        BadInput: an unknown kind or field, or a spec that does not fit together.
    """
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    items = {key: from_json(item) for key, item in value.items() if key != _TAG}
    if _TAG not in value:
        return items
    kind = _KINDS.get(value[_TAG])
    if kind is None:
        raise BadInput(f"the spec holds a {value[_TAG]!r}, which this version does not know")
    unknown = set(items) - {f.name for f in fields(kind)}
    if unknown:
        raise BadInput(f"the spec's {value[_TAG]} holds {', '.join(sorted(unknown))}, which this version does not know")
    try:
        return kind(**items)
    except TypeError as error:
        raise BadInput(f"the spec's {value[_TAG]} is incomplete: {error}") from None
