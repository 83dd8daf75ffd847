"""The settings of a CRM: what all of them have, and how a CRM's own are declared and resolved.

Each is declared once, as a field of the CRM's dataclass (``crm/<vendor>/settings.py``): a default, how to read the value,
whether it is secret, what it means.
"""

import datetime as dt
import difflib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import islice
from typing import Any, ClassVar, Literal, TypeVar

from connector import parsing
from connector.config.lookup import (
    env_name,
    found_at,
    merged,
    named,
    origin,
    parsed,
    tables_set,
    value,
    variables_set,
)
from connector.errors import ConfigError
from connector.parsing import Parser, Secret, did_you_mean, no_such


def how(parse: Parser, meaning: str, *, secret: bool = False) -> dict[str, Any]:
    """What a dataclass field needs for dlt to find it, for its value to be read, and for docs/settings.md to tell of it.

    ``meaning`` is Markdown on one line, as it stands in the table of that page.
    """
    return {"parse": parse, "secret": secret, "meaning": meaning}


CALLS = parsing.between(0, 1000, "calls per second", above=True)


RATE = "Calls per second, across all threads of a run; above 0, at most 1,000."


SINGLE_CALLS = 4
"""Calls about one lead that are under way at once, unless a setting says how many."""
MOST_PAGES = 16
"""Pages of leads that are asked for at once, unless a setting says how many: at first as many as ``SINGLE_CALLS``."""


IN_SECRETS = "Put it into `.dlt/secrets.toml` or the environment; leadloop refuses it in `config.toml`."


IN_THE_CLEAR = "leadloop accepts `http://` only for this machine, because it sends the secret in clear text."


@dataclass(frozen=True, slots=True)
class Reading:
    """What the settings say of reading, for a CRM that can be asked for more than its leads by the time of modification."""

    cursor: str = "updated_at"
    filters: Mapping[str, str] = field(default_factory=dict)
    page_size: int | None = None
    """Leads per call; ``None``: as many as the CRM gives."""
    removals: bool = False
    """Whether removed leads are looked for."""
    recordings: bool = False
    recordings_lookback: float = 0.0
    """Seconds."""
    calls: bool = False
    """Whether the log of calls is read."""
    calls_lookback: float = 0.0
    """Seconds."""


@dataclass(frozen=True, kw_only=True)
class VendorSettings:
    """What every CRM has, and what it means there.

    ``meanings``: what a CRM has to say of one of these fields that is not what they mean for the others.
    """

    vendor: ClassVar[str]
    account: ClassVar[str] = ""
    """The account's name where it has one of its own: ``[crm.<account>]`` with ``vendor`` in it."""
    meanings: ClassVar[Mapping[str, str]] = {}

    base_url: str = field(metadata=how(parsing.url, f"Address of the API. {IN_THE_CLEAR}"))
    rate: float = field(default=5.0, metadata=how(CALLS, RATE))
    concurrency: int | None = field(
        default=None,
        metadata=how(
            parsing.count(1, 64),
            f"How many calls run at the same time, 1 to 64. If it is not set, leadloop makes {SINGLE_CALLS} calls about single "
            f"leads at the same time and asks for {SINGLE_CALLS} to {MOST_PAGES} pages of a window: for more as long as the CRM's "
            "answers don't become slower.",
        ),
    )
    timeout: float = field(
        default=30.0,
        metadata=how(
            parsing.between(0, 600, "seconds", above=True),
            "Seconds to wait for each part of an answer; above 0, at most 600. A whole call, with connecting, may take "
            "four times as long, or a minute if that is more.",
        ),
    )
    settle: float = field(
        default=60.0,
        metadata=how(
            parsing.between(0, 86_400, "seconds"),
            "Seconds before now at which a window ends. The next run reads younger edits, because the CRM's search may not "
            "show them yet. At most one day.",
        ),
    )
    lookback: float = field(
        default=600.0,
        metadata=how(
            parsing.between(0, 31 * 86_400, "seconds"),
            "Seconds before the cursor that every run reads again, because an edit can become searchable late. "
            "At most 31 days.",
        ),
    )
    start: dt.date = field(
        default=dt.date(2000, 1, 1),
        metadata=how(parsing.past_date, "The first day to read if there is no cursor yet, in UTC."),
    )
    shared_pace: Secret | None = field(
        default=None,
        metadata=how(
            parsing.database,
            "A PostgreSQL database, `postgresql://user:password@host:5432/database`. All runs that name it, on any "
            "machine, share one `rate`, and the pauses for which the CRM asks one of them. "
            "It holds small tables: `leadloop.pace`, `leadloop.marks` with the mark of "
            "[each push](push.md#a-restored-warehouse), and `leadloop.day_calls` with the calls of the day, for a CRM that has so "
            "many a day. "
            "Needs `pip install 'leadloop[postgres]'`.",
            secret=True,
        ),
    )
    pace_name: str | None = field(
        default=None,
        metadata=how(
            parsing.text,
            "What the shared pace is called. Accounts with the same name here share one `rate`, for a CRM whose limit counts "
            "for the whole organisation. If it is not set, each account has a pace of its own.",
        ),
    )
    leave_out: tuple[str, ...] = field(
        default_factory=tuple,
        metadata=how(
            parsing.names,
            'Fields that leadloop never writes to the warehouse, as a list: `["notes"]`; in the environment `notes,address1`. '
            "See [private fields](#private-fields).",
        ),
    )
    hash: tuple[str, ...] = field(
        default_factory=tuple,
        metadata=how(
            parsing.names, "Fields of which leadloop writes only a hash to the warehouse, as a list."
        ),
    )
    hash_salt: Secret | None = field(
        default=None,
        metadata=how(
            parsing.secret,
            "A long random text; `hash` requires it. Keep it secret: with it, one can find out which value belongs to a hash.",
            secret=True,
        ),
    )

    lead_url: str | None = field(
        default=None,
        metadata=how(
            parsing.lead_url,
            "The address of a lead in the CRM's own pages, with `{lead_id}` where its id belongs. [The page](page.md) links to it.",
        ),
    )
    shared_with_prod: bool = field(
        default=False,
        metadata=how(
            parsing.flag,
            "Whether another environment than `prod` may push to the account that `prod` pushes to. See "
            "[dev and prod](#dev-and-prod).",
        ),
    )

    @property
    def name(self) -> str:
        """What settings, pushes and the column ``crm`` call the account."""
        return name_of(type(self))

    @property
    def single_calls(self) -> int:
        """How many calls about one lead each may be under way at once."""
        return self.concurrency or SINGLE_CALLS

    @property
    def calls_a_day(self) -> int | None:
        """How many calls all runs together may make in a day of UTC; ``None`` where nobody counts."""
        return None

    @property
    def reading(self) -> Reading:
        return Reading()


def name_of(cls: type[VendorSettings]) -> str:
    """The name of the account whose settings these are."""
    return cls.account or cls.vendor


def meaning(cls: type[VendorSettings], spec: "Field[Any]") -> str:
    """What a setting means for a CRM, as Markdown on one line."""
    return cls.meanings.get(spec.name, str(spec.metadata["meaning"]))


VENDOR = "vendor"
"""The setting that says of which CRM an account is."""
_ACCOUNT = re.compile(r"[a-z][a-z0-9_]{0,38}[a-z0-9]")

V = TypeVar("V", bound=VendorSettings)


def resolve(cls: type[V], given: Mapping[str, Any] | None = None, known: Collection[str] = ()) -> V:
    """A CRM's settings, every value checked; ``ConfigError`` for whatever is missing or wrong.

    ``given`` holds values that win over what is set (``None`` = not given), under the same names and the same checks.
    ``known``: the names of all CRMs; where they are given, what is set for a CRM of another name is wrong too.
    """
    given = {name: value for name, value in (given or {}).items() if value is not None}
    prefix = f"crm.{name_of(cls)}"
    _refuse_unknown(cls, given, known)
    values = {}
    for spec in fields(cls):
        raw = given[spec.name] if spec.name in given else _look_up(prefix, spec)
        if raw is not None:
            values[spec.name] = parsed(f"{prefix}.{spec.name}", spec.metadata["parse"], raw)
        elif is_required(spec):
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


def describe(cls: type[VendorSettings]) -> list[SettingState]:
    """Every setting of a CRM: whether it is set, left at its default, missing or wrong. Stops at nothing."""
    states = []
    for spec in fields(cls):
        name = f"crm.{name_of(cls)}.{spec.name}"
        env = env_name(name)
        try:
            raw = _look_up(f"crm.{name_of(cls)}", spec)
            value = None if raw is None else parsed(name, spec.metadata["parse"], raw)
        except ConfigError as error:
            states.append(SettingState(name, env, "wrong", None, str(error)))
            continue
        if value is not None:
            where = origin(name, secret=spec.metadata["secret"])
            states.append(SettingState(name, env, "set", str(value), origin=where))
        elif is_required(spec):
            problem = _missing_message(name, secret=spec.metadata["secret"])
            states.append(SettingState(name, env, "missing", None, problem))
        else:
            states.append(SettingState(name, env, "default", str(default(spec))))
    return states


def missing(cls: type[VendorSettings]) -> list[str]:
    """The names of a CRM's required settings that have no value, as written in a file."""
    return [state.setting for state in describe(cls) if state.state == "missing"]


def _look_up(prefix: str, spec: "Field[Any]") -> Any:
    name = f"{prefix}.{spec.name}"
    if spec.metadata["parse"] is parsing.table:
        return merged(name)
    if not spec.metadata["secret"]:
        return value(name)
    if any(not provider.supports_secrets for provider, _ in islice(found_at(name), 1)):
        raise ConfigError(
            f"{named(name)} is a secret and stands in config.toml.", "Move it to .dlt/secrets.toml."
        )
    return value(name, secret=True)


def is_required(spec: "Field[Any]") -> bool:
    """Whether a setting of a CRM has to be set."""
    return spec.default is MISSING and spec.default_factory is MISSING


def default(spec: "Field[Any]") -> Any:
    """The value of a setting that is not set; only for one that is not required."""
    return spec.default if spec.default_factory is MISSING else spec.default_factory()


def _missing_message(name: str, *, secret: bool) -> str:
    file = ".dlt/secrets.toml" if secret else ".dlt/config.toml"
    env = env_name(name)
    near = difflib.get_close_matches(env, [key for key in os.environ if key != env], n=1, cutoff=0.85)
    hint = f" The environment has {near[0]}, which is not the same name." if near else ""
    return f"{named(name)} is not set. Put it into {file} or the environment.{hint}"


def _refuse_unknown(cls: type[VendorSettings], given: Mapping[str, Any], known: Collection[str]) -> None:
    """A misspelt name would silently do nothing, so it is an error."""
    names = [spec.name for spec in fields(cls)]
    account = name_of(cls)
    for section, name in [*((account, name) for name in given), *_names_set()]:
        if known and section not in known:
            raise ConfigError(
                f"crm.{section} is set, and there is no CRM of that name{did_you_mean(section, known) or '.'}",
                f"For an account with a name of its own, set crm.{section}.{VENDOR} to the name of its CRM.",
            )
        if section == account and name not in (*names, VENDOR):
            raise ConfigError(
                f"{named(f'crm.{section}.{name}')} is no setting of leadloop{did_you_mean(name, names) or '.'}"
            )


def accounts(vendors: Collection[str]) -> dict[str, str]:
    """Name -> vendor of the accounts that have a name of their own: ``[crm.<name>]`` with ``vendor = "…"`` in it.

    ``ConfigError`` where the vendor is none of ``vendors``, or the name can't be that of an account.
    """
    found = {}
    for section in sorted({section for section, name in _names_set() if name == VENDOR}):
        setting = f"crm.{section}.{VENDOR}"
        vendor = str(value(setting))
        if vendor not in vendors:
            raise ConfigError(f"{named(setting)}: {no_such('CRM', vendor, vendors)}")
        if section != vendor:
            check_account_name(section, vendors)
            found[section] = vendor
    return found


def check_account_name(name: str, vendors: Collection[str]) -> None:
    """``ConfigError`` for what no account can be called: a CRM's name, or what can't name a section, a variable and a schema."""
    if name in vendors:
        raise ConfigError(f"An account can't be called {name}, since that is a CRM.", "Give it another name.")
    if not _ACCOUNT.fullmatch(name) or "__" in name:
        raise ConfigError(
            f"An account can't be called {name!r}.",
            "A name begins with a letter, and has 2 to 40 letters, digits and single underscores, all in lower case.",
        )


def sections() -> set[str]:
    """The CRMs that the settings speak of, whether or not anything is filled in."""
    return {vendor for vendor, _ in _names_set()}


def _names_set() -> Iterator[tuple[str, str]]:
    """(vendor, setting) of everything under ``crm``."""
    for vendors in tables_set("crm"):
        for vendor, table in vendors.items():
            if not isinstance(table, Mapping):
                raise ConfigError(f"crm.{vendor} must be a table, [crm.{vendor}], and is a single value.")
            yield from ((vendor, name) for name in table)
    for path in variables_set("crm"):
        if len(path) > 1:
            yield path[0], path[1]
