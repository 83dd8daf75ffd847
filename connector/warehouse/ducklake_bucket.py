"""An S3 bucket that has the files of a lake: how it is named in settings, in a URL, and to dbt; and how DuckDB is let into it."""

import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from sqlalchemy.engine import URL

from connector.errors import ConfigError, DamagedError, WarehouseError
from connector.texts import in_sql

SCHEME = "s3://"
SETTINGS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region_name", "endpoint_url")
"""Beside ``catalog`` and ``storage``; the first three are secret."""
_AMAZONS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_ENDPOINT_URL",
)
_OF_DBT = (
    "LEADLOOP_DUCKLAKE_KEY_ID",
    "DBT_ENV_SECRET_LEADLOOP_DUCKLAKE_KEY",
    "DBT_ENV_SECRET_LEADLOOP_DUCKLAKE_TOKEN",
    "LEADLOOP_DUCKLAKE_REGION",
    "LEADLOOP_DUCKLAKE_ENDPOINT",
)
_OF_HTTP = re.compile(r"HTTP (?:Error|GET|PUT|POST|HEAD|DELETE)|for HTTP ")
_REFUSED = (
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "HTTP code 403",
    "HTTP 403",
    "Forbidden",
)
_MISSING = re.compile(r"""['"](?:s3|https?)://(?P<file>[^'"\s]*\.parquet)['"].*NoSuchKey""", re.DOTALL)
_PORTS = {"http": False, "https": True}


class Access(NamedTuple):
    """What lets into a bucket; blank where it is not set. Holds a secret: never show it."""

    key_id: str = ""
    key: str = ""
    token: str = ""
    region: str = ""
    endpoint: str = ""

    @classmethod
    def of_settings(cls, credentials: Mapping[str, Any], setting: str, storage: object) -> "Access | None":
        """From the table of credentials; the variables that Amazon's own tools read fill in what is not there. ``None`` where the
        storage is no bucket; ``ConfigError`` for what is missing."""
        if not is_bucket(str(storage)):
            return None
        given = [
            str(credentials.get(name) or os.environ.get(other) or "")
            for name, other in zip(SETTINGS, _AMAZONS, strict=True)
        ]
        found = cls(*given)
        if not found.key_id or not found.key:
            raise ConfigError(
                f"The files of the lake are in a bucket, and {setting}.aws_access_key_id or aws_secret_access_key is not set.",
                "Put both into .dlt/secrets.toml, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        if found.endpoint and found.endpoint.partition("://")[0] not in _PORTS:
            raise ConfigError(f"{setting}.endpoint_url must begin with http:// or https://.")
        return found

    @classmethod
    def of_dbt(cls) -> Self:
        """From the variables that ``as_variables`` gives."""
        return cls(*(os.environ.get(name, "") for name in _OF_DBT))

    def as_variables(self) -> dict[str, str]:
        """For dbt, which masks those that are secret."""
        return {name: text for name, text in zip(_OF_DBT, self, strict=True) if text}

    @classmethod
    def of_url(cls, url: URL) -> Self:
        query = {name: text for name, text in url.query.items() if isinstance(text, str)}
        key, _, token = (url.password or "").partition(" ")
        return cls(url.username or "", key, token, query.get("region", ""), query.get("endpoint", ""))

    def into_url(self, url: URL) -> URL:
        """The secret is where SQLAlchemy expects a password, so that it is shown nowhere."""
        query = {
            name: text for name, text in {"region": self.region, "endpoint": self.endpoint}.items() if text
        }
        password = f"{self.key} {self.token}".strip() or None
        return url.set(username=self.key_id or None, password=password).update_query_dict(query)

    def for_dlt(self, storage: str) -> Any:
        """The same as dlt has it."""
        from dlt.common.configuration.specs import AwsCredentialsWithoutDefaults
        from dlt.common.storages.configuration import FilesystemConfiguration

        given = dict(zip(SETTINGS, (text or None for text in self), strict=True))
        credentials = AwsCredentialsWithoutDefaults()
        for name, text in given.items():
            setattr(credentials, name, text)
        credentials.resolve()
        return FilesystemConfiguration(bucket_url=storage, credentials=credentials)

    def statement(self, storage: str) -> str:
        """Has one session of DuckDB know it, for this storage alone. Nothing of it is written to a disk."""
        protocol, _, host = self.endpoint.partition("://")
        parts = {
            "type": "s3", "key_id": self.key_id, "secret": self.key, "session_token": self.token, "region": self.region,
            "endpoint": host.rstrip("/"), "scope": storage,
        }  # fmt: skip
        words = [f"{name} {in_sql(text)}" for name, text in parts.items() if text]
        if self.endpoint:
            words += ["url_style 'path'", f"use_ssl {str(_PORTS[protocol]).lower()}"]
        return f"create or replace temporary secret leadloop_storage ({', '.join(words)})"


def of_bucket(text: str, lake: str, setting: str) -> WarehouseError | ConfigError | None:
    """What an error of DuckDB's says of a bucket, for people."""
    if not _OF_HTTP.search(text):
        return None
    if "NoSuchBucket" in text:
        return ConfigError(f"The bucket of the lake {lake} does not exist.", f"Set {setting}.storage.")
    if any(word in text for word in _REFUSED):
        return ConfigError(
            f"The bucket of the lake {lake} refuses the key.",
            f"Look at {setting}.aws_access_key_id, aws_secret_access_key, region_name and endpoint_url, and at what the key may do.",
        )
    if missing := _MISSING.search(text):
        return DamagedError(
            f"A file of the lake {lake} is missing: {missing['file']}. What it held is lost from this lake.",
            "Put the file back, from an older version that the bucket has kept if need be.",
        )
    return WarehouseError(
        f"The bucket of the lake {lake} can't be reached or does not answer.", "Run again later."
    )


def is_bucket(storage: str) -> bool:
    return storage.startswith(SCHEME)
