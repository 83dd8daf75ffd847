"""Settings, resolved by dlt: the environment, ``.dlt/secrets.toml``, ``.dlt/config.toml``, then any vault dlt knows.

A setting is written ``crm.convoso.rate`` in a file and ``CRM__CONVOSO__RATE`` in the environment. What a vendor takes is
declared once, as fields of its dataclass: a default, how to read the value, whether it is secret. Everything that is
wrong ends in one ``ConfigError`` that names the setting in both spellings and never shows what was set.

dlt reads its files when a setting is first looked up, relative to the folder the process is in at that moment.
"""

import datetime as dt
import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connector import parsing
from connector.errors import ConfigError
from connector.parsing import Parser, Secret, WrongValueError, did_you_mean

__all__ = [
    "ConvosoSettings",
    "LeadSquaredSettings",
    "LeadpingSettings",
    "PollyBotSettings",
    "Secret",
    "SettingState",
    "VendorSettings",
    "anchored",
    "convoso_settings",
    "dbt_project",
    "describe",
    "destination_credentials",
    "did_you_mean",
    "env_name",
    "meaning",
    "missing",
    "named",
    "origin",
    "reload",
    "resolve",
    "settings_class",
    "value",
    "warehouse_destination",
    "warehouse_origins",
]

DESTINATIONS = ("duckdb", "postgres")
MAX_PAGE_SIZE = 2000
LEADSQUARED_PAGE_SIZE = 5000


def named(setting: str) -> str:
    """A setting's name in both spellings, as every message shows it."""
    return f"{setting} (environment: {env_name(setting)})"


def env_name(setting: str) -> str:
    return setting.upper().replace(".", "__")


def how(parse: Parser, meaning: str, *, secret: bool = False) -> dict[str, Any]:
    """What a dataclass field needs for dlt to find it, for its value to be read, and for docs/settings.md to tell of it.

    ``meaning`` is Markdown on one line, as it stands in the table of that page.
    """
    return {"parse": parse, "secret": secret, "meaning": meaning}


CALLS = parsing.between(0, 1000, "calls per second", above=True)
RATE = "Calls per second over all threads of a run; above 0, at most 1,000."
IN_SECRETS = "It belongs into `.dlt/secrets.toml` or the environment; in `config.toml` it is refused."
IN_THE_CLEAR = (
    "`http://` is accepted only for this machine itself, since it would send the secret in clear text."
)


@dataclass(frozen=True, kw_only=True)
class VendorSettings:
    """What every CRM has, and what it means there.

    ``meanings``: what a CRM has to say of one of these fields that is not what they mean for the others.
    """

    vendor: ClassVar[str]
    meanings: ClassVar[Mapping[str, str]] = {}

    base_url: str = field(metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"))
    rate: float = field(default=5.0, metadata=how(CALLS, RATE))
    concurrency: int = field(
        default=4, metadata=how(parsing.count(1, 64), "Calls under way at once, 1 to 64.")
    )
    timeout: float = field(
        default=30.0,
        metadata=how(
            parsing.between(0, 600, "seconds", above=True),
            "Seconds to wait for each sign of an answer; above 0, at most 600. A whole call, with connecting, may take "
            "four times as long, or a minute where that is more.",
        ),
    )
    settle: float = field(
        default=60.0,
        metadata=how(
            parsing.between(0, 86_400, "seconds"),
            "Seconds. Edits younger than this are left to the next run, since the CRM's search may not show them yet. "
            "At most one day.",
        ),
    )
    lookback: float = field(
        default=600.0,
        metadata=how(
            parsing.between(0, 31 * 86_400, "seconds"),
            "Seconds before the cursor that every run reads again, for edits that became searchable late. "
            "At most 31 days.",
        ),
    )
    start: dt.date = field(
        default=dt.date(2000, 1, 1),
        metadata=how(parsing.past_date, "The first day to read while there is no cursor, in UTC."),
    )
    shared_pace: Secret | None = field(
        default=None,
        metadata=how(
            parsing.database,
            "A PostgreSQL database, `postgresql://user:password@host:5432/database`, through which all runs that name "
            "it keep `rate` together, and the pauses that the CRM asks one of them for, whichever machine they run on. "
            "It holds two small tables, `leadloop.pace`, and `leadloop.marks` with a note of "
            "[each push](push.md#a-copy-of-the-warehouse-that-is-put-back). "
            "Needs `pip install 'leadloop[postgres]'`.",
            secret=True,
        ),
    )
    leave_out: tuple[str, ...] = field(
        default_factory=tuple,
        metadata=how(
            parsing.names,
            'Fields that never reach the warehouse, as a list: `["notes"]`; in the environment `notes,address1`. '
            "See [private fields](#private-fields).",
        ),
    )
    hash: tuple[str, ...] = field(
        default_factory=tuple,
        metadata=how(parsing.names, "Fields of which only a hash reaches the warehouse, as a list."),
    )
    hash_salt: Secret | None = field(
        default=None,
        metadata=how(
            parsing.secret,
            "A long random text, required by `hash`. Who has it can find out which value belongs to a hash.",
            secret=True,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class ConvosoSettings(VendorSettings):
    """``crm.convoso.*``. Convoso publishes no rate limit: 10 calls a second is a courteous guess, and 429 slows us down."""

    vendor: ClassVar[str] = "convoso"
    meanings: ClassVar[Mapping[str, str]] = {
        "start": "The first day to read while there is no cursor, in the account's zone."
    }

    base_url: str = field(
        default="https://api.convoso.com/v1",
        metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"),
    )
    auth_token: Secret = field(
        metadata=how(parsing.secret, f"The account's API token. {IN_SECRETS}", secret=True)
    )
    timezone: ZoneInfo = field(
        metadata=how(
            parsing.zone,
            "The account's own time zone, as an IANA name such as `America/Los_Angeles`. Convoso takes and shows every "
            "time in it.",
        )
    )
    rate: float = field(
        default=10.0,
        metadata=how(
            CALLS,
            f"{RATE} After a 429, and when answers take ever longer, leadloop goes slower by itself and recovers slowly.",
        ),
    )
    cursor: Literal["updated_at", "changed_at"] = field(
        default="updated_at",
        metadata=how(
            parsing.choice("updated_at", "changed_at"),
            "Which clock of the CRM drives the extraction: `updated_at` (a user's edits) or `changed_at` (any change, "
            "where the account has this filter). Each has its own cursor.",
        ),
    )
    filters: Mapping[str, str] = field(
        default_factory=dict,
        metadata=how(
            parsing.table,
            'Search filters of every read, as a table: `[crm.convoso.filters]` with `list_id = "333"`; in the '
            "environment a JSON object, or one variable per filter: `CRM__CONVOSO__FILTERS__LIST_ID=333`.",
        ),
    )
    token_in: Literal["body", "query"] = field(
        default="body",
        metadata=how(
            parsing.choice("body", "query"),
            "Where the token travels: `body` (the form) or `query` (the address, which ends up in the logs of proxies; "
            "one of Convoso's pages shows it).",
        ),
    )
    page_size: int = field(
        default=MAX_PAGE_SIZE,
        metadata=how(parsing.count(1, MAX_PAGE_SIZE), f"Leads per call, 1 to {MAX_PAGE_SIZE:,}."),
    )
    removals: bool = field(
        default=True,
        metadata=how(
            parsing.flag,
            "Whether every run also asks which leads were deleted or archived since the last one: two small searches "
            "where none were.",
        ),
    )
    recordings: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether every run also reads recordings. Each lead that was called since the last run costs one call, the "
            "first run one for every lead that was ever called (since `start`).",
        ),
    )
    recordings_lookback: float = field(
        default=3600.0,
        metadata=how(
            parsing.between(0, 31 * 86_400, "seconds"),
            "Seconds before the cursor in which recordings are looked for again: as long as your longest call, since a "
            "recording appears when the call has ended. At most 31 days.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class LeadSquaredSettings(VendorSettings):
    """``crm.leadsquared.*``. The page allows 25 calls in 5 seconds, other pages less; "too many" slows us down."""

    vendor: ClassVar[str] = "leadsquared"

    base_url: str = field(
        default="https://api.leadsquared.com",
        metadata=how(
            parsing.url_without("/LeadManagement.svc", "/v2"),
            "The host of the account's own region, as *Settings > API and Webhooks* shows it, such as "
            f"`https://api-in21.leadsquared.com`. A `/v2` at its end is taken off. {IN_THE_CLEAR}",
        ),
    )
    rate: float = field(
        default=4.5,
        metadata=how(
            CALLS,
            f"{RATE} The default is a tenth below 25 calls in 5 seconds, since calls may arrive closer to one another "
            'than they left. After "too many calls" leadloop goes slower by itself and recovers slowly.',
        ),
    )
    access_key: Secret = field(
        metadata=how(
            parsing.secret, f"The access key of an administrator of the account. {IN_SECRETS}", secret=True
        )
    )
    secret_key: Secret = field(
        metadata=how(parsing.secret, "The secret key that belongs to it.", secret=True)
    )
    keys_in: Literal["header", "query"] = field(
        default="header",
        metadata=how(
            parsing.choice("header", "query"),
            "Where the keys travel: `header` or `query` (the address, which ends up in the logs of proxies).",
        ),
    )
    post_updated_lead: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether the account's automations and webhooks see the leads that leadloop changes.",
        ),
    )
    bulk: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether a call may change 25 leads, which says less about why one was refused. It has no effect together "
            "with `post_updated_lead`.",
        ),
    )
    page_size: int = field(
        default=1000,
        metadata=how(
            parsing.count(1, LEADSQUARED_PAGE_SIZE), f"Leads per call, 1 to {LEADSQUARED_PAGE_SIZE:,}."
        ),
    )


@dataclass(frozen=True, kw_only=True)
class PollyBotSettings(VendorSettings):
    """``crm.pollybot.*``. PollyBot allows 1,000 calls an hour per key; what is left of them slows us down in time."""

    vendor: ClassVar[str] = "pollybot"
    meanings: ClassVar[Mapping[str, str]] = {
        "rate": f"{RATE} When four fifths of the key's hourly calls are used, the rest is spread over what remains of the "
        "hour.",
        "settle": "Seconds before now at which a run's window ends. At most one day.",
        "lookback": "Seconds before the cursor that every run reads again. At most 31 days.",
        "start": "Not used: the first run reads every lead.",
    }

    base_url: str = field(
        default="https://pollybot.app",
        metadata=how(parsing.url, f"Address of the service, without the API's path. {IN_THE_CLEAR}"),
    )
    api_key: Secret = field(
        metadata=how(parsing.secret, f"The workspace's key, `sk-workspace_…`. {IN_SECRETS}", secret=True)
    )
    leads_path: str = field(
        default="/api/v1/leads",
        metadata=how(
            parsing.path,
            "Where the leads are below the address. Newer workspaces have them at `/api/v1/chatbots/ID/leads`, with the "
            "chatbot's id.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class LeadpingSettings(VendorSettings):
    """``crm.leadping.*``. Leadping allows an organisation 300 calls in 60 seconds; a changed lead takes three of them."""

    vendor: ClassVar[str] = "leadping"
    meanings: ClassVar[Mapping[str, str]] = {
        "settle": "Seconds. Edits younger than this are left to the next run, since the CRM's list may not show them yet. "
        "At most one day.",
        "lookback": "Seconds before the cursor that every run reads again, for edits that the list showed late. "
        "At most 31 days.",
        "start": "Not used: the first run reads every lead.",
    }

    base_url: str = field(
        default="https://api.leadping.ai",
        metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"),
    )
    rate: float = field(
        default=4.8,
        metadata=how(
            CALLS,
            f"{RATE} The default is a little below Leadping's own limit, 300 calls in 60 seconds for the whole "
            "organisation: set it lower where other programs use the same one.",
        ),
    )
    api_key: Secret = field(
        metadata=how(parsing.secret, f"The organisation's API key (`sk_…`). {IN_SECRETS}", secret=True)
    )


SETTINGS: dict[str, type[VendorSettings]] = {
    "convoso": ConvosoSettings,
    "leadsquared": LeadSquaredSettings,
    "pollybot": PollyBotSettings,
    "leadping": LeadpingSettings,
}


SHARED_SETTINGS: dict[str, tuple[str, str]] = {
    "warehouse.destination": (
        "`duckdb`",
        "`duckdb` or `postgres`. This one setting switches loading, modelling and the journal together.",
    ),
    "destination.duckdb.credentials": (
        "`leads.duckdb`",
        (
            "The path of the database file. Its folder must exist, and the file can't have the name of one of its schemas "
            "(`analytics`, `leadloop`, `convoso_raw`). Only its owner can read it."
        ),
    ),
    "destination.postgres.credentials": (
        "required with `postgres`, secret",
        (
            "`postgresql://user:password@host:5432/database`, or a table with `host`, `port`, `username`, `password`, "
            "`database`; in the environment also one by one, as `DESTINATION__POSTGRES__CREDENTIALS__PASSWORD`. "
            "Needs `pip install 'leadloop[postgres]'`."
        ),
    ),
    "dbt.project": (
        "none",
        (
            "The folder of the dbt project, where it is neither `./dbt_models` nor the folder itself; `packaged` for the one "
            "that comes with leadloop. The option `--dbt-project` wins."
        ),
    ),
}
"""What is set beside the CRMs, as docs/settings.md tells it: (default, meaning), both Markdown."""


def meaning(cls: type[VendorSettings], spec: "Field[Any]") -> str:
    """What a setting means for a CRM, as Markdown on one line."""
    return cls.meanings.get(spec.name, str(spec.metadata["meaning"]))


def convoso_settings(**given: Any) -> ConvosoSettings:
    """``crm.convoso.*`` as set; ``given`` wins over what is set. ``ConfigError`` for whatever is missing or wrong."""
    return resolve(ConvosoSettings, given)


V = TypeVar("V", bound=VendorSettings)


def resolve(cls: type[V], given: Mapping[str, Any] | None = None) -> V:
    """One vendor's settings, every value checked.

    ``given`` holds values that win over what is set (``None`` = not given), under the same names and the same checks.
    """
    given = {name: value for name, value in (given or {}).items() if value is not None}
    prefix = f"crm.{cls.vendor}"
    _refuse_unknown(cls, given)
    values = {}
    for spec in fields(cls):
        raw = given[spec.name] if spec.name in given else _look_up(prefix, spec)
        if raw is not None:
            values[spec.name] = _parsed(f"{prefix}.{spec.name}", spec.metadata["parse"], raw)
        elif _required(spec):
            raise ConfigError(_missing_message(f"{prefix}.{spec.name}", secret=spec.metadata["secret"]))
    return cls(**values)


@dataclass(frozen=True, slots=True)
class SettingState:
    """One line of a list of settings, for people. ``value`` is masked where it is secret, ``None`` where unset."""

    setting: str
    env: str
    state: Literal["set", "default", "missing", "wrong"]
    value: str | None
    problem: str | None = None
    origin: str | None = None
    """Where it is set: a variable of the environment, a file."""


def describe(vendor: str) -> list[SettingState]:
    """Every setting of a vendor: whether it is set, left at its default, missing or wrong. Stops at nothing."""
    cls = settings_class(vendor)
    states = []
    for spec in fields(cls):
        name = f"crm.{vendor}.{spec.name}"
        env = env_name(name)
        try:
            raw = _look_up(f"crm.{vendor}", spec)
            value = None if raw is None else _parsed(name, spec.metadata["parse"], raw)
        except ConfigError as error:
            states.append(SettingState(name, env, "wrong", None, str(error)))
            continue
        if value is not None:
            where = origin(name, secret=spec.metadata["secret"])
            states.append(SettingState(name, env, "set", str(value), origin=where))
        elif _required(spec):
            problem = _missing_message(name, secret=spec.metadata["secret"])
            states.append(SettingState(name, env, "missing", None, problem))
        else:
            states.append(SettingState(name, env, "default", str(_default(spec))))
    return states


def missing(vendor: str) -> list[str]:
    """The names of a vendor's required settings that have no value, as written in a file."""
    return [state.setting for state in describe(vendor) if state.state == "missing"]


def settings_class(vendor: str) -> type[VendorSettings]:
    """The settings of a vendor by its name; ``ConfigError`` with the nearest name where there is none."""
    if vendor not in SETTINGS:
        raise ConfigError(
            f"There is no CRM called {vendor!r}{did_you_mean(vendor, SETTINGS)} Known: {', '.join(sorted(SETTINGS))}."
        )
    return SETTINGS[vendor]


def warehouse_destination() -> str:
    """``warehouse.destination``: ``duckdb`` (the default) or ``postgres``. ``ConfigError`` also for misspelt names beside it."""
    _refuse_unknown_warehouse()
    raw = value("warehouse.destination")
    return (
        str(_parsed("warehouse.destination", parsing.choice(*DESTINATIONS), raw))
        if raw is not None
        else "duckdb"
    )


def destination_credentials(name: str) -> Any:
    """``destination.<name>.credentials`` as dlt defines it: a URL or path as text, a table, or ``None`` when unset.

    A table may be spread over the places where settings are (``DESTINATION__POSTGRES__CREDENTIALS__HOST``, the password in
    secrets.toml); with a text below it, that text is its entry ``url``. Holds a password: never show it.
    """
    setting = f"destination.{name}.credentials"
    for provider, found in _found(setting):
        if not provider.supports_secrets and _has_password(found):
            raise ConfigError(
                f"The password of {named(setting)} stands in config.toml; move it to .dlt/secrets.toml."
            )
    return _merged(setting, text_entry="url")


def warehouse_origins() -> dict[str, str]:
    """Where each setting of the warehouse is from, by its name."""
    names = ("warehouse.destination", f"destination.{warehouse_destination()}.credentials")
    return {name: origin(name) or "default" for name in names}


def origin(setting: str, *, secret: bool = False) -> str | None:
    """Where a value is from, for people: the environment's variable, a file's path, a vault's name; of a table all of them."""
    places = [env_name(setting) + "__*"] if _entries(setting) else []
    for provider, found in _found(setting, secret=secret):
        file = _file_of(provider, setting)
        places.append(env_name(setting) if _is_environment(provider) else str(file or provider.name))
        if not isinstance(found, Mapping) or not setting.startswith("destination."):
            break  # only an address may be spread
    return ", ".join(places) or None


def dbt_project() -> Path | None:
    """``dbt.project``: the folder of the dbt project, ``packaged`` for the one that comes with leadloop, ``None`` when unset."""
    _refuse_unknown_in("dbt", (), ["project"])
    found = value("dbt.project")
    if found is None or found == "packaged":
        return found if found is None else Path(found)
    if not isinstance(found, str):
        raise ConfigError(f"{named('dbt.project')} must be a folder's path.")
    return anchored("dbt.project", found)


def anchored(setting: str, path: str) -> Path:
    """A path as a setting names it: a relative one is meant from the folder whose ``.dlt`` holds the setting, and from the
    folder that the process is in where the environment does."""
    return (_folder(setting) or Path()) / Path(path).expanduser()


def _folder(setting: str) -> Path | None:
    """The folder whose ``.dlt`` has the file that a setting is from; ``None`` where no file is."""
    for provider, _ in _found(setting):
        file = _file_of(provider, setting)
        return file.parent.parent if file else None
    return None


def _file_of(provider: Any, setting: str) -> Path | None:
    """The settings file of the project or of the user that has this setting; ``None`` for what is no file of dlt's."""
    from dlt.common.configuration.providers.toml import SettingsTomlProvider

    if not isinstance(provider, SettingsTomlProvider):
        return None
    *sections, key = setting.split(".")
    files = [Path(each).absolute() for each in provider.locations]
    if not files:
        return None
    of_user = provider.get_value_location(key, "", *sections).startswith("global:")
    return files[-1] if of_user else files[0]


def value(setting: str, *, secret: bool = False) -> Any:
    """One raw value as dlt finds it, ``None`` where it is not set or an empty text."""
    return next((found for _, found in _found(setting, secret=secret)), None)


def _found(setting: str, *, secret: bool = False) -> Iterator[tuple[Any, Any]]:
    """(dlt's provider, value) of every place that has a value, the one that wins first."""
    dlt = _dlt()
    accessor = dlt.secrets if secret else dlt.config
    *sections, key = setting.split(".")
    for provider in accessor.config_providers:
        found, _ = provider.get_value(key, accessor.default_type, None, *sections)
        if found is not None and (not isinstance(found, str) or found.strip()):
            yield provider, found


def _is_environment(provider: Any) -> bool:
    from dlt.common.configuration.providers import EnvironProvider

    return isinstance(provider, EnvironProvider)


def _has_password(credentials: Any) -> bool:
    if isinstance(credentials, Mapping):
        return bool(credentials.get("password"))
    return bool(isinstance(credentials, str) and "://" in credentials and urlsplit(credentials).password)


def reload() -> None:
    """Reads the files again: for a process that changed its folder or wrote its settings."""
    _dlt()
    from dlt.common.configuration.container import Container
    from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

    with _readable_files():
        Container()[PluggableRunContext].reload_providers()


def _look_up(prefix: str, spec: "Field[Any]") -> Any:
    name = f"{prefix}.{spec.name}"
    if spec.metadata["parse"] is parsing.table:
        return _merged(name)
    found = value(name, secret=spec.metadata["secret"])
    if found is None and spec.metadata["secret"] and value(name) is not None:
        raise ConfigError(
            f"{named(name)} is a secret and stands in config.toml; move it to .dlt/secrets.toml."
        )
    return found


def _merged(name: str, text_entry: str | None = None) -> Any:
    """A setting that may be a table: environment names below it are its entries, and win.

    With ``text_entry`` it may be spread over all places; a text that is no table ends it there, as that entry of the table.
    """
    table = _entries(name)
    for _, each in _found(name):
        found = each
        if isinstance(found, str):
            if not found.lstrip().startswith("{"):
                return {text_entry: found, **table} if table and text_entry else found
            found = _parsed(name, parsing.table, found)
        if not isinstance(found, Mapping):
            return found
        table = {**found, **table}
        if text_entry is None:
            break
    return table or None


def _entries(name: str) -> dict[str, Any]:
    below = env_name(name) + "__"
    return {
        key[len(below) :].lower(): text for key, text in os.environ.items() if key.startswith(below) and text
    }


def _parsed(name: str, parse: Parser, raw: Any) -> Any:
    try:
        return parse(raw)
    except WrongValueError as wrong:
        text = str(wrong)
    # Raised outside of the handler: a chained exception could show what was set.
    raise ConfigError(f"{named(name)} {text}{'' if text.endswith('?') else '.'}")


def _required(spec: "Field[Any]") -> bool:
    return spec.default is MISSING and spec.default_factory is MISSING


def _default(spec: "Field[Any]") -> Any:
    return spec.default if spec.default_factory is MISSING else spec.default_factory()


def _missing_message(name: str, *, secret: bool) -> str:
    file = ".dlt/secrets.toml" if secret else ".dlt/config.toml"
    env = env_name(name)
    near = difflib.get_close_matches(env, [key for key in os.environ if key != env], n=1, cutoff=0.85)
    hint = f" The environment has {near[0]}, which is not the same name." if near else ""
    return f"{named(name)} is not set. Put it into {file} or the environment.{hint}"


def _refuse_unknown(cls: type[VendorSettings], given: Mapping[str, Any]) -> None:
    """A misspelt name would silently do nothing, so it is an error."""
    known = [spec.name for spec in fields(cls)]
    for vendor, name in [*((cls.vendor, name) for name in given), *_names_set()]:
        if vendor not in SETTINGS:
            raise ConfigError(
                f"crm.{vendor} is set, and there is no CRM of that name{did_you_mean(vendor, SETTINGS) or '.'}"
            )
        if vendor == cls.vendor and name not in known:
            raise ConfigError(
                f"{named(f'crm.{vendor}.{name}')} is no setting of leadloop{did_you_mean(name, known) or '.'}"
            )


def _names_set() -> Iterator[tuple[str, str]]:
    """(vendor, setting) of everything under ``crm``."""
    for vendors in _tables_set("crm"):
        for vendor, table in vendors.items():
            if not isinstance(table, Mapping):
                raise ConfigError(f"crm.{vendor} must be a table, [crm.{vendor}], and is a single value.")
            yield from ((vendor, name) for name in table)
    for path in _variables_set("crm"):
        if len(path) > 1:
            yield path[0], path[1]


def _refuse_unknown_warehouse() -> None:
    """The same as for a CRM. Below ``destination`` only our engines are looked at, by dlt's own names."""
    _refuse_unknown_in("warehouse", (), ["destination"])
    for engine in DESTINATIONS:
        spec = getattr(_dlt().destinations, engine)().spec.get_resolvable_fields()
        _refuse_unknown_in("destination", (engine,), list(spec))
        parts = list(spec["credentials"].get_resolvable_fields())
        _refuse_unknown_in("destination", (engine, "credentials"), parts)


def _refuse_unknown_in(section: str, above: tuple[str, ...], known: list[str]) -> None:
    names: list[str] = []
    for whole in _tables_set(section):
        table: Any = whole
        for name in above:
            table = table.get(name) if isinstance(table, Mapping) else None
        names += table if isinstance(table, Mapping) else ()
    place = len(above)
    names += [path[place] for path in _variables_set(section) if path[:place] == above and len(path) > place]
    for name in names:
        if name not in known:
            full = named(".".join((section, *above, name)))
            raise ConfigError(f"{full} is no setting of leadloop{did_you_mean(name, known) or '.'}")


def _tables_set(section: str) -> Iterator[Mapping[str, Any]]:
    """The tables of this name in the files; vaults can't be listed."""
    dlt = _dlt()
    from dlt.common.configuration.providers.toml import SettingsTomlProvider

    for provider in dlt.config.config_providers:
        if isinstance(provider, SettingsTomlProvider):
            found, _ = provider.get_value(section, Any, "")
            if found is not None and not isinstance(found, Mapping):
                raise ConfigError(f"{section} must be a table, [{section}], and is a single value.")
            yield found or {}


def _variables_set(section: str) -> Iterator[tuple[str, ...]]:
    """What the environment has below it: ``CRM__CONVOSO__RATE`` is ``("convoso", "rate")``."""
    for key in sorted(os.environ):
        first, *rest = key.split("__")
        if first == section.upper() and rest:
            yield tuple(name.lower() for name in rest)


def _dlt() -> Any:
    """dlt, imported late since that takes seconds, with its files read or a ``ConfigError`` about them."""
    import dlt

    with _readable_files():
        _ = dlt.config.config_providers
    return dlt


class _readable_files:  # noqa: N801 - reads as a statement: with _readable_files()
    """Turns dlt's error about a file it can't read into a ``ConfigError`` with file and line."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        from dlt.common.configuration.providers.toml import TomlProviderReadException

        if isinstance(error, TomlProviderReadException):
            raise ConfigError(_toml_problem([Path(path) for path in error.full_paths])) from None


def _toml_problem(paths: list[Path]) -> str:
    for path in paths:
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
            tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            return f"{path} is not valid TOML: {_with_line(str(error), text)}."
        except UnicodeDecodeError:
            return f"{path} is not UTF-8 text."
        except OSError as error:
            return f"{path} can't be read: {error.strerror}."
    return f"{' or '.join(map(str, paths))} can't be read by dlt, though it is valid TOML."


def _with_line(message: str, text: str) -> str:
    """The message with a line. For a quote that is never closed only dlt's own parser knows where it was opened."""
    import tomlkit
    from tomlkit.exceptions import ParseError

    if "at line" in message:
        return message
    try:
        tomlkit.parse(text)
    except ParseError as error:
        return f"{message.replace(' (at end of document)', '')} (at line {error.line})"
    return message
