"""``leadloop approve``."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Json, warehouse, with_env
from connector.cli.output import emit, out, write_private


@app.command(epilog='Example: leadloop approve plan.json --not-lead 12345 --note "asked Ana"')
@with_env
def approve(
    file: Annotated[
        Path,
        typer.Argument(
            help="The plan, as `leadloop plan PUSH --save FILE` or `undo --save` saved it.", metavar="FILE"
        ),
    ],
    only_field: Annotated[
        list[str] | None, typer.Option(help="Approve only this field. Repeatable.", metavar="FIELD")
    ] = None,
    not_lead: Annotated[
        list[str] | None, typer.Option(help="Leave this lead out. Repeatable.", metavar="ID")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why, for those who look at it later.")] = None,
    as_json: Json = False,
) -> None:
    """Approve a saved plan, or a part of it, and sign it. This sends nothing; `leadloop push PUSH --plan FILE` then does, once."""
    from connector import loop
    from connector.push.approved import approved_text
    from connector.render.approve import approve_document
    from connector.render.document import pieces
    from connector.render.plan_document import digest, plan_document
    from connector.render.saved_plan import read_plan
    from connector.warehouse.settings import approval_age

    approved = loop.approve(
        warehouse(),
        read_plan(file, ""),
        digest,
        only_fields=only_field or (),
        not_leads=not_lead or (),
        note=note,
    )
    write_private(file, pieces(plan_document(approved)))
    assert approved.approval is not None
    until = approved.approval.approved_at + approval_age()
    if as_json:
        emit(approve_document(approved, approved.approval, until))
        return
    send = "undo" if approved.undo else f"push {approved.push}"
    out.print(approved_text(approved, approved.approval, until), markup=False, soft_wrap=True)
    out.print(f"To send it: leadloop {send} --plan {file}", markup=False, soft_wrap=True)
