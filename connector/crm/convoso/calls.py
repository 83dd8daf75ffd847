"""How a call to Convoso is made up, with its token, and asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from connector.crm.answers import UNLISTED
from connector.crm.base import Page
from connector.crm.convoso.responses import Found, judge
from connector.crm.convoso.settings import ConvosoSettings
from connector.crm.http import Answer, Call, Session


def call_with(settings: ConvosoSettings, path: str, form: Mapping[str, str]) -> Call:
    token = {"auth_token": settings.auth_token.reveal()}
    if settings.token_in == "query":  # noqa: S105 - a place, not a token
        return Call("POST", path, form=form, query=token, shape=Found)
    return Call("POST", path, form={**form, **token}, shape=Found)


def ask(session: Session, call: Call, understood: Callable[[Answer], Page]) -> Page:
    """The page that a search answers. Where it says "none" without a list, it is asked for again."""
    page = session.read(call, judge, understood)
    if page.rows is UNLISTED:
        page = replace(session.read(call, judge, understood), calls=2)
    return page
