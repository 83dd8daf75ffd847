"""The plans of all pushes as the pages show them: made in the background whenever there is something new, and kept until then."""

import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connector import loop
from connector.errors import LeadloopError
from connector.push.plan import Plan
from connector.render.plan_view import PlanView, plan_view
from connector.views import people
from connector.views.plan_rows import PlanRows
from connector.views.settings import Masking, PageSettings
from connector.views.unusual import Unusual, unusual
from connector.warehouse import models
from connector.warehouse.models import Known, PushSpec
from connector.warehouse.relations import DEFAULT, Relations
from connector.warehouse.settings import approval_key
from connector.web.source import PATIENCE, Source
from connector.web.subject import Subject, of_key


@dataclass(frozen=True, slots=True)
class Made:
    """A plan that was made, or why it could not be."""

    rows: PlanRows | None
    view: PlanView | None
    why_not: str = ""
    unusual: Unusual | None = None
    """Against the last runs."""
    shows: datetime | None = None
    """Whatever was written to the warehouse before is in it."""

    @property
    def plan(self) -> Plan | None:
        return self.rows.plan if self.rows else None


class Plans:
    """For many threads; makes one plan at a time."""

    def __init__(
        self, source: Source, project: Path | None, settings: PageSettings, masking: Masking
    ) -> None:
        self._source = source
        self._project = project
        self._settings = settings
        self._masking = masking
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="leadloop plans")
        self._lock = threading.Lock()
        self._coming: dict[str, tuple[int, Future[Made]]] = {}
        self._decided: dict[str, dict[tuple[str, str], datetime]] = {}
        self._looked_at: dict[str, float] = {}
        self._known: Known | None = None
        self.why_none = ""
        """Why no push is known, where none is."""

    def read_project(self) -> None:
        """Reads the dbt project, which may take seconds the first time."""
        try:
            self._known = models.known(self._project, self._source.warehouse)
            self.why_none = ""
        except LeadloopError as error:
            self._known, self.why_none = None, str(error)

    @property
    def pushes(self) -> Sequence[PushSpec]:
        return self._known.pushes if self._known else ()

    @property
    def relations(self) -> Relations:
        return self._known.relations if self._known else DEFAULT

    @property
    def project(self) -> Path | None:
        return self._project

    def has(self, subject: Subject) -> bool:
        """Whether there may be a plan of it: of a push that is known, or of some run."""
        return bool(subject.run) or self.push(subject.push) is not None

    def push(self, name: str) -> PushSpec | None:
        return next((each for each in self.pushes if each.name == name), None)

    def all(self, *, patience: float = 0) -> dict[str, Made | None]:
        """The plan of each push; ``None`` for one that is being made."""
        # The one that somebody has looked at last is made first.
        for each in sorted(self.pushes, key=lambda each: self._looked_at.get(each.name, 0), reverse=True):
            self._ask(each.name)
        return {each.name: self._found(each.name, patience) for each in self.pushes}

    def get(self, name: str, *, patience: float = PATIENCE) -> Made | None:
        """The plan of a push, or of another subject's key, as the warehouse is now; ``None`` while it is being made."""
        self._looked_at[name] = time.monotonic()
        return self._found(name, patience)

    def _found(self, name: str, patience: float) -> Made | None:
        coming = self._ask(name)
        try:
            return coming.result(timeout=patience)
        except TimeoutError:
            return None

    def decided(self, name: str, which: Collection[tuple[str, str]]) -> None:
        """Conflicts (lead, field) of a push that have just been decided, until what is shown knows of it."""
        now = datetime.now(UTC)
        with self._lock:
            self._decided.setdefault(name, {}).update(dict.fromkeys(which, now))

    def decided_of(self, name: str, made: Made) -> frozenset[tuple[str, str]]:
        """Those of which this plan does not know yet."""
        with self._lock:
            decided = self._decided.get(name, {})
            return frozenset(each for each, at in decided.items() if made.shows is None or at > made.shows)

    def stop(self) -> None:
        self._maker.shutdown(wait=False, cancel_futures=True)

    def _ask(self, name: str) -> Future[Made]:
        with self._lock:
            known = self._coming.get(name)
            if known is not None and known[0] == self._source.generation:
                return known[1]
            # Before it is begun: what is made of an older state must not count as made of a newer one.
            now, pushes = self._source.generation, {each.name for each in self.pushes}
            coming = self._maker.submit(self._make, name)
            # Plans of undos that nobody looks at any more go with what they were made from.
            self._coming = {
                key: each for key, each in self._coming.items() if key in pushes or each[0] == now
            }
            self._coming[name] = (now, coming)
            return coming

    def _make(self, name: str) -> Made:
        try:
            known = self._known
            if known is None:
                return Made(None, None, self.why_none)
            with self._source.reading() as place:
                shows = self._source.shows
                subject = of_key(name)
                plan = (
                    loop.look(place, name, known)
                    if subject.push
                    else loop.look_undo(place, subject.asked, known)
                )
                ids = None
                size = sum(len(each) for each in (plan.leads, plan.conflicts, plan.rejected, plan.flapping))
                if size <= people.MOST_IDS:
                    ids = [
                        lead.crm_lead_id
                        for each in (plan.leads, plan.conflicts, plan.rejected, plan.flapping)
                        for lead in each
                        if lead.crm_lead_id
                    ]
                with place.translated(), place.engine().connect() as connection:
                    named = people.people(
                        connection,
                        known.relations.leads,
                        plan.crm,
                        self._settings,
                        self._masking,
                        ids,
                    )
                    rows = PlanRows(plan, named, self._masking)
                    told = unusual(connection, plan)
            if can_approve(plan):
                _ = plan.fingerprint  # every lead is read for it: not while somebody waits for the page
            return Made(rows, plan_view(rows, self._masking, on_page=True), unusual=told, shows=shows)
        except LeadloopError as error:
            return Made(None, None, str(error))


def can_approve(plan: Plan) -> bool:
    """Whether there is something to approve, and a key to sign it by."""
    try:
        return bool(plan.leads) and plan.problem() is None and approval_key() is not None
    except LeadloopError:
        return False
