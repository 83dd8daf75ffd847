"""fakesnow, with what it lacks: in this process for dbt alone, and as a server that Snowflake's own driver talks to."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import pytest

MACROS = (
    """create or replace temp macro "system$typeof"(x) as case
        when typeof(x) like 'DECIMAL%' then 'NUMBER(' || substr(replace(typeof(x), ' ', ''), 9) || '[SB8]'
        when typeof(x) in ('TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT') then 'NUMBER(38,0)[SB8]'
        when typeof(x) in ('FLOAT', 'DOUBLE') then 'FLOAT[DOUBLE]'
        when typeof(x) = 'TIMESTAMP WITH TIME ZONE' then 'TIMESTAMP_TZ(9)[SB16]'
        when typeof(x) like 'TIMESTAMP%' then 'TIMESTAMP_NTZ(9)[SB8]'
        when typeof(x) = 'JSON' or typeof(x) like '%]' then 'ARRAY[LOB]'
        else typeof(x) || '[LOB]' end""",
    "create or replace temp macro as_timestamp_tz(x) as try_cast(cast(x as json) ->> '$' as timestamptz)",
    "create or replace temp macro as_timestamp_ltz(x) as try_cast(cast(x as json) ->> '$' as timestamptz)",
    "create or replace temp macro as_timestamp_ntz(x) as try_cast(cast(x as json) ->> '$' as timestamp)",
    "create or replace temp macro as_varchar(x) as cast(x as json) ->> '$'",
    "create or replace temp macro as_date(x) as try_cast(cast(x as json) ->> '$' as date)",
)
"""What fakesnow lacks, as far as Snowflake's documentation says what it does."""


def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has fakesnow know those, trim the characters that it is told to trim, and make dbt's table of new rows, which is dropped again,
    where it is told to: as a temporary one it can't be in a schema there."""
    from fakesnow import conn, cursor, transforms

    begin = conn.FakeSnowflakeConnection.__init__

    def begun(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        for macro in MACROS:
            self._duck_conn.execute(macro)

    execute = cursor.FakeSnowflakeCursor.execute

    def executed(self: Any, command: str, *given: Any, **named: Any) -> Any:
        return execute(self, command.replace("temporary table", "table"), *given, **named)

    monkeypatch.setattr(conn.FakeSnowflakeConnection, "__init__", begun)
    monkeypatch.setattr(cursor.FakeSnowflakeCursor, "execute", executed)
    monkeypatch.setattr(transforms, "trim_cast_varchar", lambda expression: expression)


_PUT = re.compile(r"(?is)\s*put '(?P<file>[^']+)' '@(?P<stage>[^']+)'.*")
_COPY = re.compile(r"(?is)\s*copy into (?P<table>\S+)\s+from '@(?P<stage>[^']+)'.*type = 'parquet'.*")
_REMOVE = re.compile(r"(?is)\s*remove '@[^']+'\s*")
_TRANSACTION = re.compile(r"(?is)\s*(?:begin|begin transaction|start transaction|commit|rollback|alter session set autocommit.*)\s*;?\s*")  # fmt: skip
_MADE = re.compile(r"(?is)\s*(?:create|alter) table .*")
_OF_DBT = re.compile(r"(?s)/\*.*?\*/")
"""What dbt writes behind a statement."""
_BETWEEN = re.compile(r";\s*(?=\n|$)")
_COMMENT = re.compile(r" COMMENT '(?:[^'\\]|''|\\.)*'")
_PART = re.compile(r'"([^"]+)"')


def know_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has fakesnow know a table's own stage, and a folder in it, in which dlt puts a file: as a stage that is there for that file; and
    several statements at once. Comments on columns of a new table are left out, as transactions are: its server has no answer for the beginning of one, and none for
    a table that is made in one."""
    from fakesnow import cursor

    execute = cursor.FakeSnowflakeCursor.execute

    def named(stage: str) -> str:
        database, schema, *rest = _PART.findall(stage.replace('"."%', '"."'))
        return f'"{database}"."{schema}"."{re.sub("[^A-Za-z0-9]", "_", "_".join(rest)).upper()}"'

    def executed(self: Any, command: str, *given: Any, **more: Any) -> Any:
        if (
            _MADE.fullmatch(command)
            and len(several := [each for each in _BETWEEN.split(command) if each.strip()]) > 1
        ):
            for each in several:
                executed(self, each, *given, **more)
            return self
        if put := _PUT.fullmatch(command):
            execute(self, f"create or replace stage {named(put['stage'])}", *given, **more)
            command = f"put '{put['file']}' @{named(put['stage'])} overwrite = true auto_compress = false"
        elif copied := _COPY.fullmatch(command):
            command = (
                f"copy into {copied['table']} from @{named(copied['stage'])} file_format = (TYPE = 'PARQUET')"
                " match_by_column_name = case_insensitive"
            )
        elif _MADE.fullmatch(command):
            command = _COMMENT.sub("", command)
        elif _REMOVE.fullmatch(command) or _TRANSACTION.fullmatch(_OF_DBT.sub("", command)):
            command = "select 1"
        return execute(self, command, *given, **more)

    monkeypatch.setattr(cursor.FakeSnowflakeCursor, "execute", executed)


@lru_cache(maxsize=1)
def _server() -> Any:
    """Once it was called, the module of its name takes its place."""
    import fakesnow

    return fakesnow.server


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Has Snowflake's own driver talk to fakesnow, whatever account it is told of."""
    import snowflake.connector

    complete(monkeypatch)
    know_stages(monkeypatch)
    connect = snowflake.connector.connect
    logging.getLogger("fakesnow").setLevel(logging.CRITICAL)
    with _server()() as given:
        logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)

        def connected(**named: Any) -> Any:
            parameters = {**given["session_parameters"], **(named.get("session_parameters") or {})}
            return connect(**{**named, **given, "network_timeout": 60, "session_parameters": parameters})

        monkeypatch.setattr(snowflake.connector, "connect", connected)
        yield
