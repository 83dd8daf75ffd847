"""--env: an environment's own settings go before those that all share, and none pushes to the accounts of prod by accident."""

from pathlib import Path

import pytest

from connector import config, crm
from connector.config import environments
from connector.errors import ConfigError
from connector.push.prod import check_environment
from connector.warehouse import settings

SHARED = '[crm.convoso]\ntimezone = "UTC"\nrate = 3\n[dbt]\ntarget = "prod"\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    write(tmp_path, "config", SHARED)
    write(tmp_path, "secrets", '[crm.convoso]\nauth_token = "of-all"\n')
    config.reload()
    return tmp_path


def write(place: Path, name: str, text: str) -> None:
    (place / ".dlt" / f"{name}.toml").write_text(text)


def test_its_files_go_before_the_shared_ones(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting by setting; variables of the environment still win, and each says where it is from."""
    write(place, "dev.config", "[crm.convoso]\nrate = 1\n[dbt]\ntarget = 'dev'\n")
    write(place, "dev.secrets", '[crm.convoso]\nauth_token = "of-dev"\n')
    assert (crm.vendor("convoso").settings().rate, settings.dbt().target) == (3, "prod")
    monkeypatch.setenv(environments.VARIABLE, "dev")
    found = crm.vendor("convoso").settings()
    assert (found.rate, found.timezone.key, settings.dbt().target) == (1, "UTC", "dev")  # type: ignore[attr-defined]
    assert config.origin("crm.convoso.rate") == str(place / ".dlt" / "dev.config.toml")
    assert config.origin("crm.convoso.timezone") == str(place / ".dlt" / "config.toml")
    monkeypatch.setenv("CRM__CONVOSO__RATE", "2")
    assert crm.vendor("convoso").settings().rate == 2
    monkeypatch.delenv("CRM__CONVOSO__RATE")
    monkeypatch.delenv(environments.VARIABLE)
    assert crm.vendor("convoso").settings().rate == 3


def test_a_secret_in_its_config_is_refused_and_a_misspelt_setting_too(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, "dev.config", '[crm.convoso]\nauth_token = "in-the-clear"\n')
    monkeypatch.setenv(environments.VARIABLE, "dev")
    with pytest.raises(ConfigError, match="secrets"):
        crm.vendor("convoso").settings()
    write(place, "dev.config", "[crm.convoso]\nrat = 1\n")
    config.reload()
    with pytest.raises(ConfigError, match="did you mean 'rate'"):
        crm.vendor("convoso").settings()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("staging", r"neither .*staging\.secrets\.toml nor .*staging\.config\.toml is there"),
        ("../x", "can't be"),
        ("Dev", "can't be"),
    ],
)
def test_an_environment_without_settings_is_an_error(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """Else a misspelt name would work with the settings of all."""
    monkeypatch.setenv(environments.VARIABLE, name)
    with pytest.raises(ConfigError, match=words):
        crm.vendor("convoso").settings()


def test_what_is_wrong_in_its_file_is_told_with_the_line(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, "dev.config", "[crm.convoso\n")
    monkeypatch.setenv(environments.VARIABLE, "dev")
    with pytest.raises(ConfigError, match=r"dev\.config\.toml is not valid TOML.*line 1"):
        crm.vendor("convoso").settings()


@pytest.mark.parametrize("prod", [None, '[crm.convoso]\nauth_token = "of-prod"\n'])
def test_dev_does_not_push_where_prod_does(
    place: Path, monkeypatch: pytest.MonkeyPatch, prod: str | None
) -> None:
    """Prod's settings are those of its files, or those of all where it has none; under whatever name it has the account."""
    if prod:
        write(place, "prod.secrets", prod)
    theirs = "of-prod" if prod else "of-all"
    write(place, "dev.secrets", f'[crm.convoso]\nauth_token = "{theirs}"\n')
    check_environment(crm.vendor("convoso").settings())
    monkeypatch.setenv(environments.VARIABLE, "dev")
    with pytest.raises(
        ConfigError, match=r"convoso has in the environment dev .* prod pushes to.*shared_with_prod"
    ):
        check_environment(crm.vendor("convoso").settings())

    write(place, "dev.config", "[crm.convoso]\nshared_with_prod = true\n")
    config.reload()
    check_environment(crm.vendor("convoso").settings())
    write(
        place,
        "dev.config",
        '[crm.convoso_dev]\nvendor = "convoso"\ntimezone = "UTC"\n',
    )
    write(place, "dev.secrets", f'[crm.convoso_dev]\nauth_token = "{theirs}"\n')
    config.reload()
    with pytest.raises(ConfigError, match="convoso_dev has in the environment dev"):
        check_environment(crm.vendor("convoso_dev").settings())
    write(place, "dev.secrets", '[crm.convoso_dev]\nauth_token = "of-dev"\n')
    config.reload()
    check_environment(crm.vendor("convoso_dev").settings())
    monkeypatch.setenv(environments.VARIABLE, "prod")
    if prod:
        check_environment(crm.vendor("convoso").settings())
