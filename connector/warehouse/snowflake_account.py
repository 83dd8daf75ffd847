"""The Snowflake account that the settings name, and how each of the three doors is told of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.engine import URL

from connector import config
from connector.errors import ConfigError

DEFAULT_DATABASE = "LEADS"
SETTING = "destination.snowflake.credentials"
PARTS = ("database", "username", "host", "warehouse", "role", "private_key_path")
"""What is set beside the secrets."""
NOT_YET = ("authenticator", "token", "private_key", "workload_identity_provider")
"""What dlt takes besides, and leadloop does not hand to dbt yet."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = ".snowflakecomputing.com"
_VARIABLES = {
    "name": "LEADLOOP_SNOWFLAKE_ACCOUNT",
    "user": "LEADLOOP_SNOWFLAKE_USER",
    "database": "LEADLOOP_SNOWFLAKE_DATABASE",
    "warehouse": "LEADLOOP_SNOWFLAKE_WAREHOUSE",
    "role": "LEADLOOP_SNOWFLAKE_ROLE",
    "key": "LEADLOOP_SNOWFLAKE_KEY",
}
_PASSWORD = "DBT_ENV_SECRET_LEADLOOP_SNOWFLAKE_PASSWORD"  # noqa: S105 - the name of a variable
_PASSPHRASE = "DBT_ENV_SECRET_LEADLOOP_SNOWFLAKE_PASSPHRASE"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Account:
    """A database of an account, and who works in it, with which warehouse of Snowflake's."""

    name: str
    """The account's identifier, such as ``myorg-account1``."""
    user: str
    database: str
    warehouse: str = ""
    """Blank: the user's own, as Snowflake has it; likewise the role."""
    role: str = ""
    key: str = ""
    """The file of a private key; blank for who has a password."""
    secret: str = field(default="", repr=False)
    """The password, or the passphrase of the key."""

    @classmethod
    def of(cls, given: Any) -> "Account":
        """What the settings say: a table, or a URL. ``ConfigError`` for what is missing or wrong; no message has a secret."""
        found = dict(given) if isinstance(given, Mapping) else {"url": given}
        if isinstance(found.get("url"), str):
            found = {**_of_url(found["url"]), **found}
        for name in NOT_YET:
            if found.get(name):
                raise ConfigError(
                    f"{_named(name)} is set, and leadloop does not use it yet.",
                    "Set password, or private_key_path with private_key_passphrase.",
                )
        texts = {name: _text(name, found.get(name)) for name in PARTS}
        database = texts["database"] or DEFAULT_DATABASE
        if not _NAME.fullmatch(database):
            raise ConfigError(
                f"{_named('database')} must be the name of a database in Snowflake: letters, digits and _."
            )
        for name, what in (("host", "the account's identifier, such as myorg-account1"), ("username", "who works there")):  # fmt: skip
            if not texts[name]:
                raise ConfigError(f"{_named(name)} is not set: {what}.")
        key = texts["private_key_path"]
        if key:
            key = str(config.anchored(f"{SETTING}.private_key_path", key).absolute())
            if not Path(key).is_file():
                raise ConfigError(f"{_named('private_key_path')} names a file that is not there: {key}.")
        elif not found.get("password"):
            raise ConfigError(
                f"{_named('password')} is not set.",
                "Set it in .dlt/secrets.toml, or a private key as private_key_path.",
            )
        secret = "private_key_passphrase" if key else "password"
        return cls(
            name=texts["host"].lower().removesuffix(_HOST),
            user=texts["username"],
            database=database.upper(),
            warehouse=texts["warehouse"],
            role=texts["role"],
            key=key,
            secret=_text(secret, found.get(secret)),
        )

    @classmethod
    def of_url(cls, url: URL) -> "Account":
        """What ``url`` has made."""
        query = {name: text for name, text in url.query.items() if isinstance(text, str)}
        return cls(
            name=url.host or "",
            user=url.username or "",
            database=query["database"],
            warehouse=query.get("warehouse", ""),
            role=query.get("role", ""),
            key=query.get("key", ""),
            secret=str(url.password or ""),
        )

    @classmethod
    def of_variables(cls, environment: Mapping[str, str]) -> "Account":
        """What ``variables`` has made."""
        texts = {name: environment.get(variable, "") for name, variable in _VARIABLES.items()}
        secret = environment.get(_PASSPHRASE if texts["key"] else _PASSWORD, "")
        return cls(**texts, secret=secret)

    def url(self, driver: str, ledger: Path) -> URL:
        """For SQLAlchemy: the ledger's file, with the account beside it. The secret is where a password is expected, so that it is
        shown nowhere."""
        query = {name: getattr(self, name) for name in ("database", "warehouse", "role", "key")}
        return URL.create(
            driver,
            username=self.user,
            password=self.secret or None,
            host=self.name,
            database=str(ledger),
            query={name: text for name, text in query.items() if text},
        )

    def variables(self) -> dict[str, str]:
        """For dbt's profile; the secret has a name that dbt masks."""
        found = {variable: getattr(self, name) for name, variable in _VARIABLES.items()}
        secret = {_PASSPHRASE if self.key else _PASSWORD: self.secret} if self.secret else {}
        return {**{name: text for name, text in found.items() if text}, **secret}

    def of_dlt(self) -> dict[str, str]:
        """For dlt's credentials."""
        found = {
            "database": self.database,
            "host": self.name,
            "username": self.user,
            "warehouse": self.warehouse,
            "role": self.role,
            "private_key_path": self.key,
            "private_key_passphrase" if self.key else "password": self.secret,
        }
        return {name: text for name, text in found.items() if text}

    def of_driver(self) -> dict[str, Any]:
        """For Snowflake's own driver."""
        found = {
            "account": self.name,
            "user": self.user,
            "database": self.database,
            "warehouse": self.warehouse,
            "role": self.role,
            "private_key_file": self.key,
            "private_key_file_pwd" if self.key else "password": self.secret,
        }
        return {name: text for name, text in found.items() if text}

    @property
    def place(self) -> str:
        """For people, and to tell whether two are the same."""
        return place(self.name, self.database)


def place(account: str, database: str) -> str:
    return f"{database.upper()} in Snowflake's account {account.lower().removesuffix(_HOST)}"


def _of_url(text: str) -> dict[str, Any]:
    try:
        found = sa.make_url(text)
        is_right = urlsplit(text).scheme == "snowflake" and found.host
    except (sa.exc.ArgumentError, ValueError):
        is_right = False
    if not is_right:
        raise ConfigError(
            f"{config.named(SETTING)} is no address of a Snowflake database.",
            "It is like snowflake://user@myorg-account1/LEADS?warehouse=LOADING; the password stands beside it, in secrets.toml.",
        )
    # A schema may stand behind the database; leadloop has schemas of its own.
    database = (found.database or "").partition("/")[0]
    given = {"host": found.host, "username": found.username, "password": found.password, "database": database}
    return {**{name: each for name, each in given.items() if each}, **found.query}


def _text(name: str, given: Any) -> str:
    if given is None or isinstance(given, str):
        return given or ""
    raise ConfigError(f"{_named(name)} must be a text.")


def _named(part: str) -> str:
    return config.named(f"{SETTING}.{part}")
