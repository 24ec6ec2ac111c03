"""The page and its plot are made of the figures alone."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree as ET

from tests.benchmarks.figures import all_figures, fleet

from benchmarks import report


def rows(page: str, title: str) -> list[list[str]]:
    text = page.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]


def test_the_page_has_a_row_for_each_way_to_write():
    told = rows(report.render(all_figures()), "From nothing to all Secrets")
    assert told[2] == ["2,000", "bare client, before", "10.0 s", "200/s", "0.50 ms", "5.00 ms", "25%"]
    assert told[3] == ["2,000", "operator", "20.0 s", "100/s", "1.00 ms", "5.00 ms", "25%"]
    assert len(told) == 2 + 6


def test_an_aim_that_was_missed_says_so():
    found = dataclasses.replace(all_figures(), fleets=[fleet(seconds=100.0)])
    told = {row[0]: row[3] for row in rows(report.render(found), "Aims")}
    assert told["2,000 credentials: share of the bare client's rate"] == "**not met**"
    assert told["seal and open one short value"] == "met"


def test_what_was_not_measured_is_not_on_the_page():
    page = report.render(dataclasses.replace(all_figures(), fleets=[], rotation=None))
    assert "Secrets over time" not in page
    assert "## One rotation" not in page
    assert "## Seal and open" in page


def test_no_line_of_a_table_has_more_cells_than_its_head():
    for line in report.table(("a", "b"), [("x", "1"), ("y", "20 ms")]).splitlines():
        assert line.count("|") == 3
    assert "| --- | ---: |" in report.table(("a", "b"), [("x", "1")])


def test_the_same_figures_make_the_same_plot(tmp_path):
    from benchmarks import plot  # what it draws with takes every process half a second to load

    paths = [tmp_path / name for name in ("one.svg", "two.svg")]
    for path in paths:
        plot.draw(all_figures().fleets, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    text = "".join(ET.parse(paths[0]).getroot().itertext())
    assert "2,000 credentials" in text
    assert "10,000 credentials" in text
