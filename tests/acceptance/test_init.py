"""A project folder of one's own, from ``leadloop init`` to a push."""

from typing import Any

import pytest

from connector.sandbox import Sandbox

pytestmark = pytest.mark.timeout(600)


def test_a_new_project_works_as_it_is_written(places: Any) -> None:
    """init, check, extract, build, plan and push in an empty folder: ten leads get the example's title."""
    with Sandbox(leads=200) as crm:
        place = places(crm)
        del place.env["DESTINATION__DUCKDB__CREDENTIALS"]
        place.run("init")
        secrets = place.folder / ".dlt" / "secrets.toml"
        assert secrets.stat().st_mode & 0o777 == 0o600
        assert ".dlt/secrets.toml" in (place.folder / ".gitignore").read_text().splitlines()
        kept = place.run("init", "--json").json
        assert kept["written"] == []
        assert ".dlt/secrets.toml" in kept["kept"]

        for name in ("AUTH_TOKEN", "TIMEZONE"):
            del place.env[f"CRM__CONVOSO__{name}"]
        secrets.write_text(secrets.read_text().replace('auth_token = ""', f'auth_token = "{crm.token}"'))
        assert (
            "timezone (environment: CRM__CONVOSO__TIMEZONE) is not set" in place.run("check", code=2).stdout
        )
        settings = place.folder / ".dlt" / "config.toml"
        settings.write_text(settings.read_text().replace('timezone = ""', 'timezone = "America/Los_Angeles"'))
        assert "ok" in place.run("check").stdout
        assert place.json("extract")["rows"] == 200
        built = place.json("build")
        assert built["models"] >= 6
        assert "tiers_to_convoso" in {node["name"] for node in built["nodes"]}
        plan = place.run("plan", "tiers_to_convoso").stdout
        assert "10 leads of 200 would change" in plan
        pushed = place.run("push", "tiers_to_convoso", "--yes")
        assert "10 of 10 leads applied" in pushed.stdout
        assert "“hot”" in plan
        assert "“hot”" not in pushed.stderr
        assert sum(row.get("title") == "hot" for row in crm.book.rows().values()) == 10
        found = {path.name for path in place.folder.iterdir()}
        assert {"leads.duckdb", "dbt_models", ".dlt", ".leadloop"} <= found
        for narrow in ("60", "100"):
            assert place.json("status")["runs"][0]["run_id"] in place.run("status", COLUMNS=narrow).stdout
        place.run("plan", "tiers_to_convoso", "--html", "plan.html")
        made = [place.folder / ".dlt", place.folder / ".leadloop", place.folder / "plan.html"]
        made += [*place.folder.glob("leads.duckdb*"), *(place.folder / ".leadloop").rglob("*")]
        assert [path for path in made if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []
