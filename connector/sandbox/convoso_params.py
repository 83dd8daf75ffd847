"""What a call to Convoso brings along: its parameters, its place in a list, its times. And how the API says no."""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

import msgspec

from connector.sandbox import tables
from connector.sandbox.book import Book
from connector.sandbox.wire import Request

Params = Mapping[str, str]
Row = dict[str, Any]

MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?")
BEARER = "bearer "


class Refused(Exception):  # noqa: N818 - an answer on its way, not a failure
    """The API says no, with this code."""

    def __init__(self, code: str, about: str = "", status: int = 200) -> None:
        super().__init__(code)
        self.code = code
        self.about = about
        self.status = status


class Paging(NamedTuple):
    offset: int
    limit: int


def read_json(request: Request) -> None:
    """Adds a JSON body's texts, numbers and flags to the parameters. Convoso takes nothing nested, so that is left out."""
    if "json" not in request.headers.get("content-type", "") or not request.body:
        return
    try:
        given = msgspec.json.decode(request.body)
    except msgspec.MsgspecError:
        return
    if isinstance(given, dict):
        request.params.update(
            {
                str(name): _as_text(value)
                for name, value in given.items()
                if not isinstance(value, dict | list)
            }
        )


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def token_of(request: Request) -> str | None:
    """The token: the parameter, else what the header ``Authorization: Bearer`` brings."""
    if (token := request.params.get("auth_token")) is not None:
        return token
    header = request.headers.get("authorization", "")
    return header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else None


def filled(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters that are not empty: an empty one asks for nothing."""
    return {name: value for name, value in params.items() if value != ""}


def paging(params: Mapping[str, str], most: int, usual: int, furthest: int | None = None) -> Paging:
    """``Refused`` for a limit or an offset that is none, or too large."""
    limit = whole(params.get("limit") or str(usual))
    if limit is None or not 1 <= limit <= most:
        raise Refused("7258")
    offset = whole(params.get("offset") or "0")
    if offset is None or (furthest is not None and offset > furthest):
        raise Refused("7231")
    return Paging(offset, limit)


def whole(text: str) -> int | None:
    """A number without a sign, or ``None``."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def second_of(text: str, zone: tzinfo, *, last: bool, fold: int = 0, by_day: bool = False) -> int | None:
    """A local time as seconds since 1970; ``None`` for what is none.

    Without a time of day, or ``by_day``, it is the first or the ``last`` second of the day.
    """
    match = MOMENT.fullmatch(text.strip())
    if match is None:
        return None
    day, time = match.groups()
    try:
        if time is None or by_day:
            wall, fold = datetime.fromisoformat(f"{day} {'23:59:59' if last else '00:00:00'}"), int(last)
        else:
            wall = datetime.fromisoformat(f"{day} {time}")
        return int(wall.replace(tzinfo=zone, fold=fold).timestamp())
    except (ValueError, OverflowError):
        return None


def second_at(text: str, book: Book, code: str, *, last: bool, about: str = "") -> int:
    """As ``second_of`` in the account's zone; ``Refused`` with this code for what is no time."""
    found = second_of(text, book.zone, last=last)
    if found is None:
        raise Refused(code, about)
    return found


def bound(params: Params, name: str, book: Book, *, last: bool) -> int | None:
    """The start or the end that a call asks for; ``None`` where it names none."""
    return second_at(params[name], book, "400", last=last, about=f" in {name}") if name in params else None


def names_of(user: str) -> tuple[str, str]:
    first, last, _ = tables.PEOPLE[int(user) % len(tables.PEOPLE)]
    return first, last


def user_name(user: str) -> str:
    return " ".join(names_of(user)) if user.isdigit() else user


def user_email(user: str) -> str:
    return f"agent{user}@example.com"


def answered(data: Any) -> Row:
    return {"success": True, "data": data}


def matches(row: Row, params: Params, names: tuple[str, ...]) -> bool:
    return all(is_alike(row.get(name), params[name]) for name in names if name in params)


def is_alike(shown: Any, wanted: str) -> bool:
    """Without regard to case; ``PASTDUE`` and ``Past_Due``, ``System`` and ``ANYONE`` are the same."""
    same = {"system": "anyone", "personal": "useronly"}
    words = [str(each or "").strip().casefold().replace("_", "") for each in (shown, wanted)]
    return len({same.get(word, word) for word in words}) == 1
