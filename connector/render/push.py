"""What came of a push: for a terminal, and as the document of ``push --json``."""

from typing import Annotated, Literal

from msgspec import Meta
from rich.console import Group, RenderableType
from rich.text import Text

from connector.push.facts import became
from connector.push.guardrails import unknown_leads
from connector.push.recovery import Recovery
from connector.push.summary import Summary
from connector.render.day_calls import CALLS_TODAY, CallsToday, calls_today
from connector.render.document import VERSION, Part, Time, part
from connector.render.text import table
from connector.texts import count, masked, printable, shown_key


class Missed(Part, kw_only=True):
    """A lead of which something did not arrive."""

    lead_id: Annotated[
        str,
        Meta(
            description="the lead, as in the plan; the key of an insert or upsert is masked, as it may be a value"
        ),
    ]
    state: Annotated[str, Meta(description="`rejected`, `deferred`, `unknown` or `conflict`")]
    fields: Annotated[list[str], Meta(description="the CRM's names of the fields")]
    code: Annotated[str | None, Meta(description="the CRM's code")]
    reason: Annotated[str | None, Meta(description="what the CRM said, or why nothing was sent")]


class Recovered(Part, kw_only=True):
    """What recovery found out about the leads that earlier runs had left open."""

    applied: Annotated[int, Meta(description="leads whose write had arrived")]
    deferred: Annotated[int, Meta(description="leads whose write had not arrived: they are in this plan")]
    unknown: Annotated[
        int, Meta(description="leads that could not be read: nothing is sent to them until they can be")
    ]


class PushDocument(Part, kw_only=True):
    """What came of a push, as `push --json` prints it. Holds no value of a lead."""

    kind: Annotated[Literal["push"], Meta(description="`push`")] = "push"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    run_id: Annotated[str, Meta(description="the run in `leadloop.push_runs`")]
    push: Annotated[str, Meta(description="the push model")]
    crm: Annotated[str, Meta(description="the CRM")]
    started_at: Annotated[Time, Meta(description="when the run began")]
    ended_at: Annotated[Time, Meta(description="when it ended")]
    exit_code: Annotated[int, Meta(description="0, 1, 3 or 4")]
    leads: Annotated[int, Meta(description="leads of the plan")]
    fields: Annotated[int, Meta(description="fields of the plan")]
    found: Annotated[
        int,
        Meta(description="leads that were to be added and that the CRM had already; they are `applied`"),
    ]
    unknown_leads: Annotated[
        int,
        Meta(description="leads of the push model that the CRM has never shown; nothing is sent for them"),
    ]
    calls: Annotated[int, Meta(description="calls that were made to write; looking for leads is not counted")]
    leads_by_state: Annotated[
        dict[str, int], Meta(description="state → leads; a lead counts once, as the worst of its fields")
    ]
    fields_by_state: Annotated[dict[str, int], Meta(description="state → fields")]
    stopped: Annotated[str | None, Meta(description="why the run ended before every lead had its turn")]
    deferred_until: Annotated[
        Time | None,
        Meta(description="when the account has calls again, if the run ended because the day's were used up"),
    ]
    calls_today: Annotated[CallsToday | None, Meta(description=CALLS_TODAY)]
    interrupted: Annotated[bool, Meta(description="whether a signal ended it")]
    unapplied: Annotated[list[Missed], Meta(description="what did not arrive; never with a value")]
    recovered: Annotated[
        Recovered,
        Meta(description="leads that earlier runs to this CRM had left open, of this push or of another"),
    ]


def push_document(summary: Summary, recovery: Recovery) -> PushDocument:
    return part(
        PushDocument,
        summary,
        started_at=summary.started_at.isoformat(timespec="seconds"),
        ended_at=summary.ended_at.isoformat(timespec="seconds"),
        leads_by_state=dict(summary.by_state),
        calls_today=calls_today(summary.calls_today),
        unapplied=[part(Missed, each, lead_id=_key(summary, each.lead_id)) for each in summary.unapplied],
        recovered=part(Recovered, recovery),
    )


def _key(summary: Summary, lead_id: str) -> str:
    return (masked(lead_id) or "") if summary.has_own_keys else lead_id


def push_text(summary: Summary, recovery: Recovery, *, mask: bool = True, most: int = 20) -> Group:
    """What came of a push, for a terminal; ``mask`` hides keys that may be values of leads."""
    nothing = "nothing was sent" if summary.leads else "nothing to send"
    told = became(summary) if summary.by_state else nothing
    seconds = (summary.ended_at - summary.started_at).total_seconds()
    parts: list[RenderableType] = [
        Text(f"{summary.push} → {summary.crm}: {told}", style="bold"),
        Text(f"{count(summary.calls, 'call')} in {seconds:,.1f} s, run {summary.run_id}", style="dim"),
    ]
    if summary.found:
        parts.append(
            Text(f"{summary.found:,} of them were in {summary.crm} already: nothing was sent for them")
        )
    if summary.unknown_leads:
        parts.append(Text(unknown_leads(summary.crm, summary.unknown_leads, summary.desired_leads)))
    if recovery:
        parts.append(Text(recovery_text(recovery)))
    if summary.deferred_until:
        when = f"{summary.deferred_until:%F %H:%M} UTC"
        parts.append(
            Text(f"What is left waits until {when}, when {summary.crm} has calls again", style="bold")
        )
    elif summary.stopped:
        parts.append(Text(f"Ended early: {summary.stopped}", style="bold red"))
    if summary.calls_today:
        parts.append(Text(f"{summary.crm}: {summary.calls_today}", style="dim"))
    if summary.unapplied:
        rows = [
            (f"{number:,}", example, state, ", ".join(fields), why)
            for number, example, state, fields, why in _causes(summary, most, mask)
        ]
        parts += [Text(), table(("Leads", "Example", "What", "Fields", "Why"), rows)]
    return Group(*parts)


def recovery_text(recovery: Recovery) -> str:
    """What became of the leads that earlier runs had left open; only of one that found some."""
    return f"Left open by earlier runs: {recovered(recovery)}"


def recovered(recovery: Recovery) -> str:
    """``2 leads had arrived; 1 lead could not be read, so nothing is sent to it yet``; only of one that found some."""
    told = (
        (recovery.applied, "had arrived"),
        (recovery.deferred, "had not arrived, so this plan has what is still wanted of {}"),
        (recovery.unknown, "could not be read, so nothing is sent to {} yet"),
    )
    return "; ".join(
        f"{count(number, 'lead')} {what.format('it' if number == 1 else 'them')}"
        for number, what in told
        if number
    )


def _causes(summary: Summary, most: int, mask: bool) -> list[tuple[int, str, str, tuple[str, ...], str]]:
    """Leads that share a state, fields and a reason, on one line; the most frequent first."""
    groups: dict[tuple[str, tuple[str, ...], str], list[str]] = {}
    for each in summary.unapplied:
        why = printable(" ".join(part for part in (each.code, each.reason) if part))
        groups.setdefault((each.state, each.fields, why), []).append(each.lead_id)
    rows = [
        (len(leads), shown_key(leads[0], is_ours=summary.has_own_keys, mask=mask), state, fields, why)
        for (state, fields, why), leads in groups.items()
    ]
    return sorted(rows, key=lambda row: -row[0])[:most]
