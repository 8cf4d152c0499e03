"""What is shown of an entry: arguments in the order of the live signatures, and a page that is current."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from both_frameworks import resolved, signature
from dualport.common.dictionary import index
from dualport.common.dictionary.entry import Entry
from dualport.common.dictionary.facts import facts
from dualport.common.dictionary.page import main

PAGE = Path(__file__).parents[2] / "docs" / "dictionary.md"


@pytest.mark.dictionary
@pytest.mark.parametrize("framework", ["torch", "paddle"])
@pytest.mark.parametrize("entry", [pytest.param(one, id=one.kind) for one in index.ENTRIES])
def test_arguments_are_shown_in_the_order_of_each_signature(entry: Entry, framework: str) -> None:
    shown = [one.partition("=")[0] for one in facts(entry)[framework]["arguments"]]
    names = entry.names(framework)
    for path in (*names.classes, *names.functions)[:1]:
        taken = list(signature(resolved(framework, path)))
        places = [taken.index(one) for one in shown if one in taken]
        assert places == sorted(places), [one for one in taken if one in shown]


@pytest.mark.parametrize("entry", [pytest.param(one, id=one.kind) for one in index.ENTRIES])
def test_an_entry_is_data_that_json_can_hold(entry: Entry) -> None:
    assert json.loads(json.dumps(facts(entry), allow_nan=False))["kind"] == entry.kind


def test_the_page_is_current(tmp_path: Path, capsys) -> None:
    assert main(["--check", str(PAGE)]) == 0, capsys.readouterr().out
    stale = tmp_path / "dictionary.md"
    stale.write_text(PAGE.read_text("utf-8").replace("relu6", "relu7"), "utf-8")
    assert main(["--check", str(stale)]) == 1
    assert capsys.readouterr().out.count("\n") == 1
    assert main([str(stale)]) == 0
    assert stale.read_text("utf-8") == PAGE.read_text("utf-8")
