"""leadloop's macros as sqlfluff sees them: each writes the shortest SQL of its kind, so that the models can be linted."""

from typing import Any


def columns_of(_relation: object) -> list[str]:
    return ["lead_id", "email", "lead_score", more_fields()]


def quoted(name: str) -> str:
    return name


def more_fields() -> str:
    return "leadloop_more_fields"


def names_in_more(relation: str, of: str, columns: list[str]) -> str:
    return f"select {', '.join(columns)}, {of} as field from {relation}"


def one_of_more(of: str, name: str) -> str:
    return f"{of} || {name}"


def fields_among(columns: list[str]) -> list[str]:
    return [column for column in columns if column != "lead_id"]


def crms_read() -> list[dict[str, str]]:
    return [{"crm": "one"}]


def fields_of(_crms: object) -> list[str]:
    return ["email", "lead_score"]


def removals_read() -> dict[str, str]:
    return {"one": "raw"}


recordings_read = removals_read
calls_read = removals_read


def further(columns: list[str], table: str = "") -> str:
    return "".join(f",\n    {table}.{column}".replace(" .", " ") for column in columns)


def blank_as_null(value: str) -> str:
    return f"nullif({value}, '')"


def unsendable(value: str) -> str:
    return f"nullif({value}, {value})"


def lead_types(columns: list[str]) -> dict[str, str]:
    return {"lead_score": "integer"} if columns else {}


def types_counted(leads: str, _columns: list[str], types: dict[str, str]) -> str:
    return f"select crm, count({next(iter(types))}) as filled from {leads} group by crm"


def further_typed(columns: list[str], types: dict[str, str], table: str) -> str:
    return further([*columns, *types], table)


def journal_rows(_journal: str, _runs: str) -> str:
    return "select 1 as run_id"


def no_rows(_columns: dict[str, str]) -> str:
    return "select 1 as one where false"


def field_changes(pairs: str, columns: list[str], fields: list[dict[str, str]], **_options: Any) -> str:
    names = [*columns, *("field", "old_value", "new_value")]
    return f"select {', '.join(names)} from {pairs}"


def staged_leads(*_arguments: Any, **_options: Any) -> str:
    return "select 1 as crm"


def staged_leads_of(*_arguments: Any, only: str = "", but: str = "", few: bool = False) -> str:
    return f"select crm from {only or but}" if only or but else "select 1 as crm"


def staged_removals(*_arguments: Any) -> str:
    return "select 1 as crm"


staged_recordings = staged_removals
staged_calls = staged_removals


def newest_first(alike: str) -> str:
    return f"partition by {alike} order by seq desc"


def push(*_arguments: Any, **_options: Any) -> str:
    return "select 1 as one"


def loads_to_read(_this: object) -> str:
    return "select crm, load_id from loads"


def this_build(_this: object) -> str:
    return "1"


def of_noted_builds(_this: object) -> str:
    return "build_number > 1"


def plan_quickly(_fields: object) -> str:
    return ""


def late_answers(_this: object) -> str:
    return "select crm, lead_id from answers"


def leads_of_loads(_crms: object, loads: str) -> str:
    return f"select crm, load_id as lead_id from {loads}"


def leads_seen_again(_crms: object) -> str:
    return "select crm, lead_id from ids"


def has_build_number(_this: object) -> bool:
    return True


def built_up_to(_this: object) -> str:
    return "1"


def list_of(columns: list[str]) -> str:
    return " || ".join(columns)


def entries_that_differ(pairs: str, columns: list[str], _names: list[str]) -> str:
    return f"select {', '.join([*columns, 'field', 'old_value', 'new_value'])} from {pairs}"


def sql_type(name: str) -> str:
    return name


def materialized(is_kept: bool = True) -> str:
    return "materialized" if is_kept else "not materialized"


def rows_once(sighted: str, _fields: list[str]) -> str:
    return sighted


def builds_are_made(_this: object) -> str:
    return ""


def span(number: int, unit: str) -> str:
    return f"interval '{number} {unit}'"


def union_of_sets() -> str:
    return "union"


def is_lead_of(leads: str) -> str:
    return f"lead_id in (select {leads}.lead_id from {leads})"


def now() -> str:
    return "current_timestamp"


def texts_differ(one: str, other: str) -> str:
    return f"{one} <> {other}"


def texts_alike(one: str, other: str) -> str:
    return f"{one} = {other}"
