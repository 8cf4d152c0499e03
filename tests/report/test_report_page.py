"""The report: one file with everything inside, nothing read as HTML that is not, nothing fetched."""

from __future__ import annotations

import base64
import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from dualport.common.drawing import save_gif, save_png
from dualport.common.errors import BadInput
from dualport.common.report import Figure, FigureRow, KeyValues, Report, Section, Table, Text, write_report
from dualport.common.report.page import numeric_columns, shown

VOID = {"meta", "img", "input", "link", "br", "hr"}


class Page(HTMLParser):
    """Elements in order as (tag, attributes), the text, and a check that every element is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def find(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self) -> str:
        return " ".join("".join(self.words).split())


@pytest.fixture
def pictures(tmp_path):
    save_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    save_gif(tmp_path / "b.gif", [np.zeros((4, 4), np.uint8)], 100)
    return tmp_path / "a.png", tmp_path / "b.gif"


@pytest.fixture
def report(pictures) -> Report:
    table = Table(["tensor", "error"], [["conv1", 1.25e-9], ["conv2", None]], [True, False], "Bound: 1e-12.")
    return Report(
        title="dualport reproduce",
        verdict="The two backends agree.",
        ok=True,
        summary=[("seed", 0), ("device", "cpu")],
        sections=[
            Section("Losses", "One paragraph.\n\nAnother.", [table, Figure(pictures[0], "loss")], ok=True),
            Section("Figures", "", [FigureRow(["paddle", "torch"], pictures, "Samples")], ok=False),
            Section("Rest", "", [KeyValues([("numpy", "2.4.6")]), Text("dualport \\\n  train", preformatted=True)]),
        ],
        footer="Written by dualport.",
    )


def written(tmp_path, report: Report) -> str:
    return write_report(tmp_path / "report.html", report).read_text(encoding="utf8")


def test_pictures_are_inside_byte_for_byte(tmp_path, report, pictures):
    sources = [image["src"] for image in Page(written(tmp_path, report)).find("img")]
    assert [source.partition(",")[0] for source in sources] == [
        "data:image/png;base64",
        "data:image/png;base64",
        "data:image/gif;base64",
    ]
    assert base64.b64decode(sources[2].partition(",")[2]) == pictures[1].read_bytes()


def test_nothing_is_fetched_and_nothing_names_the_machine(tmp_path, report):
    source = written(tmp_path, report)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link", re.sub(r"base64,[^\"]*", "", source))
    assert str(tmp_path) not in source
    page = Page(source)
    assert all(anchor["href"].startswith("#") for anchor in page.find("a"))
    assert page.find("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.find("meta")


def test_everything_said_is_on_the_page(tmp_path, report):
    page = Page(written(tmp_path, report))
    for words in ("The two backends agree.", "One paragraph.", "Another.", "1.25e-09", "Bound: 1e-12.", "Samples"):
        assert words in page.text()
    assert "numpy2.4.6" in page.text()
    assert "dualport \\\n  train" in "".join(page.words)


def test_contents_lead_to_every_section(tmp_path, report):
    page = Page(written(tmp_path, report))
    assert [anchor["href"][1:] for anchor in page.find("a")] == [section["id"] for section in page.find("section")]
    assert len(page.find("section")) == 3


@pytest.mark.parametrize(("ok", "colour"), [(True, "pass"), (False, "fail"), (None, "none")])
def test_the_verdict_has_its_colour(tmp_path, report, ok, colour):
    page = Page(written(tmp_path, dataclasses.replace(report, ok=ok)))
    assert [p["class"] for p in page.find("p") if p.get("role") == "status"] == [f"verdict {colour}"]


def test_rows_carry_marks_that_are_more_than_a_colour(tmp_path, report):
    page = Page(written(tmp_path, dataclasses.replace(report, sections=report.sections[:1])))
    marks = [span["aria-label"] for span in page.find("span") if "aria-label" in span]
    assert marks == ["passed", "passed", "failed"]  # the section, then its two rows
    assert [row.get("class") for row in page.find("tr")] == [None, None, "failed"]


def test_names_are_never_read_as_html(tmp_path, pictures):
    evil = "<script>alert('x')</script>\" onload=\"x & y"
    report = Report(
        evil,
        evil,
        None,
        [(evil, evil)],
        [
            Section(evil, evil, [Text(evil), Text(evil, True), KeyValues([(evil, evil)]), Figure(pictures[0], evil)]),
            Section(evil, evil, [Table([evil], [[evil]], None, evil), FigureRow([evil], pictures[:1], evil)]),
        ],
        evil,
    )
    page = Page(written(tmp_path, report))
    assert page.find("script") == []
    assert not any("onload" in attributes for _, attributes in page.elements)
    assert page.find("img")[0]["alt"] == evil
    # 5 in the head, 2 in the contents, 7 + 7 in the sections, 1 at the foot
    assert page.text().count("<script>alert('x')</script>") == 22


def test_an_empty_report_is_a_page(tmp_path):
    page = Page(written(tmp_path, Report("t", "nothing was run", None)))
    assert page.find("nav") == []
    assert page.find("footer") == []


@pytest.mark.parametrize("name", ["missing.png", "weights.pt"])
def test_a_figure_that_cannot_be_shown_is_refused_by_name(tmp_path, name):
    (tmp_path / "weights.pt").touch()
    with pytest.raises(BadInput, match=re.escape(name)):
        write_report(tmp_path / "r.html", Report("t", "v", True, (), [Section("s", "", [Figure(tmp_path / name)])]))
    assert not (tmp_path / "r.html").exists()


def test_columns_of_numbers_are_told_from_words():
    rows = [
        [1, "1,797", "−0.5", "≤ 1e-9", "98.2 %", "1.3×", None, None, "2.4.6", "conv1"],
        [None, "–", 2.5, "", *"123", None, "4", 5],
    ]
    table = Table(list("abcdefghij"), rows)
    assert numeric_columns(table) == [True] * 7 + [False] * 3


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (True, "yes"), (3, "3"), (1 / 3, "0.333333"), (float("nan"), "nan"), ("a", "a")]
)
def test_cells_are_shown_as_people_write_them(value, text):
    assert shown(value) == text


def test_blocks_refuse_what_does_not_match():
    with pytest.raises(ValueError, match="a row of 1 cells"):
        Table(["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="1 marks for 2 rows"):
        Table(["a"], [["x"], ["y"]], [True])
    with pytest.raises(ValueError, match="1 captions for 2 figures"):
        FigureRow(["a"], ["x.png", "y.png"])
