"""A dbt project of somebody's own habits, in ``acme``: leadloop is added to it and goes through the whole loop.

It has a profile with targets for development and production, schemas and names of its own, a model that is called like one of
leadloop's, variables, a seed, a snapshot, a model in Python, a unit test, a model that is switched off, and another package.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connector.errors import ConfigError
from connector.sandbox import Sandbox
from connector.warehouse import models
from connector.warehouse.connection import Warehouse
from tests.acceptance.conftest import WITHOUT_SETTINGS, Done, Launcher, Place

ACME = Path(__file__).with_name("acme")
PUSH = "leadloop_tiers_to_convoso"
ENGINES = pytest.mark.parametrize("engine", ["duckdb", "postgres"])

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


class Acme(Place):
    """The project in a folder of its own, and its CRM."""

    crm: Sandbox

    @property
    def suffix(self) -> str:
        """Of the targets for PostgreSQL."""
        return "_pg" if self.postgres else ""

    @property
    def target(self) -> tuple[str, ...]:
        return ("--target", f"dev{self.suffix}")

    @property
    def main(self) -> str:
        """The schema of production."""
        return "public" if self.postgres else "main"

    def dbt(self, *argv: str) -> str:
        """dbt's own command, as its users call it, in the project's folder."""
        done = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", *argv],
            cwd=self.folder, env={**WITHOUT_SETTINGS, **self.env}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def warehouse(self) -> Warehouse:
        return (
            Warehouse.postgres(self.postgres)
            if self.postgres
            else Warehouse.duckdb(self.folder / "warehouse.duckdb")
        )

    def relations(self) -> set[str]:
        query = "select table_schema || '.' || table_name from information_schema.tables"
        return {name for (name,) in self.rows(query)}

    def titles(self) -> int:
        return sum(row.get("title") == "hot" for row in self.crm.book.rows().values())


@pytest.fixture
def acme(engine: str, tmp_path: Path, launcher: Launcher, request: pytest.FixtureRequest) -> Iterator[Acme]:
    folder = tmp_path / "acme"
    shutil.copytree(ACME, folder)
    home = tmp_path / "home"
    home.mkdir()
    env = {"HOME": str(home), "TZ": "America/New_York"}
    postgres = None
    if engine == "postgres":
        postgres = request.getfixturevalue("postgres_url")
        address = urlsplit(postgres)
        env |= {"ACME_PORT": str(address.port), "ACME_HOST": str(address.hostname), "DBT_TARGET": "dev_pg"}
    with Sandbox(leads=60) as crm:
        place = Acme(folder, launcher, env, postgres)
        place.crm = crm
        place.settings_of(crm)
        yield place


def added(place: Acme) -> Done:
    """leadloop, added to the project as its documentation says."""
    files = {path: path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
    done = place.run("init", "--into", ".")
    changed = {path for path, text in files.items() if path.read_bytes() != text}
    assert changed == {place.folder / "packages.yml"}
    return done


MODELS = ("crm_leads", "lead_history", "lead_changes", "push_outcomes", "int_push_memory")


def begun(place: Acme) -> set[str]:
    """Added, read and built by leadloop: the relations that are there then."""
    assert "added  to packages.yml" in added(place).stdout
    assert place.json("extract")["rows"] == 60
    assert "tier_names" in {node["name"] for node in place.json("build")["nodes"]}
    made = place.relations()
    assert {f"anna_crm.{name}" for name in MODELS} | {f"anna.{PUSH}", "anna_marts.leads"} <= made
    assert ("anna.tiers_in_python" in made) == (place.postgres is None)
    assert not {name for name in made if name.startswith("analytics")}
    return made


@pytest.mark.parametrize("engine", ["duckdb"])
def test_leadloop_is_added_to_a_project(acme: Acme) -> None:
    """It changes packages.yml alone; models are where the project's own rules put them, and a push finds them there."""
    place = acme
    begun(place)
    assert f"leads are in anna_crm.crm_leads; pushes: {PUSH}" in place.run("check").stdout
    assert place.json("status")["crms"][0]["leads"] == 60
    assert "10 of 10 leads applied" in place.run("push", PUSH, "--yes", "--first").stdout
    assert place.titles() == 10
    again = place.json("init", "--into", ".")
    assert (again["written"], again["changed"]) == ([], [])


@pytest.mark.long
@ENGINES
def test_leadloop_and_dbt_by_turns(acme: Acme) -> None:
    """Both build the same relations; a push sees what dbt's own run came to, in its own target and no other one."""
    place = acme
    made = begun(place)
    label = "select min(label) from anna.tiers"
    assert place.rows(label) == [("GOLD nowhere",)]
    said = place.dbt("build", "--vars", "{region: east}", *place.target)
    assert place.rows(label) == [("GOLD east",)]
    assert "labels_are_shouted" in said
    assert "three_values_decide" not in said, "a unit test of leadloop's own"
    assert "lead_scores_to_convoso" not in said, "an example of leadloop's own"
    assert place.relations() == made
    plan = place.run("plan", PUSH).stdout
    assert "10 leads of 60 would change" in plan
    assert "10 of 10 leads applied" in place.run("push", PUSH, "--yes", "--first").stdout
    assert place.titles() == 10

    place.run("extract")
    place.dbt("build", *place.target)
    assert place.json("push", PUSH, "--yes")["leads"] == 0
    assert place.rows(
        "select distinct state from leadloop.push_journal where state in ('confirmed', 'reverted')"
    ) == [("confirmed",)]
    times = place.rows(
        "select modified_at from anna_crm.crm_leads where lead_id = (select min(lead_id) from anna_crm.crm_leads)"
    )
    place.env["TZ"] = "Asia/Tokyo"
    place.dbt("build", "--full-refresh", *place.target)
    query = "select modified_at from anna_crm.crm_leads where lead_id = (select min(lead_id) from anna_crm.crm_leads)"
    assert place.rows(query) == times

    # Somebody's test fails in development only; production knows nothing of it, and has to be built first.
    prod = ("--dbt-target", f"prod{place.suffix}")
    assert f"not in the warehouse yet ({place.main}.{PUSH})" in place.run("plan", PUSH, *prod, code=2).stderr
    place.run("build", *prod)
    assert {"crm.crm_leads", f"{place.main}.{PUSH}", "marts.leads"} <= place.relations()
    broken = place.folder / "models" / "leadloop" / "leadloop_tiers.sql"
    good = broken.read_text("utf-8")
    broken.write_text(good.replace("'hot'", "no_such_column"), encoding="utf-8")
    place.run("build", code=1)
    broken.write_text(good, encoding="utf-8")
    assert "leadloop_tiers" in place.run("push", PUSH, "--yes", code=4).stderr
    assert place.json("push", PUSH, "--yes", *prod)["leads"] == 0


@pytest.mark.long
@ENGINES
@pytest.mark.parametrize("who", ["leadloop", "dbt"])
def test_either_of_them_alone(acme: Acme, who: str) -> None:
    """Whoever builds: the same guardrail stops the push, the same leads are sent, and a person's edit is the same conflict."""
    place = acme
    added(place)
    push = place.folder / "models" / "leadloop" / "pushes" / f"{PUSH}.sql"

    def build() -> None:
        place.run("extract")
        if who == "dbt":
            place.dbt("build", *place.target)
        else:
            place.run("build")

    push.write_text(push.read_text("utf-8").replace("max_changes = 10", "max_changes = 9"), encoding="utf-8")
    build()
    assert "max_changes" in place.run("push", PUSH, "--yes", "--first", code=4).stderr
    assert place.titles() == 0
    push.write_text(push.read_text("utf-8").replace("max_changes = 9", "max_changes = 10"), encoding="utf-8")
    build()
    place.run("push", PUSH, "--yes", "--first")
    assert place.titles() == 10
    edited = next(lead for lead, row in place.crm.book.rows().items() if row.get("title") == "hot")
    place.crm.book.edit(edited, {"title": "typed"})
    build()
    assert place.json("push", PUSH, "--yes")["leads"] == 0
    assert [each["lead_id"] for each in place.json("resolve", PUSH)["conflicts"]] == [edited]
    assert place.crm.book.row(edited)["title"] == "typed"


def test_another_warehouse_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dbt's profile and leadloop's settings name two warehouses, both are shown, and nothing is built or sent."""
    shutil.copytree(ACME, tmp_path / "acme")
    monkeypatch.chdir(tmp_path / "acme")
    here, other = (
        Warehouse.duckdb(tmp_path / "acme" / name) for name in ("warehouse.duckdb", "other.duckdb")
    )
    assert models.known().pushes == models.known(None, here).pushes == ()
    for _ in range(2):  # as it is parsed, and as it is remembered
        with pytest.raises(ConfigError, match="do not mean the same warehouse") as refused:
            models.known(None, other)
        assert all(place in str(refused.value) for place in (f"dbt: {here.path}", f"leadloop: {other.path}"))
    with pytest.raises(ConfigError, match=r"dbt\.target"):
        models.build(other)
    with pytest.raises(
        ConfigError, match=r"dbt: .*warehouse.duckdb, by .* leadloop: postgresql://localhost:5432/leads"
    ):
        models.build(Warehouse.postgres("postgresql://127.0.0.1/leads"))
    monkeypatch.setenv("DBT_TARGET", "prod_pg")
    assert models.known(None, Warehouse.postgres("postgresql://127.0.0.1/leads")).pushes == ()
    monkeypatch.setenv("ACME_HOST", "db.example.com")
    with pytest.raises(ConfigError, match=r"postgresql://db\.example\.com:5432/leads"):
        models.known(None, Warehouse.postgres("postgresql://127.0.0.1/leads"))
