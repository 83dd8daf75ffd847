"""What ``leadloop check`` finds out before anything runs: each check is one sentence, and none stops the others."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from connector import config, crm
from connector.alerts.settings import longer_than, urls
from connector.config import environments
from connector.crm.account import Account
from connector.crm.base import LeadReader, ScanReader, WindowReader
from connector.crm.clock import clock_of, skew
from connector.errors import (
    WORST_FIRST,
    AuthError,
    CallsUsedError,
    CrmError,
    LeadloopError,
    OtherAccountError,
    TransientError,
    UnreachableError,
)
from connector.texts import moment
from connector.warehouse import models, settings
from connector.warehouse.accounts import answering, check_account
from connector.warehouse.connection import Warehouse
from connector.warehouse.engines import ENGINES


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    message: str
    warning: bool = False
    """It is fine as it is, and may not be what somebody expects."""
    exit_code: int = 2
    """What the command ends with where it is not ``ok``."""


def exit_code(found: Iterable[Check]) -> int:
    """What the command ends with: 2 where a person has to change something, 1 where the same may work later."""
    return min((each.exit_code for each in found if not each.ok), key=WORST_FIRST.index, default=0)


def run(project: Path | None = None) -> list[Check]:
    """Settings, account, warehouse and dbt project, in this order."""
    checks: list[Check] = []
    for vendor in _chosen():
        states = crm.vendor(vendor).described()
        wrong = [each for each in states if each.state in ("missing", "wrong")]
        if wrong:
            checks += [Check(each.setting, False, each.problem or "is wrong") for each in wrong]
        else:
            origins = {each.setting: each.origin for each in states if each.origin}
            checks.append(Check("settings", True, f"everything that {vendor} needs is set: {_from(origins)}"))
            checks += _account(vendor)
    checks += [
        Check("calls", found.left > 0, f"{vendor}: {found}", exit_code=CallsUsedError.exit_code)
        for vendor, found in crm.calls_today().items()
    ]
    checks += _engine()
    checks.append(_tried("warehouse", _warehouse))
    checks.append(_tried("dbt project", lambda: _project(project)))
    checks += _alerts()
    if (name := environments.chosen()) is not None:
        checks.append(Check("environment", True, f"{name}: its files in .dlt go before the others"))
    checks.append(Check("versions", True, _versions()))
    return checks


def _chosen() -> list[str]:
    """The CRMs of which anything is set; where nothing is, those that have a section to fill in."""
    chosen = [
        vendor
        for vendor in crm.names()
        if any(each.state in ("set", "wrong") for each in crm.vendor(vendor).described())
    ]
    return chosen or crm.begun()


def _tried(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except LeadloopError as error:
        return _failed(name, error)


def _failed(name: str, error: LeadloopError) -> Check:
    return Check(name, False, str(error), exit_code=error.exit_code)


def _engine() -> list[Check]:
    """What the warehouse's engine needs besides leadloop; nothing for one that needs nothing."""
    try:
        name = settings.destination()
        needs = ENGINES[name].needs(settings.credentials(name))
    except LeadloopError:
        return []  # the warehouse's own check says it
    lacking = [each for each, is_there in needs.items() if not is_there]
    if lacking:
        return [
            Check("engine", False, f"{name} needs {', '.join(lacking)}: pip install 'leadloop[{name}]'"),
        ]
    found = [Check("engine", True, f"{name} has what it needs: {', '.join(needs)}")] if needs else []
    if not ENGINES[name].is_tried:
        text = f"{name} is not yet run against the service: docs/engines.md says what is shown by tests, and what is not"
        found.append(Check("engine", True, text, warning=True))
    return found


def _warehouse() -> str:
    warehouse = Warehouse.open()
    warehouse.probe()
    warehouse.look_through()
    return f"{warehouse.described} can be written; {_from(settings.origins())}"


def _from(origins: Mapping[str, str]) -> str:
    return ", ".join(f"{name} from {place}" for name, place in origins.items()).replace(
        "from default", "at its default"
    )


def _project(project: Path | None) -> str:
    known = models.known(project, Warehouse.open())
    names = [spec.name for spec in known.pushes]
    return f"parsed; leads are in {known.relations.leads}; pushes: {', '.join(names) or 'none yet'}"


def _alerts() -> list[Check]:
    """Whether whoever is to be told of failures could be; nothing is sent."""
    try:
        addresses, _ = urls(), longer_than()
    except LeadloopError as error:
        return [_failed("alerts", error)]
    if not addresses:
        return []
    from connector.alerts.sending import problems

    if found := problems(addresses):
        return [Check("alerts", False, " ".join(found))]
    return [Check("alerts", True, f"addresses to tell: {len(addresses)}")]


def _versions() -> str:
    """Those that a report about a fault should name."""
    known = {name: version(name) for name in ("leadloop", "dlt", "dbt-core", "duckdb", "sqlalchemy")}
    known |= {each.brought_by: version(each.brought_by) for each in crm.vendors().values()}
    told = ", ".join(f"{name} {number}" for name, number in known.items())
    return f"{told}, Python {platform.python_version()} on {platform.system()}"


def _account(vendor: str) -> list[Check]:
    try:
        crm.check_alone(crm.vendor(vendor).settings())
        with crm.account(vendor) as account, _remembered(account):
            found = account.reader
            if found.capabilities.reading == "scan":
                next(cast(ScanReader, found).scan(datetime.now(UTC)), None)
                answers = Check("token", True, f"{vendor} answers")
                return [answers, *_known_account(vendor, found), *_clock(found), *_own(vendor)]
            reader = cast(WindowReader, found)
            page = reader.search(None, limit=1)
            count = "leads" if page.total is None else f"{page.total:,} leads"
            checks = [
                Check("token", True, f"{vendor} answers and shows {count}"),
                *_known_account(vendor, reader),
                *_clock(reader),
            ]
            # A CRM that tells its times in UTC has no zone to be set wrongly.
            if "timezone" in crm.vendor(vendor).settings_class.__dataclass_fields__:
                checks.append(_tried("time zone", lambda: _zone(reader)))
            checks.append(_tried("precision", lambda: _precision(reader)))
            return [*checks, *_own(vendor)]
    except LeadloopError as error:
        return [_failed(_what_failed(error), error)]


def _what_failed(error: LeadloopError) -> str:
    """An address that nobody answers at says nothing of the token, nor does an answer that can't be read."""
    names: tuple[tuple[type[LeadloopError], str], ...] = (
        (AuthError, "token"),
        (CallsUsedError, "calls"),
        (UnreachableError, "address"),
        (TransientError, "address"),
        (CrmError, "answers"),
    )
    return next((name for kind, name in names if isinstance(error, kind)), "settings")


@contextmanager
def _remembered(account: Account) -> Iterator[None]:
    """The warehouse knows whether this address has answered before; what is wrong with the warehouse, it says itself."""
    try:
        warehouse = Warehouse.open()
    except LeadloopError:
        yield
        return
    with answering(warehouse, account):
        yield


def _own(vendor: str) -> list[Check]:
    """What only this CRM has to be asked."""
    parts = crm.vendor(vendor).parts
    if parts.look is None:
        return []
    settings = crm.vendor(vendor).settings()
    with closing(parts.session(settings)) as session:
        return [
            Check(each.name, True, f"{vendor}: {each.message}", each.warning)
            for each in parts.look(settings, session)
        ]


def _known_account(vendor: str, reader: LeadReader) -> list[Check]:
    """Whether the settings lead to the account whose leads are in the warehouse; what is wrong with that, it says itself."""
    try:
        warehouse = Warehouse.open()
        if not warehouse.is_there:
            return []
        with warehouse.translated():
            is_known = check_account(
                warehouse.engine(), crm.vendor(vendor).settings(), reader, ledger=warehouse.ledger()
            )
    except OtherAccountError as error:
        return [Check("account", False, str(error))]
    except LeadloopError:
        return []
    return [Check("account", True, "its leads are the ones in the warehouse")] if is_known else []


def _clock(reader: LeadReader) -> list[Check]:
    """Nothing where the CRM's answers don't say what time it is there."""
    vendor, clock = reader.capabilities.name, clock_of(reader)
    if not clock.is_known:
        return []
    wrong = skew(vendor, clock)
    return [Check("clock", wrong is None, wrong or f"{vendor}'s clock and this machine's agree")]


def _zone(reader: WindowReader) -> str:
    """Edits can't lie in the future: a newest edit ahead of the CRM's own clock shows a wrong zone."""
    now = clock_of(reader).now()
    newest = _newest(reader, now)
    if newest is None:
        return (
            f"no lead was edited in the last days, so {reader.zone.key} can be neither confirmed nor refuted"
        )
    ahead = _ahead(newest, reader.zone, now)
    if ahead > timedelta(minutes=5):
        raise LeadloopError(
            f"{config.named(f'crm.{reader.capabilities.name}.timezone')} is {reader.zone.key}, and there the newest edit lies "
            f"{ahead.total_seconds() / 3600:.1f} hours in the future.",
            "The account's zone lies further east.",
        )
    return f"the newest edit fits {reader.zone.key} ({_age(-ahead)})"


def _age(passed: timedelta) -> str:
    seconds = max(0.0, passed.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now"


def _newest(reader: WindowReader, now: datetime) -> datetime | None:
    """The newest modification as the API shows it, naive, looked for in ever longer stretches up to now and beyond."""
    wall = now.astimezone(reader.zone).replace(tzinfo=None, microsecond=0)
    for days in (0.05, 1, 7, 30):
        bounds = (wall - timedelta(days=days), wall + timedelta(days=1))
        page = reader.search(bounds, limit=1)
        if not page.rows:
            continue
        last = reader.search(bounds, offset=page.total - 1, limit=1) if page.total else page
        moments = [moment(reader.modified_at(row)) for row in last.rows or page.rows]
        return max(filter(None, moments), default=None)
    return None


def _ahead(shown: datetime, zone: ZoneInfo, now: datetime) -> timedelta:
    return (shown if shown.tzinfo else shown.replace(tzinfo=zone)) - now


def _precision(reader: WindowReader) -> str:
    """Asks for the second of one lead: a server that ignores the time answers its whole day."""
    sample = reader.search(None, limit=1)
    modified = moment(reader.modified_at(sample.rows[0])) if sample.rows else None
    if modified is None:
        return "no lead to try it with"
    wall = modified.astimezone(reader.zone).replace(tzinfo=None) if modified.tzinfo else modified
    around = [moment(reader.modified_at(row)) for row in reader.search((wall, wall), limit=100).rows]
    outside = [each for each in around if each and each.replace(tzinfo=None) != wall]
    if outside:
        return "the server ignores the time of day: leadloop reads whole days, which costs more calls"
    return "the server filters by the second"
