"""A lead that is to be added is looked for before it is sent, since this warehouse need not be the one that added it last.

It may have been put back from a copy, be the second one of an account, or the push may have another name by now. Then the
journal knows nothing of leads that are in the CRM, and would have them added once more. What is found counts as added:
its id is recorded, and nothing is sent for it.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from connector.crm.base import LeadWriter, Mode, Outcome
from connector.errors import CallsUsedError
from connector.extract.again import in_order
from connector.push.changes import LeadPlan
from connector.push.journal import Journal
from connector.push.look import Look
from connector.push.plan import Plan
from connector.push.tables import ADDING
from connector.texts import count

AT_ONCE = 1000
"""So many leads are looked for before the first of them is sent; with a push that adds no more, that is all of them."""
PART = 25
"""So many are looked for before what was found is counted and recorded."""


class Seen(NamedTuple):
    """What a look for one lead came to."""

    lead: LeadPlan
    crm_lead_id: str | None
    """The lead that the CRM has already; ``None``: it has none, or could not be asked."""
    asked: bool


class Search:
    """Looks for the leads of one plan, one search for each, and counts those that are found."""

    def __init__(self, plan: Plan, writer: LeadWriter, journal: Journal) -> None:
        self._plan = plan
        self._writer = writer
        self._journal = journal
        self.is_wanted = plan.mode in ADDING and not (plan.mode == "insert" and _looks_itself(plan, writer))
        self._look = Look[LeadPlan, list[str]](self._present)
        self.looked = 0
        self.found = 0
        self._claimed: set[str] = set()

    @property
    def too_many(self) -> str | None:
        """Why nothing more may be sent, once more leads were found than ``max_found``."""
        limit = self._plan.max_found
        if limit is None or self.found <= limit:
            return None
        return (
            f"{self._plan.crm} had {self.found:,} of the first {count(self.looked, 'lead')} already, and max_found is "
            f"{limit:,}. Those count as added. Was an older copy of the warehouse put back, or the push renamed? If it is "
            "right, run again, with a higher max_found or none in the model"
        )

    @property
    def used_up(self) -> CallsUsedError | None:
        """Why not all could be looked for, where the account has no calls left today."""
        return self._look.used_up

    def among(
        self, leads: Sequence[LeadPlan], pool: ThreadPoolExecutor, concurrency: int
    ) -> Iterator[list[Seen]]:
        """What the CRM has of these leads, part by part; none where it looks itself, or of leads that it is known to have.

        While one part is counted and recorded, the next ones are looked for already.
        """
        new = [lead for lead in leads if self.is_wanted and lead.crm_lead_id is None]
        found = in_order(pool, self._look, new, concurrency)
        while part := list(islice(found, PART)):
            seen = self._matched([lead for lead, _ in part], [ids for _, ids in part])
            self.looked += len(part)
            self.found += sum(each.crm_lead_id is not None for each in seen)
            yield seen

    def claimed(self, lead: LeadPlan, outcome: Outcome) -> Outcome:
        """What comes of a lead that the CRM refused to add since it has it, and that no look beforehand had found.

        It is the row's, as one that was found beforehand; but not if another row of the push has it.
        """
        there = str(outcome.lead_id)
        owners = self._journal.owners(self._plan.crm, {there}).get(there)
        if there in self._claimed or self._is_anothers(lead, owners):
            reason = f"{self._plan.crm} has this lead already, and it belongs to another row of this push"
            return Outcome("rejected", code="duplicate", reason=reason)
        self._claimed.add(there)
        self.found += 1
        return outcome

    def _present(self, lead: LeadPlan) -> list[str]:
        mode: Mode = "insert" if self._plan.mode == "insert" else "upsert"
        return self._writer.present(mode, lead.values(), self._plan.options)

    def _matched(self, leads: Sequence[LeadPlan], found: Sequence[list[str] | None]) -> list[Seen]:
        """Each lead with one of those that were found for it, and no two with the same.

        A lead that another row of this push was given is that row's: two rows with one phone number are two leads. One that
        was given to a row of another push is taken for this row's, the sooner if both have the same id of their own: that
        is what a push with a new name looks like.
        """
        every = {each for ids in found for each in ids or ()}
        owners = self._journal.owners(self._plan.crm, every) if every else {}
        taken: set[str] = set()
        seen = []
        for lead, ids in zip(leads, found, strict=True):
            own = None
            if ids:
                free = [
                    each
                    for each in ids
                    if each not in taken and not self._is_anothers(lead, owners.get(each))
                ]
                known = [
                    each for each in free if any(name == lead.lead_id for _, name in owners.get(each, ()))
                ]
                own = next(iter([*known, *free]), None)
                taken |= {own} if own is not None else set()
            seen.append(Seen(lead, own, ids is not None))
        return seen

    def _is_anothers(self, lead: LeadPlan, owners: set[tuple[str, str]] | None) -> bool:
        return any(push == self._plan.push and name != lead.lead_id for push, name in owners or ())


def _looks_itself(plan: Plan, writer: LeadWriter) -> bool:
    """Whether an option has the CRM look for each lead before it adds it."""
    return any(
        name in plan.options and re.fullmatch(pattern, plan.options[name], re.IGNORECASE)
        for name, pattern in writer.capabilities.looks_itself.items()
    )
