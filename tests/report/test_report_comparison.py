"""The report of a comparison: where two models part, on which lines, why, and how they were held together."""

import json

import numpy as np
import pytest
from dualport.common import drawing
from dualport.common.atomic import make_folder
from dualport.common.compare.explanation.evidence import Explanation
from dualport.common.compare.facts import About, Comes, PartsBackward, Place, Told
from dualport.common.compare.matching.calls import CallPair
from dualport.common.compare.matching.layers import Matching
from dualport.common.compare.matching.left import Lone
from dualport.common.compare.models import Comparison
from dualport.common.compare.row import Row
from dualport.common.compare.summary import alignment_json
from dualport.common.compare.verdict import Rung, Verdict
from dualport.common.compare.wording import short
from dualport.common.drawing import save_png
from dualport.common.report import Table, write_report
from dualport.common.report.comparison import MOST_ROWS, MOST_STEPS
from dualport.common.report.comparison import alignment_report as build_report
from dualport.common.report.plots import MOST_LAYERS
from dualport.common.tolerances import bound
from dualport.common.traces.reading import Call

SIDES = ("paddle", "torch")
FORWARD, GRADIENT, STEPS = (bound(f"float64 {what}") for what in ("forward", "gradient", "ten steps"))
FACTS = [("paddle", "3.3.1"), ("torch", "2.13.0"), ("inputs", "2×8 float"), ("seed", 7), ("optimiser", "adam, 3 steps")]


def call(place: int, path: str, kind: str, label: str, line: int, **settings) -> Call:
    return Call(
        place, -1, path, kind, label, True, True, 0, (("x", place),), (("", place + 1),), settings, f"f.py:{line}"
    )


def row(name: str, limit: float, share: float = 0.1, lost: float = 0.1, what: str = "call", **more) -> Row:
    """A row that uses up `share` of its bound in float64, and `lost` of what rounding explains in float32."""
    errors = {side: lost * GRADIENT * (1 + place) / 2 for place, side in enumerate(SIDES)}
    place = Place(pair=more.pop("pair", -1), lines=more.pop("lines", ("", "")))
    return Row(About(what, name), share * limit, limit, errors, GRADIENT, place=place, **more)


def gradient(name: str, *numbers: float, **more) -> Row:
    return row(name, GRADIENT, *numbers, what="weight gradient", **more)


def pairs_at(first: int, eps: float = 1.0) -> list[CallPair]:
    lines = ((first, "fc1", "linear", "Linear", {}), (first + 1, "norm", "layer_norm", "LayerNorm", {"eps": 1.0}))
    return [
        CallPair(call(n, path, kind, label, line, **told), call(n, path, kind, label, 100 + line, **told | other))
        for n, (line, path, kind, label, told) in enumerate(lines)
        for other in [{"eps": eps} if told else {}]
    ]


def difference_of(rungs, **more) -> Comparison:
    matching = Matching([("fc1", "fc1", "name"), ("norm", "norm", "name")], weights={"fc1.weight": "fc1.weight"})
    forwards = {"train": rungs[0], "eval": rungs[-1]}
    given = {
        "matching": matching,
        "paired": {"train": pairs_at(11, 2.0), "eval": pairs_at(21, 2.0)},
        "unpaired": ([], []),
        "moves": ([], []),
    }
    verdict = Verdict("/home/me/a.py:Net against b.py:Net", SIDES, rungs)
    return Comparison(SIDES, verdict, forwards=forwards, heads=({}, {}), **given | more)


def passing(**more) -> Comparison:
    rungs = [
        Rung("forward", [row("fc1", FORWARD, pair=0), row("norm", FORWARD, pair=1)]),
        Rung("weights", [Row(About("weight", "fc1.weight"), 0.0, 0.0)]),
        Rung("gradients", [gradient("fc1.weight"), gradient("fc1.bias")]),
        *(Rung("step", [row("fc1.weight", STEPS, 0.1 * step, what="weight")], step=step) for step in (1, 2, 3)),
    ]
    return difference_of(rungs, **more)


def failing(**more) -> Comparison:
    parted = {"by_itself": True, "error_of_inputs": 0.5 * FORWARD, "cause": Comes("itself")}
    rungs = [
        Rung("forward", [row("fc1", FORWARD, pair=0, lines=("f.py:11", "f.py:111")),
                         row("norm", FORWARD, 3e6, pair=1, lines=("f.py:12", "f.py:112"), **parted)]),
        Rung("gradients", [gradient("fc1.weight", 50.0, by_itself=True, cause=PartsBackward(("norm",)))]),
        Rung("forward", [row("norm", FORWARD, 2e6, pair=1, lines=("f.py:22", "f.py:122"), **parted)], "eval"),
    ]  # fmt: skip
    norm = About("call", "norm")
    tried = [Explanation("eps is 1.0 in paddle and 2.0 in torch", 3e6 * FORWARD, 0.0, about=norm),
             Explanation("another axis", 3e6 * FORWARD, 4e3 * FORWARD, about=norm)]  # fmt: skip
    return difference_of(rungs, explanations=tried, **more)


def page_of(difference: Comparison, folder) -> str:
    report = build_report(difference, FACTS, make_folder(folder / "figures"))
    return write_report(folder / "report.html", report).read_text("utf8")


def section_of(report, title: str):
    return next(section for section in report.sections if section.title == title)


def tables_of(section) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """What was drawn: file name → (names or steps, series, bounds)."""
    found = {}

    def draw(path, along, errors, bounds=None, *, title=None):
        found[path.name] = (list(along), errors, bounds)
        return save_png(path, np.zeros((1, 1), np.uint8))

    monkeypatch.setattr(drawing, "error_by_layer", draw)
    monkeypatch.setattr(drawing, "error_growth", draw)
    return found


def test_a_failing_page_begins_with_where_the_two_part(tmp_path):
    report = build_report(failing(), FACTS, make_folder(tmp_path / "figures"))
    assert (report.ok, report.verdict) == (False, failing().sentence)
    assert report.title == "Alignment: a.py:Net against b.py:Net"
    assert list(report.summary) == FACTS
    first = report.sections[0]
    assert (first.title, first.ok) == ("Where it parts", False)
    assert "First at norm (forward): same input, different output (f.py:12 against f.py:112)." in first.text
    assert f"goes in differs by {short(0.5 * FORWARD)}, what comes out by {short(3e6 * FORWARD)}" in first.text
    sides, own, tried = tables_of(first)
    assert ["line", "f.py:12", "f.py:112"] in sides.rows
    assert ["computes", "LayerNorm (eps 1.0)", "LayerNorm (eps 2.0)"] in sides.rows
    assert [line[:2] for line in own.rows] == [
        ["norm", "forward"], ["fc1.weight", "gradients"], ["norm", "forward, eval"],
    ]  # fmt: skip
    assert own.rows[0][2:] == [short(0.5 * FORWARD), short(3e6 * FORWARD), "LayerNorm (eps 1.0), f.py:12",
                               "LayerNorm (eps 2.0), f.py:112"]  # fmt: skip
    assert own.rows[1][4:] == ["Linear, f.py:11", "Linear, f.py:111"]
    assert "f.py:22" in own.rows[2][4]
    assert "mend the forward pass first" in own.note
    assert [[line[1], line[-1]] for line in tried.rows] == [
        ["eps is 1.0 in paddle and 2.0 in torch", True], ["another axis", False],
    ]  # fmt: skip
    assert tried.rows[1][2:4] == [short(3e6 * FORWARD), short(4e3 * FORWARD)]


def test_a_call_is_listed_once_with_all_rungs_that_it_parts_in(tmp_path):
    again = failing()
    again.verdict.rungs[2].rows[0].place.lines = again.verdict.rungs[0].rows[1].place.lines
    own = tables_of(build_report(again, FACTS, make_folder(tmp_path / "figures")).sections[0])[1]
    assert [line[:2] for line in own.rows] == [["norm", "forward; eval"], ["fc1.weight", "gradients"]]


def test_the_error_on_the_counterparts_inputs_is_shown_where_it_was_measured(tmp_path):
    measured = failing()
    measured.verdict.rungs[0].rows[1].error_on_same_inputs = 7e5 * FORWARD
    section = build_report(measured, FACTS, make_folder(tmp_path / "figures")).sections[0]
    assert tables_of(section)[1].rows[0][3] == short(7e5 * FORWARD)
    assert f"comes out by {short(7e5 * FORWARD)}" in section.text


def test_what_has_no_explanation_is_said(tmp_path):
    folder = make_folder(tmp_path / "figures")
    alone = failing()
    alone.explanations = []
    assert "No known difference explains it." in [
        getattr(b, "text", "") for b in build_report(alone, [], folder).sections[0].blocks
    ]
    other = failing()
    other.verdict.rungs[0].rows.append(row("head", FORWARD, 9e6, by_itself=True))
    assert "Without an explanation: head." in tables_of(build_report(other, [], folder).sections[0])[2].note


def test_the_rendered_pages_hold_what_a_reader_needs(tmp_path):
    page = page_of(failing(unpaired=(["drop at f.py:5", "drop at f.py:5"], ["mean at g.py:6"]), moves=(["flat"], []),
                           notes=["norm gives float32 in the float64 pass too"]), tmp_path)  # fmt: skip
    for text in ("Where it parts", "f.py:112", "removes it", "drop at f.py:5", "mean at g.py:6",
                 "1 in paddle, 0 in torch", "Note: norm gives float32", "Layers with the same name: 2."):  # fmt: skip
        assert text in page
    page = page_of(passing(), tmp_path)
    assert "Where it parts" not in page
    assert "Every call that computes has its counterpart." in page
    assert "1 compared: all are equal." in page
    assert page.count("data:image/png") == 3


def test_layers_with_other_names_and_calls_without_a_counterpart_are_all_listed(tmp_path):
    pairs = [("fc1", "fc1", "name"), ("", "head", "graph"), ("a", "b", "map"), ("c", "d", "only one of its kind")]
    pairs.append(("e", "e", "graph"))
    matching = Matching(pairs, lone=[Lone(0, "lost")])
    many = [f"drop {n}" for n in range(2 * MOST_ROWS)]
    difference = passing(matching=matching, unpaired=([*many, many[0]], []), notes=[])
    section = build_report(difference, FACTS, make_folder(tmp_path / "figures")).sections[-1]
    assert section.text == "Layers with the same name: 1."
    layers, calls = tables_of(section)
    assert [line[:2] for line in layers.rows] == [["the model itself", "head"], ["a", "b"], ["c", "d"], ["e", "e"]]
    assert layers.rows[0][2] == "what feeds it and what it feeds"
    assert [line[1] for line in calls.rows] == many
    assert calls.rows[0] == ["paddle", many[0], 2]
    assert any("lost in paddle has no counterpart" in getattr(block, "text", "") for block in section.blocks)


def test_the_figures_show_both_float32_the_float64_and_what_rounding_explains(tmp_path, drawn):
    difference = passing()
    difference.verdict.rungs[0].rows += [
        Row(About("call", "index"), 0.0, 0.0),
        Row(About("call", "shape"), float("inf"), FORWARD),
    ]
    jump = gradient("norm.weight", 0.1, 9.0)
    jump.bound32 = None
    difference.verdict.rungs[2].rows.append(jump)
    build_report(difference, FACTS, make_folder(tmp_path / "figures"))
    assert sorted(drawn) == ["forward.png", "gradients.png", "steps.png"]
    names, series, bounds = drawn["forward.png"]
    rows = difference.verdict.rungs[0].rows[:2]
    assert names == ["fc1", "norm"]  # whole numbers, and what cannot be compared, have no place there
    assert list(series) == ["paddle float32", "torch float32", "float64 between the two"]
    assert series["torch float32"] == [one.error32["torch"] for one in rows]
    assert series["float64 between the two"] == [one.error64 for one in rows]
    assert bounds == [one.bound32 for one in rows]
    assert drawn["gradients.png"][2] == [GRADIENT, GRADIENT, float("inf")]
    steps, growth, limits = drawn["steps.png"]
    assert (steps, limits) == ([1, 2, 3], None)
    assert growth["float64 between the two"] == [0.1 * step * STEPS for step in (1, 2, 3)]
    assert growth["paddle float32"] == [rung.float32_error("paddle") for rung in difference.verdict.rungs[3:]]


def test_of_many_rows_the_most_telling_are_shown_in_their_order(tmp_path, drawn):
    difference = failing()
    more = [row(f"layer {n}", FORWARD, 1e-3 * n, 0.0) for n in range(2 * MOST_LAYERS)]
    difference.verdict.rungs[0].rows[:0] = more
    report = build_report(difference, FACTS, make_folder(tmp_path / "figures"))
    table = tables_of(section_of(report, "forward"))[0]
    for shown, most in ((drawn["forward.png"][0], MOST_LAYERS), ([line[0] for line in table.rows], MOST_ROWS)):
        assert len(shown) == most
        assert shown[-1].startswith("norm")
        assert shown[0] not in ("layer 0", "fc1")
        assert shown[:-2] == sorted(shown[:-2], key=lambda name: int(name.split()[1]))


def test_errors_of_their_own_come_before_others_that_fail(tmp_path):
    difference = failing()
    difference.verdict.rungs[0].rows[:0] = [row(f"layer {n}", FORWARD, 5.0) for n in range(2 * MOST_ROWS)]
    section = section_of(build_report(difference, FACTS, make_folder(tmp_path / "figures")), "forward")
    names = [line[0] for line in tables_of(section)[0].rows]
    assert "norm – same input, different output (f.py:12 against f.py:112)" in names


@pytest.mark.parametrize(("bad", "shown"), [((), [3]), ((2,), [2, 3]), (range(1, 12), [*range(1, MOST_STEPS + 1), 11])])
def test_steps_that_fail_and_the_last_have_their_tables(tmp_path, drawn, bad, shown):
    count = max(3, *bad, 0)
    steps = [
        Rung("step", [row("fc1.weight", STEPS, 9.0 if n in bad else 0.1, what="gradient in a step")], step=n)
        for n in range(1, count + 1)
    ]
    difference = difference_of([Rung("forward", [row("fc1", FORWARD, pair=0)]), *steps])
    report = build_report(difference, FACTS, make_folder(tmp_path / "figures"))
    assert [one.title for one in report.sections if one.title.startswith("step ")] == [f"step {n}" for n in shown]
    assert section_of(report, "The steps").ok is not bool(bad)
    assert list(drawn) == ["steps.png"]  # one call makes no figure
    assert drawn["steps.png"][0] == list(range(1, count + 1))
    if bad:  # a weight is where its layer is called, though the step has no line of its own
        assert ["line", "f.py:11", "f.py:111"] in tables_of(report.sections[0])[0].rows


def test_a_loss_of_precision_is_told_as_one(tmp_path):
    difference = difference_of([Rung("forward", [row("fc1", FORWARD, lost=6.0, pair=0)])])
    section = build_report(difference, FACTS, make_folder(tmp_path / "figures")).sections[0]
    assert (
        f"float32 of torch is off by {short(6 * GRADIENT)}, where rounding explains {short(GRADIENT)}" in section.text
    )


def test_a_comparison_in_one_precision_speaks_of_no_other(tmp_path, drawn):
    rows = [Row(About("call", name), 0.5 * FORWARD, FORWARD) for name in ("fc1", "norm")]
    difference = difference_of([Rung("forward", [*rows, Row(About("call", "not measured"))])])
    page = page_of(difference, tmp_path)
    assert drawn["forward.png"][0] == ["fc1", "norm"]
    assert list(drawn["forward.png"][1]) == ["between the two"]
    assert drawn["forward.png"][2] == [FORWARD, FORWARD]
    assert "float64 error" not in page
    assert "of its bound" not in page


def test_the_outcome_as_data_is_json_whatever_the_numbers(tmp_path):
    difference = failing(unpaired=(["drop"], []), moves=([], ["flat"]), notes=["a note"])
    difference.verdict.rungs[0].rows[1].error64 = float("inf")
    difference.explanations.append(Explanation("crossed", float("nan"), 0.0))
    found = json.loads(json.dumps(alignment_json(difference), allow_nan=False))
    first = found["first_divergence"]
    assert (found["ok"], found["verdict"]) == (False, difference.sentence)
    assert (first["name"], first["rung"], first["own"]) == ("norm", "forward", "inf")
    assert first["where"] == {"paddle": "f.py:12", "torch": "f.py:112"}
    assert first["inherited"] == 0.5 * FORWARD
    assert first["computes"] == {"paddle": "LayerNorm (eps 1.0)", "torch": "LayerNorm (eps 2.0)"}
    assert [one["name"] for one in found["own_errors"]] == ["norm", "fc1.weight", "norm"]
    assert found["own_errors"][2]["where"] == {"paddle": "f.py:22", "torch": "f.py:122"}
    assert found["explanations"][0]["removed"] is True
    assert found["explanations"][2]["before"] == "nan"
    assert [rung["name"] for rung in found["rungs"]] == ["forward", "gradients", "forward, eval"]
    assert found["matching"]["pairs"][0] == {"names": ["fc1", "fc1"], "how": "name"}
    assert (found["unpaired"], found["moves"]) == ({"paddle": ["drop"], "torch": []}, {"paddle": [], "torch": ["flat"]})
    assert found["notes"] == ["a note"]
    assert alignment_json(passing())["first_divergence"] is None


def test_layers_that_are_not_matched_are_told_on_the_page(tmp_path):
    matching = Matching(lone=[Lone(0, "lost")])
    rows = [Row(About("layers"), float("inf"), 0.0, cause=Told(matching.complaint(SIDES)))]
    report = build_report(
        difference_of([Rung("layers", rows)], matching=matching), FACTS, make_folder(tmp_path / "figures")
    )
    assert report.verdict == (
        "different systems: first at layers with weights (layers: lost in paddle has no counterpart)"
    )
    assert section_of(report, "layers").ok is False
