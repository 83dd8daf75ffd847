"""What the templates say in words: times, how a run ended, who a lead is, what happened to it. Everything comes out escaped."""

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from connector.texts import count, printable, readable
from connector.views.people import lead_url, link_in
from connector.views.story import Event
from connector.web.keys import Keys

ENDED = {
    0: ("done", "good"),
    1: ("failed", "bad"),
    2: ("wrong usage or setting", "bad"),
    3: ("done, some leads not", "warn"),
    4: ("stopped, nothing sent", "warn"),
    5: ("another run held the lock", "warn"),
}
TONES = {
    **dict.fromkeys(("applied", "confirmed"), "good"),
    **dict.fromkeys(("rejected", "unknown"), "bad"),
    **dict.fromkeys(("conflict", "deferred", "reverted"), "warn"),
}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def when(instant: datetime | str | None) -> Markup:
    """A moment in UTC; a script shows it in the reader's own zone, and the title stays."""
    if isinstance(instant, str):
        return Markup("{}").format(instant)
    if instant is None:
        return Markup("–")
    utc = _utc(instant)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        utc.isoformat(), f"{utc:%F %T}", f"{utc:%F %H:%M}"
    )


def ago(instant: datetime | None, now: datetime | None = None) -> Markup:
    """How long ago it was, with the moment itself as the title."""
    if instant is None:
        return Markup("–")
    utc = _utc(instant)
    seconds = ((now or datetime.now(UTC)) - utc).total_seconds()
    text = "just now"
    if seconds < -60:
        text = f"{utc:%F %H:%M} UTC"
    for size, unit in _UNITS:
        if seconds >= size:
            text = f"{count(int(seconds // size), unit)} ago"
            break
    return Markup('<time datetime="{}" title="{} UTC" data-ago>{}</time>').format(
        utc.isoformat(), f"{utc:%F %T}", text
    )


def ended(run: Any) -> Markup:
    """How a run stands, in a few words."""
    if run.state == "running":
        word, tone = "at work", "idle"
    elif run.state == "killed":
        word, tone = "killed", "bad"
    else:
        word, tone = ENDED.get(run.exit_code, (f"ended with {run.exit_code}", "bad"))
    return Markup('<span class="word {}">{}</span>').format(tone, word)


KILLED = "It was killed on the way. What it had sent is in the CRM."


def after_kill(run: Any) -> Markup:
    """What a killed run has left, and what is right next."""
    if run.command in ("push", "undo"):
        push = Markup('<a href="/pushes/{}">{}</a>').format(run.push, run.push) if run.push else "the push"
        return Markup(
            "{} The next run of {} first finds out what came of the calls that were under way, then sends what is left: start it "
            "again, or let the next night do it. What was sent can also be taken back."
        ).format(KILLED, push)
    if run.command == "run":
        return Markup(
            "{} Nothing is lost: the next <code>leadloop run</code> goes on where this one stopped, and first finds out what came of "
            "the calls that were under way. Start it again, or let the next night do it."
        ).format(KILLED)
    return Markup(
        "It was killed on the way. Nothing is lost: the next <code>leadloop {}</code> does again what this one had not finished."
    ).format(run.command)


def took(run: Any) -> str:
    """How long a run took, or has taken so far."""
    if run.ended_at is None and run.state == "killed":
        return "–"
    seconds = ((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds()
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def tone(state: str) -> str:
    return TONES.get(state, "idle")


def happened(event: Event) -> Markup:
    """An event as a sentence."""
    who = Markup("<bdi>{}</bdi>").format(printable(event.who))
    if event.kind == "first":
        return Markup("leadloop saw the lead for the first time")
    if event.kind == "edit":
        return (
            Markup("{} edited it in the CRM").format(who)
            if event.who
            else Markup("Somebody edited it in the CRM")
        )
    if event.kind == "push":
        return Markup("The CRM shows what leadloop sent")
    if event.kind == "sent":
        return Markup("leadloop sent, by the push {}").format(who)
    if event.kind == "decided":
        return Markup("A person decided a conflict of {}").format(who)
    if event.kind == "recording":
        return Markup("A call was recorded{}").format(f" ({event.note})" if event.note else "")
    return Markup("It was {}").format(event.note or "removed")


def value(text: str | None) -> str:
    """A value on one line."""
    return readable(text)


class Who:
    """Who a lead is, with a link to its story, and to the CRM where its address is known."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._urls: dict[str, str | None] = {}

    def __call__(self, row: Any, crm: str) -> Markup:
        known = row.crm_lead_id
        name = printable(row.name or row.lead_id)
        shown = Markup("<b><bdi>{}</bdi></b>").format(name)
        if known:
            shown = Markup('<a href="/leads/{}">{}</a>').format(self._keys.lead(crm, known), shown)
        more = [row.lead_id if row.name else "", row.status, row.owner]
        rest = Markup(" · ").join(Markup("<bdi>{}</bdi>").format(printable(each)) for each in more if each)
        if crm not in self._urls:
            self._urls[crm] = lead_url(crm)
        link = link_in(self._urls[crm], known) if known else None
        out = (
            Markup(
                ' <a href="{}" rel="noreferrer noopener" target="_blank" aria-label="open in {}">↗</a>'
            ).format(link, crm)
            if link
            else ""
        )
        return shown + Markup('<span class="small soft">{}{}</span>').format(rest, out)


def _utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
