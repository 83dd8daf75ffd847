"""PollyBot's published leads API, as far as leadloop uses it: a table of our own, since the vendor publishes no schema.

PAGE: the vendor's documentation, https://pollybot.app/docs/api-endpoints/leads (update, statuses, errors).
CLIENT: the public client that Activepieces has for PollyBot (github.com/activepieces/activepieces,
packages/pieces/community/pollybot-ai, August 2026): the fields of its forms with their lengths and choices, the parameters
of its list, and the lead in the sample of its webhook.
"""

from typing import Any

from connector.sandbox import Sandbox
from tests.contracts.published.contract import Contract, Endpoint, Example, Keys, Scene, Wrong
from tests.contracts.published.shapes import Each, Flag, Maybe, Moment, Number, Obj, Shape, Text, Whatever

PAGE = "https://pollybot.app/docs/api-endpoints/leads"
CLIENT = "github.com/activepieces/activepieces, packages/pieces/community/pollybot-ai"

OLDER_STATUS = Text(words=("new", "contacted", "qualified", "converted", "lost", "follow_up"))
NEWER_STATUS = Text(
    words=("NEW", "CONTACTED", "QUALIFIED", "NEGOTIATING", "CONVERTED", "LOST", "UNRESPONSIVE")
)
TEXT, MAYBE_TEXT = Text(), Maybe(Text())

OLDER_FIELDS: dict[str, Shape] = {
    "name": TEXT,
    "email": TEXT,
    "phone": TEXT,
    "source": TEXT,
    "status": OLDER_STATUS,
    "metadata": Obj(others=Whatever()),
}
NEWER_FIELDS: dict[str, Shape] = {
    "name": Text(100),
    "email": TEXT,
    "phone": Text(20),
    "discord": Text(50),
    "company": Text(100),
    "message": Text(1_000),
    "notes": Text(2_000),
    "source": Text(50),
    "status": NEWER_STATUS,
    "priority": Text(words=("LOW", "MEDIUM", "HIGH", "URGENT")),
    "preferredMethod": Text(words=("email", "phone", "discord")),
    "urgency": Text(words=("low", "medium", "high")),
    "tags": Each(Text(50), 10),
    "customFields": Obj(others=Whatever()),
}
"""What an update takes (CLIENT); ``customFields`` and ``tags`` replace what is there."""

OLDER_LEAD = Obj(
    {
        **{name: Maybe(shape) for name, shape in OLDER_FIELDS.items()},
        "id": TEXT,
        "createdAt": Moment(),
        "updatedAt": Moment(),
        "workspaceId": TEXT,
    },
    needs=("id", "name", "email", "status", "createdAt", "updatedAt", "workspaceId"),
)
NEWER_LEAD = Obj(
    {
        **{name: Maybe(shape) for name, shape in NEWER_FIELDS.items()},
        "id": TEXT,
        "chatbotId": TEXT,
        "conversationId": MAYBE_TEXT,
        "assignedAgentId": MAYBE_TEXT,
        "followUpDate": Maybe(Moment()),
        "lastContactAt": Maybe(Moment()),
        "convertedAt": Maybe(Moment()),
        "createdAt": Moment(),
        "updatedAt": Moment(),
    },
    needs=("id", "chatbotId", "name", "status", "tags", "customFields", "createdAt", "updatedAt"),
)
PAGINATION = Obj(
    {
        **dict.fromkeys(("page", "limit", "total", "totalPages"), Number(whole=True)),
        **dict.fromkeys(("hasNext", "hasPrev"), Flag()),
    },
    needs=("page", "limit", "total"),
)


def _success(data: Shape) -> Shape:
    return Obj({"success": Flag(True), "data": data}, needs=("success", "data"))


LIST, ONE = "/api/v1/leads", "/api/v1/leads/{id}"
OF_CHATBOT = "/api/v1/chatbots/{chatbotId}/leads"
CODES = {
    "VALIDATION_ERROR": (400, "Validation failed"),
    "LEAD_NOT_FOUND": (404, "Lead not found"),
    "DUPLICATE_EMAIL": (409, "Email already exists"),
    "INVALID_API_KEY": (401, "Invalid API key"),
    "MISSING_AUTH_HEADER": (401, "Missing authorization header"),
    "RATE_LIMIT_EXCEEDED": (429, "Rate limit exceeded"),
}
"""Code -> status and words (PAGE)."""
KEYS = Keys(headers={"authorization": "Bearer "})


def _endpoints(generation: str) -> tuple[Endpoint, ...]:
    is_older = generation == "older"
    fields, lead = (OLDER_FIELDS, OLDER_LEAD) if is_older else (NEWER_FIELDS, NEWER_LEAD)
    more: dict[str, Shape] = {} if is_older else {"timestamp": Moment(), "requestId": TEXT}
    error = Obj(
        {
            "success": Flag(False),
            "error": TEXT,
            "code": Text(words=tuple(CODES)),
            "details": Obj(others=Whatever()),
            **more,
        },
        needs=("success", "error", "code", *more),
    )
    # Rows of the list may leave the metadata out, so it isn't needed there; all else is as in a single read.
    page = Obj({"leads": Each(lead), "pagination": PAGINATION}, needs=("leads", "pagination"))
    query = {
        "page": "[1-9][0-9]*",
        "limit": "[1-9][0-9]?|100",
        "sortBy": "createdAt|updatedAt|name|email|status" + ("" if is_older else "|priority"),
        "sortOrder": "asc|desc",
        "search": ".*",
        "status": "[A-Za-z_]+",
        **({} if is_older else {"priority": "[A-Z]+"}),
    }

    def endpoint(method: str, path: str, answer: Shape, codes: tuple[str, ...], **given: Any) -> Endpoint:
        example = given.pop("example", Example(path={"id": "$lead", "chatbotId": "bot_7"}))
        return Endpoint(
            path,
            (method,),
            PAGE if is_older else CLIENT,
            _success(answer),
            example,
            dict.fromkeys((400, 401, 404, 409, 429), error),
            {code: CODES[code][1] for code in codes},
            **given,
        )

    sent = {"name": "Ann", "email": "ann@example.com", "status": "lost" if is_older else "LOST"}
    put = {"body": Obj(fields), "example": Example(path={"id": "$lead", "chatbotId": "bot_7"}, body=sent)}
    listed = Example(
        {"page": "2", "limit": "7", "sortBy": "updatedAt", "sortOrder": "asc"}, path={"chatbotId": "bot_7"}
    )
    return tuple(
        each
        for base in (LIST, OF_CHATBOT)
        for each in (
            endpoint("GET", base, page, ("VALIDATION_ERROR",), optional=query, example=listed),
            endpoint("GET", f"{base}/{{id}}", lead, ("LEAD_NOT_FOUND",)),
            endpoint(
                "PUT",
                f"{base}/{{id}}",
                lead,
                ("VALIDATION_ERROR", "LEAD_NOT_FOUND", "DUPLICATE_EMAIL"),
                **put,
            ),
        )
    )


def _scene(crm: Sandbox) -> Scene:
    leads: Any = crm.vendors["pollybot"].leads  # type: ignore[attr-defined]
    lead, *others = leads.ids()
    taken = next(leads.row(each)["email"] for each in others if leads.row(each)["email"])
    return {"lead": lead, "taken": taken}


def _wrong() -> tuple[Wrong, ...]:
    nobody = {"id": "lead_nobody"}
    return tuple(
        wrong
        for base in (LIST, OF_CHATBOT)
        for wrong in (
            Wrong(f"GET {base}", "VALIDATION_ERROR", {"limit": "101"}),
            Wrong(f"GET {base}/{{id}}", "LEAD_NOT_FOUND", path=nobody),
            Wrong(f"PUT {base}/{{id}}", "LEAD_NOT_FOUND", path=nobody),
            Wrong(f"PUT {base}/{{id}}", "VALIDATION_ERROR", body={"status": "nothing"}),
            Wrong(f"PUT {base}/{{id}}", "DUPLICATE_EMAIL", body={"email": "$taken"}),
        )
    )


def _contract(generation: str) -> Contract:
    return Contract(
        f"pollybot {generation}",
        "pollybot",
        _endpoints(generation),
        KEYS,
        _scene,
        lambda _, answer: str(answer.get("code", "")),
        (401, "INVALID_API_KEY"),
        {"pollybot_generation": generation},
        _wrong(),
    )


CONTRACTS = {"older": _contract("older"), "newer": _contract("newer")}
"""Generation -> its calls."""
