"""Charts are drawn to scale, with gaps where nothing is known, and say in words what they show."""

import re
from xml.etree import ElementTree

import pytest

from api.rendering.charts import ChartSeries, find_top, render_bars, render_curve

DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_bars_are_to_scale_and_what_is_not_known_has_none() -> None:
    series = [ChartSeries("penalties", [100.0, None, 50.0]), ChartSeries("rewards", [0, None, 25])]
    drawn = parse(render_bars("money", "Money", DAYS, series, "USDC"))
    bars = drawn.findall("rect")
    heights = [float(each.attrib["height"]) for each in bars]
    assert [each.attrib["class"] for each in bars] == ["first", "first", "second", "second"]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)
    assert heights[2] == 0
    assert heights[3] == pytest.approx(heights[1] / 2, abs=0.2)
    titles = [each.findtext("title") for each in bars]
    assert titles[0] == "2026-01-01: penalties 100 USDC"
    assert [title for title in titles if title and "2026-01-02" in title] == []


def test_a_curve_is_broken_where_nothing_is_known() -> None:
    series = ChartSeries("minutes", [5, 7, None, 9, 11, None, 3])
    labels = [str(day) for day in range(7)]
    drawn = parse(render_curve("repairs", "Minutes", labels, series, "minutes"))
    assert len(drawn.findall("circle")) == 5
    assert [len(each.attrib["d"].split("L")) for each in drawn.findall("path")] == [2, 2]


def test_it_says_in_words_what_it_shows() -> None:
    series = [ChartSeries("penalties", [100.0, None, 50.5]), ChartSeries("rewards", [None] * 3)]
    drawn = parse(render_bars("money", "Money", DAYS, series, "USDC"))
    assert drawn.attrib["role"] == "img"
    assert drawn.attrib["aria-labelledby"].split() == ["money-title", "money-desc"]
    assert drawn.findtext("title") == "Money"
    assert drawn.findtext("desc") == (
        "From 2026-01-01 to 2026-01-03. penalties: 50.5 to 100 USDC, no data for 1 of 3. rewards: no data."
    )
    assert parse(render_bars("none", "Nothing", [], [], "")).findtext("desc") == (
        "There is nothing to show."
    )


def test_no_text_leaves_its_place() -> None:
    evil = '"><script>alert(1)</script>'
    svg = render_bars("x", evil, [evil], [ChartSeries(evil, [1])], evil)
    assert "<script" not in svg
    assert parse(svg).findtext("title") == evil
    assert not re.search(r"\sstyle=", svg)


@pytest.mark.parametrize(
    ("values", "top"),
    [([], 1), ([None], 1), ([0], 1), ([1], 1), ([3], 5), ([21], 25), ([999], 1000), ([0.3], 0.5)],
)
def test_the_scale_ends_at_a_round_number(values: list[float | None], top: float) -> None:
    assert find_top([ChartSeries("x", values)]) == pytest.approx(top)
