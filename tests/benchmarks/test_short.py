"""The bench in its short form, so that it is known to work; its long form is `make bench`."""

from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import chart, page, push_time
from tests.benchmarks.goals import HEAD, SHOWN, table
from tests.benchmarks.measure import collected
from tests.properties.quick_loop import CRMS

LARGE = 10_000_000


def row(cpu: float, beside: float = 0, peak_mb: float = 100) -> dict[str, object]:
    return {
        "ours": collected([{"cpu": cpu, "wall": cpu, "peak_mb": peak_mb}]),
        "other": "bare DuckDB",
        "beside": collected([{"cpu": beside}]) if beside else {},
        "why_not": "",
    }


@pytest.mark.parametrize(
    ("key", "measured", "leads", "met"),
    [
        ("first_build", row(30, beside=10), LARGE, "yes"),
        ("first_build", row(31, beside=10), LARGE, "no"),
        ("first_build", row(30, beside=10, peak_mb=4000), LARGE, "no"),
        ("first_build", row(31, beside=10), 100_000, "–"),
        ("changed_build", row(1.5), LARGE, "yes"),
        ("changed_build", row(1.6), LARGE, "no"),
        ("plan", row(0.9), 100_000, "yes"),
        ("plan", row(1.1), 100_000, "no"),
        ("plan", row(2.0, beside=1), LARGE, "yes"),
        ("plan", row(2.1, beside=1), LARGE, "no"),
        ("plan", row(2.1), LARGE, "–"),
        ("idle_run", row(3), 0, "yes"),
        ("idle_run", row(3.1), 0, "no"),
    ],
)
def test_a_goal_is_judged_where_it_is_about_so_many_leads(
    key: str, measured: dict[str, object], leads: int, met: str
) -> None:
    """A figure within its goal says yes, one beyond it no, and one that the goal is not about neither."""
    (line,) = table({key: measured}, leads, {"changed_build": row(1)})
    assert dict(zip(HEAD, line, strict=True))["met"] == met


def test_columns_of_their_own_are_held_against_a_build_without_them() -> None:
    """The goal for 3,000 columns is about what they cost more than a build with nothing new."""
    for cpu, met in ((15, "yes"), (15.1, "no")):
        _, wide = table({"wide_0": row(10), "wide_3000": row(cpu)}, 0, {})
        assert wide[HEAD.index("met")] == met


def test_sizes_add_up_and_what_was_not_measured_says_why(tmp_path: Path) -> None:
    """A second size stands beside the first on the page and in the picture, and a reason stands in place of a figure."""
    about = {"engine": "duckdb", "when": "", "command": "", "machine": "", "versions": {}, "load": 0}
    results = page.load(tmp_path / "performance.json")
    results["duckdb 1000"] = {"leads": 1000, "rows": {"status": row(1)}, **about}
    page.write(tmp_path, results)
    results = page.load(tmp_path / "performance.json")
    missing = {**row(2), "why_not": "it can't be installed"}
    results["duckdb 20000"] = {"leads": 20_000, "rows": {"status": row(4), "plan": missing}, **about}
    page.write(tmp_path, results)
    text = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert text.index("## 1,000 leads in DuckDB") < text.index("## 20,000 leads in DuckDB")
    assert "bare DuckDB: not measured, it can't be installed" in text
    assert "20,000 leads" in page.plain(results, ["duckdb 20000"])
    sizes = {each["leads"]: each["rows"] for each in results.values()}
    assert chart.points(sizes, "status", "ours") == [(1000, 1), (20_000, 4)]
    assert (tmp_path / "performance.svg").read_text(encoding="utf-8").count("<circle") == 3


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_row_of_a_warehouse_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With 3,000 made-up leads, 2,000 of which change: the product takes the warehouse, and each row has figures beside it."""
    bench.main(["--leads", "3000", "--runs", "1", "--only", "warehouse", "--docs", str(tmp_path)])
    (result,) = page.load(tmp_path / "performance.json").values()
    assert set(result["rows"]) == {"first_build", "changed_build", "idle_build", "plan", "status"}
    for key in ("first_build", "changed_build", "plan"):
        assert result["rows"][key]["beside"]["cpu"][0] > 0
    printed = capsys.readouterr().out
    assert all(SHOWN[key][0].what in printed for key in result["rows"])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_calls_of_a_push_are_told_for_every_crm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A lead of Convoso takes a call and its share of a look before, at ten calls a second; all others have a row as well."""
    monkeypatch.setattr(push_time, "SMALL", 4)
    monkeypatch.setattr(push_time, "LARGE", 12)
    monkeypatch.setattr(push_time.Large, "leads", 20)
    push_time.main()
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert {row[0] for row in rows} == {*CRMS}
    ((_, calls, *times),) = [row for row in rows if row[0] == "convoso"]
    assert 1 <= float(calls) < 2
    assert times[-1] == push_time.told(1_000_000 * float(calls) / 10)
