"""What a comparison of CRM and warehouse found: for a terminal, and as the document of ``check --reconcile --json``."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from connector.render.document import VERSION, Part, Stretch, part, stretch

if TYPE_CHECKING:
    from connector.extract.reconcile import Difference, Kind, Reconciled

SHOWN = 50
"""Differences that are named to a person, one per line."""
_SAYS: "Mapping[Kind, str]" = {
    "missing": "missing in the warehouse",
    "gone": "gone from the CRM",
    "differs": "differs in ",
    "changed_meanwhile": "changed after the last extraction; the next one reads it",
}


class Differing(Part, kw_only=True):
    """One lead that the CRM and the warehouse show differently."""

    lead_id: Annotated[str, Meta(description="the CRM's id of the lead")]
    kind: Annotated[
        Literal["missing", "gone", "differs", "changed_meanwhile"],
        Meta(description="`missing`, `gone`, `differs` or `changed_meanwhile`"),
    ]
    fields: Annotated[list[str], Meta(description="columns of the raw table whose values are not the same")]


class Compared(Part, kw_only=True):
    """What was compared of one CRM, and what differs."""

    crm: Annotated[str, Meta(description="the CRM")]
    window: Annotated[Stretch | None, Meta(description="what was compared; `null` for a sample")]
    in_crm: Annotated[int, Meta(description="leads compared that the CRM has")]
    in_warehouse: Annotated[int, Meta(description="leads compared that the warehouse has")]
    differences: Annotated[list[Differing], Meta(description="by lead id")]
    repaired: Annotated[int | None, Meta(description="leads that were read again; `null` without `--repair`")]


class ReconcileDocument(Part, kw_only=True):
    """Which leads the CRM and the warehouse show differently, as `check --reconcile --json` prints it."""

    kind: Annotated[Literal["reconcile"], Meta(description="`reconcile`")] = "reconcile"
    version: Annotated[Literal[1], Meta(description=VERSION)] = 1
    ok: Annotated[bool, Meta(description="whether nothing differs but what changed meanwhile")]
    crms: Annotated[list[Compared], Meta(description="one entry per CRM")]


def reconcile_document(found: "Sequence[Reconciled]") -> ReconcileDocument:
    return ReconcileDocument(
        ok=not any(each.faults for each in found), crms=[_compared(each) for each in found]
    )


def _compared(found: "Reconciled") -> Compared:
    return Compared(
        crm=found.vendor,
        window=stretch(found.window),
        in_crm=found.crm,
        in_warehouse=found.warehouse,
        differences=[part(Differing, each) for each in found.differences],
        repaired=found.repaired,
    )


def reconcile_text(found: "Reconciled") -> str:
    """How many leads were compared, and a line for each of the first that differ."""
    what = (
        f"edited from {found.window.start:%F %T} to {found.window.end:%F %T} UTC"
        if found.window
        else "of a sample"
    )
    counts = (
        f"{found.crm:,} in the CRM, {found.warehouse:,} in the warehouse, {len(found.faults):,} different"
    )
    lines = [f"{found.vendor}, leads {what}: {counts}"]
    lines += [f"  {each.lead_id}: {_SAYS[each.kind]}{_fields(each)}" for each in found.differences[:SHOWN]]
    if len(found.differences) > SHOWN:
        lines.append(f"  and {len(found.differences) - SHOWN:,} more; --json has them all")
    if found.repaired is not None:
        lines.append(f"  {found.repaired:,} read again; `leadloop build` brings them into the models")
    elif found.faults:
        lines.append("  --repair reads these leads again")
    return "\n".join(lines)


def _fields(difference: "Difference") -> str:
    return ", ".join(difference.fields) if difference.kind == "differs" else ""
