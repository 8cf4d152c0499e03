"""`inference.json`: a program in Paddle's intermediate representation (PIR), which exports have since 3.0."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..bounded_bytes import Malformed, Source, quoted
from .program import Operation, Program, Variable, checked_sizes

MAX_PROGRAM = 32_000_000  # bytes
MAX_NODES = 2_000_000  # of JSON; an operation takes about 100
MAX_DEPTH = 32  # of branches and loops in one another
_DAMAGED = "the program in it is damaged, or written in a way that is not known here"
_PARAMETER = ("p", "builtin.parameter")
_DIALECTS = {"0": "builtin", "1": "pd_op", "2": "cf", "3": "custom_op"}
_TYPES = {
    "bool": "bool", "i8": "int8", "ui8": "uint8", "i16": "int16", "i32": "int32", "i64": "int64", "f16": "float16",
    "bf16": "bfloat16", "f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128",
    "f8e4m3fn": "float8_e4m3fn", "f8e5m2": "float8_e5m2",
}  # fmt: skip


def read_pir(source: Source) -> Program:
    """Raises `Malformed` where it is damaged, too large, or no program."""
    if source.size > MAX_PROGRAM:
        raise Malformed(f"it is JSON of more than {MAX_PROGRAM // 10**6} MB, which no program of an export is")
    text = source.exact(source.size)
    if sum(map(text.count, (b",", b"[", b"{"))) > MAX_NODES:
        raise Malformed(f"it is JSON of more than {MAX_NODES:,} values, which no program of an export is")
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Malformed("it is not JSON, or cut") from None
    try:
        return _Reader(content).program()
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):  # JSON of another form, anywhere in it
        raise Malformed(_DAMAGED) from None


class _Reader:
    """Goes through the regions of a program; `names` are those of the values, by their numbers."""

    def __init__(self, content: dict[str, Any]) -> None:
        base = content["base_code"]
        if base["magic"] != "pir":
            raise Malformed(_DAMAGED)
        self.version = str(_whole(base["version"]))
        self.regions = content["program"]["regions"]
        self.names: dict[int, str] = {}
        self.variables: dict[str, Variable] = {}
        self.operations: list[Operation] = []
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self.blocks = 0

    def program(self) -> Program:
        self.walk(self.regions, 0)
        return Program(
            "PIR", self.version, tuple(self.operations), self.variables, tuple(self.inputs), tuple(self.outputs)
        )

    def walk(self, regions: list[dict], depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Malformed(f"its branches nest more than {MAX_DEPTH} levels deep")
        for region in _list(regions):
            for block in _list(region["blocks"]):
                number, self.blocks = self.blocks, self.blocks + 1
                for value in _list(block.get("args", [])):
                    self.declare(value)
                for call in _list(block["ops"]):
                    self.call(call, number)
                    if call.get("regions"):
                        self.walk(call["regions"], depth + 1)

    def call(self, call: dict[str, Any], block: int) -> None:
        kind = _text(call["#"])
        if kind in _PARAMETER:
            self.parameter(call)
            return
        attributes = dict(_attributes(call.get("A", [])))
        layer = attributes.pop("struct_name", "")
        kind = _kind(kind)
        if kind in ("data", "feed", "fetch"):
            self.edge(kind, call, attributes)
            return
        given, made = _numbered(call["I"]), _numbered(call["O"])
        inputs = {place: (self.names[_whole(value["%"])],) for place, value in given.items()}
        outputs = {place: (self.declare(value),) for place, value in made.items()}
        self.operations.append(Operation(kind, inputs, outputs, attributes, block, layer if type(layer) is str else ""))

    def parameter(self, call: dict[str, Any]) -> None:
        value = call["O"][0] if type(call["O"]) is list else call["O"]
        self.declare(value, _text(call["A"][3]), stored=bool(call["OA"][0]))

    def edge(self, kind: str, call: dict[str, Any], attributes: dict[str, Any]) -> None:
        """What is fed, and what is given."""
        if kind == "fetch":
            self.outputs.append(self.names[_whole(call["I"][0]["%"])])
            return
        about = dict(_attributes(call.get("OA", [])))
        stored = about.get("persistable") == [True]
        name = self.declare(call["O"][0], _text(attributes["name"]), stored)
        if not stored:
            self.inputs.append(name)

    def declare(self, value: dict[str, Any], name: str = "", stored: bool = False) -> str:
        number = _whole(value["%"])
        name = name or f"%{number}"
        if name in self.variables or number in self.names:
            raise Malformed(f"the variable {quoted(name)} is in its program twice")
        self.variables[name] = Variable(name, *_tensor(value.get("TT")), stored)
        self.names[number] = name
        return name


def _tensor(described: Any) -> tuple[str | None, tuple[int, ...] | None]:
    """The type and the sizes of a value; nothing of one that is several, or none."""
    if not isinstance(described, dict) or _text(described["#"]).rpartition(".")[2] != "t_dtensor":
        return None, None
    kind, sizes = described["D"][:2]
    dtype = _TYPES.get(_text(kind["#"]).rpartition(".")[2].removeprefix("t_"))
    return dtype, checked_sizes(_list(sizes))


def _attributes(listed: list[dict]) -> Iterator[tuple[str, Any]]:
    for attribute in _list(listed):
        value = _value(attribute["AT"], 0)
        if value is not None:
            yield _text(attribute["N"]), value


def _value(described: dict[str, Any], depth: int) -> Any:
    """A number, text or a list of such; None of what is only Paddle's own, such as a place."""
    kind, data = _text(described["#"]).rpartition(".")[2], described.get("D")
    if kind == "a_array" and depth < 2:
        return [_value(item, depth + 1) for item in _list(data)]
    if kind == "a_intarray":
        return [_whole(item) for item in _list(data)]
    return data if kind != "a_place" and type(data) in (bool, int, float, str) else None


def _kind(spelled: str) -> str:
    """`1.conv2d` and `pd_op.batch_norm_` are conv2d and batch_norm; what is not an operator keeps its dialect."""
    dialect, _, name = spelled.partition(".")
    dialect = _DIALECTS.get(dialect, dialect)
    return name.rstrip("_") if dialect == "pd_op" else f"{dialect}.{name}"


def _numbered(values: Any) -> dict[str, dict]:
    """What a call takes or gives, by its place; an optional value that is not there has the number 0."""
    return {str(place): value for place, value in enumerate(_list(values)) if value["%"] != 0}


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) >= 2**63:
        raise Malformed(_DAMAGED)
    return value


def _list(value: Any) -> list:
    if type(value) is not list:
        raise Malformed(_DAMAGED)
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Malformed(_DAMAGED)
    return value
