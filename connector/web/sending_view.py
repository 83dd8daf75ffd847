"""The last sending as a page tells of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from connector.errors import EXIT_CODES
from connector.views import runs as views
from connector.web.sending import Sending
from connector.web.site import Site
from connector.web.subject import Subject
from connector.web.words import ENDED, KILLED

STOPPED = "stopped"
HAVE_SENT = (ENDED[0][0], ENDED[3][0], "killed", "interrupted", STOPPED)
"""How sendings end that have changed something in the CRM, or may have."""
SHOWN_FOR = timedelta(days=1)
"""So long after its beginning the page of a plan says how its last sending went."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A sending as a page tells of it."""

    base: str
    what: str
    who: str
    started_at: datetime
    is_running: bool
    word: str
    tone: str
    message: str
    done: int
    total: int
    run_id: str | None
    result: str
    can_undo: bool
    """It has sent something, or may have."""


def sending_of(site: Site, subject: Subject | None = None) -> Shown | None:
    """The last sending, of this subject if one is said; ``None``: there was none lately."""
    found = site.sender.now() if site.sender is not None else None
    if found is None or (subject is not None and found.subject != subject):
        return None
    if not found.is_running and datetime.now(UTC) - found.started_at > SHOWN_FOR:
        return None
    word, tone, why = _ended(site, found)
    return Shown(
        found.subject.address,
        f"push {found.subject.push}" if found.subject.push else f"undo of {found.subject.run}",
        found.who,
        found.started_at,
        found.is_running,
        word,
        tone,
        why or found.message,
        found.done,
        found.total,
        found.run_id,
        found.result.strip(),
        word in HAVE_SENT,
    )


def _ended(site: Site, found: Sending) -> tuple[str, str, str]:
    """A word, its tone and why: of one that ended while no page was there, as its row in ``leadloop.runs`` tells."""
    if found.is_running:
        return "sending", "idle", ""
    code, why = found.exit_code, ""
    if code is None and found.run_id is not None:
        with site.source.connected() as connection:
            row = views.run(connection, site.source.warehouse, found.run_id)
        if row is not None and row[0].state == "ended":
            code, why = row[0].exit_code, row[0].why or ""
    if code is None or code < 0:
        return (
            "killed",
            "bad",
            f"{KILLED} The next push finds out about calls under way.",
        )
    if code == 3 and found.is_stopped:
        return (
            STOPPED,
            "warn",
            "It was stopped. What it had sent is in the CRM; the rest is in the plan below.",
        )
    if code == 130:
        return "interrupted", "warn", why
    word, tone = ENDED.get(code, (EXIT_CODES.get(code, "failed"), "bad"))
    return word, tone, why
