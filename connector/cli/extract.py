"""``leadloop extract``."""

from functools import partial
from typing import Annotated

import typer

from connector.cli.app import app
from connector.cli.options import Crm, End, Filter, Json, Start, filters_of, interval, warehouse, with_env
from connector.cli.output import emit, err, out, tell
from connector.errors import WORST_FIRST, ConfigError, LeadloopError


@app.command(epilog="Example: leadloop extract --start 2026-10-01 --end 2026-10-31 --filter list_id=333")
@with_env
def extract(
    vendor: Crm = None,
    start: Start = None,
    end: End = None,
    filters: Filter = None,
    same_account: Annotated[
        bool,
        typer.Option(
            "--same-account",
            help="With --crm: confirm that this is the known account although its known leads are gone.",
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Read part K of N of a first read, or of the time from --start to --end. Parts run side by side, in any order.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the leads that were edited or removed since the last run. A backfill (--start, --end) leaves the cursor where it is."""
    from connector import loop
    from connector.display import listening
    from connector.render.extract import extract_document, extract_text

    first, last = interval(start, end)
    if same_account and vendor is None:
        raise ConfigError("--same-account is about one CRM: say with --crm which.")
    vendors = [vendor] if vendor else _ready()
    if len(vendors) > 1 and (as_json or filters):
        option = "--json" if as_json else "--filter"
        raise ConfigError(f"{option} is about one CRM: say with --crm which ({', '.join(vendors)}).")
    read = loop.extract
    if shard is not None:
        from connector.extract.shards import Shard
        from connector.sharded import extract_shard

        read = partial(extract_shard, shard=Shard.parse(shard))
    failed: LeadloopError | None = None
    for name in vendors:
        try:
            with listening(err, brief=as_json) as listener:
                done = read(
                    warehouse(),
                    name,
                    start=first,
                    end=last,
                    filters=filters_of(filters),
                    same_account=same_account,
                    listener=listener,
                )
        except LeadloopError as error:
            if failed is None:
                failed = error
                continue
            worse = min(failed, error, key=lambda each: WORST_FIRST.index(each.exit_code))
            tell(str(error if worse is failed else failed))
            failed = worse
            continue
        if as_json:
            emit(extract_document(name, done))
        else:
            out.print(extract_text(name, done), markup=False, soft_wrap=True)
    if failed is not None:
        raise failed


def _ready() -> list[str]:
    """The CRMs that are set up; where none is, an extraction has failed, and leaves its row as any other."""
    from connector import loop
    from connector.warehouse import runs

    try:
        return loop.vendors()
    except LeadloopError as error:
        runs.failed(warehouse, "extract", error)
        raise
