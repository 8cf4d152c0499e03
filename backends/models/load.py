"""Models in the user's own files: `models.py:make_net` and `package.module:Net`, found, called, and their errors told.

Whatever goes wrong in the user's code becomes one sentence with the user's own file and line.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...common.errors import BadInput, DualportError
from .users_lines import is_library

if TYPE_CHECKING:
    from ...common.traces.plan import Plan
    from ..contract import Framework

LONGEST = 240


def load_object(reference: str, what: str = "model") -> Any:
    """The class or function that a reference names.

    Raises:
        BadInput: not of the form, no such file or module, it cannot be imported, or it has no such name.
    """
    where, colon, name = reference.rpartition(":")
    if not colon or not where or not name:
        raise BadInput(f"{reference}: name the {what} as file.py:Name or package.module:Name")
    with telling(f"{where} cannot be imported"):
        module = _from_file(where) if where.endswith(".py") else _from_package(where)
    named: Any = module
    for part in name.split("."):
        if not hasattr(named, part):
            there = [key for key, value in vars(module).items() if not key.startswith("_") and callable(value)]
            raise BadInput(f"{where}: has no {name!r}; it has {', '.join(there[:20]) or 'nothing to call'}")
        named = getattr(named, part)
    return named


def _from_file(path: str):
    file = Path(path)
    if not file.is_file():
        raise BadInput(f"{path}: does not exist; check the path")
    sys.path.insert(0, str(file.resolve().parent))  # as when the file is run: its neighbours can be imported
    name = file.stem if file.stem not in sys.modules else f"dualport_user_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # of a file's location it never is
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _from_package(name: str):
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise BadInput(f"{name}: there is no such module here; name a file.py, or install the package") from None
        raise


def is_export(reference: Any) -> bool:
    """Whether what stands for a model is a file or a folder that holds one, and no name of a class."""
    return isinstance(reference, str) and not reference.endswith(".py") and Path(reference).exists()


def plan_for(references: Iterable[Any], plan: Plan) -> Plan:
    """The plan, without training where one of the models is an export.

    Raises:
        BadInput: training is all that is wanted.
    """
    found = next(filter(is_export, references), None)
    if found is None:
        return plan
    if plan.steps or "eval" not in plan.modes:
        raise BadInput(f"{found}: is an export, which runs in evaluation alone; leave out --steps and --mode train")
    return replace(plan, modes=("eval",))


def make_model(reference: str, arguments: str, backend: Framework):
    """Call the user's class or function, or read what it was exported to.

    Args:
        arguments: a JSON object of keywords, such as `{"classes": 10}`; or `classes=10,width=8`.

    Raises:
        BadInput: it raises, or gives no model of the framework.
    """
    base, framework = backend.MODEL, backend.calls.NAME
    if is_export(reference):
        keywords = parse_arguments(arguments)
        program = keywords.pop("program", None)
        if keywords:
            raise BadInput(f"{reference}: is an export, which takes program=FILE alone; leave out {arguments}")
        return backend.calls.exported(reference, program)
    factory = load_object(reference)
    if isinstance(factory, base):
        return factory
    keywords = parse_arguments(arguments)
    if not callable(factory):
        raise BadInput(f"{reference}: is no class and no function, but of type {type(factory).__name__}")
    with telling(f"{reference} cannot be made"):
        model = factory(**keywords)
    if not isinstance(model, base):
        raise BadInput(
            f"{reference}: gives a {type(model).__name__}, not a {base.__module__}.{base.__name__} of {framework}"
        )
    return model


def parse_arguments(text: str) -> dict[str, Any]:
    """Keywords of a factory from `name=value,name=value` or a JSON object. Nothing in it is run.

    Raises:
        BadInput: it is neither.
    """
    text = text.strip()
    if not text:
        return {}
    try:
        if text.startswith("{"):
            return {str(name): value for name, value in json.loads(text).items()}
        pairs = [word.partition("=") for word in text.split(",")]
        if not all(equal for _, equal, _ in pairs):
            raise ValueError("a word has no = in it")
        return {_name(name): _value(value.strip()) for name, _, value in pairs}
    except (ValueError, AttributeError) as error:
        raise BadInput(f'--args {text}: {error}; write width=8,classes=10 or {{"sizes": [1, 2]}}') from None


def _name(word: str) -> str:
    if not word.strip().isidentifier():
        raise ValueError(f"{word.strip()!r} is not a name")
    return word.strip()


def _value(word: str) -> Any:
    known = {"true": True, "false": False, "none": None}
    if word.lower() in known:
        return known[word.lower()]
    try:
        return json.loads(word)
    except ValueError:
        return word


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn an error in the user's code into one sentence: what was tried, what was raised, in which file and line.

    Raises:
        BadInput: the body raised; the kit's own errors pass as they are.
    """
    try:
        yield
    except (DualportError, KeyboardInterrupt, MemoryError):
        raise
    except SyntaxError as error:
        place = f"{Path(error.filename or '?').name}:{error.lineno}"
        raise BadInput(f"{what}: {place}: {error.msg}") from error
    except BaseException as error:  # a user's file may well call sys.exit
        reason = _reason(error)
        raise BadInput(f"{what}: {line_of(error)}{type(error).__name__}: {reason}") from error


def line_of(error: BaseException) -> str:
    """`model.py:12: ` for the last line of the user's own code that the error went through."""
    lines = [line for line in traceback.extract_tb(error.__traceback__) if not is_library(line.filename)]
    return f"{Path(lines[-1].filename).name}:{lines[-1].lineno}: " if lines else ""


def _reason(error: BaseException) -> str:
    """The message without Paddle's C++ traceback, on one line."""
    text = str(error)
    for mark in ("Error Message Summary:", "----------------------\n"):
        if mark in text:
            text = text.rpartition(mark)[2]
    text = " ".join(text.replace("-" * 22, " ").split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
