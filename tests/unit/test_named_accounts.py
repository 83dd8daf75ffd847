"""Several accounts of one CRM: each has a section, a name and everything that goes by it of its own."""

from pathlib import Path
from typing import Any

import pytest

from connector import config, crm, scaffold
from connector.crm import raw_schema, shared_pace
from connector.crm.account import account
from connector.errors import AuthError, ConfigError
from connector.sandbox import Sandbox

SECRETS = {
    "convoso": {"auth_token": "t-1", "timezone": "UTC"},
    "leadsquared": {"access_key": "a-1", "secret_key": "s-1"},
    "pollybot": {"api_key": "k-1"},
    "leadping": {"api_key": "k-1"},
}
EVERY_CRM = pytest.mark.parametrize("kind", SECRETS)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    config.reload()


def written(config_toml: str, secrets_toml: str = "") -> None:
    Path(".dlt/config.toml").write_text(config_toml)
    Path(".dlt/secrets.toml").write_text(secrets_toml)
    config.reload()


def table(name: str, entries: dict[str, str]) -> str:
    return f"[crm.{name}]\n" + "".join(f'{key} = "{text}"\n' for key, text in entries.items())


@EVERY_CRM
def test_an_account_has_settings_of_its_own(kind: str) -> None:
    """Its section holds what belongs to it; the CRM's own section stays the CRM's."""
    second = {name: text + "b" if text != "UTC" else text for name, text in SECRETS[kind].items()}
    written(
        table("second", {"vendor": kind}) + "rate = 2\n",
        table(kind, SECRETS[kind]) + table("second", second),
    )
    assert crm.names() == [*crm.vendors(), "second"]
    one, two = crm.vendor(kind).settings(), crm.vendor("second").settings()
    assert (one.name, one.vendor, two.name, two.vendor) == (kind, kind, "second", kind)
    assert (one.rate == 2, two.rate == 2) == (False, True)
    assert raw_schema(two.name) == "second_raw"
    with account("second") as found:
        assert found.name == "second"
        for part in (found, found.reader, found.writer):
            assert part.capabilities.name == "second"
            assert part.capabilities.vendor == kind
        with pytest.raises(Exception, match="second"):
            found.reader.lead_id({})


@EVERY_CRM
def test_an_error_names_the_accounts_own_settings(kind: str) -> None:
    """A key that is refused is looked for where it stands."""
    with Sandbox(leads=1) as sandbox:
        wrong = {
            **sandbox.settings()[kind],
            **{name: "wrong" for name in SECRETS[kind] if name != "timezone"},
        }
        written(
            table("second", {"vendor": kind, "base_url": str(wrong["base_url"])}),
            table("second", {name: str(text) for name, text in wrong.items() if name != "base_url"}),
        )
        with account("second") as found, pytest.raises(AuthError) as caught:
            found.reader.get("100001")
    told = str(caught.value)
    assert told.startswith("second ")
    assert "crm.second." in told
    assert "CRM__SECOND__" in told
    assert f"crm.{kind}." not in told
    assert f"CRM__{kind}__".upper() not in told


def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"VENDOR": "convoso", "AUTH_TOKEN": "t-2", "TIMEZONE": "UTC"}.items():
        monkeypatch.setenv(f"CRM__CONVOSO_EAST__{name}", text)
    config.reload()
    found: Any = crm.vendor("convoso_east").settings()
    assert (found.name, found.auth_token.reveal()) == ("convoso_east", "t-2")
    assert crm.registry.begun() == ["convoso_east"]


def test_what_is_missing_is_named_as_it_has_to_be_written() -> None:
    written(table("convoso_east", {"vendor": "convoso"}))
    assert crm.vendor("convoso_east").missing() == [
        "crm.convoso_east.auth_token",
        "crm.convoso_east.timezone",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[crm.east]\nvendor = "convosso"\n', "crm.east.vendor .* did you mean 'convoso'"),
        ('[crm.pollybot]\nvendor = "convoso"\n', "can't be called pollybot, since that is a CRM"),
        ('[crm.East]\nvendor = "convoso"\n', "can't be called 'East'"),
        ('[crm.e__t]\nvendor = "convoso"\n', "can't be called 'e__t'"),
        (f'[crm.{"e" * 41}]\nvendor = "convoso"\n', "2 to 40 letters"),
        (
            "[crm.east]\nrate = 2\n",
            r"crm.east is set, and there is no CRM of that name.* set crm.east.vendor",
        ),
        ('[crm.east]\nvendor = "convoso"\nratee = 2\n', "crm.east.ratee .* did you mean 'rate'"),
    ],
)
def test_what_can_be_no_account_is_told(text: str, words: str) -> None:
    """With the place, and what would be right."""
    written(text)
    with pytest.raises(ConfigError, match=words):
        crm.vendor("east" if "vendor" in text else "convoso").settings()


def test_a_crms_own_section_may_say_whose_it_is() -> None:
    written(table("convoso", {"vendor": "convoso"}), table("convoso", SECRETS["convoso"]))
    assert crm.vendor("convoso").settings().name == "convoso"
    assert crm.names() == list(crm.vendors())


@EVERY_CRM
def test_two_names_for_one_account_are_refused(kind: str) -> None:
    """Its leads would be there twice, and a push that is meant for one office would reach the other."""
    written(table("second", {"vendor": kind}), table(kind, SECRETS[kind]) + table("second", SECRETS[kind]))
    with (
        pytest.raises(ConfigError, match=f"crm.second and crm.{kind} lead to the same account"),
        account("second"),
    ):
        pass


def test_a_wrong_setting_of_one_account_holds_up_no_other() -> None:
    """What is wrong with it, it says itself."""
    written(
        table("east", {"vendor": "pollybot"}) + table("west", {"vendor": "pollybot", "rate": "fast"}),
        table("east", {"api_key": "k-1"}) + table("west", {"api_key": "k-2"}),
    )
    with account("east") as found:
        assert found.name == "east"
    with pytest.raises(ConfigError, match=r"crm\.west\.rate"), account("west"):
        pass


def test_accounts_may_share_a_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that counts for the organisation is one pace; without a name each account has its own."""
    named: list[str] = []
    monkeypatch.setattr(shared_pace, "PostgresStore", lambda _url, name, _setting: named.append(name))
    database = {"shared_pace": "postgresql://u@h/db"}
    both = {"vendor": "leadping", "pace_name": "organisation"}
    written(
        table("one", both) + table("two", both) + table("three", {"vendor": "leadping"}),
        "".join(table(name, {"api_key": name, **database}) for name in ("one", "two", "three")),
    )
    for name in ("one", "two", "three"):
        shared_pace.store(crm.vendor(name).settings())
    assert named == ["organisation api.leadping.ai"] * 2 + ["three api.leadping.ai"]


def test_init_writes_an_account_with_a_name(tmp_path: Path) -> None:
    scaffold.write(tmp_path / "new", "leadsquared", "north")
    config_toml = (tmp_path / "new/.dlt/config.toml").read_text()
    assert '[crm.north]\nvendor = "leadsquared"\n' in config_toml
    push = (tmp_path / "new/dbt_models/models/pushes/tiers_to_north.sql").read_text()
    assert "crm = 'north'" in push
    with pytest.raises(ConfigError, match="can't be called convoso, since that is a CRM"):
        scaffold.write(tmp_path / "other", "leadsquared", "convoso")
    assert not (tmp_path / "other").exists()


def test_an_account_is_a_dlt_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """``from connector import convoso_east``."""
    import connector

    written(
        table("convoso_east", {"vendor": "convoso", "timezone": "UTC"}),
        table("convoso_east", {"auth_token": "t"}),
    )
    assert connector.convoso_east().name == "convoso_east"
    with pytest.raises(AttributeError):
        _ = connector.convoso_west
