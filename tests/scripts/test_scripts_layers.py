"""Who stands on whom: read from the imports of every file, those inside functions as well."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parents[2]
PACKAGES = {
    "common": "dualport.common",
    "backends": "dualport.backends",
    "scripts": "dualport.scripts",
    "src/dualport": "dualport",
}
MOST_FILES = 15  # in one folder, beside its `__init__`: what a reader takes in at one look

# From the ground up: a file imports only what stands on a lower floor. What one string names together is one place,
# whose files may import one another.
HOUSE_FLOORS = (
    ("common.errors", "common.arrays", "common.tolerances"),
    ("common.dictionary",),
    ("common.atomic", "common.operating_system", "common.random_streams", "common.distance", "common.spec"),
    ("common.recipes", "common.data"),
    ("common.weights", "common.drawing", "common.evaluation"),
    ("common.runs", "common.traces"),
    ("common.compare",),
    ("common.report", "common.dictionary.page", "backends"),
    ("scripts",),
    ("__init__ __main__",),
)
COMPARE_FLOORS = (
    ("facts row wording ladder judge lockstep", "matching", "witness"),
    ("verdict", "agreement", "rounding"),
    ("rungs",),
    ("regions", "exercised", "masks"),
    ("models", "recipes"),
    ("explanation", "summary", "located"),
)
BACKENDS_FLOORS = (
    ("__init__ contract processes",),
    ("layers",),
    ("network",),
    ("model_state value_recorder",),
    ("session", "models"),
    ("torch", "paddle", "recipes"),
)


def modules() -> dict[str, Path]:
    """Dotted name → file, of every module of the kit."""
    named = {}
    for folder, package in PACKAGES.items():
        for path in sorted((HOUSE / folder).rglob("*.py")):
            parts = path.relative_to(HOUSE / folder).with_suffix("").parts
            named[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return named


MODULES = modules()


def imported(name: str, source: str, known: dict[str, Path] = MODULES) -> set[str]:
    """Modules of the kit that a module imports anywhere in its text, under their full names."""
    package = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    targets = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            # `from . import x`: x is a module, or a name that the package's `__init__` gives
            targets |= {full if (full := f"{base}.{alias.name}") in known else base for alias in node.names}
    return {target for target in targets if target in known and target != name}


IMPORTS = {name: imported(name, path.read_text(encoding="utf8")) for name, path in MODULES.items()}


def place_of(name: str, package: str, places: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
    """Floor and room of a module, or of the nearest folder around it within `package`, where the floors name one."""
    inside = name.removeprefix(package).lstrip(".") or "__init__"
    while inside and inside not in places:
        inside = inside.rpartition(".")[0]
    return places.get(inside)


def against(floors: tuple, package: str, imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Imports within `package` that do not go to a lower floor; those of a module that no floor names are all such."""
    places = {
        name: (height, room)
        for height, floor in enumerate(floors)
        for room, names in enumerate(floor)
        for name in names.split()
    }
    wrong = set()
    for importer, targets in imports.items():
        for target in targets:
            if not all(f"{name}.".startswith(f"{package}.") for name in (importer, target)):
                continue
            upper, lower = (place_of(name, package, places) for name in (importer, target))
            if upper is None or lower is None or (upper != lower and lower[0] >= upper[0]):
                wrong.add((importer, target))
    return wrong


@pytest.mark.parametrize(
    ("package", "floors"),
    [("dualport", HOUSE_FLOORS), ("dualport.common.compare", COMPARE_FLOORS), ("dualport.backends", BACKENDS_FLOORS)],
)
def test_a_file_imports_only_what_stands_below_it(package, floors):
    assert against(floors, package, IMPORTS) == set()


def test_common_names_neither_a_backend_nor_a_command_as_text():
    for name, path in MODULES.items():
        if name.startswith("dualport.common"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
                assert not any(upper in text for upper in ("dualport.backends", "dualport.scripts")), path


def to_commands(imports: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Imports of commands by other commands, or by what they share."""
    commands = {name for name, path in MODULES.items() if path.parent == HOUSE / "scripts"} - {"dualport.scripts"}
    return {
        (name, target)
        for name, targets in imports.items()
        for target in targets & commands
        if name.startswith("dualport.scripts.")
    }


def test_nothing_but_the_door_imports_a_command():
    assert to_commands(IMPORTS) == set()


def neighbours(imports: dict[str, set[str]]) -> dict[str, dict[str, set[str]]]:
    """Folder → its file or folder → which of its other files and folders that one imports, at any depth."""
    tree: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for importer, targets in imports.items():
        for target in targets:
            one, other = (
                [*name.split("."), *(["__init__"] if MODULES[name].name == "__init__.py" else [])]
                for name in (importer, target)
            )
            depth = next(at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its)
            tree[".".join(one[:depth])][one[depth]].add(other[depth])
    return tree


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - seen
        seen |= new
        waiting += new
    return seen


def test_no_circle_of_files_or_folders():
    tree = neighbours(IMPORTS)
    assert {"dualport", "dualport.common", "dualport.common.compare"} <= set(tree)
    for folder, graph in tree.items():
        circle = sorted(name for name in graph if name in reached(graph, name))
        assert circle == [], f"{folder}: {', '.join(circle)} import one another"


def test_no_folder_holds_more_files_than_one_takes_in():
    count = Counter(path.parent for path in MODULES.values() if path.name != "__init__.py")
    assert {str(folder): files for folder, files in count.items() if files > MOST_FILES} == {}


def test_imports_are_found_at_any_depth_and_upward_ones_told():
    """The rules themselves, on imports that break them."""
    source = "def late():\n    from .report import page\n    from . import atomic\n    import dualport.scripts.diff\n"
    assert imported("dualport.common.errors", source) == {
        "dualport.common.report.page",
        "dualport.common.atomic",
        "dualport.scripts.diff",
    }
    upward = {
        "dualport.common.errors": {"dualport.common.atomic"},
        "dualport.common.data.load": {"dualport.common.spec"},
    }
    assert against(HOUSE_FLOORS, "dualport", upward) == {("dualport.common.errors", "dualport.common.atomic")}
    assert against(HOUSE_FLOORS, "dualport", {"dualport.common.novel": {"dualport.common.errors"}})
    assert to_commands({"dualport.scripts.terminal.comparison": {"dualport.scripts.train"}})
