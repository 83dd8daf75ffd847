"""What should differ -> the CRM: a plan, the journal, the delivery, and what earlier runs left open."""

from connector.push.changes import WHOLE, Asked, FieldChange, LeadPlan
from connector.push.confirmation import Confirmation, confirm
from connector.push.deliver import deliver
from connector.push.fingerprint import expect
from connector.push.guardrails import Guardrail
from connector.push.journal import Journal
from connector.push.journal_row import Entry, Recorded
from connector.push.plan import Plan, Push
from connector.push.planning import make_plan, plan_rows
from connector.push.recovery import Recovery, recover
from connector.push.summary import Summary, Unapplied

__all__ = [
    "WHOLE",
    "Asked",
    "Confirmation",
    "Entry",
    "FieldChange",
    "Guardrail",
    "Journal",
    "LeadPlan",
    "Plan",
    "Push",
    "Recorded",
    "Recovery",
    "Summary",
    "Unapplied",
    "confirm",
    "deliver",
    "expect",
    "make_plan",
    "plan_rows",
    "recover",
]
