"""How the house is laid out: what the wheel holds, what `common` imports, and that the two backends are twins."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import dualport

HOUSE = Path(__file__).resolve().parents[2]
FOLDERS = ("backends", "common", "scripts")
SOURCES = ("pyproject.toml", "setup.py", "LICENSE", "README.md", *FOLDERS, "src")
SETUPTOOLS = 77  # what pyproject.toml asks for
# What only Paddle needs: which of its functions are steps must be said, where PyTorch shows every function by itself;
# its kernels hold numbers in float32, which a float64 pass mends; a tensor's memory is given to another by hand.
FILES_ONLY_IN_PADDLE = {"between.py", "kernels.py"}
ONLY_IN_PADDLE = {
    "calls.py": {"FUNCTIONS", "PLACES", "TRANSPOSED", "NOT_STEPS", "OPERATORS"},
    "float64.py": {"WHOLE", "TYPE", "REFUSED"},
    "tensors.py": {"share"},
}
ONLY_IN_TORCH = {"float64.py": {"ATTRIBUTES", "CHANGES"}}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> list[str]:
    """Names of the files in a wheel that is built from a copy: building leaves folders behind."""
    try:
        major = int(metadata.version("setuptools").split(".")[0])
    except metadata.PackageNotFoundError:
        major = 0
    if major < SETUPTOOLS:
        pytest.skip(f"building the wheel needs setuptools {SETUPTOOLS}, here is {major or 'none'}")
    copy, built = tmp_path_factory.mktemp("copy") / "dualport-1.0", tmp_path_factory.mktemp("built")
    copy.mkdir()
    for name in SOURCES:
        source = HOUSE / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy(source, copy / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*build, "-w", built, copy], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = built.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_the_wheel_holds_one_import_name_and_every_file(wheel):
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dualport"}
    assert len(tops) == 2
    wanted = {f"dualport/{path.name}" for path in (HOUSE / "src" / "dualport").glob("*.py")}
    wanted.add("dualport/py.typed")
    for folder in FOLDERS:
        for path in (HOUSE / folder).rglob("*"):
            if path.suffix in (".py", ".j2"):
                wanted.add(f"dualport/{path.relative_to(HOUSE)}")
    assert {"dualport/backends/torch/model.py", "dualport/common/report/report.html.j2"} <= wanted
    assert {name for name in wheel if name.startswith("dualport/")} == wanted


def test_the_version_is_written_once():
    (version,) = re.findall(r'(?m)^version = "(.+)"$', (HOUSE / "pyproject.toml").read_text(encoding="utf8"))
    assert dualport.__version__ == version
    for folder in (*FOLDERS, "src"):
        for path in (HOUSE / folder).rglob("*.py"):
            assert f'"{version}"' not in path.read_text(encoding="utf8"), path


def test_type_checkers_see_every_public_name():
    assert set(dualport.__all__) == {"__version__", *dualport._PUBLIC}
    module = ast.parse(Path(dualport.__file__).read_text("utf8"))
    named = {
        name.name: step.module
        for node in module.body
        if isinstance(node, ast.If)
        for step in node.body
        if isinstance(step, ast.ImportFrom)
        for name in step.names
    }
    assert named == {name: f"dualport.{place}" for name, place in dualport._PUBLIC.items()}


def test_type_checkers_see_the_folders_as_the_wheel_installs_them():
    shown = {path.name: path.resolve() for path in (HOUSE / ".ci" / "typings" / "dualport").iterdir()}
    source = HOUSE / "src" / "dualport" / "__init__.py"
    assert shown == {"__init__.py": source, **{folder: HOUSE / folder for folder in FOLDERS}}


def test_every_folder_of_modules_is_a_package():
    for folder in FOLDERS:
        for path in (HOUSE / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path


def test_common_knows_no_framework():
    program = """
import importlib, pkgutil, sys
import dualport.common
names = [found.name for found in pkgutil.walk_packages(dualport.common.__path__, "dualport.common.")]
for name in names:
    importlib.import_module(name)
print(len(names), *sorted({"torch", "paddle"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    count, *frameworks = done.stdout.split()
    assert int(count) > 50
    assert frameworks == []


def test_common_names_no_module_above_it():
    """Neither in an import nor in a text that could become one."""
    for file in (HOUSE / "common").rglob("*.py"):
        named = [node.value for node in ast.walk(ast.parse(file.read_text(encoding="utf8")))
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)]  # fmt: skip
        named += [node.module or "" for node in ast.walk(ast.parse(file.read_text(encoding="utf8")))
                  if isinstance(node, ast.ImportFrom)]  # fmt: skip
        above = [name for name in named if re.fullmatch(r"\.*(dualport\.)?(backends|scripts)(\.\w+)*", name)]
        assert above == [], file


def public_names(file: Path) -> list[str]:
    """Classes, functions and constants that a module defines at its top, in order, without the framework's own name."""
    found = []
    for node in ast.parse(file.read_text(encoding="utf8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            found += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [name.removeprefix("Torch").removeprefix("Paddle") for name in found if not name.startswith("_")]


def members(file: Path) -> dict[str, list[str]]:
    """Public methods of each public class, in order."""
    return {
        node.name.removeprefix("Torch").removeprefix("Paddle"): [
            one.name for one in node.body if isinstance(one, ast.FunctionDef) and not one.name.startswith("_")
        ]
        for node in ast.parse(file.read_text(encoding="utf8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }


def test_the_backends_are_twins_file_by_file():
    torch, paddle = ({path.name for path in (HOUSE / "backends" / name).glob("*.py")} for name in ("torch", "paddle"))
    assert torch == paddle - FILES_ONLY_IN_PADDLE
    assert paddle >= FILES_ONLY_IN_PADDLE
    assert len(torch) >= 6


@pytest.mark.parametrize("name", sorted(path.name for path in (HOUSE / "backends" / "torch").glob("*.py")))
def test_the_backends_are_twins_name_by_name(name):
    torch, paddle = (HOUSE / "backends" / folder / name for folder in ("torch", "paddle"))
    names = [public_names(file) for file in (torch, paddle)]
    extra = [only.get(name, set()) for only in (ONLY_IN_TORCH, ONLY_IN_PADDLE)]
    assert all(own <= set(every) for own, every in zip(extra, names, strict=True))
    first, second = ([one for one in every if one not in own] for own, every in zip(extra, names, strict=True))
    assert first == second
    assert members(torch) == members(paddle)


def test_a_framework_is_imported_only_in_its_own_backend():
    for folder in (*FOLDERS, "src"):
        for path in (HOUSE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module]
                for framework in {name.split(".")[0] for name in names} & {"torch", "paddle"}:
                    assert path.is_relative_to(HOUSE / "backends" / framework), f"{path}: imports {framework}"
