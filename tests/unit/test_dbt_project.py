"""How dbt is called for a project: with which profile and target, and with which version of leadloop's package."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector import config
from connector.errors import ConfigError
from connector.warehouse import dbt, models, settings
from connector.warehouse.models import packaged_project
from connector.warehouse.settings import DbtSettings

PROFILE = "{}:\n  target: dev\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    (folder / ".dbt").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path / "here")
    for name in ("DBT_PROFILES_DIR", "DBT_PROFILE", "DBT_TARGET"):
        monkeypatch.delenv(name, raising=False)
    return folder


def made(tmp_path: Path, asked: str, **options: Any) -> dbt.Project:
    folder = tmp_path / "project"
    folder.mkdir(exist_ok=True)
    (folder / "dbt_project.yml").write_text(f"name: shop\nprofile: {asked}\n")
    return dbt.Project(folder, packaged_project(), tmp_path / "state", DbtSettings(**options))


def test_profiles_are_looked_for_where_dbt_looks(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting, dbt's variable, the project, the current folder, the home folder; the first that has the file."""
    places = [home / ".dbt", tmp_path / "here", tmp_path / "project", tmp_path / "named", tmp_path / "set"]
    project = made(tmp_path, "shop")
    assert project.profiles == project.folder, "where dbt says that it is missing"
    for place in places:
        place.mkdir(exist_ok=True)
        (place / "profiles.yml").write_text(PROFILE.format("shop"))
        if place.name == "named":
            monkeypatch.setenv("DBT_PROFILES_DIR", str(place))
        options = {"profiles_dir": place} if place.name == "set" else {}
        assert made(tmp_path, "shop", **options).profiles == place


def test_a_project_without_a_profile_of_its_own_has_leadloops(tmp_path: Path, home: Path) -> None:
    """Also beside a file with other profiles, as most people have one at home."""
    (home / ".dbt" / "profiles.yml").write_text(PROFILE.format("shop"))
    assert made(tmp_path, "leadloop").profiles == packaged_project()
    assert made(tmp_path, "'leadloop'").profiles == packaged_project()
    (home / ".dbt" / "profiles.yml").write_text(PROFILE.format("shop") + PROFILE.format("leadloop"))
    assert made(tmp_path, "leadloop").profiles == home / ".dbt"
    assert made(tmp_path, "shop", profile="leadloop").profiles == home / ".dbt"


def test_dbts_own_variables_are_for_the_users_project(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that somebody has set for another project has no say in the one that comes with leadloop."""
    (home / ".dbt" / "profiles.yml").write_text(PROFILE.format("leadloop"))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(home / ".dbt"))
    monkeypatch.setenv("DBT_TARGET", "prod")
    assert made(tmp_path, "shop").target == "prod"
    assert made(tmp_path, "shop", target="dev").target == "dev"
    packaged = dbt.Project(packaged_project(), packaged_project(), tmp_path)
    assert (packaged.target, packaged.profiles) == (None, packaged_project())


def test_settings_of_dbt(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is meant from where the setting stands; variables keep their types, and the environment adds some."""
    here = tmp_path / "here"
    (here / ".dlt").mkdir()
    (here / "profiles.yml").touch()
    (here / ".dlt" / "config.toml").write_text(
        '[dbt]\nprofile = "shop"\ntarget = "prod"\nprofiles_dir = "."\n[dbt.vars]\nlimit = 3\nnames = ["a"]\n'
    )
    config.reload()
    assert settings.dbt() == DbtSettings("shop", "prod", here, {"limit": 3, "names": ["a"]})
    monkeypatch.setenv("DBT__VARS", '{"region": {"a": true}}')
    monkeypatch.setenv("DBT__TARGET", "dev")
    assert settings.dbt() == DbtSettings("shop", "dev", here, {"region": {"a": True}})
    monkeypatch.setenv("DBT__VARS", "[1]")
    with pytest.raises(ConfigError, match=r"dbt\.vars .* must be a table"):
        settings.dbt()
    monkeypatch.delenv("DBT__VARS")
    monkeypatch.setenv("DBT__PROFILES_DIR", "nowhere")
    with pytest.raises(ConfigError, match=r"there is no profiles\.yml in .*nowhere"):
        settings.dbt()
    monkeypatch.setenv("DBT__TRAGET", "x")
    with pytest.raises(ConfigError, match="did you mean 'target'"):
        settings.dbt()


def test_the_link_leads_to_the_package_of_this_leadloop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It follows when leadloop is installed elsewhere; where links can't be made it is a copy, made anew when it differs."""
    link = tmp_path / dbt.LINK
    dbt.link_package(tmp_path, packaged_project())
    assert link.resolve() == packaged_project()
    moved = tmp_path / "moved"
    shutil.copytree(packaged_project(), moved, ignore=shutil.ignore_patterns("target", "logs"))
    dbt.link_package(tmp_path, moved)
    assert link.resolve() == moved

    def refuses(*_: Any, **__: Any) -> None:
        raise OSError("no links here")

    link.unlink()
    monkeypatch.setattr(Path, "symlink_to", refuses)
    dbt.link_package(tmp_path, moved)
    assert (link / "macros" / "push.sql").is_file()
    assert not link.is_symlink()
    (moved / "macros" / "push.sql").write_text("{# newer #}")
    dbt.link_package(tmp_path, moved)
    assert (link / "macros" / "push.sql").read_text() == "{# newer #}"


@pytest.mark.parametrize("folder", ["dbt_packages", "elsewhere"])
def test_a_package_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """One that the project takes from somewhere else, as from git. dbt is not asked to install it again and again."""
    asked: list[Any] = []
    monkeypatch.setattr(dbt.Project, "_invoke", lambda *given, **_: asked.append(given))
    project = made(tmp_path, "shop")
    if folder != "dbt_packages":
        with (project.folder / "dbt_project.yml").open("a") as file:
            file.write(f'packages-install-path: "{folder}"\n')
    (project.folder / "packages.yml").write_text("packages:\n  - git: somewhere\n")
    ours = project.folder / folder / "leadloop"
    ours.mkdir(parents=True)
    text = (packaged_project() / "dbt_project.yml").read_text()
    (ours / "dbt_project.yml").write_text(text)
    project._install("duckdb", {})
    (ours / "dbt_project.yml").write_text(text.replace('version: "0.1.0"', "version: 0.0.9"))
    with pytest.raises(ConfigError, match=r"version 0\.0\.9, and this leadloop needs 0\.1\.0.*dbt deps"):
        project._install("duckdb", {})
    assert asked == []


def test_the_package_has_the_version_of_leadloop() -> None:
    from importlib.metadata import version

    assert dbt._version(packaged_project()) == version("leadloop")


@pytest.mark.parametrize(
    ("package", "name", "meta", "is_refused"),
    [
        ("leadloop", "leads", {}, True),
        ("shop", "to_crm", {"leadloop_push": {}}, True),
        ("shop", "leads", {}, False),
        ("leadloop", "lead_recordings", {}, False),
    ],
)
def test_what_leadloop_reads_is_in_the_database_that_it_opens(
    package: str, name: str, meta: dict[str, Any], is_refused: bool
) -> None:
    """Other models may be where they like."""
    node = SimpleNamespace(
        resource_type="model",
        package_name=package,
        name=name,
        database="other",
        config=SimpleNamespace(meta=meta),
    )
    manifest = SimpleNamespace(nodes={"it": node})
    credentials = SimpleNamespace(database="leads", type="duckdb")
    parsed = dbt.Parsed(manifest, credentials, frozenset(), frozenset(), "leadloop", "duckdb")
    if not is_refused:
        models._check_databases(parsed)
        return
    with pytest.raises(ConfigError, match=f"{name} is in the database other, and leadloop opens leads only"):
        models._check_databases(parsed)
