"""What was approved, as the document of ``approve --json``."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from connector.push.approved import restricted
from connector.push.changes import Approval
from connector.push.plan import Plan
from connector.render.document import VERSION, Part, Time, part


class ApproveDocument(Part, kw_only=True):
    """An approval, as `approve --json` prints it. Holds no value of a lead."""

    kind: Annotated[Literal["approve"], Meta(description="`approve`")] = "approve"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    id: Annotated[str, Meta(description="of the approval, as in `leadloop.push_approvals`")]
    push: Annotated[str, Meta(description="the push model")]
    crm: Annotated[str, Meta(description="the CRM")]
    fingerprint: Annotated[str, Meta(description="of the whole plan")]
    who: Annotated[str, Meta(description="the user of the system who approved it")]
    approved_at: Annotated[Time, Meta(description="when")]
    good_until: Annotated[Time, Meta(description="until when it can be sent, once")]
    note: Annotated[str | None, Meta(description="what they said about it")]
    leads: Annotated[int, Meta(description="leads that were approved")]
    fields: Annotated[int, Meta(description="fields of these leads")]
    leads_left_out: Annotated[int, Meta(description="leads of the plan that were left out")]
    only_fields: Annotated[list[str], Meta(description="only these fields are approved; empty: all")]
    not_leads: Annotated[list[str], Meta(description="these leads were named to be left out")]


def approve_document(plan: Plan, approval: Approval, until: datetime) -> ApproveDocument:
    kept = restricted(plan, approval)
    return part(
        ApproveDocument,
        approval,
        push=plan.push,
        crm=plan.crm,
        fingerprint=plan.fingerprint,
        good_until=until.isoformat(),
        leads=len(kept.leads),
        fields=kept.fields,
        leads_left_out=len(plan.leads) - len(kept.leads),
    )
