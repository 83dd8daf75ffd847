"""What Convoso publishes of its API, as a table of our own: endpoints, methods, parameters, answers and error codes.

Convoso has no schema and no typed client of its own, so this was written by hand from the pages below. It is kept apart from the
product's own facts on purpose: whoever changes the table, the sandbox or the client has to look at the others.

Sources:

- O: Convoso's help centre, help.convoso.com/hc/en-us/articles/…; each row names the article.
- S: the types of a public SDK, github.com/walmat/convoso-sdk, ``src/types/*.ts``, written from the API menu of an account.
- C: the community's pages, github.com/thornebridge/convoso-js, ``docs/*.md``.
- L: seen in live clients.

Where they disagree, what each of them allows is in the table, with its source.
"""

from dataclasses import replace
from typing import Any

from connector.sandbox import Sandbox
from tests.contracts.published import convoso_desk, convoso_leads, convoso_not_played
from tests.contracts.published.between import asked
from tests.contracts.published.contract import Contract, Endpoint, Example, Keys, Scene, Wrong
from tests.contracts.published.convoso_leads import OTHER_PHONE, PHONE
from tests.contracts.published.convoso_rows import NUMBER, TEXT, WORDS, Row
from tests.contracts.published.shapes import Flag, exactly, like

BASE = "/v1/"
KEYS = Keys(("auth_token",), {"authorization": "Bearer "})
USED = frozenset(
    {
        "leads/search",
        "leads/update",
        "leads/insert",
        "leads/delete",
        "leads/get-recordings",
        "lead/get-recordings",
        "log/retrieve",
    }
)
"""What leadloop calls; it calls nothing else of Convoso."""
ROWS: dict[str, Row] = {**convoso_leads.ROWS, **convoso_desk.ROWS}
"""Those that the sandbox has; ``convoso_not_played.py`` has the others."""
EXAMPLES = {**convoso_leads.EXAMPLES, **convoso_desk.EXAMPLES}
ALIASES = {
    # O names these in "Endpoint" and the usual ones in the example of the same page.
    "list/search": "lists/search",
    "list/insert": "lists/insert",
}
NEVER = {
    # The sandbox says it in another way, or never comes into this state.
    ("leads/update", "6001"): "S; C has 6071 for it, and so has the sandbox",
    ("lists/delete", "102"): "its lists go at once",
    ("callbacks/search", "6000"): "no callbacks is an empty list",
    ("dnc/search", "6008"): "of a search it makes no sense",
    ("dnc/insert", "6056"): "an insert has no id",
    ("dnc/update", "6059"): "test_convoso.py makes two records for it",
    ("users/recordings", "6005"): "an empty text is the same as none",
}
ERROR = exactly({"success": Flag(False), "code": NUMBER, "text": WORDS})
STATUSES = {
    # O 37988572145691, "API Glossary".
    401: "missing or invalid token",
    403: "token is invalid for the office",
}


def _endpoint(path: str, name: str) -> Endpoint:
    played = name in ROWS
    row = ROWS[name] if played else convoso_not_played.ROWS[name]
    return Endpoint(
        BASE + path,
        tuple(row.methods),
        row.source,
        like(row.answer),
        Example((EXAMPLES if played else convoso_not_played.EXAMPLES)[name]),
        {200: ERROR, **dict.fromkeys(STATUSES, ERROR)},  # L: most errors come at HTTP 200
        row.codes,
        row.required,
        row.optional,
        TEXT if row.has_custom_fields else None,
        form=True,
        used=path in USED,
        played=played,
    )


def _scene(crm: Sandbox) -> Scene:
    """A lead that was called, a callback and a do-not-call record; ids are those that the examples use."""
    if not crm.book.find("1"):
        crm.book.add(
            {"list_id": "333", "phone_number": PHONE, "status": "NEW", "source_id": "1"}, lead_id="1"
        )
        crm.book.call("1", 60)
        ask(crm, "callbacks/insert", EXAMPLES["callbacks/insert"])
        ask(crm, "dnc/insert", {**EXAMPLES["dnc/insert"], "phone_number": OTHER_PHONE})
    return {}


def ask(crm: Sandbox, path: str, params: dict[str, str]) -> Any:
    """One call, with its parameters in a form."""
    return asked("POST", f"{crm.base_url}{BASE}{path}", form={"auth_token": crm.token, **params}).json()


def _wrong() -> tuple[Wrong, ...]:
    without = [
        Wrong(path, code, {name: given})
        for path, row in ROWS.items()
        for name, code in row.missing.items()
        for given in (None, "")
    ]
    changed = [
        Wrong(path, code, params) for path, params, code in convoso_leads.REFUSED + convoso_desk.REFUSED
    ]
    return tuple(replace(each, name=_name(each.name)) for each in (*without, *changed))


def _name(path: str) -> str:
    return next(each.name for each in ENDPOINTS if each.path == BASE + path)


NAMES = {name: name for name in (*ROWS, *convoso_not_played.ROWS)}
ENDPOINTS = tuple(_endpoint(path, name) for path, name in {**NAMES, **ALIASES}.items())
CONTRACT = Contract(
    "convoso",
    "convoso",
    ENDPOINTS,
    KEYS,
    _scene,
    lambda _, answer: str(answer.get("code", "")),
    (200, "5001"),
    {"other_office_token": "elsewhere", "required_fields": ("last_name",)},
    _wrong(),
    {(_name(path), code): why for (path, code), why in NEVER.items()},
)
