"""The session of one Leadping key, and calls about one lead."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connector.crm.http import Call, Session
from connector.crm.leadping.facts import EVERY_LEAD, LIST
from connector.crm.leadping.responses import judge_list, listed, refused
from connector.crm.leadping.settings import LeadpingSettings
from connector.errors import AuthError


def open_session(settings: LeadpingSettings, **given: Any) -> Session:
    """Calls to one organisation, with its key as a header; ``given`` are further arguments of ``Session``."""
    return Session(
        settings, headers=lambda: {"Authorization": f"Bearer {settings.api_key.reveal()}"}, **given
    )


def list_call(size: int, order: str, token: str | None = None) -> Call:
    """``POST /leads/all/my`` for a page of all leads, archived ones too, the latest by ``order`` first."""
    body = {
        "pageSize": size,
        "continuationToken": token,
        "includeCount": True,
        "orderBy": [{"field": order, "direction": "desc"}],
    }
    return Call("POST", LIST, query=EVERY_LEAD, json=body)


@contextmanager
def about_one(session: Session) -> Iterator[None]:
    """Around a call about one lead: tells a lead of somebody else from a key that is no good.

    Both are answered with status 401 ("The user does not own this lead" is its meaning for ``GET /leads/{id}`` in the
    vendor's OpenAPI document). So the list is asked for one lead: a key that is no good is refused there as well, and
    ``AuthError`` goes on; otherwise ``LeadpingRefusedError`` with the code ``401`` is raised in its place.
    """
    refusal = None
    try:
        yield
    except AuthError as error:
        if error.code != "401":
            raise
        refusal = refused(401)
    if refusal is not None:
        session.read(list_call(1, "updatedAt"), judge_list, listed)
        raise refusal
