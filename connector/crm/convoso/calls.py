"""How a call to Convoso is made up, with its token, and asked."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from connector.crm.answers import UNLISTED
from connector.crm.base import Outcome, Page
from connector.crm.convoso.facts import OTHER_OFFICE
from connector.crm.convoso.responses import Found, judge_at, other_office
from connector.crm.convoso.settings import ConvosoSettings
from connector.crm.http import Answer, Call, Session
from connector.errors import AuthError


def call_with(settings: ConvosoSettings, path: str, form: Mapping[str, str]) -> Call:
    token = {"auth_token": settings.auth_token.reveal()}
    if settings.token_in == "query":  # noqa: S105 - a place, not a token
        return Call("POST", path, form=form, query=token, shape=Found)
    return Call("POST", path, form={**form, **token}, shape=Found)


def ask(session: Session, call: Call, understood: Callable[[Answer], Page]) -> Page:
    """The page that a search answers. Where it says "none" without a list, it is asked for again."""
    judge = judge_at(call.path)
    with _offices():
        page = session.read(call, judge, understood)
        if page.rows is UNLISTED:
            page = replace(session.read(call, judge, understood), calls=2)
    return page


def write(session: Session, call: Call, understood: Callable[[Answer], Outcome]) -> Outcome:
    """What came of a write."""
    with _offices():
        return session.write(call, judge_at(call.path), understood)


@contextmanager
def _offices() -> Iterator[None]:
    """A 403 says what Convoso means by it, also where something in between answers it with a page."""
    try:
        yield
    except AuthError as error:
        if error.code != OTHER_OFFICE:
            raise
        said = other_office()
        said.crm = error.crm
        raise said from None
