"""Charts: every number is there, in the drawing and as text, and no label can become a part of the page."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector import charts

ROWS = [("NEW", "convoso", 3), ("NEW", "pollybot", 1), (None, "convoso", 2)]
SVG = "{http://www.w3.org/2000/svg}"


def boxes(chart: charts.Chart) -> list[tuple[float, str]]:
    """Width and tooltip of each part of a bar; the legend's have 12 by 12 pixels."""
    drawn = ElementTree.fromstring(chart.svg())
    found = [each for each in drawn.iter(f"{SVG}rect") if each.get("height") != "12.0"]
    return [(float(each.get("width", 0)), each.findtext(f"{SVG}title") or "") for each in found]


def test_a_label_is_one_bar_of_its_parts() -> None:
    """Twice the number is twice the width, and the longest bar is as long as there is room."""
    chart = charts.bars("By stage", ROWS)
    widths = {told: width for width, told in boxes(chart)}
    assert list(widths) == ["NEW: convoso 3", "NEW: pollybot 1", "none: convoso 2"]
    assert widths["NEW: convoso 3"] == pytest.approx(3 * widths["NEW: pollybot 1"], abs=0.3)
    assert "NEW" in str(chart)
    assert "4 (convoso 3, pollybot 1)" in str(chart)


@pytest.mark.parametrize("label", ["NRESPONSIVEWWW", "W" * 32, "Ж" * 20, "in progress"])
def test_no_label_begins_outside_of_the_drawing(label: str) -> None:
    """Capitals are wider: a sans-serif's widest letter has about 0.95 of its size, its capitals 0.7 on average."""
    chart = charts.bars("t", [(label, 1)])
    texts = ElementTree.fromstring(chart.svg()).iter(f"{SVG}text")
    right = next(float(each.get("x", 0)) for each in texts if each.text == label)
    assert right >= 13 * (0.7 if label.upper() == label else 0.52) * len(label)


def test_without_series_and_without_rows() -> None:
    """Two columns are enough, a NULL is no length, and a chart of nothing says so."""
    chart = charts.bars("t", [("a", 1.5), ("b", None)])
    assert [told for _, told in boxes(chart)] == ["a: 1.5", "b: 0"]
    assert chart._repr_html_() == chart.svg()
    for text in (str(charts.bars("t", [])), charts.bars("t", []).svg()):
        assert "nothing to show yet" in text
    with pytest.raises(ValueError, match="-1"):
        charts.bars("t", [("a", -1)])


def test_what_has_no_room_is_counted() -> None:
    """A field with thousands of values makes no page of a kilometre."""
    chart = charts.bars("t", [(n, 1) for n in range(charts.MOST_BARS + 7)])
    assert len(chart.rows) == charts.MOST_BARS
    assert "and 7 more" in str(chart)
    assert "and 7 more" in chart.svg()


@given(
    st.lists(
        st.tuples(st.text(st.characters(blacklist_categories=("Cc", "Cs"))), st.integers(0, 9)), max_size=4
    )
)
def test_no_label_can_become_markup(rows: list[tuple[str, int]]) -> None:
    """Whatever a lead's field holds: the drawing is XML, and has as many parts as there are labels."""
    given_rows = [*rows, ("<script>&\"'</title>", 1)]
    chart = charts.bars("<b>", given_rows)
    assert len(boxes(chart)) == len(chart.rows)
    assert "<script>" not in chart.svg()
