"""A plan and what became of it, as Markdown and numbers: what an orchestrator's page shows and keeps. It holds no value of a lead."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TOTALS = ("leads", "fields", "clears", "inserts", "deletes", "conflicts", "rejected", "unresolved")
MARKS = {"passed": "✓", "tripped": "✗", "off": "off"}


def plan_markdown(plan: Mapping[str, Any]) -> str:
    """Of the document of ``plan --json``: how many leads each field changes for, and how each guardrail stands."""
    totals = plan["totals"]
    parts = [f"**{totals['leads']:,} leads**, {totals['fields']:,} fields to {plan['crm']}"]
    if plan["fields"]:
        parts.append(_table(("field", "leads"), ((name, f"{n:,}") for name, n in plan["fields"].items())))
    if plan["guardrails"]:
        rows = ((MARKS[each["status"]], each["name"], each["explanation"]) for each in plan["guardrails"])
        parts.append(_table(("", "guardrail", "now"), rows))
    left = [
        f"{totals[name]:,} {name}"
        for name in ("conflicts", "rejected", "flapping", "unresolved")
        if totals[name]
    ]
    if left:
        parts.append(f"Left out: {', '.join(left)}.")
    if plan["first_time"]:
        fields = ", ".join(plan["first_time"])
        parts.append(f"Nothing was ever sent to {fields}: a person has to agree first.")
    return "\n\n".join(parts)


def plan_numbers(plan: Mapping[str, Any]) -> dict[str, int]:
    """Its totals."""
    return {name: plan["totals"][name] for name in TOTALS}


def stops(plan: Mapping[str, Any], *, first: bool) -> str | None:
    """Why a push of this plan would send nothing, in words without a lead; ``None`` where it would go on. ``first``: as the option."""
    if plan["problem"] is not None:
        tripped = [each["explanation"] for each in plan["guardrails"] if each["tripped"]]
        return (
            f"{plan['problem']['error']}: {'; '.join(tripped)}" if tripped else str(plan["problem"]["error"])
        )
    if plan["needs_approval"] and plan["totals"]["leads"]:
        return "a person has to approve this plan"
    if plan["first_time"] and not first:
        return f"nothing was ever sent to {', '.join(plan['first_time'])}, and nobody has agreed to it"
    return None


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)
