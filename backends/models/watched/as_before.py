"""Having a model's layers tell of their calls, and leaving all that it holds beside tensors as it was found."""

from __future__ import annotations

import inspect
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)
DEEPEST = 3  # of containers in one another
Watcher = Callable[[Callable, tuple, dict], Any]  # told the forward that would run, and what it is given


def exchange_forwards(watchers: Mapping[int, Watcher], modules: Iterable[Any], back: ExitStack) -> None:
    """Have each module's watcher called in the place of the `forward` that would run, until `back` is closed.

    Classes are changed, so that nothing is written into an instance, and a copy that is made meanwhile is not watched;
    but for an instance with a `forward` of its own, which is the one that runs.

    Args:
        watchers: identity of a module → its watcher.
    """
    classes = {}
    for module in modules:
        if "forward" in vars(module):
            _exchange_own(module, watchers[id(module)], back)
        else:
            classes.setdefault(type(module), set()).add(id(module))
    for cls, watched in classes.items():
        _exchange_of_class(cls, watched, watchers, back)


def _exchange_own(module: Any, watcher: Watcher, back: ExitStack) -> None:
    own, forward = vars(module), vars(module)["forward"]

    def telling(*args, **kwargs):
        return watcher(forward, args, kwargs)

    _looks_like(telling, forward)

    def put_back() -> None:
        if own.get("forward") is telling:  # else the model has set another meanwhile
            own["forward"] = forward

    own["forward"] = telling
    back.callback(put_back)


def _exchange_of_class(cls: type, watched: set[int], watchers: Mapping[int, Watcher], back: ExitStack) -> None:
    found = inspect.getattr_static(cls, "forward")

    def forward(self, *args, **kwargs):
        bound = found.__get__(self, type(self)) if hasattr(found, "__get__") else found
        if type(self) is not cls or id(self) not in watched:  # the `super().forward` of a class below, or a copy
            return bound(*args, **kwargs)
        return watchers[id(self)](bound, args, kwargs)

    _looks_like(forward, getattr(found, "__func__", found))
    if "forward" in vars(cls):
        back.callback(setattr, cls, "forward", found)
    else:
        back.callback(delattr, cls, "forward")
    cls.forward = forward


def _looks_like(telling: Callable, forward: Callable) -> None:
    """Names and signature of what it stands for; models ask for these."""
    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        if isinstance(word := getattr(forward, name, None), str):
            setattr(telling, name, word)
    telling.__wrapped__ = forward


class Attributes:
    """What the modules of a model and their classes hold: attributes, hooks, counters, caches.

    Args:
        is_library: whether a class is the framework's, of which nothing is kept.
    """

    def __init__(self, modules: Iterable[Any], is_library: Callable[[type], bool]) -> None:
        self._modules = [(module, type(module), dict(vars(module))) for module in modules]
        classes = {base for _, cls, _ in self._modules for base in cls.__mro__ if base is not object}
        self._classes = [(cls, dict(vars(cls))) for cls in classes if not is_library(cls)]
        self._contents: dict[int, tuple[Any, Any]] = {}
        for held in [held for _, _, held in self._modules] + [held for _, held in self._classes]:
            self._note(held.values(), 0)

    def _note(self, values: Iterable[Any], depth: int) -> None:
        for value in values:
            if type(value) not in CONTAINERS or id(value) in self._contents or depth > DEEPEST:
                continue
            content = list(value.items()) if isinstance(value, dict) else list(value)
            self._contents[id(value)] = value, content
            self._note((each for _, each in content) if isinstance(value, dict) else content, depth + 1)

    def put_back(self) -> None:
        """Have all of it as it was when this was made. A module whose class has changed since stays as it is."""
        for module, cls, held in self._modules:
            own = vars(module)
            if type(module) is cls and (own.keys() != held.keys() or any(own[name] is not held[name] for name in held)):
                own.clear()
                own.update(held)
        for cls, held in self._classes:
            for name in [name for name in vars(cls) if name not in held and not name.startswith("__")]:
                delattr(cls, name)
            for name, value in held.items():
                if vars(cls).get(name) is not value and not name.startswith("__"):
                    setattr(cls, name, value)
        for container, content in self._contents.values():
            _refill(container, content)


def _refill(container: Any, content: list) -> None:
    pairs = isinstance(container, dict)
    now = list(container.items()) if pairs else list(container)
    flat = (lambda items: [each for item in items for each in item]) if pairs else list
    if len(now) == len(content) and all(x is y for x, y in zip(flat(now), flat(content), strict=True)):
        return
    container.clear()
    (container.extend if isinstance(container, (list, deque)) else container.update)(content)
