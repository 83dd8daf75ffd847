"""Settings: where they come from, and one clear message for each that is wrong."""

import copy
import dataclasses
import datetime as dt
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector import config, crm
from connector.config import Secret
from connector.crm.convoso import ConvosoSettings
from connector.errors import ConfigError
from connector.warehouse.settings import credentials, dbt_project, destination, origins

TOKEN = "tok-93f1planted77c2"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder as the place that dlt reads its files from."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dlt").mkdir()
    config.reload()
    yield tmp_path
    for file in (tmp_path / ".dlt").iterdir():
        file.unlink()
    config.reload()


@pytest.fixture
def files(project: Path) -> Callable[..., None]:
    """``files(config=…, secrets=…)`` writes the two files and has them read."""

    def write(**texts: str) -> None:
        for name, text in texts.items():
            (project / ".dlt" / f"{name}.toml").write_text(text, encoding="utf-8")
        config.reload()

    return write


@pytest.fixture
def enough(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What is required, in the environment."""
    monkeypatch.setenv("CRM__CONVOSO__AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("CRM__CONVOSO__TIMEZONE", "America/Los_Angeles")
    return monkeypatch


def test_defaults(enough: pytest.MonkeyPatch) -> None:
    """With the two required settings everything else has a value."""
    assert crm.vendor("convoso").settings() == ConvosoSettings(
        base_url="https://api.convoso.com/v1",
        auth_token=Secret(TOKEN),
        timezone=ZoneInfo("America/Los_Angeles"),
        rate=10.0,
        concurrency=None,
        timeout=30.0,
        settle=60.0,
        lookback=600.0,
        cursor="updated_at",
        start=dt.date(2000, 1, 1),
        filters={},
        token_in="body",
        page_size=2000,
    )


def test_files(files: Callable[..., None]) -> None:
    """TOML types, texts in their place, and the secret from the secrets' file."""
    files(
        config="""
        [crm.convoso]
        base_url = "http://127.0.0.1:8000/v1/"
        timezone = "Europe/London"
        rate = 2
        timeout = "7.5"
        start = 2026-01-31
        cursor = "changed_at"
        page_size = 500
        filters = {list_id = 333, status = "A"}
        """,
        secrets=f'[crm.convoso]\nauth_token = " {TOKEN} "\n',
    )
    settings: Any = crm.vendor("convoso").settings()
    assert settings.base_url == "http://127.0.0.1:8000/v1"
    assert settings.auth_token.reveal() == TOKEN
    assert (settings.rate, settings.timeout, settings.page_size) == (2.0, 7.5, 500)
    assert settings.start == dt.date(2026, 1, 31)
    assert settings.cursor == "changed_at"
    assert settings.filters == {"list_id": "333", "status": "A"}


def test_the_environment_wins_over_files(files: Callable[..., None], enough: pytest.MonkeyPatch) -> None:
    """As dlt has it; an empty variable counts as not set, a table's entries can be set one by one."""
    files(config='[crm.convoso]\nrate = 2\nsettle = 5\nfilters = {list_id = "333", status = "A"}\n')
    enough.setenv("CRM__CONVOSO__RATE", "3")
    enough.setenv("CRM__CONVOSO__LOOKBACK", "")
    enough.setenv("CRM__CONVOSO__FILTERS__STATUS", "B")
    settings: Any = crm.vendor("convoso").settings()
    assert (settings.rate, settings.settle, settings.lookback) == (3.0, 5.0, 600.0)
    assert settings.filters == {"list_id": "333", "status": "B"}
    enough.setenv("CRM__CONVOSO__FILTERS", '{"owner_id": 7}')
    settings = crm.vendor("convoso").settings()
    assert settings.filters == {"owner_id": "7", "status": "B"}


def test_given_values_win_and_are_checked(enough: pytest.MonkeyPatch) -> None:
    """Code that passes values gets the same checks; ``None`` means not given."""
    settings: Any = crm.vendor("convoso").settings(
        auth_token="other", rate=4, settle=None, timezone=ZoneInfo("UTC")
    )
    assert (settings.auth_token.reveal(), settings.rate, settings.settle) == ("other", 4.0, 60.0)
    with pytest.raises(ConfigError, match=r"crm\.convoso\.rate"):
        crm.vendor("convoso").settings(rate=-1)
    with pytest.raises(ConfigError, match="did you mean 'timezone'"):
        crm.vendor("convoso").settings(time_zone="UTC")


WRONG = [
    ("rate", "-1", "above 0"),
    ("rate", "0", "above 0"),
    ("rate", "1e9", "at most 1000"),
    ("rate", "fast", "a number"),
    ("rate", "nan", "finite"),
    ("rate", "inf", "finite"),
    ("concurrency", "0", "whole number from 1 to 64"),
    ("concurrency", "2.5", "whole number"),
    ("concurrency", "1000", "whole number"),
    ("timeout", "0", "above 0"),
    ("timeout", "-3", "above 0"),
    ("settle", "-1", "at least 0"),
    ("lookback", "-0.5", "at least 0"),
    ("page_size", "0", "from 1 to 2000"),
    ("page_size", "2001", "from 1 to 2000"),
    ("cursor", "update_at", "did you mean 'updated_at'"),
    ("cursor", "modified", "one of updated_at, changed_at"),
    ("token_in", "header", "one of body, query"),
    ("start", "2026-02-30", "YYYY-MM-DD"),
    ("start", "yesterday", "YYYY-MM-DD"),
    ("start", "9999-12-31", "1970-01-02 and today"),
    ("start", "0001-01-01", "1970-01-02 and today"),
    ("filters", "list_id=333", "JSON object"),
    ("filters", "[1]", "table of names"),
    ("filters", '{"a": true}', "texts and numbers only"),
    ("filters", '{"a": {"b": 1}}', "texts and numbers only"),
    ("timezone", "PST", "did you mean 'America/Los_Angeles'"),
    ("timezone", "america/los_angeles", "did you mean 'America/Los_Angeles'"),
    ("timezone", "America/Los Angeles", "did you mean 'America/Los_Angeles'"),
    ("timezone", "Europe/Londn", "did you mean 'Europe/London'"),
    ("timezone", "-08:00", "an IANA time zone"),
    ("timezone", "localtime", "an IANA time zone"),
    ("timezone", "../etc/passwd", "an IANA time zone"),
    ("base_url", "api.convoso.com/v1", "begins with https://"),
    ("base_url", "ftp://api.convoso.com", "begins with https://"),
    ("base_url", "http://api.convoso.com/v1", "in clear text"),
    ("base_url", "http://localhost.example.com", "in clear text"),
    ("base_url", "http://10.0.0.1", "in clear text"),
    ("base_url", "https://", "with a host"),
    ("base_url", "https:///v1", "with a host"),
    ("base_url", "https://a b.example.com", "with a host"),
    ("base_url", "https://api.convoso.com:port", "no URL"),
    ("base_url", "https://me:secret@api.convoso.com", "plain URL"),
    ("base_url", "http://127.0.0.1@example.com", "plain URL"),
    ("base_url", "https://api.convoso.com/v1?auth_token=x", "plain URL"),
    ("auth_token", "one two", "copy it again"),
    ("auth_token", "a\u200bb", "copy it again"),
]


@pytest.mark.parametrize(("name", "given", "says"), WRONG)
def test_wrong_values(enough: pytest.MonkeyPatch, name: str, given: str, says: str) -> None:
    """One message with the setting in both spellings and what is expected, without what was given."""
    enough.setenv(f"CRM__CONVOSO__{name.upper()}", given)
    with pytest.raises(ConfigError) as caught:
        crm.vendor("convoso").settings()
    message = str(caught.value)
    assert f"crm.convoso.{name} (environment: CRM__CONVOSO__{name.upper()})" in message
    assert says in message
    assert caught.value.exit_code == 2
    if len(given) > 6 and given.lower() not in message.lower().replace(" ", "_"):
        assert given not in "".join(traceback.format_exception(caught.value))


def settings_class(name: Any) -> Any:
    return crm.vendor(name).settings_class


EVERY = [(cls, spec.name) for cls in map(settings_class, crm.names()) for spec in dataclasses.fields(cls)]


@pytest.mark.parametrize(("cls", "name"), EVERY, ids=[f"{cls.vendor}.{name}" for cls, name in EVERY])
@pytest.mark.parametrize("given", [[1], {"a": [1]}, object()], ids=["list", "table", "object"])
def test_every_setting_of_every_crm_refuses_what_it_is_not(cls: Any, name: str, given: Any) -> None:
    """A list of numbers, a table of lists, something else altogether: one sentence that names the setting."""
    required = {
        spec.name: "UTC" if spec.name == "timezone" else "a-token"
        for spec in dataclasses.fields(cls)
        if spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
    }
    required["base_url"] = "https://crm.example.com"
    with pytest.raises(ConfigError) as caught:
        config.resolve(cls, {**required, name: given})
    assert str(caught.value).startswith(f"crm.{cls.vendor}.{name} (environment: ")


@pytest.mark.parametrize(
    "line",
    [
        "rate = true",
        "rate = [1]",
        "concurrency = {a = 1}",
        "timezone = 5",
        "base_url = 5",
        "base_url = ''' '''",
        "start = 5",
        "start = true",
        "filters = 5",
        "filters = [1]",
        "filters = {a = [1]}",
        "filters = {a = 2026-01-01}",
        "cursor = 1",
        "page_size = inf",
    ],
)
def test_wrong_types(files: Callable[..., None], enough: pytest.MonkeyPatch, line: str) -> None:
    """A TOML value of another type is named as well, or counts as not set where it is blank."""
    files(config=f"[crm.convoso]\n{line}\n")
    name = line.split()[0]
    enough.delenv(f"CRM__CONVOSO__{name.upper()}", raising=False)
    if "'''" in line:
        assert crm.vendor("convoso").settings().base_url == "https://api.convoso.com/v1"
        return
    with pytest.raises(ConfigError, match=rf"crm\.convoso\.{name}"):
        crm.vendor("convoso").settings()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://localhost:80/v1", "http://[::1]:5/x", "http://127.9.9.9"]
)
def test_clear_text_is_for_this_machine_only(enough: pytest.MonkeyPatch, url: str) -> None:
    """A sandbox on loopback needs no TLS."""
    assert crm.vendor("convoso").settings(base_url=url).base_url == url


@pytest.mark.parametrize("name", ["auth_token", "timezone"])
def test_what_is_required(enough: pytest.MonkeyPatch, name: str) -> None:
    """A missing setting is named, with the file it belongs into."""
    enough.delenv(f"CRM__CONVOSO__{name.upper()}")
    with pytest.raises(ConfigError, match=rf"crm\.convoso\.{name}.*is not set.*\.dlt/") as caught:
        crm.vendor("convoso").settings()
    assert ("secrets.toml" in str(caught.value)) == (name == "auth_token")
    assert crm.vendor("convoso").missing() == [f"crm.convoso.{name}"]


def test_a_variable_that_is_nearly_right_is_mentioned(enough: pytest.MonkeyPatch) -> None:
    """One underscore too few is what happens most."""
    enough.delenv("CRM__CONVOSO__AUTH_TOKEN")
    enough.setenv("CRM_CONVOSO_AUTH_TOKEN", TOKEN)
    with pytest.raises(ConfigError, match="CRM_CONVOSO_AUTH_TOKEN, which is not the same"):
        crm.vendor("convoso").settings()


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("CRM__CONVOSO__RATEE", "did you mean 'rate'"),
        ("CRM__CONVOSO__TOKEN", "did you mean 'token_in'"),
        ("CRM__CONVOSSO__RATE", "did you mean 'convoso'"),
    ],
)
def test_unknown_names(enough: pytest.MonkeyPatch, variable: str, says: str) -> None:
    """A misspelt setting would silently do nothing, so it is an error."""
    enough.setenv(variable, "1")
    with pytest.raises(ConfigError, match=says):
        crm.vendor("convoso").settings()


def test_unknown_names_in_files(files: Callable[..., None], enough: pytest.MonkeyPatch) -> None:
    """In both files, for a setting and for a CRM."""
    files(secrets="[crm.convoso]\nauth_tokn = 'x'\n")
    with pytest.raises(ConfigError, match="did you mean 'auth_token'"):
        crm.vendor("convoso").settings()
    files(secrets="", config="[crm.convsoo]\nrate = 1\n")
    with pytest.raises(ConfigError, match="did you mean 'convoso'"):
        crm.vendor("convoso").settings()
    files(config="[crm]\nconvoso = 'x'\n")
    with pytest.raises(ConfigError, match="must be a table"):
        crm.vendor("convoso").settings()


def test_a_secret_in_the_open_file_is_refused(files: Callable[..., None], enough: pytest.MonkeyPatch) -> None:
    """A token in config.toml would end up in git."""
    enough.delenv("CRM__CONVOSO__AUTH_TOKEN")
    files(config=f"[crm.convoso]\nauth_token = '{TOKEN}'\n")
    with pytest.raises(ConfigError, match=r"Move it to \.dlt/secrets\.toml") as caught:
        crm.vendor("convoso").settings()
    assert TOKEN not in str(caught.value)


BROKEN = [
    ("rate = \n", "line 2"),
    ("timezone = 'UTC\n", "line 2"),
    ("rate = 1\nrate = 2\n", "line 3"),
    (f"auth_token = '{TOKEN}\n", "line 2"),
]


@pytest.mark.parametrize("name", ["config", "secrets"])
@pytest.mark.parametrize(("text", "where"), BROKEN)
def test_broken_files(project: Path, name: str, text: str, where: str) -> None:
    """The file and the line, in one sentence, from whatever process reads them first."""
    (project / ".dlt" / f"{name}.toml").write_text(f"[crm.convoso]\n{text}")
    with pytest.raises(ConfigError, match=rf"\.dlt/{name}\.toml is not valid TOML.*{where}") as caught:
        config.reload()
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_files_that_are_no_text(project: Path) -> None:
    """Bytes that are not UTF-8 are named as such."""
    (project / ".dlt" / "config.toml").write_bytes(b"[crm.convoso]\ntimezone = '\xff'\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.reload()


def test_a_new_process_says_the_same_about_a_broken_file(project: Path) -> None:
    """dlt reads its files late; the first setting that is asked for meets the error."""
    (project / ".dlt" / "secrets.toml").write_text("[crm.convoso\n")
    code = "from connector import crm\ntry: crm.vendor('convoso').settings()\nexcept Exception as e: print(type(e).__name__, e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ConfigError .dlt/secrets.toml is not valid TOML")


def test_reading_settings_is_what_imports_dlt() -> None:
    """``import connector.config`` stays quick."""
    code = "import sys, connector.config, connector.crm; print([m for m in ('dlt', 'requests', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_describe_stops_at_nothing(enough: pytest.MonkeyPatch) -> None:
    """Every setting has a line, also where some are missing or wrong, and secrets are masked."""
    enough.delenv("CRM__CONVOSO__TIMEZONE")
    enough.setenv("CRM__CONVOSO__RATE", "fast")
    enough.setenv("CRM__CONVOSO__SETTLE", "5")
    states = {state.setting.rpartition(".")[2]: state for state in crm.vendor("convoso").described()}
    assert list(states) == [field.name for field in dataclasses.fields(ConvosoSettings)]
    assert (states["auth_token"].state, states["auth_token"].value) == ("set", "***")
    assert states["timezone"].state == "missing"
    assert (states["rate"].state, states["rate"].value) == ("wrong", None)
    assert "must be a number" in (states["rate"].problem or "")
    assert (states["settle"].state, states["settle"].value) == ("set", "5.0")
    assert (states["lookback"].state, states["lookback"].value) == ("default", "600.0")
    assert states["rate"].env == "CRM__CONVOSO__RATE"
    with pytest.raises(ConfigError, match="did you mean 'convoso'"):
        crm.vendor("convos").described()


def test_the_warehouse(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB unless something else is set; another name is told what there is."""
    assert destination() == "duckdb"
    files(config="[warehouse]\ndestination = 'postgres'\n")
    assert destination() == "postgres"
    monkeypatch.setenv("WAREHOUSE__DESTINATION", "postgresql")
    with pytest.raises(
        ConfigError, match=r"warehouse\.destination.*WAREHOUSE__DESTINATION.*did you mean 'postgres'"
    ):
        destination()


@pytest.mark.parametrize(
    ("where", "given", "says"),
    [
        ("env", "WAREHOUSE__DESTINATON", "warehouse.destinaton", ),
        ("config", "[warehouse]\nengine = 'duckdb'", "warehouse.engine"),
        ("config", "warehouse = 'duckdb'", "must be a table"),
        ("config", "[destination.duckdb]\ncredential = 'x.duckdb'", "did you mean 'credentials'"),
        ("env", "DESTINATION__POSTGRES__CREDENTIAL", "did you mean 'credentials'"),
        ("env", "DESTINATION__POSTGRES__CREDENTIALS__PASWORD", "did you mean 'password'"),
        ("secrets", "[destination.postgres.credentials]\nuser_name = 'me'", "did you mean 'username'"),
        ("config", "[destination.duckdb.credentials]\nfile = 'x'", "destination.duckdb.credentials.file"),
    ],
)  # fmt: skip
def test_unknown_names_of_the_warehouse(
    files: Callable[..., None], monkeypatch: pytest.MonkeyPatch, where: str, given: str, says: str
) -> None:
    """What would silently do nothing is an error that names it, and the nearest name that there is."""
    if where == "env":
        monkeypatch.setenv(given, "planted-value-51")
    else:
        files(**{where: given + "\n"})
    with pytest.raises(ConfigError) as caught:
        destination()
    assert says in str(caught.value)
    assert "planted" not in str(caught.value)


def test_what_is_not_ours_is_left_alone(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Other destinations of dlt, and its own options of ours, are nobody's mistake."""
    files(config="[destination.bigquery]\nlocation = 'EU'\n[destination.postgres]\ncreate_indexes = false\n")
    monkeypatch.setenv("DESTINATION__MINE__CREDENTIALS", "x")
    assert destination() == "duckdb"


def test_credentials_come_raw(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL, a path, a table, a table spread over the environment, or nothing."""
    assert credentials("duckdb") is None
    files(
        secrets="[destination.duckdb]\ncredentials = 'x.duckdb'\n"
        "[destination.postgres.credentials]\nhost = 'h'\npassword = 'p'\n"
    )
    assert credentials("duckdb") == "x.duckdb"
    assert credentials("postgres") == {"host": "h", "password": "p"}
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "q")
    assert credentials("postgres") == {"host": "h", "password": "q"}
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", "postgresql://u@h/db")
    assert credentials("postgres") == {"url": "postgresql://u@h/db", "password": "q"}
    monkeypatch.delenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD")
    assert credentials("postgres") == "postgresql://u@h/db"


def test_a_secret_hides_itself() -> None:
    """In every way a text gets into a log, a traceback or a file."""
    secret = Secret(TOKEN)
    settings = ConvosoSettings(auth_token=secret, timezone=ZoneInfo("UTC"))
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s" % secret]  # noqa: UP031
    shown += [repr(settings), str(dataclasses.asdict(settings)), repr(vars(settings)), repr([secret])]
    assert not [text for text in shown if TOKEN in text]
    attempts: list[Callable[[], bytes]] = [lambda: pickle.dumps(secret), lambda: pickle.dumps(settings)]
    for attempt in attempts:
        with pytest.raises(TypeError, match="not pickled"):
            attempt()
    assert secret.reveal() == TOKEN


def test_secrets_compare_and_copy_like_texts() -> None:
    """Settings stay comparable, and copies are the same secret."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert {Secret("a"): 1}[Secret("a")] == 1
    assert not Secret("")
    assert copy.copy(Secret("a")) == copy.deepcopy(Secret("a")) == Secret("a")


def test_every_setting_of_the_design_is_there() -> None:
    """What the design's page promises for every vendor exists for every vendor."""
    neutral = {"base_url", "rate", "concurrency", "timeout", "settle", "lookback"}
    for vendor in crm.names():
        cls = settings_class(vendor)
        assert neutral <= {field.name for field in dataclasses.fields(cls)}
        assert cls.vendor == vendor


def test_messages_end_as_sentences(enough: pytest.MonkeyPatch) -> None:
    """Each message stands on its own in a terminal."""
    messages: list[Any] = []
    for given in ({"rate": -1}, {"cursor": "x"}, {"timezone": "PST"}, {"ratee": 1}):
        with pytest.raises(ConfigError) as caught:
            crm.vendor("convoso").settings(**given)
        messages.append(str(caught.value))
    assert all(message[-1] in ".?" and "\n" not in message for message in messages)


def test_a_relative_path_is_meant_from_where_the_setting_stands(
    files: Callable[..., None], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the folder whose .dlt holds it, wherever the process is; from the process's folder where the environment does."""
    from connector.warehouse.connection import Warehouse

    files(
        config='[dbt]\nproject = "models"\n',
        secrets='[destination.duckdb]\ncredentials = "leads.duckdb"\n',
    )
    (project / "elsewhere").mkdir()
    monkeypatch.setenv("DLT_PROJECT_DIR", str(project))
    monkeypatch.chdir(project / "elsewhere")
    config.reload()
    assert dbt_project() == project / "models"
    assert Warehouse.open().path == project / "leads.duckdb"

    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "leads.duckdb")
    monkeypatch.setenv("DBT__PROJECT", "models")
    assert dbt_project() == Path("models")
    assert Warehouse.open().path == project / "elsewhere" / "leads.duckdb"


def test_a_misspelt_name_beside_the_dbt_project_is_refused(files: Callable[..., None]) -> None:
    """It would silently be another project."""
    files(config='[dbt]\nprojekt = "models"\n')
    with pytest.raises(ConfigError, match=r"dbt\.projekt .*no setting"):
        dbt_project()


SAMPLES: dict[str, str] = {
    "base_url": "http://127.0.0.1:9/x",
    "timezone": "Europe/Berlin",
    "shared_pace": "postgresql://u@h/db",
    "leads_path": "/api/x",
    "cursor": "changed_at",
    "token_in": "query",
    "recordings_path": "lead/get-recordings",
    "keys_in": "query",
    "plan": "pro",
    "start": "2020-02-03",
    "filters": '{"list_id": "333"}',
    "lead_url": "https://crm.example/leads/{lead_id}",
}
"""What a setting may be, of those for which neither ``2`` nor ``true`` will do."""
PLACES = ("config", "secrets", "environment")


def everywhere() -> Iterator[tuple[str, str, str, bool]]:
    """(vendor, setting, place, whether it is refused there), of every setting of every CRM."""
    for vendor in crm.names():
        cls = settings_class(vendor)
        for spec in dataclasses.fields(cls):
            for place in PLACES:
                yield vendor, spec.name, place, place == "config" and spec.metadata["secret"]


def put(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch, place: str, name: str, text: str) -> str:
    """Sets it there; gives what its origin has to end with."""
    section, _, key = name.rpartition(".")
    if place == "environment":
        monkeypatch.setenv(config.env_name(name), text)
        return config.env_name(name)
    files(**{place: f"[{section}]\n{key} = '{text}'\n"})
    return f".dlt/{place}.toml"


@pytest.mark.parametrize(("vendor", "name", "place", "refused"), everywhere())
def test_every_setting_works_from_every_place(
    files: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    name: str,
    place: str,
    refused: bool,
) -> None:
    """It is found wherever it may stand, and it is told where that was; a secret in config.toml is refused."""
    flags = {
        spec.name for spec in dataclasses.fields(settings_class(vendor)) if spec.default in (True, False)
    }
    text = SAMPLES.get(name, "true" if name in flags else "2")
    setting = f"crm.{vendor}.{name}"
    where = put(files, monkeypatch, place, setting, text)
    state = next(each for each in crm.vendor(vendor).described() if each.setting == setting)
    assert state.state == ("wrong" if refused else "set"), state.problem
    assert refused or (state.origin or "").endswith(where)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("engine", "text", "label"),
    [
        ("duckdb", "other.duckdb", "other.duckdb"),
        ("postgres", "postgresql://u@h/db", "postgresql://h:5432/db"),
    ],
)
def test_the_warehouse_is_found_in_every_place(
    files: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    engine: str,
    text: str,
    label: str,
) -> None:
    """The very line that init writes is the warehouse, in config.toml as well; and it is told where it stands."""
    from connector.warehouse.connection import Warehouse

    monkeypatch.setenv("WAREHOUSE__DESTINATION", engine)
    name = f"destination.{engine}.credentials"
    where = put(files, monkeypatch, place, name, text)
    assert Warehouse.open().label.endswith(label)
    assert origins()[name].endswith(where)


def test_an_address_may_be_spread_over_the_places(
    files: Callable[..., None], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table or a URL in config.toml, its password in secrets.toml, a part in the environment: one warehouse."""
    from connector.warehouse.connection import Warehouse

    monkeypatch.setenv("WAREHOUSE__DESTINATION", "postgres")
    secrets = "[destination.postgres.credentials]\npassword = 'p'\n"
    table = "[destination.postgres.credentials]\nhost = 'h'\nport = 5433\nusername = 'u'\ndatabase = 'db'\n"
    for text in (table, "[destination.postgres]\ncredentials = 'postgresql://u@h:5433/db'\n"):
        files(config=text, secrets=secrets)
        url = Warehouse.open().url
        assert (url.username, url.password, url.host, url.port, url.database) == ("u", "p", "h", 5433, "db")
    places = config.origin("destination.postgres.credentials") or ""
    assert places == f"{project}/.dlt/secrets.toml, {project}/.dlt/config.toml"
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__DATABASE", "other")
    assert Warehouse.open().url.database == "other"
    for text in (
        table + "password = 'planted'\n",
        "destination.postgres.credentials = 'postgresql://u:planted@h/db'\n",
    ):
        files(config=text, secrets="")
        with pytest.raises(ConfigError, match=r"Move it to \.dlt/secrets\.toml") as caught:
            Warehouse.open()
        assert "planted" not in str(caught.value)


def test_an_empty_text_hides_nothing(files: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as not set, so the next place is asked."""
    files(config="[crm.convoso]\nrate = 3\n")
    monkeypatch.setenv("CRM__CONVOSO__RATE", "")
    assert config.value("crm.convoso.rate") == 3


@pytest.mark.parametrize("name", ["bigquery", "redshift"])
def test_a_warehouse_that_is_not_there_yet_says_what_there_is(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no misspelt name: whoever asks for it is told what works, and where to read more."""
    monkeypatch.setenv("WAREHOUSE__DESTINATION", name)
    config.reload()
    with pytest.raises(ConfigError, match=rf"is {name}, and .* yet.*docs/engines\.md") as refused:
        destination()
    assert refused.value.exit_code == 2
    assert "dbt package alone" in str(refused.value)
