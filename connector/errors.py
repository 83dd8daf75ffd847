"""Every error leadloop raises on purpose.

    LeadloopError
    ├── ConfigError               a setting is missing or wrong                       stop
    │   ├── AuthError             the CRM refuses the credentials                     stop
    │   ├── UnreachableError      no CRM answers at the address in the settings       stop
    │   ├── OtherAccountError     the warehouse holds another account of this CRM     stop
    │   ├── OtherVersionError     the warehouse's tables are of another leadloop      stop
    │   └── MovedError            the warehouse was moved, or is not whole yet        stop
    ├── CrmError
    │   ├── TransientError        throttled or failing, after all retries             retry
    │   │   └── CallsUsedError    the account has no calls left today                 retry
    │   ├── RefusedError          the CRM says no to this request                     skip
    │   ├── UnexpectedAnswerError an answer of no known shape; never an empty page    stop
    │   ├── IncompleteReadError   a window could not be read whole                    retry
    │   └── OutcomeUnknownError   a write was sent and no answer came                 resolve
    ├── ModelError                a dbt project or push model is missing or wrong     stop
    ├── BuildError                dbt ran, and a model or a test failed               stop
    ├── NotTheSameError           a moved warehouse would not do what the old does    stop
    ├── WarehouseError            the warehouse can't be opened, read or written      retry
    │   ├── DiskFullError         there is no space left to write to                  retry
    │   ├── DamagedError          the warehouse's file is damaged                     stop
    │   └── LockedError           another process holds the warehouse or the push     retry
    │       └── LeaseLostError    another run took over in the middle of this one     retry
    └── StoppedError              nothing was sent, on purpose                        stop
        ├── GuardrailError        more would change than the model allows             stop
        ├── ConflictError         an edit in the CRM stands against on_conflict=stop  stop
        ├── DuplicateLeadError    the push model has two rows for one lead and field  stop
        ├── TestsFailedError      a dbt model or test under the push has failed       stop
        ├── RestoredError         the warehouse has forgotten pushes: a copy is back  stop
        ├── PlanMovedError        the world is not the one the plan was made for      stop
        ├── FirstTimeError        nobody agreed to replace what is there for once     stop
        ├── NotAgreedError        nobody agreed to the plan                           stop
        └── NotApprovedError      the plan has to be approved, and isn't              stop

The last column is ``action``: what the caller should do with what failed. *retry*: the same again later; *skip*:
leave this one out and go on; *stop*: a person has to change something first; *resolve*: read the lead before anything
else is sent to it. ``exit_code`` is what the command ends with.

Messages name settings, models, ids and counts. They never hold a token, a request's or an answer's body, or a value of
a lead's field.
"""

import errno
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

Action = Literal["retry", "skip", "stop", "resolve"]
_Error = TypeVar("_Error", bound="LeadloopError")


EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "wrong usage or configuration or something else that only a person can mend",
    3: "done but some leads were rejected or deferred or the calls of the day are used up",
    4: "stopped by a guardrail or a conflict or a missing agreement and nothing sent",
    5: "another run holds the lock",
}
"""What a command ends with, and what that means."""
WORST_FIRST = (2, 1, 5, 4, 3, 0)
"""Exit codes: of several things that went wrong, the command ends with the code that comes first here."""


class LeadloopError(Exception):
    """Root of the tree: what happened, what to do next, and what it is about.

    ``str(error)`` is one message for a person, made from ``what`` and ``advice``. ``crm``, ``lead_id``, ``fields`` (as the CRM
    calls them) and ``code`` (the CRM's own, as text) say the same to a program, as far as they are known.
    """

    action: ClassVar[Action] = "stop"
    exit_code: ClassVar[int] = 1
    is_said_of_crm: ClassVar[bool] = False
    """Whether ``what`` goes on after the CRM's name: "refuses the token" becomes "convoso refuses the token".

    Whoever reads an answer need not know whose it is: ``of_crm`` adds that."""

    def __init__(
        self,
        what: str,
        advice: str = "",
        *,
        crm: str | None = None,
        lead_id: str | None = None,
        fields: Collection[str] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(what, advice)
        self.what = what
        self.advice = advice
        self.crm = crm
        self.lead_id = lead_id
        self.fields = frozenset(fields)
        self.code = code

    def __str__(self) -> str:
        return f"{_sentence(self._told())} {self.advice}" if self.advice else self._told()

    def _told(self) -> str:
        return f"{self.crm} {self.what}" if self.is_said_of_crm and self.crm else self.what


class ConfigError(LeadloopError):
    """A setting is missing or wrong; the message names it as it is written in a file and in the environment."""

    exit_code = 2


class AuthError(ConfigError):
    """The CRM refuses the credentials."""

    is_said_of_crm = True


class UnreachableError(ConfigError):
    """No CRM answers at the address in the settings: wrong URL, wrong host, or nothing listens there.

    ``may_pass``: this also happens to an address that is right, where nothing answers for a while, or something in between does.
    Whoever knows that the CRM has answered there before raises a ``TransientError`` instead (``warehouse.accounts.answering``).
    """

    is_said_of_crm = True

    def __init__(self, what: str, advice: str = "", *, may_pass: bool = False, **about: Any) -> None:
        super().__init__(what, advice, **about)
        self.may_pass = may_pass


class OtherAccountError(ConfigError):
    """The settings lead to another account than the one whose leads are in the warehouse."""


class OtherVersionError(ConfigError):
    """The tables under ``leadloop`` are those of a newer leadloop, or of an older one and nobody has brought them up yet."""


class MovedError(ConfigError):
    """The warehouse was moved to another place, or a move to it has not ended."""


class CrmError(LeadloopError):
    """Something between leadloop and the CRM."""

    is_said_of_crm = True


class TransientError(CrmError):
    """The CRM throttles or fails, and went on doing so through all retries.

    ``down``: nothing answers any more, so the next call at once would fail as well.
    """

    action = "retry"

    def __init__(self, what: str, advice: str = "", *, down: bool = False, **about: Any) -> None:
        super().__init__(what, advice, **about)
        self.down = down


class CallsUsedError(TransientError):
    """The account's plan has so many calls a day, and they are used up. What was read or sent until then stays.

    ``new_at``: when the next day's calls begin (aware). The command ends with 3: what is left waits for a date, not for a person.
    """

    exit_code = 3

    def __init__(self, what: str, advice: str = "", *, new_at: datetime, **about: Any) -> None:
        super().__init__(what, advice, down=True, **about)
        self.new_at = new_at

    @property
    def sentence(self) -> str:
        """What happened, without the advice."""
        return self._told()


class RefusedError(CrmError):
    """The CRM understood the request and says no; ``fields`` are those that it finds fault with.

    ``lead_id`` is another lead where that one stands in the way.
    """

    action = "skip"

    def at_fault(self, sent: Collection[str]) -> frozenset[str]:
        """Those of the fields that were sent which the CRM means; empty where it means the whole call."""
        return self.fields.intersection(sent)

    def reason(self, sent: Collection[str]) -> str:
        """Why a write of these fields was refused."""
        return str(self)


class UnexpectedAnswerError(CrmError):
    """The CRM answered in no shape that is known, so nothing may be concluded from it."""


class IncompleteReadError(CrmError):
    """A window could not be read whole; the cursor stays before it."""

    action = "retry"


class OutcomeUnknownError(CrmError):
    """A write left this machine and no answer came back: it may or may not have been carried out."""

    action = "resolve"


class ModelError(LeadloopError):
    """A dbt project, its files or a push model is missing or wrong."""

    exit_code = 2


class BuildError(LeadloopError):
    """dbt ran, and a model or a test failed."""


class NotTheSameError(LeadloopError):
    """A warehouse that was moved does not hold, or would not send, what the old one does."""


class WarehouseError(LeadloopError):
    """The warehouse can't be opened, read or written."""

    action: ClassVar[Action] = "retry"


class DiskFullError(WarehouseError):
    """A disk is full, of this machine or of the warehouse's server."""


class DamagedError(WarehouseError):
    """The warehouse's file is not as the database wrote it: a part of it is lost, and only a copy of it helps."""

    action = "stop"
    exit_code = 2


class LockedError(WarehouseError):
    """Another process holds the warehouse's file or this push."""

    exit_code = 5


class LeaseLostError(LockedError):
    """Another run has taken over what this one was working on; this one ends, and writes nothing more."""


class StoppedError(LeadloopError):
    """leadloop stopped on purpose, and nothing was sent."""

    exit_code = 4


class GuardrailError(StoppedError):
    """More leads or fields would change than the push model allows."""


class ConflictError(StoppedError):
    """A person's edit in the CRM stands against a push with ``on_conflict='stop'``."""


class DuplicateLeadError(StoppedError):
    """The push model has more than one row for the same lead and field."""


class TestsFailedError(StoppedError):
    """A dbt model or test that the push stands on failed, or was skipped, when dbt last ran it, whoever ran it."""


class RestoredError(StoppedError):
    """The warehouse knows nothing of pushes that were sent from it: an older copy of it was put back."""


class PlanMovedError(StoppedError):
    """What would be sent now is not what the plan that was agreed to says."""


class FirstTimeError(StoppedError):
    """Values would be replaced in a field to which, as far as is known, nothing was ever sent, and nobody agreed to it."""


class NotAgreedError(StoppedError):
    """A plan that is not sent unless somebody agrees to it, and there was nobody to ask."""


class NotApprovedError(StoppedError):
    """A plan that has to be approved is not, or its approval is no good for it here and now."""


@contextmanager
def of_crm(crm: str) -> Iterator[None]:
    """Whatever is raised in here and says no CRM is about this one."""
    try:
        yield
    except LeadloopError as error:
        error.crm = error.crm or crm
        raise


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def place_of(error: BaseException) -> str:
    """File and line where an error was raised: all that may be told of a foreign one, whose text may hold a row or a credential."""
    where = error.__traceback__
    while where and where.tb_next:
        where = where.tb_next
    return f"{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}" if where else "?"


def disk_full(error: BaseException) -> DiskFullError | None:
    """What an error of the system's means for a person, where it says that nothing more can be written."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in _FULL:
            where = f" to {cause.filename}" if isinstance(cause.filename, str) else ""
            return DiskFullError(
                f"Nothing more can be written{where}: {os.strerror(cause.errno or 0)}. What was recorded before stays.",
                "Make space, then run again.",
            )
    return None


_FULL = {
    errno.ENOSPC,
    errno.EFBIG,
    *(getattr(errno, name) for name in ("EDQUOT",) if hasattr(errno, name)),
}


def is_debugging() -> bool:
    """Whether somebody wants to see what may hold values of leads."""
    return bool(os.environ.get("LEADLOOP_DEBUG"))


def with_free_text(error: _Error, texts: Iterable[str]) -> _Error:
    """The error with what an engine says itself as notes, which the command prints; nothing unless ``is_debugging``."""
    if is_debugging():
        for text in texts:
            error.add_note(text)
    return error


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it, each once: an error taken out of a wrapper and raised again has a circle behind it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
