"""A plan that was saved and agreed to, against the plan as it is now."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.config import resolve
from connector.crm.convoso import ConvosoSettings
from connector.crm.identity import identity_of
from connector.errors import ConfigError, PlanMovedError
from connector.push import Plan, expect, plan_rows
from connector.render.document import to_json
from connector.render.plan_document import plan_document
from connector.render.saved_plan import read_plan

AT = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
ROWS = (
    ("101", "status", "New", "Hot", None, "change"),
    ("102", "status", "New", "Hot", None, "change"),
    ("103", "status", "New", "Hot", None, "change"),
    ("104", "status", "Theirs", "Ours", "Before", "conflict"),
    ("105", "status", "Old", "Denied", None, "rejected"),
    ("106", "status", "Old", "Lost", None, "flapping"),
    ("107", "status", None, "x", None, "removed"),
)
PUSH: dict[str, Any] = {
    "name": "scores", "crm": "convoso", "mode": "update", "on_conflict": "crm_wins", "max_changes": 5000,
    "max_share": 0.2, "max_unknown_share": 0.5, "max_clears": None, "max_inserts": 1000, "max_deletes": 100, "fields": {}, "options": {},
    "equal": {"status": "lower"},
    "policies": {},
    "approval": "none",
    "approve_above": None,
}  # fmt: skip


def plan(
    *rows: Any,
    made_at: datetime = AT,
    crm_leads: int = 100,
    host: str = "one",
    account: str = "a",
    **push: Any,
) -> Plan:
    named = [(lead_id, name, name, *rest) for lead_id, name, *rest in rows or ROWS]
    return plan_rows(
        SimpleNamespace(**{**PUSH, **push}), named, made_at=made_at, seen_at=made_at, crm_leads=crm_leads,
        host=host, account=account,
    )  # fmt: skip


def saved(folder: Path, made: Plan, *, mask: bool = False) -> tuple[Path, Any]:
    path = folder / "plan.json"
    document = json.loads(to_json(plan_document(made, mask=mask)))
    path.write_text(json.dumps(document), encoding="utf-8")
    return path, document


def test_a_saved_plan_is_read_as_the_plan_that_it_was(tmp_path: Path) -> None:
    """When it was made makes no difference; everything else comes back."""
    made = plan()
    path, _ = saved(tmp_path, made)
    assert read_plan(path) == made
    expect(plan(made_at=LATER), read_plan(path))


def test_the_fingerprint_is_what_it_has_been() -> None:
    """A plan that an older leadloop saved, or somebody wrote down, is the same plan today."""
    assert plan().fingerprint == "b3357bdcbfb645869e2be94c65e6e2e7d550be2ea277f7c1dcbb9aa447a7610c"


def _drop(document: Any) -> None:
    del document["leads"][1:]


def _value(document: Any) -> None:
    document["leads"][0]["changes"][0]["desired"] = "Cold"


def _shown(document: Any) -> None:
    document["leads"][0]["changes"][0]["current"] = None


def _host(document: Any) -> None:
    document["host"] = "two"


def _limit(document: Any) -> None:
    document["guardrails"][1]["limit"] = 1.0


def _total(document: Any) -> None:
    document["totals"]["fields"] = 1


def _print(document: Any) -> None:
    document["fingerprint"] = "0" * 64


def _first(document: Any) -> None:
    document["first_time"] = {"status": 3}


def _conflict(document: Any) -> None:
    document["conflicts"] = []


def _more(document: Any) -> None:
    document["leads"][0]["more"] = "of it"


def _order(document: Any) -> None:
    document["leads"].reverse()


def _twice(document: Any) -> None:
    document["leads"].append(document["leads"][-1])


@pytest.mark.parametrize(
    "change", [_drop, _value, _shown, _host, _limit, _total, _print, _conflict, _first, _more, _order, _twice]
)
def test_a_file_that_was_changed_is_not_agreed_to(change: Callable[[Any], None], tmp_path: Path) -> None:
    """The fingerprint is computed from what the file says: leads taken out, values or limits changed, nothing is sent."""
    path, document = saved(tmp_path, plan())
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(PlanMovedError, match="nothing was sent"):
        read_plan(path)


@pytest.mark.parametrize("lost", ["host", "leads", "guardrails", "duplicates", "made_at"])
def test_a_file_that_lacks_a_part_is_no_plan(lost: str, tmp_path: Path) -> None:
    """As one from another version does: it says so, and how to save one."""
    path, document = saved(tmp_path, plan())
    del document[lost]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError, match="leadloop plan PUSH --save"):
        read_plan(path)


@pytest.mark.parametrize(
    ("field", "value"), [("version", 1), ("max_found", "7"), ("made_at", "today"), ("fields", [])]
)
def test_a_file_of_another_shape_is_no_plan(field: str, value: Any, tmp_path: Path) -> None:
    """Another version, a number as text, a time that is none: it says that another version may have saved it."""
    path, document = saved(tmp_path, plan())
    path.write_text(json.dumps({**document, field: value}), encoding="utf-8")
    with pytest.raises(ConfigError, match="another version of leadloop saved it"):
        read_plan(path)


def test_a_file_that_says_something_twice_is_no_plan(tmp_path: Path) -> None:
    """Of two lists of leads, nobody could say which one was agreed to."""
    path, document = saved(tmp_path, plan())
    path.write_text(json.dumps(document)[:-1] + ', "leads": []}', encoding="utf-8")
    with pytest.raises(ConfigError, match="is not a plan"):
        read_plan(path)


def test_a_masked_plan_cant_be_agreed_to(tmp_path: Path) -> None:
    """It doesn't hold what would be sent."""
    path, _ = saved(tmp_path, plan(), mask=True)
    with pytest.raises(ConfigError, match="without --mask"):
        read_plan(path)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (plan(host="two"), r"the CRM's address \(two, and it was one\)"),
        (plan(account="b"), "the account"),
        (plan(name="other"), "the push"),
        (plan(on_conflict="warehouse_wins"), "on_conflict"),
        (plan(max_share=0.5), r"the guardrails \(max_share\)"),
        (plan(equal={}), "equal"),
        (plan(policies={"status": {"nulls": "clear"}}), "what single fields have of their own"),
        (plan(crm_leads=101), "the number of leads in the CRM"),
        (plan(*ROWS[:-1]), "the number of removed leads"),
        (plan(*ROWS[1:]), r"1 lead to be sent \(such as 101: status\)"),
        (plan(("101", "status", "typed", "Hot", None, "change"), *ROWS[1:]), "101: status"),
        (plan(("101", "status", "New", "Hot", "sent", "change"), *ROWS[1:]), "101: status"),
        (plan(("101", "status", "New", "Cold", None, "change"), *ROWS[1:]), "101: status"),
        (plan(("101", "status", "New", "Hot", None, "clear"), *ROWS[1:]), "101: status"),
        (plan(*ROWS[:3], *ROWS[4:]), r"1 lead in conflict \(such as 104: status\)"),
    ],
)
def test_any_difference_sends_nothing_and_is_named(now: Plan, told: str) -> None:
    """Account, host, policies, limits, what is shown, what was sent: each is told by name, and never a value."""
    with pytest.raises(PlanMovedError, match=told) as caught:
        expect(now, plan())
    assert caught.value.exit_code == 4
    assert not [value for value in ("typed", "Cold", "Hot", "Theirs", "Ours") if value in str(caught.value)]


def test_accounts_of_one_host_are_told_apart_without_their_token() -> None:
    """Another token or another host is another account, and the digest shows neither."""

    def of(token: str, url: str = "https://api.example.com/v1") -> Any:
        return identity_of(
            resolve(
                ConvosoSettings,
                {"auth_token": token, "base_url": url, "timezone": "UTC", "shared_pace": None},
            )
        )

    one, two = of("token-of-one"), of("token-of-two")
    assert one == of("token-of-one")
    assert (one.host, two.host) == ("api.example.com", "api.example.com")
    assert one.digest != two.digest
    assert of("token-of-one", "https://other.example.com").digest != one.digest
    assert "token" not in repr(one)
