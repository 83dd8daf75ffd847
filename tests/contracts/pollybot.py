"""PollyBot's published leads API, as far as leadloop uses it: a table of our own, since the vendor publishes no schema.

PAGE: the vendor's documentation, https://pollybot.app/docs/api-endpoints/leads (update, statuses, errors).
CLIENT: the public client that Activepieces has for PollyBot (github.com/activepieces/activepieces,
packages/pieces/community/pollybot-ai, August 2026): the fields of its forms with their lengths and choices, the parameters
of its list, and the lead in the sample of its webhook.
"""

from tests.contracts.shapes import Each, Endpoint, Flag, Maybe, Moment, Number, Obj, Shape, Text, Whatever

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


def _contract(generation: str) -> tuple[Endpoint, ...]:
    is_older = generation == "older"
    fields, lead = (OLDER_FIELDS, OLDER_LEAD) if is_older else (NEWER_FIELDS, NEWER_LEAD)
    source = PAGE if is_older else CLIENT
    more: dict[str, Shape] = {} if is_older else {"timestamp": Moment(), "requestId": TEXT}
    error = Obj(
        {
            "success": Flag(False),
            "error": TEXT,
            "code": Text(
                words=(
                    *("VALIDATION_ERROR", "DUPLICATE_EMAIL", "LEAD_NOT_FOUND", "RATE_LIMIT_EXCEEDED"),
                    *("INVALID_API_KEY", "MISSING_AUTH_HEADER"),
                )
            ),
            "details": Obj(others=Whatever()),
            **more,
        },
        needs=("success", "error", "code", *more),
    )
    errors = dict.fromkeys((400, 401, 404, 409, 429), error)
    # Rows of the list may leave the metadata out, so it isn't needed there; all else is as in a single read.
    page = Obj({"leads": Each(lead), "pagination": PAGINATION}, needs=("leads", "pagination"))
    sorts = "createdAt|updatedAt|name|email|status" + ("" if is_older else "|priority")
    query = {
        "page": "[1-9][0-9]*",
        "limit": "[1-9][0-9]?|100",
        "sortBy": sorts,
        "sortOrder": "asc|desc",
        "search": ".*",
        "status": "[A-Za-z_]+",
        **({} if is_older else {"priority": "[A-Z]+"}),
    }
    return tuple(
        endpoint
        for path in ("/api/v1/leads", "/api/v1/chatbots/{chatbotId}/leads")
        for endpoint in (
            Endpoint("GET", path, source, {200: _success(page), **errors}, query),
            Endpoint("GET", f"{path}/{{id}}", source, {200: _success(lead), **errors}),
            Endpoint("PUT", f"{path}/{{id}}", source, {200: _success(lead), **errors}, body=Obj(fields)),
        )
    )


CONTRACTS = {"older": _contract("older"), "newer": _contract("newer")}
"""Generation -> its calls."""
