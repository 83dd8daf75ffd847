"""What every page needs: the warehouse as it is shown, the plans, the keys, and templates with their words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from connector.errors import LeadloopError
from connector.status import Status, status
from connector.texts import count, printable
from connector.views import overview
from connector.views.settings import Masking, PageSettings
from connector.warehouse.connection import Warehouse
from connector.warehouse.runs import leadloop_version
from connector.web import words
from connector.web.keys import Keys
from connector.web.plans import Plans
from connector.web.sending import Sender
from connector.web.source import Source


@dataclass(frozen=True)
class Site:
    """One warehouse with its pages."""

    source: Source
    plans: Plans
    keys: Keys
    settings: PageSettings
    masking: Masking
    templates: jinja2.Environment
    sender: Sender | None = None
    """Sends what was approved; ``None``: nothing can be sent from here."""

    @classmethod
    def over(
        cls,
        warehouse: Warehouse,
        project: Path | None,
        settings: PageSettings,
        keys: Keys,
        *,
        show_values: bool = False,
        sender: Sender | None = None,
    ) -> "Site":
        """The pages over a warehouse; nothing is opened yet."""
        masking = Masking(settings.private, show_values)
        source = Source(warehouse)
        plans = Plans(source, project, settings, masking)
        return cls(source, plans, keys, settings, masking, _environment(keys), sender)

    def start(self) -> None:
        self.plans.read_project()
        self.source.on_change = self._warm
        if self.sender is not None:
            self.sender.on_end = self.source.soon
        self.source.start()
        if self.source.seen().at is not None:
            self.plans.all()

    def _warm(self) -> None:
        self.plans.all()
        self.source.ready("status", self._read_status, patience=0)

    def stop(self) -> None:
        self.plans.stop()
        self.source.stop()

    @property
    def schema(self) -> str:
        """Where the models are."""
        schema: str = self.plans.relations.leads.schema
        return schema

    def status(self) -> Status:
        """What ``leadloop status`` tells, of the warehouse as it is shown."""

        return self.source.kept("status", self._read_status)

    def status_soon(self) -> Status | None:
        """The same; ``None`` while it is being counted."""
        return self.source.ready("status", self._read_status)

    def _read_status(self) -> Status:
        with self.source.reading() as place:
            return status(self.source.warehouse, reading=place)

    def show(self, name: str, here: str = "", code: int = 200, **given: Any) -> Response:
        """A page of this template. ``not_yet`` among what is given: why there is nothing to show."""
        template = self.templates.get_template(name)
        return HTMLResponse(template.render(**self._always(here), **given), code)

    def fresh(self, generation: int | None = None) -> Response:
        """The part of a page that says how old it is; ``generation``: what the page was made from."""
        given = self._always("")
        given["newer"] = generation is not None and generation != self.source.generation
        given["generation"] = self.source.generation if generation is None else generation
        return HTMLResponse(self.templates.get_template("fresh.html").render(**given))

    def _always(self, here: str) -> dict[str, Any]:
        return {
            "here": here,
            "seen": self.source.seen(),
            "generation": self.source.generation,
            "newer": False,
            "running": self._running(),
            "warehouse": self.source.warehouse.label,
            "version": leadloop_version(),
            "masked": not self.masking.show_values,
            "form_word": self.keys.form,
        }

    def _running(self) -> str:
        """What is at work, in a few words; ``""`` for nothing."""
        try:
            found = self.status_soon()
        except LeadloopError:
            return ""
        if found is None:
            return ""
        names = [f"{each.command} {each.push or each.crm or ''}".strip() for each in overview.running(found)]
        return ", ".join(names[:2]) + (" …" if len(names) > 2 else "")


def asked_by_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _environment(keys: Keys) -> jinja2.Environment:
    here = files("connector")
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.FileSystemLoader(str(here.joinpath("web", "templates"))),
                jinja2.FileSystemLoader(str(here.joinpath("render", "page"))),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    environment.filters["plain"] = printable
    environment.filters["thousands"] = "{:,}".format
    more: Mapping[str, Any] = {
        "ago": words.ago,
        "when": words.when,
        "ended": words.ended,
        "took": words.took,
        "after_kill": words.after_kill,
        "tone": words.tone,
        "happened": words.happened,
        "readable": words.value,
        "waiting": _waiting,
        "who": words.Who(keys),
        "lead_key": keys.lead,
        "now": lambda: datetime.now(UTC),
    }
    environment.globals.update(more)
    return environment


def _waiting(why: str) -> Markup:
    """In the place of what can't be shown yet; the page asks again by itself."""
    return Markup(
        '<div class="card empty" role="status" hx-get="" hx-trigger="load delay:1500ms" hx-target="body" hx-push-url="false">'
        "<p>{}</p></div>"
    ).format(why)
