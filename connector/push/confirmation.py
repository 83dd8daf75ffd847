"""Whether the CRM shows what it has accepted, as leads that were read since the push tell.

``confirm`` runs after the CRM was read and the models were built.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.errors import LockedError
from connector.extract.columns import MORE
from connector.extract.raw import blank_as_null
from connector.push.changes import WHOLE
from connector.push.equality import OTHER_FORM, likely, same
from connector.push.journal import Journal
from connector.push.journal_row import Entry, Recorded, recorded
from connector.push.shown import seen_after, shown_by, shown_value
from connector.push.tables import push_journal
from connector.warehouse.connection import Warehouse
from connector.warehouse.ledger import columns_of
from connector.warehouse.models import OtherForm
from connector.warehouse.relations import DEFAULT, Relation, Relations

EDITED_AFTER = "edited_after_push"
"""Code of a ``conflict`` that was found when confirming: sent and accepted, and then edited by a person."""
_SEEN = ("last_seen_at", "seen_at", "first_seen_at")
"""Columns of ``lead_history`` that say when a version was seen, the most telling first."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the CRM shows of what it had accepted; in fields."""

    confirmed: int = 0
    reverted: int = 0
    edited: int = 0
    """Edited by a person after the push: ``conflict``, with the code ``edited_after_push``."""
    other_forms: tuple[OtherForm, ...] = ()
    """Of the reverted ones, those that a rule makes equal to what was sent."""


def confirm(engine: sa.Engine, journal: Journal, crm: str, *, relations: Relations = DEFAULT) -> Confirmation:
    """Decides about ``applied`` fields of leads that were read again since: by the warehouse's count, or by
    ``leads.last_seen_at`` where a side has no number.

    - The CRM shows what was sent: ``confirmed``.
    - It shows something else, but ``lead_history`` has a version first seen after the write that does show it: also
      ``confirmed``; what came later is somebody's edit, and the next plan's business.
    - It shows something else, and the lead was modified after our write, both by the CRM's clock (see ``crm/clock.py``):
      ``conflict``, with the code ``edited_after_push``. A person has edited the lead; that the CRM changed the field by itself at the same time
      can't be told from it, and a person's edit must not be called a refusal.
    - It shows something else, and nobody has modified the lead since: ``reverted``. The CRM accepted the value and
      keeps another one (a field with a rule behind it). Where a rule of ``equal`` makes the two equal, the code is ``other_form``: the
      CRM keeps the value in another form (a normalised phone number).

    Fields that no lead of this CRM shows (another one may have a column of that name), leads that were removed and CRMs that are not read stay ``applied``. None of
    the states takes away the base that the next diff compares with: that is still what was sent.
    """
    if not journal.exists():
        return Confirmation()
    rules = journal.rules()
    with engine.connect() as connection:
        columns = columns_of(connection, *relations.leads)
        if not {"crm", "lead_id", "last_seen_at"} <= columns:
            return Confirmation()
        applied = journal.applied_unconfirmed(crm)
        fields = connection.scalars(sa.select(applied.c.column_name).distinct()).all()
        leads = sa.table(
            relations.leads.name, *map(sa.column, sorted(columns)), schema=relations.leads.schema
        )
        there = fields if MORE in columns else columns.intersection(fields)
        known = shown_by(connection, leads, crm, sorted(set(there) - {WHOLE}))
        sightings = connection.execute(_sightings(applied, leads, known)).all() if known else []
        seen = [(recorded(row), shown, modified_at) for *row, shown, modified_at in sightings]
        equal = [same(shown, row.value, rules.get(row.run_id, {}).get(row.field)) for row, shown, _ in seen]
        shown_once = (
            _shown_once(connection, applied, relations.lead_history, known, rules)
            if not all(equal)
            else set()
        )
        verdicts = [
            (
                row,
                _verdict(
                    row,
                    shown,
                    is_equal,
                    modified_at,
                    (row.crm_lead_id or row.lead_id, row.field) in shown_once,
                ),
            )
            for (row, shown, modified_at), is_equal in zip(seen, equal, strict=True)
        ]
        if WHOLE in fields:
            found = connection.execute(_deletions(applied, leads)).all()
            verdicts += [_deleted(recorded(row), removed_at) for *row, removed_at in found]
    journal.record_each(verdicts)
    counts = Counter(entry.state for _, entry in verdicts)
    return Confirmation(
        counts["confirmed"], counts["reverted"], counts["conflict"], _other_forms(crm, verdicts)
    )


def confirm_alone(warehouse: Warehouse, journal: Journal, crm: str, relations: Relations) -> Confirmation:
    """``confirm``, after a build of ours and before a push, whoever ran dbt.

    Two at once would count a value that the CRM changed twice, so one of them leaves it to the other.
    """
    with suppress(LockedError), warehouse.lock(f"confirm:{crm}", wait=False):
        return confirm(warehouse.engine(), journal, crm, relations=relations)
    return Confirmation()


def _other_forms(crm: str, verdicts: Iterable[tuple[Recorded, Entry]]) -> tuple[OtherForm, ...]:
    """The fields that are kept in another form, each with the rule for most of its leads."""
    leads: dict[str, Counter[str]] = defaultdict(Counter)
    for row, entry in verdicts:
        if entry.code == OTHER_FORM and (rule := likely(row.value, entry.old_value)):
            leads[row.field][rule] += 1
    return tuple(
        OtherForm(crm, name, rules.most_common(1)[0][0], rules.total())
        for name, rules in sorted(leads.items())
    )


def _verdict(
    row: Recorded, shown: str | None, is_equal: bool, modified_at: datetime | None, shown_once: bool
) -> Entry:
    # As of the write, not of now: until a lead is read again, the diff takes what was accepted for what the CRM shows, and
    # an edit that was read before this moment would look older than its own confirmation, and be overwritten.
    if is_equal:
        return row.then("confirmed", as_of_this=True)
    if shown_once:
        return row.then(
            "confirmed",
            reason="the CRM showed the value after the push; it was edited later",
            as_of_this=True,
        )
    if modified_at is not None and modified_at > row.recorded_at:
        return row.then("conflict", code=EDITED_AFTER, reason="the lead was edited in the CRM after the push")
    if rule := likely(row.value, shown):
        then = row.then(
            "reverted",
            code=OTHER_FORM,
            reason=f"the CRM keeps the value in another form, which the rule {rule} makes equal",
        )
        return replace(then, old_value=shown)
    return row.then("reverted", reason="the CRM accepted the value and shows another one")


def _deletions(applied: sa.Subquery, leads: sa.TableClause) -> sa.Select[Any]:
    """Deleted leads that the CRM was seen to have removed, or that it has shown since: the journal's row, the removal."""
    removed_at = leads.c.removed_at if "removed_at" in leads.c else sa.null()
    return (
        sa.select(*_row(applied), removed_at)
        .join(leads, sa.and_(leads.c.crm == applied.c.crm, leads.c.lead_id == applied.c.meant))
        .where(
            applied.c.field == WHOLE,
            sa.or_(removed_at.is_not(None), seen_after(leads, "last_seen_at", applied)),
        )
        .order_by(applied.c.run_id, applied.c.seq)
    )


def _deleted(row: Recorded, removed_at: datetime | None) -> tuple[Recorded, Entry]:
    if removed_at is not None:
        return row, row.then("confirmed", as_of_this=True)
    return row, row.then("reverted", reason="the CRM accepted the deletion and shows the lead")


def _row(applied: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    return [applied.c[column.name] for column in push_journal.columns]


def _sightings(applied: sa.Subquery, leads: sa.TableClause, known: Sequence[str]) -> sa.Select[Any]:
    """Applied fields of leads that were seen since: the journal's row, the value shown, the lead's modification time."""
    there = [leads.c.removed_at.is_(None)] if "removed_at" in leads.c else []
    modified_at = leads.c.modified_at if "modified_at" in leads.c else sa.null()
    return (
        sa.select(*_row(applied), shown_value(applied, leads, known), modified_at)
        .join(leads, sa.and_(leads.c.crm == applied.c.crm, leads.c.lead_id == applied.c.meant))
        .where(seen_after(leads, "last_seen_at", applied), applied.c.column_name.in_(known), *there)
        .order_by(applied.c.run_id, applied.c.seq)
    )


def _shown_once(
    connection: sa.Connection,
    applied: sa.Subquery,
    history: Relation,
    known: Sequence[str],
    rules: Mapping[str, Mapping[str, str]],
) -> set[tuple[str, str]]:
    """(lead id, field) whose value some version showed that was seen after the write; ``rules`` by run and field."""
    columns = columns_of(connection, *history)
    known = [name for name in known if name in columns or MORE in columns]
    clock = next((name for name in _SEEN if name in columns), None)
    if not known or clock is None or not {"crm", "lead_id"} <= columns:
        return set()
    versions = sa.table(history.name, *map(sa.column, sorted(columns)), schema=history.schema)
    shown = shown_value(applied, versions, known)
    query = (
        sa.select(applied.c.meant, applied.c.field, applied.c.run_id, applied.c.value, shown)
        .distinct()
        .join(versions, sa.and_(versions.c.crm == applied.c.crm, versions.c.lead_id == applied.c.meant))
        .where(
            seen_after(versions, clock, applied),
            applied.c.column_name.in_(known),
            sa.or_(
                blank_as_null(shown).is_not_distinct_from(blank_as_null(applied.c.value)),
                applied.c.run_id.in_(list(rules)),
            ),
        )
    )
    return {
        (lead_id, name)
        for lead_id, name, run_id, value, found in connection.execute(query)
        if same(found, value, rules.get(run_id, {}).get(name))
    }
