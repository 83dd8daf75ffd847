"""A plan for programs: the document that ``plan --json`` prints and ``plan --save`` writes, for ``push --plan`` to read (``saved_plan``)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal, cast, overload

from msgspec import Meta

from connector.errors import LeadloopError
from connector.push.changes import FieldChange, LeadPlan, Undo
from connector.push.frozen import Leads
from connector.push.guardrails import Guardrail
from connector.push.plan import Plan
from connector.render.document import VERSION, Part, Time, part, pieces
from connector.texts import masked


class Totals(Part, kw_only=True):
    """How much the plan sends, and how much it leaves out."""

    leads: Annotated[int, Meta(description="leads that would be sent")]
    fields: Annotated[int, Meta(description="fields of these leads")]
    clears: Annotated[int, Meta(description="fields that would be cleared")]
    inserts: Annotated[int, Meta(description="of `totals.leads`, those that would be added")]
    deletes: Annotated[int, Meta(description="of `totals.leads`, those that would be deleted")]
    conflicts: Annotated[int, Meta(description="leads with a conflict that is left alone")]
    rejected: Annotated[int, Meta(description="leads with a value that was refused before")]
    flapping: Annotated[
        int,
        Meta(
            description="leads with a value that the CRM keeps in another form, or accepted three times and never showed"
        ),
    ]
    removed: Annotated[int, Meta(description="leads that are deleted, archived or merged in the CRM")]
    unknown_leads: Annotated[int, Meta(description="leads that the CRM has never shown")]
    desired_leads: Annotated[
        int | None,
        Meta(
            description="rows of the push's desired model; `null` where nothing differs, or it is not known"
        ),
    ]
    reverted: Annotated[int, Meta(description="leads with a value that was taken back and is held")]
    unresolved: Annotated[int, Meta(description="leads that wait for the answer to an earlier write")]
    beyond_limit: Annotated[int, Meta(description="leads that `--limit` leaves for later")]
    crm_leads: Annotated[int | None, Meta(description="leads in the CRM; `null` where it is not read")]
    nameless: Annotated[int, Meta(description="rows without a lead id")]


class Limit(Part, kw_only=True):
    """A guardrail, and where the plan stands against it."""

    name: Annotated[
        str,
        Meta(
            description="`max_changes`, `max_share`, `max_unknown_share`, `max_clears`, `max_inserts`, `max_deletes`; those of "
            "the mode"
        ),
    ]
    limit: Annotated[float | None, Meta(description="`null`: switched off")]
    actual: Annotated[float | None, Meta(description="`null`: not known")]
    tripped: Annotated[bool, Meta(description="`true` as well where `actual` is not known")]
    status: Annotated[Literal["passed", "tripped", "off"], Meta(description="`passed`, `tripped` or `off`")]
    explanation: Annotated[str, Meta(description="the same as a sentence")]


class Problem(Part, kw_only=True):
    """Why something was not done."""

    error: Annotated[str, Meta(description="the error's name, as in `connector/errors.py`")]
    message: Annotated[str, Meta(description="what happened and what to do next, in one text")]
    advice: Annotated[str | None, Meta(description="of `message`, what to do next, if it is known apart")]
    action: Annotated[
        Literal["retry", "skip", "stop", "resolve"],
        Meta(
            description="`retry`: the same again later; `skip`: leave this one out; `stop`: a person has to change something; "
            "`resolve`: the lead has to be read first"
        ),
    ]
    exit_code: Annotated[int, Meta(description="the exit code of a command that ends with it")]
    crm: Annotated[str | None, Meta(description="the CRM that it is about, if any")]
    lead_id: Annotated[str | None, Meta(description="the lead that it is about, if any")]
    fields: Annotated[list[str], Meta(description="the CRM's names of the fields that it is about")]
    code: Annotated[str | None, Meta(description="the CRM's own code")]


def problem(error: LeadloopError) -> Problem:
    return part(
        Problem,
        error,
        error=type(error).__name__,
        message=str(error),
        advice=error.advice or None,
        fields=sorted(error.fields),
    )


class Change(Part, kw_only=True):
    """One field of one lead."""

    field: Annotated[str, Meta(description="the CRM's name of the field; `*` for a deletion")]
    column: Annotated[str, Meta(description="the column of `analytics.leads`")]
    current: Annotated[str | None, Meta(description="what the CRM shows")]
    desired: Annotated[str | None, Meta(description="what would be sent; `null` clears")]
    base: Annotated[str | None, Meta(description="what we sent last")]
    verdict: Annotated[str, Meta(description="see [push.md](push.md)")]


class Lead(Part, kw_only=True):
    """One lead with its fields."""

    lead_id: Annotated[
        str,
        Meta(
            description="for an insert or upsert the key of the row in the warehouse, which `--mask` masks as well"
        ),
    ]
    crm_lead_id: Annotated[
        str | None, Meta(description="the lead in the CRM; `null` for one that would be added")
    ]
    changes: Annotated[list[Change], Meta(description="its fields, ordered by name")]


class AskedBack(Part, kw_only=True):
    """What somebody wants to have taken back."""

    run: Annotated[str | None, Meta(description="the run that was named")]
    push: Annotated[str | None, Meta(description="the push that was named")]
    since: Annotated[Time | None, Meta(description="the runs from this time on")]
    leads: Annotated[list[str], Meta(description="only these leads; empty: all")]
    fields: Annotated[list[str], Meta(description="only these fields; empty: all")]
    delete_inserted: Annotated[
        bool, Meta(description="whether the leads are deleted that the runs added, instead of fields set")
    ]


class NotBlanked(Part, kw_only=True):
    """A field that was blank before and that the CRM can't blank."""

    lead_id: Annotated[str, Meta(description="the lead, by the CRM's id")]
    field: Annotated[str, Meta(description="the CRM's name of the field")]


class TakenBack(Part, kw_only=True):
    """What an undo takes back, and what it can't."""

    asked: Annotated[AskedBack, Meta(description="what was asked for")]
    runs: Annotated[list[str], Meta(description="the runs in `leadloop.push_runs`, the oldest first")]
    as_before: Annotated[int, Meta(description="fields that show already what they showed before")]
    inserted: Annotated[
        list[str], Meta(description="leads that the runs added and that this plan leaves, by the CRM's ids")
    ]
    deleted: Annotated[list[str], Meta(description="leads that the runs deleted; they can't be brought back")]
    not_blanked: Annotated[
        list[NotBlanked], Meta(description="fields that were blank before and that the CRM can't blank")
    ]
    not_known: Annotated[int, Meta(description="fields of which nobody knows what they showed before")]
    own_keys: Annotated[
        bool, Meta(description="whether lead ids are the push's own keys, since it adds leads")
    ]
    lost: Annotated[int, Meta(description="fields whose rows were deleted from the journal's archive")]


class ApprovalPart(Part, kw_only=True):
    """Who approved a saved plan."""

    id: Annotated[str, Meta(description="of the approval, as in `leadloop.push_approvals`")]
    who: Annotated[str, Meta(description="the user of the system who approved it")]
    approved_at: Annotated[Time, Meta(description="when")]
    note: Annotated[str | None, Meta(description="what they said about it")]
    only_fields: Annotated[list[str], Meta(description="only these fields are approved; empty: all")]
    not_leads: Annotated[list[str], Meta(description="these leads are left out")]
    warehouse: Annotated[str, Meta(description="the id of the warehouse for which it is approved")]
    signature: Annotated[str, Meta(description="HMAC of this document, but for the signature itself")]


class PlanDocument(Part, kw_only=True):
    """What a push would send, as `plan --json` prints it. Holds values of leads."""

    kind: Annotated[Literal["plan"], Meta(description="`plan`")] = "plan"
    # 2: the fingerprint covers everything that is shown or decides.
    version: Annotated[Literal[2], Meta(description=VERSION)] = 2
    push: Annotated[str, Meta(description="the push model")]
    crm: Annotated[str, Meta(description="the CRM")]
    host: Annotated[
        str | None,
        Meta(description="host of the CRM's API, with its port; `null` where the CRM is not set up"),
    ]
    account: Annotated[
        str | None,
        Meta(
            description="12 hex digits that stand for the account's token; `null` where the CRM is not set up"
        ),
    ]
    mode: Annotated[str, Meta(description="`update`, `insert`, `upsert` or `delete`")]
    on_conflict: Annotated[str, Meta(description="`crm_wins`, `warehouse_wins` or `stop`")]
    options: Annotated[
        dict[str, str], Meta(description="option → text: what each insert is told besides its fields")
    ]
    equal: Annotated[
        dict[str, str], Meta(description="CRM field → the rule by which its values are compared")
    ]
    policies: Annotated[
        dict[str, dict[str, str]],
        Meta(
            description="CRM field → `on_conflict`, `nulls` or `first_push` → what the field has of its own"
        ),
    ]
    max_found: Annotated[
        int | None,
        Meta(
            description="how many leads of an insert the CRM may have already; `null`: switched off, or no insert"
        ),
    ]
    made_at: Annotated[Time, Meta(description="when the plan was made")]
    seen_at: Annotated[Time | None, Meta(description="when a lead of this CRM was last read")]
    fingerprint: Annotated[str, Meta(description="a hash of everything here but `made_at` and `seen_at`")]
    masked: Annotated[
        bool, Meta(description="whether values, and the keys of an insert or upsert, are masked")
    ]
    totals: Annotated[Totals, Meta(description="how much is sent, and how much is left out")]
    guardrails: Annotated[list[Limit], Meta(description="one entry per guardrail")]
    problem: Annotated[Problem | None, Meta(description="why nothing may be sent; `null` where it may")]
    fields: Annotated[dict[str, int], Meta(description="CRM field → number of leads")]
    leads: Annotated[list[Lead], Meta(description="every lead that would be sent, ordered by id")]
    conflicts: Annotated[list[Lead], Meta(description="the same for conflicts that are left alone")]
    rejected: Annotated[list[Lead], Meta(description="the same for values that were refused before")]
    flapping: Annotated[
        list[Lead],
        Meta(
            description="the same for values that the CRM keeps in another form, or accepted three times and never showed"
        ),
    ]
    reverted: Annotated[
        list[Lead], Meta(description="the same for values that `leadloop undo` took back and that are held")
    ]
    undo: Annotated[
        TakenBack | None, Meta(description="of a plan of `leadloop undo`: what it takes back; else `null`")
    ]
    needs_approval: Annotated[bool, Meta(description="whether it is sent only once it is approved")]
    approval: Annotated[
        ApprovalPart | None,
        Meta(description="who approved it, see [push.md](push.md#approval); `null`: nobody yet"),
    ]
    first_time: Annotated[
        dict[str, int],
        Meta(
            description="CRM field to which nothing was ever sent, as far as is known → leads in which something "
            "would be replaced; see [push.md](push.md#the-first-time)"
        ),
    ]
    unresolved: Annotated[list[str], Meta(description="ids of leads that wait")]
    duplicates: Annotated[list[str], Meta(description="ids of leads with two rows for the same field")]


def plan_document(plan: Plan, *, mask: bool = False) -> PlanDocument:
    """Every row of the plan, for ``document.pieces``; ``mask`` leaves the last two characters of values, and of keys that
    may be a value themselves."""
    error, ours = plan.problem(), plan.has_own_keys
    return part(
        PlanDocument,
        plan,
        made_at=_seconds(plan.made_at),
        seen_at=None if plan.seen_at is None else _seconds(plan.seen_at),
        masked=mask,
        totals=totals_of(plan),
        guardrails=[limit_of(each) for each in plan.guardrails],
        problem=None if error is None else problem(error),
        fields=plan.by_field(),
        leads=_leads(plan.leads, mask, ours),
        conflicts=_leads(plan.conflicts, mask, ours),
        rejected=_leads(plan.rejected, mask, ours),
        flapping=_leads(plan.flapping, mask, ours),
        unresolved=[_key(each, mask and ours) for each in plan.unresolved],
        duplicates=[_key(each, mask and ours) for each in plan.duplicates],
        reverted=_leads(plan.reverted, mask, ours),
        undo=None if plan.undo is None else _taken_back(plan.undo),
        approval=None if plan.approval is None else part(ApprovalPart, plan.approval),
    )


def digest(plan: Plan) -> str:
    """Of the document of an approved plan, but for the signature: what is signed."""
    assert plan.approval is not None
    unsigned = replace(plan, approval=replace(plan.approval, signature=""))
    return bytes_digest(unsigned)


def bytes_digest(plan: Plan) -> str:
    """Of the very bytes of a saved plan."""
    seen = hashlib.sha256()
    for piece in pieces(plan_document(plan)):
        seen.update(piece.encode())
    return seen.hexdigest()


def totals_of(plan: Plan) -> Totals:
    return part(
        Totals,
        plan,
        leads=len(plan.leads),
        conflicts=len(plan.conflicts),
        rejected=len(plan.rejected),
        flapping=len(plan.flapping),
        reverted=len(plan.reverted),
        unresolved=len(plan.unresolved),
    )


def _taken_back(undo: Undo) -> TakenBack:
    return part(
        TakenBack,
        undo,
        asked=part(AskedBack, undo.asked),
        not_blanked=[NotBlanked(lead_id=lead, field=name) for lead, name in undo.not_blanked],
    )


def limit_of(guardrail: Guardrail) -> Limit:
    return part(Limit, guardrail)


class _Leads(Sequence[Lead]):
    """The leads of a list, each made when it is asked for: a plan may have a million."""

    def __init__(self, leads: Leads, mask: bool, ours: bool) -> None:
        self._leads = leads
        self._mask = mask
        self._ours = ours and mask

    def __len__(self) -> int:
        return len(self._leads)

    @overload
    def __getitem__(self, place: int) -> Lead: ...
    @overload
    def __getitem__(self, place: slice) -> list[Lead]: ...
    def __getitem__(self, place: int | slice) -> Lead | list[Lead]:
        if isinstance(place, slice):
            return [self._made(lead) for lead in self._leads[place]]
        return self._made(self._leads[place])

    def __iter__(self) -> Iterator[Lead]:
        return map(self._made, self._leads)

    def _made(self, lead: LeadPlan) -> Lead:
        return Lead(
            lead_id=_key(lead.lead_id, self._ours),
            crm_lead_id=lead.crm_lead_id,
            changes=[_change(change, self._mask) for change in lead.changes],
        )


def _leads(leads: Leads, mask: bool, ours: bool) -> list[Lead]:
    return cast(list[Lead], _Leads(leads, mask, ours))


def _key(lead_id: str, masks: bool) -> str:
    return (masked(lead_id) or "") if masks else lead_id


def _change(change: FieldChange, mask: bool) -> Change:
    current, desired, base = change.current, change.desired, change.base
    if mask:
        current, desired, base = masked(current), masked(desired), masked(base)
    return Change(
        field=change.field,
        column=change.column_name,
        current=current,
        desired=desired,
        base=base,
        verdict=change.verdict,
    )


def _seconds(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
