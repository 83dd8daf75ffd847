"""What ``leadloop init --into`` does to the files of a dbt project that is there: it adds lines, and changes none."""

import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from connector import existing_project, scaffold
from connector.errors import ConfigError, ModelError
from connector.warehouse import models
from connector.warehouse.models import packaged_project

DUCKDB = SimpleNamespace(type="duckdb", path="data/dev.duckdb")
POSTGRES = SimpleNamespace(
    type="postgres", host="db.example.com", port=5433, database="dwh", user="etl", password="s3cret"
)
ENTRY = {"local": ".leadloop/package"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "credentials", lambda _: DUCKDB)
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    return tmp_path


def toml(project: Path, name: str) -> Any:
    return tomllib.loads((project / ".dlt" / f"{name}.toml").read_text())


@pytest.mark.parametrize(
    ("before", "packages"),
    [
        (None, [ENTRY]),
        ("", [ENTRY]),
        ("packages:\n", [ENTRY]),
        ("packages: []\n", [ENTRY]),
        ("packages:\n  - package: a/b\n    version: 1.0.0", [ENTRY, {"package": "a/b", "version": "1.0.0"}]),
        ("# ours\npackages: # all\n- local: x\n", [ENTRY, {"local": "x"}]),
        ("other: 1\npackages:\n    - local: x\n", [ENTRY, {"local": "x"}]),
    ],
)
def test_the_package_is_named_beside_the_others(
    project: Path, before: str | None, packages: list[Any]
) -> None:
    """Every line that was there is still there, in its order."""
    if before is not None:
        (project / "packages.yml").write_text(before)
    done = existing_project.add(project)
    after = (project / "packages.yml").read_text()
    assert yaml.safe_load(after)["packages"] == packages
    lines = iter(after.splitlines())
    kept = [line for line in (before or "").splitlines() if "packages:" not in line]
    assert all(line in lines for line in kept)
    assert ("packages.yml" in done.written) == (before is None)
    assert existing_project.add(project).changed == ()
    assert (project / "packages.yml").read_text() == after
    assert (project / ".leadloop" / "package").resolve() == packaged_project()


def test_packages_may_be_named_among_the_dependencies(project: Path) -> None:
    (project / "dependencies.yml").write_text("projects:\n  - name: p\npackages:\n  - local: x\n")
    assert existing_project.add(project).changed == ("dependencies.yml", "dbt_project.yml")
    assert not (project / "packages.yml").exists()
    found = yaml.safe_load((project / "dependencies.yml").read_text())
    assert found == {"projects": [{"name": "p"}], "packages": [ENTRY, {"local": "x"}]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", {"leadloop_read": ["convoso"]}),
        ("vars: {}\n", {"leadloop_read": ["convoso"]}),
        ("vars: # ours\nmodels: {}\n", {"leadloop_read": ["convoso"]}),
        ("vars:\n\n    # ours\n    a: 1\nflags: {}\n", {"leadloop_read": ["convoso"], "a": 1}),
        ("vars:\n  a: 1\n  leadloop_read: [pollybot]", {"a": 1, "leadloop_read": ["pollybot", "convoso"]}),
        ("vars:\n  leadloop:\n    leadloop_read: []\n", {"leadloop": {"leadloop_read": ["convoso"]}}),
    ],
)
def test_raw_tables_of_the_crm_are_sources_and_no_others(
    project: Path, before: str, after: dict[str, Any]
) -> None:
    """A second time nothing changes, and another CRM's are added."""
    file = project / "dbt_project.yml"
    file.write_text(f"name: shop\nprofile: shop\n{before}")
    assert "dbt_project.yml" in existing_project.add(project).changed
    text = file.read_text()
    assert yaml.safe_load(text)["vars"] == after
    assert [line for line in before.splitlines() if "#" in line] == [
        line for line in text.splitlines() if "#" in line
    ]
    assert "dbt_project.yml" in existing_project.add(project).kept
    assert file.read_text() == text
    existing_project.add(project, "leadping")
    assert "convoso, leadping]" in file.read_text()


@pytest.mark.parametrize("before", ["vars: {a: 1}\n", "vars:\n  leadloop_read:\n    - convoso\n"])
def test_variables_that_it_cannot_read_are_left_alone(project: Path, before: str) -> None:
    text = f"name: shop\n{before}"
    (project / "dbt_project.yml").write_text(text)
    done = existing_project.add(project, "leadping")
    assert done.remark.startswith("Add leadping to the list leadloop_read in the vars of dbt_project.yml")
    assert (project / "dbt_project.yml").read_text() == text


def test_a_list_of_packages_that_it_cannot_read_is_left_alone(project: Path) -> None:
    (project / "packages.yml").write_text("packages: [{local: x}]\n")
    with pytest.raises(ConfigError, match=r"local: \.leadloop/package"):
        existing_project.add(project)
    assert (project / "packages.yml").read_text() == "packages: [{local: x}]\n"


def test_settings_name_the_warehouse_of_dbts_profile(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is not copied; there is a place for it in the private file."""
    existing_project.add(project)
    assert toml(project, "config")["destination"] == {"duckdb": {"credentials": "data/dev.duckdb"}}
    other = project / "other"
    other.mkdir()
    (other / "dbt_project.yml").write_text("name: other\n")
    monkeypatch.setattr(models, "credentials", lambda _: POSTGRES)
    existing_project.add(other, "leadsquared", "north")
    config, secrets = toml(other, "config"), toml(other, "secrets")
    assert config["warehouse"] == {"destination": "postgres"}
    assert config["destination"]["postgres"]["credentials"] == {
        "host": "db.example.com", "port": 5433, "database": "dwh", "username": "etl",
    }  # fmt: skip
    assert secrets["destination"]["postgres"]["credentials"] == {"password": ""}
    assert config["crm"]["north"]["vendor"] == "leadsquared"
    assert (other / ".dlt" / "secrets.toml").stat().st_mode & 0o777 == 0o600
    assert (other / ".dlt" / ".gitignore").read_text() == "secrets.toml\n"
    assert "s3cret" not in "".join(path.read_text() for path in other.rglob("*.toml"))


def test_a_second_account_gets_a_section_in_the_same_files(project: Path) -> None:
    existing_project.add(project)
    before = (project / ".dlt" / "config.toml").read_text()
    done = existing_project.add(project, "pollybot", "north")
    assert set(done.changed) == {".dlt/config.toml", ".dlt/secrets.toml", "dbt_project.yml"}
    assert (project / ".dlt" / "config.toml").read_text().startswith(before.rstrip())
    assert {"convoso", "north"} == set(toml(project, "config")["crm"]) == set(toml(project, "secrets")["crm"])
    assert "models/leadloop/pushes/tiers_to_north.sql" in done.written


def test_a_project_that_dbt_cannot_read_is_said_to_be_so(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could be written is there, and what comes next is told."""

    def unreadable(_: Path) -> Any:
        raise ModelError("The dbt project can't be read: no profile.")

    monkeypatch.setattr(models, "credentials", unreadable)
    done = existing_project.add(project)
    assert done.remark.startswith("The dbt project can't be read: no profile. Until then the warehouse")
    monkeypatch.setattr(models, "credentials", lambda _: SimpleNamespace(type="bigquery"))
    assert "bigquery" in existing_project.add(project).remark


def test_models_go_where_the_projects_are_and_take_no_name_of_theirs(project: Path) -> None:
    (project / "dbt_project.yml").write_text('name: shop\nmodel-paths: ["transform", "more"]\n')
    (project / "transform").mkdir()
    (project / "transform" / "tiers.sql").write_text("select 1")
    done = existing_project.add(project)
    assert [path for path in done.written if path.endswith(".sql")] == [
        "transform/leadloop/leadloop_tiers.sql",
        "transform/leadloop/pushes/leadloop_tiers_to_convoso.sql",
    ]
    push = (project / "transform/leadloop/pushes/leadloop_tiers_to_convoso.sql").read_text()
    assert "ref('leadloop_tiers')" in push
    told = yaml.safe_load((project / "transform/leadloop/pushes/leadloop_tiers_to_convoso.yml").read_text())
    assert told["exposures"][0]["depends_on"] == ["ref('leadloop_tiers_to_convoso')"]


def test_no_new_project_is_begun_inside_of_another(project: Path) -> None:
    """Whoever types ``leadloop init`` there is told what was meant."""
    before = sorted(project.rglob("*"))
    with pytest.raises(ConfigError, match=f"leadloop init --into {project}"):
        scaffold.write(project)
    assert sorted(project.rglob("*")) == before


def test_a_new_project_has_all_that_dbt_itself_needs(tmp_path: Path) -> None:
    """A profile of the name that the project asks for, and the package under the path that packages.yml names."""
    scaffold.write(tmp_path / "new")
    project = tmp_path / "new" / "dbt_models"
    asked = yaml.safe_load((project / "dbt_project.yml").read_text())["profile"]
    assert asked in yaml.safe_load((project / "profiles.yml").read_text())
    (named,) = yaml.safe_load((project / "packages.yml").read_text())["packages"]
    assert (project / named["local"] / "dbt_project.yml").is_file()
    assert (project / ".leadloop" / ".gitignore").read_text() == "*\n"
