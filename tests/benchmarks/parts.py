"""What is measured. Each part gives rows: a name, what leadloop costs, and what the other one costs for the same work."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from tests.benchmarks.crm import Crm
from tests.benchmarks.measure import (
    CLEAN,
    Figures,
    collected,
    module,
    process,
    repeated,
)
from tests.benchmarks.place import PUSH, Place
from tests.benchmarks.sizes import BOOK, CHANGED, FIELDS, MOST_READ, PAGE, SEED, SENT, WIDE_LEADS, WIDTHS


@dataclass(frozen=True)
class Row:
    """``beside`` and ``why_not`` are of the other one's figures: there are some, or a reason why not, or nothing to compare."""

    key: str
    ours: Figures
    other: str = ""
    beside: Figures = field(default_factory=dict)
    why_not: str = ""


def parsed(place: Place) -> None:
    """Has dbt read the whole project once: it remembers that, and no measure pays for it again."""
    place.new_warehouse(WIDE_LEADS, share=1)
    place.run("build")


def warehouse(place: Place, leads: int, runs: int) -> Iterator[Row]:
    """Builds, plans and status of a warehouse with so many leads."""
    place.new_warehouse(leads)
    bare = place.postgres is None

    def row(key: str, ours: Figures, beside: Figures | None) -> Row:
        if beside is not None:
            return Row(key, ours, "bare DuckDB", beside)
        return Row(key, ours, "bare DuckDB", why_not="it is another database")

    first = collected([place.run("build").figures()])
    yield row("first_build", first, collected([place.bare("first").figures()]) if bare else None)

    others: list[dict[str, float]] = []

    def change() -> dict[str, float]:
        place.sql("change", CHANGED)
        ours = place.run("build").figures()
        place.sql("check", leads)
        if bare:
            others.append(place.bare("changed").figures())
        return ours

    ours = repeated(change, runs)
    yield row("changed_build", ours, collected(others) if bare else None)
    yield Row("idle_build", repeated(lambda: place.run("build").figures(), runs))
    ours = repeated(lambda: place.run("plan", PUSH).figures(), runs)
    beside = repeated(lambda: place.bare("plan").figures(), runs) if bare else None
    yield row("plan", ours, beside)
    yield Row("status", repeated(lambda: place.run("status").figures(), runs))


def start(place: Place, runs: int) -> Iterator[Row]:
    yield Row("help", repeated(lambda: place.run("--help").figures(), max(runs, 3)))


def wide(place: Place, runs: int) -> Iterator[Row]:
    """Few leads with thousands of fields of their own."""
    place.new_warehouse(WIDE_LEADS, share=1)
    place.run("build")
    yield Row("wide_0", repeated(lambda: place.run("build").figures(), runs))
    for width in WIDTHS:
        place.new_warehouse(WIDE_LEADS, share=1)
        place.sql("widen", width)
        yield Row(f"wide_{width}", collected([place.run("build").figures()]))
        place.sql("check", WIDE_LEADS)


def extraction(folder: Path, leads: int, runs: int) -> Iterator[Row]:
    """All leads of a CRM whose answers come at once or take 300 ms each; at once also by dlt's stock source."""
    leads = min(leads, MOST_READ)
    for latency in (0.0, 0.3):
        with Crm(leads, latency) as crm:

            def read(contender: str, crm: Crm = crm) -> dict[str, float]:
                there = folder / contender
                shutil.rmtree(there, ignore_errors=True)
                there.mkdir(parents=True)
                crm.calls()
                done = process(module("extract", contender), cwd=there, env={**CLEAN, **crm.settings()})
                found = json.loads(done.stdout.splitlines()[-1])
                calls = crm.calls()
                assert found["rows"] >= leads, f"{contender} read {found['rows']} rows of {leads}"
                return done.figures(
                    rows_per_s=found["rows"] / found["seconds"],
                    calls=calls,
                    calls_over_least=calls / ceil(leads / PAGE),
                )

            key = f"extract_{round(latency * 1000)}ms"
            ours = repeated(lambda: read("leadloop"), runs)
            if latency:
                yield Row(key, ours)
            else:
                yield Row(key, ours, "dlt's rest_api", repeated(lambda: read("rest_api"), runs))


def journal(place: Place, sent: int) -> Iterator[Row]:
    """A plan and a push after one push, and after so many others: with all that they left in the journal."""
    place.empty()
    with Crm(SEED) as crm:
        place.settings |= crm.settings()
        place.run("extract")
        place.sql("want", 5)
        place.run("build")
        place.run("push", PUSH, "--yes", "--first", "--limit", "1")

        def again(when: str) -> Iterator[Row]:
            yield Row(f"plan_{when}", collected([place.run("plan", PUSH).figures()]))
            yield Row(f"push_{when}", collected([place.run("push", PUSH, "--yes", "--limit", "1").figures()]))

        yield from again("at_first")
        rows = place.sql("sent", sent)
        yield Row("compacting", collected([place.run("maintain").figures(rows=rows)]))
        yield from again("at_last")


def delivery(place: Place, tools: Path, runs: int) -> Iterator[Row]:
    """A push of a thousand leads, by leadloop and by drt; reading them back; and a run that finds nothing to do."""
    place.empty()
    with Crm(BOOK) as crm:
        place.settings |= crm.settings()
        place.run("extract")
        place.sql("want", BOOK // SENT)
        place.run("build")
        crm.calls()
        sent = place.run("push", PUSH, "--yes", "--first", "--json")
        applied = json.loads(sent.stdout)["leads_by_state"]["applied"]
        ours = collected([sent.figures(rows_per_s=applied / sent.wall, calls=crm.calls())])
        crm.latency(0.1)
        back = place.run("extract")
        yield Row("read_back", collected([back.figures(calls=crm.calls())]))
        crm.latency(0)
        # The first one confirms what was sent, and the second one builds what was confirmed.
        place.run("run", "--yes")
        place.run("run", "--yes")
        yield Row("idle_run", repeated(lambda: place.run("run", "--yes").figures(), runs))
        try:
            name, beside = drt(place, tools, crm, applied)
            yield Row("delivery", ours, name, beside)
        except NotMeasured as why:
            yield Row("delivery", ours, "drt", why_not=str(why))


class NotMeasured(Exception):  # noqa: N818 - it is no error that something can't be compared here
    """Says why."""


def drt(place: Place, tools: Path, crm: Crm, leads: int) -> tuple[str, Figures]:
    """drt-core in an environment of its own sends the same fields of the same leads to the same address; its version first."""
    tools.mkdir(parents=True)
    command = installed(tools)
    folder = tools / "project"
    (folder / "syncs").mkdir(parents=True)
    home = tools / "home"
    (home / ".drt").mkdir(parents=True)
    profile = {"bench": {"type": "duckdb", "database": str(place.folder / "leads.duckdb")}}
    (home / ".drt" / "profiles.yml").write_text(json.dumps(profile), encoding="utf-8")
    project = {"name": "bench", "version": "0.1", "profile": "bench"}
    (folder / "drt_project.yml").write_text(json.dumps(project), encoding="utf-8")
    form = "&".join(f"{name}={{{{ row.{name} | urlencode }}}}" for name in ("lead_id", *FIELDS))
    sync = {
        "name": "leads",
        "model": "select * from inputs.wanted",
        "destination": {
            "type": "rest_api",
            "url": f"{crm.url}/leads/update",
            "method": "POST",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body_template": f"auth_token={crm.token}&{form}",
        },
        "sync": {
            "mode": "full",
            "batch_size": leads,
            "rate_limit": {"requests_per_second": 1000},
            "on_error": "fail",
        },
    }
    (folder / "syncs" / "leads.yml").write_text(json.dumps(sync), encoding="utf-8")
    crm.calls()
    try:
        done = process([str(command), "run"], cwd=folder, env={**CLEAN, "HOME": str(home)})
    except RuntimeError as why:
        raise NotMeasured("drt-core did not send the rows: " + str(why).splitlines()[0]) from why
    calls = crm.calls()
    if calls != leads:
        raise NotMeasured(f"drt-core made {calls} calls for {leads} rows")
    said = process([str(command), "--version"], cwd=folder, env={**CLEAN, "HOME": str(home)}).stdout
    return f"drt {said.splitlines()[0].split()[-1]}", collected(
        [done.figures(rows_per_s=leads / done.wall, calls=calls)]
    )


def installed(tools: Path) -> Path:
    """drt-core's command; it is taken from PyPI, or ``NotMeasured`` says why it can't be."""
    uv = Path(sys.executable).with_name("uv")
    python = tools / "drt" / "bin" / "python"
    for argv in (
        ["venv", "--quiet", "--python", sys.executable, str(tools / "drt")],
        ["pip", "install", "--quiet", "--python", str(python), "drt-core[duckdb]"],
    ):
        try:
            subprocess.run(
                [str(uv), *argv], check=True, capture_output=True, text=True, timeout=120, cwd=tools
            )
        except FileNotFoundError:
            raise NotMeasured("uv is not installed beside this Python") from None
        except subprocess.TimeoutExpired:
            raise NotMeasured("drt-core could not be installed within two minutes") from None
        except subprocess.CalledProcessError as failed:
            said = failed.stderr.strip().splitlines() or ["uv failed"]
            raise NotMeasured(f"drt-core could not be installed: {said[-1].strip()}") from None
    return python.with_name("drt")
