"""The tree in the docstring is the tree of classes, column by column."""

import inspect
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from connector import errors
from connector.errors import CallsUsedError, CrmError, LeadloopError, ModelError, RefusedError, of_crm

CLASSES: dict[str, Any] = {
    name: cls
    for name, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, Exception) and cls.__module__ == errors.__name__
}
LINE = re.compile(
    r"^ {4}(?P<indent>[│├└─ ]*)(?P<name>\w+Error)(?: +(?P<meaning>\S.*?) {2,}(?P<action>\w+))?$"
)


def drawing() -> list[tuple[int, str, str | None]]:
    """(depth, class, action) of each line of the drawing, from the top."""
    lines = (LINE.match(line) for line in (errors.__doc__ or "").splitlines())
    return [(len(m["indent"]) // 4, m["name"], m["action"]) for m in lines if m]


def test_every_class_is_drawn_once() -> None:
    """No class is missing in the drawing, and none is drawn that isn't there."""
    assert sorted(name for _, name, _ in drawing()) == sorted(CLASSES)


def test_the_drawing_shows_who_inherits_from_whom() -> None:
    """A class hangs in the drawing below the class it inherits from."""
    above: dict[int, str] = {}
    for depth, name, _ in drawing():
        above[depth] = name
        if depth:
            assert CLASSES[name].__base__ is CLASSES[above[depth - 1]], name


def test_the_last_column_is_the_action() -> None:
    """What the drawing says a caller should do is what the class says."""
    for _, name, action in drawing():
        if action is not None:
            assert CLASSES[name].action == action, name
    undrawn = [name for _, name, action in drawing() if action is None]
    assert undrawn == ["LeadloopError", "CrmError"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("LeadloopError", 1),
        ("ConfigError", 2),
        ("AuthError", 2),
        ("UnreachableError", 2),
        ("OtherAccountError", 2),
        ("OtherVersionError", 2),
        ("MovedError", 2),
        ("CrmError", 1),
        ("TransientError", 1),
        ("CallsUsedError", 3),
        ("RefusedError", 1),
        ("UnexpectedAnswerError", 1),
        ("IncompleteReadError", 1),
        ("OutcomeUnknownError", 1),
        ("ModelError", 2),
        ("BuildError", 1),
        ("NotTheSameError", 1),
        ("WarehouseError", 1),
        ("DiskFullError", 1),
        ("DamagedError", 2),
        ("LockedError", 5),
        ("LeaseLostError", 5),
        ("StoppedError", 4),
        ("GuardrailError", 4),
        ("ConflictError", 4),
        ("DuplicateLeadError", 4),
        ("TestsFailedError", 4),
        ("PlanMovedError", 4),
        ("RestoredError", 4),
        ("FirstTimeError", 4),
        ("NotAgreedError", 4),
        ("NotApprovedError", 4),
    ],
)
def test_exit_codes(name: str, code: int) -> None:
    """Each class ends a command with the code that the design gives it."""
    assert CLASSES[name].exit_code == code


def test_no_exit_code_is_untested() -> None:
    """A class that is added has to be given its code above."""
    marked: Any = test_exit_codes
    marks = {mark.args[1][i][0] for mark in marked.pytestmark for i in range(len(mark.args[1]))}
    assert marks == set(CLASSES)


def test_one_handler_catches_all() -> None:
    """Whatever leadloop raises on purpose is a LeadloopError with a text."""
    for cls in CLASSES.values():
        assert issubclass(cls, LeadloopError)
        needs: Any = {"new_at": datetime.now(UTC)} if issubclass(cls, CallsUsedError) else {}
        assert str(cls("a sentence", **needs)) == "a sentence"


def test_an_error_tells_a_program_what_its_sentence_tells_a_person() -> None:
    """CRM, lead, fields and code are there one by one, and what to do comes after what happened."""
    error = RefusedError(
        "refuses: a value is not accepted (BAD)",
        "Change it.",
        crm="convoso",
        lead_id="7",
        fields=["a"],
        code="BAD",
    )
    assert str(error) == "convoso refuses: a value is not accepted (BAD). Change it."
    assert (error.crm, error.lead_id, error.fields, error.code) == ("convoso", "7", frozenset({"a"}), "BAD")
    assert str(ModelError("no field 'x' in convoso", crm="convoso")) == "no field 'x' in convoso"


def test_whoever_reads_an_answer_need_not_know_whose_it_is() -> None:
    """``of_crm`` adds the CRM to an error that names none, and leaves another one's alone."""
    for said, told in ((None, "convoso fails"), ("pollybot", "pollybot fails")):
        with pytest.raises(CrmError) as caught, of_crm("convoso"):
            raise CrmError("fails", crm=said)
        assert str(caught.value) == told
