"""How LeadSquared's calls are read and refused."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from connector.sandbox.wire import Request

INVALID = "MXInvalidInputException"
FORMAT = "%Y-%m-%d %H:%M:%S"


class Failed(Exception):  # noqa: N818 - an answer on its way, not a failure
    """The API says no: an ``MX…`` type at HTTP 500, or another status."""

    def __init__(self, kind: str, message: str = "The request is not valid", status: int = 500) -> None:
        super().__init__(kind)
        self.kind = kind
        self.message = message
        self.status = status


def time_text(instant: datetime) -> str:
    return instant.strftime(FORMAT) + ".000"


def is_equal(shown: str | None, value: str) -> bool:
    return (shown or "").casefold() == value.casefold() != ""


def json_of(request: Request) -> Any:
    if not request.body:
        return None
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        return None


def attributes_of(pairs: Any) -> dict[str, str]:
    """Attribute-value pairs as an object; 400 for anything else (page)."""
    if not isinstance(pairs, list) or not pairs:
        raise Failed("BadRequest", "The message body is not as per API specification", 400)
    values = {}
    for pair in pairs:
        if not isinstance(pair, dict) or not isinstance(pair.get("Attribute"), str) or "Value" not in pair:
            raise Failed("BadRequest", "The message body is not as per API specification", 400)
        values[pair["Attribute"]] = "" if pair["Value"] is None else str(pair["Value"])
    return values


def bounds_of(body: Any) -> tuple[datetime, datetime]:
    """``FromDate`` and ``ToDate`` of a search; raises what a body of another shape raises."""
    low, high = (
        datetime.strptime(body["Parameter"][name], FORMAT).replace(tzinfo=UTC)
        for name in ("FromDate", "ToDate")
    )
    return low, high
