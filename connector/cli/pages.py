"""A plan as a page in a file, with the names of its leads."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.cli.output import err, write_private
from connector.errors import LeadloopError

if TYPE_CHECKING:
    from connector.push import Plan
    from connector.warehouse.connection import Warehouse


def write_page(file: Path, plan: "Plan", warehouse: "Warehouse", project: Path | None, *, mask: bool) -> None:
    """Writes the page, for its owner alone."""
    from connector.render.plan_page import plan_page

    with _people(plan, warehouse, project) as named:
        page = plan_page(plan, mask=mask, people=named)
    write_private(file, page)
    err.print(f"Wrote {file}.", markup=False)


@contextmanager
def _people(plan: "Plan", warehouse: "Warehouse", project: Path | None) -> Iterator[Any]:
    """By what people know the plan's leads; nothing, where the warehouse can't say."""
    from connector.views.people import people
    from connector.views.settings import Masking, page_settings
    from connector.warehouse import models
    from connector.warehouse.relations import DEFAULT

    settings = page_settings()
    relation = DEFAULT.leads
    with suppress(LeadloopError):
        relation = models.known(project, warehouse).relations.leads
    with warehouse.translated(), warehouse.engine().connect() as connection:
        yield people(connection, relation, plan.crm, settings, Masking(settings.private))
