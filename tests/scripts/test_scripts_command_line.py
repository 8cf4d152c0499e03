"""The door: what it imports, how long it takes, and the help of every command."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from dualport.common import recipes
from dualport.scripts.command_line import COMMANDS, main

from dualport import __version__

HOUSE = Path(__file__).resolve().parents[2]
SECONDS = 0.5
HEAVY = ("torch", "paddle", "numpy", "matplotlib", "sklearn", "h5py", "PIL")


def python(*words: str) -> str:
    """Run Python on its own and return what it printed."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def imported_by(program: str) -> set[str]:
    """Top-level modules that are loaded after `program`."""
    tail = "\nimport sys; print('\\n' + ' '.join({name.split('.')[0] for name in sys.modules}))"
    return set(python("-c", program + tail).splitlines()[-1].split())


def cpu_seconds(*words: str) -> float:
    """The shortest of three; the processor's time, because other tests share the machine."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        python(*words)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def test_help_and_import_load_nothing_heavy():
    loaded = imported_by("import dualport; from dualport.scripts.command_line import main; main(['--help'])")
    assert "dualport" in loaded
    assert not loaded & {*HEAVY, "rich"}


def test_the_help_of_every_command_loads_nothing_heavy():
    program = """
from dualport.scripts.command_line import COMMANDS, main
for name in COMMANDS:
    try:
        main([name, "--help"])
        raise AssertionError(name)
    except SystemExit as end:
        assert end.code == 0, name
"""
    assert not imported_by(program) & set(HEAVY)


def test_recipes_loads_no_framework():
    assert not imported_by("from dualport.scripts.command_line import main; main(['recipes'])") & {"torch", "paddle"}


@pytest.mark.parametrize(
    "words", [("-c", "import dualport"), ("-m", "dualport", "--help"), ("-m", "dualport", "recipes")], ids=" ".join
)
def test_an_answer_within_half_a_second(words):
    assert cpu_seconds(*words) < SECONDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_of_each_command(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    page = capsys.readouterr().out
    assert f"usage: dualport {name}" in page
    assert f"\n  dualport {name} " in page or f"\n  dualport {name}\n" in page
    assert "--debug" in page


def test_the_overview_names_every_command(capsys):
    for words in ([], ["--help"], ["-h"]):
        assert main(words) == 0
        page = capsys.readouterr().out
        assert all(f"\n  {name} " in page for name in COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"dualport {__version__}\n"
    assert f'\nversion = "{__version__}"\n' in (HOUSE / "pyproject.toml").read_text(encoding="utf8")


def test_the_table_of_recipes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["recipes"]) == 0
    page = capsys.readouterr().out
    for name in recipes.names():
        assert f" {name} " in page


def test_one_recipe_in_full_and_as_the_spec(capsys):
    from dualport.common.spec import from_json

    for name in recipes.names():
        assert main(["recipes", name]) == 0
        page = capsys.readouterr().out
        assert recipes.recipe(name).title in page
        assert main(["recipes", name, "--json"]) == 0
        assert from_json(json.loads(capsys.readouterr().out)) == recipes.recipe(name)


def test_the_module_and_the_command_are_the_same():
    assert python("-m", "dualport", "--version") == f"dualport {__version__}\n"
    done = subprocess.run(
        [sys.executable, "-m", "dualport", "nothing"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dualport: there is no command 'nothing'")
    assert done.stderr.count("\n") == 1
