"""The code of docs/airflow.md in the real Airflow: scheduler, API server, triggerer and worker, with leadloop in another environment."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import requests  # noqa: TID251 - a person's browser, not leadloop

from connector.sandbox import Sandbox
from connector.warehouse.connection import Warehouse
from tests.orchestrators.places import LEADLOOP, ROOT, Place, interpreter
from tests.postgres import free_port

PAGE = (ROOT / "docs/airflow.md").read_text("utf-8")
CODE = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.S))
OWN = """
from datetime import timedelta

from airflow.sdk import DAG

from connector.orchestrators.airflow.operators import (
    LeadloopExtractOperator,
    LeadloopOperator,
    LeadloopPlanOperator,
    LeadloopRunOperator,
    LeadloopUndoOperator,
)

soon = timedelta(seconds=5)
with DAG("held", schedule=None):
    LeadloopExtractOperator(task_id="rescheduled", crm="convoso", held_delay=soon)
    LeadloopExtractOperator(task_id="deferred", crm="convoso", held_delay=soon, deferrable=True)
    LeadloopExtractOperator(task_id="given_up", crm="convoso", held_delay=soon, held_timeout=timedelta(0))
with DAG("odd", schedule=None):
    LeadloopExtractOperator(task_id="extract", crm="convoso", retries=1, retry_delay=soon)
with DAG("undone", schedule=None):
    LeadloopUndoOperator(task_id="undo", leadloop_run="{{ dag_run.conf['run'] }}", fields=["title"])
with DAG("whole", schedule=None):
    run = LeadloopRunOperator(task_id="run", pushes=["tiers_to_convoso"])
    check = LeadloopOperator(task_id="check", arguments=["check"])
    empty = LeadloopPlanOperator(task_id="empty", push="tiers_to_convoso", skip_if_empty=True)
    run >> check >> empty
"""
KEY = "of the people who approve, in this test"
DONE = {"success", "failed", "skipped", "upstream_failed"}

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


class Airflow(Place):
    """With all of Airflow's processes at work."""

    def __init__(self, folder: Path, crm: Sandbox, python: Path, port: int) -> None:
        self.home = folder / "airflow"
        self.url = f"http://127.0.0.1:{port}"
        (self.home / "dags").mkdir(parents=True)
        of_airflow = {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "only for this test, but long enough for the algorithm that signs with it"
            * 2,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(free_port()),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",  # on a machine with much else to do
        }
        super().__init__(folder, crm, python, of_airflow)
        for name, text in CODE.items():
            if name != "signed.py":  # a part of a DAG
                (self.home / "dags" / name).write_text(text.replace('"*/15 * * * *"', "None"))
        (self.home / "dags/own.py").write_text(OWN)
        (self.home / "dags/signed.py").write_text(_signed())
        self.settings["LEDGER__APPROVAL_KEY"] = KEY
        self.headers: dict[str, str] = {}

    def start(self) -> subprocess.Popen[bytes]:
        log = (self.home / "standalone.log").open("wb")
        process = subprocess.Popen(
            [self.python, "-m", "airflow", "standalone"],
            cwd=self.folder,
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        token = self.until(lambda: self._token(), "an API server")
        self.headers["Authorization"] = f"Bearer {token}"
        self.until(lambda: len(self.get("dags")["dags"]) >= 8, "the DAGs")
        for dag in {each["dag_id"] for each in self.get("dags")["dags"]} - {"again"}:
            self.unpause(dag)
        return process

    def unpause(self, dag: str) -> None:
        """Lets a DAG run, also by its schedule."""
        self.ask("PATCH", f"dags/{dag}", {"is_paused": False})

    def _token(self) -> str | None:
        try:
            return str(requests.get(f"{self.url}/auth/token", timeout=5).json()["access_token"])
        except (requests.ConnectionError, requests.Timeout, ValueError, KeyError):
            return None

    def until(self, found: Callable[[], Any], what: str, seconds: float = 900) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := found():
                return answer
            time.sleep(1)
        raise AssertionError(f"Airflow never had {what}:\n{self._log()[-3000:]}")

    def _log(self) -> str:
        return (self.home / "standalone.log").read_text("utf-8", "replace")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method, f"{self.url}/api/v2/{path}", json=body, headers=self.headers, timeout=400
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.text else None

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def trigger(self, dag: str, **given: Any) -> str:
        made = self.ask("POST", f"dags/{dag}/dagRuns", {"logical_date": None, **given})
        return str(made["dag_run_id"])

    def task(self, dag: str, run: str, task: str) -> Any:
        return self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}")

    def ended(self, dag: str, run: str) -> dict[str, Any]:
        """Every task of a run that has ended."""
        path = f"dags/{dag}/dagRuns/{run}"
        self.until(lambda: self.get(path)["state"] in DONE, f"an end of {run}")
        found = self.get(f"{path}/taskInstances")["task_instances"]
        return {each["task_id"]: each for each in found}

    def asked(self, dag: str) -> Any:
        """What a person is asked in a DAG."""

        def found() -> Any:
            asked = self.get("dags/~/dagRuns/~/hitlDetails")["hitl_details"]
            return [each for each in asked if each["task_instance"]["dag_id"] == dag]

        (question,) = self.until(found, "a question")
        return question

    def approved(self, dag: str) -> Any:
        """What a person is asked in a DAG, once they have approved it."""
        question = self.asked(dag)
        instance = question["task_instance"]
        key = f"dag_id='{dag}', task_id='{instance['task_id']}', run_id='{instance['dag_run_id']}'"
        heard = re.compile(f"Received executor event with state success for task instance.*{re.escape(key)}")
        self.until(lambda: heard.search(self._log()), "a scheduler that has heard that the task waits")
        time.sleep(2)  # Airflow fails a task that is answered before its scheduler has written this down
        place = (
            f"dags/{dag}/dagRuns/{instance['dag_run_id']}/taskInstances/{instance['task_id']}/-1/hitlDetails"
        )
        self.ask("PATCH", place, {"chosen_options": ["Approve"]})
        return question

    def xcom(self, dag: str, run: str, task: str) -> Any:
        found = self.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/return_value")["value"]
        return json.loads(found) if isinstance(found, str) else found

    def log(self, dag: str, run: str, task: str) -> str:
        folder = self.home / "logs" / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}"
        return "".join(each.read_text() for each in sorted(folder.glob("*.log")))

    def connect(self) -> None:
        """A connection as the page makes it, with this place's folder, command and settings."""
        (line,) = re.findall(r"```sh\n(airflow connections add .*?)\n```", PAGE, re.S)
        words = shlex.split(line)
        secret, extra = words.index("--conn-password") + 1, words.index("--conn-extra") + 1
        assert words[secret] == '{"CRM__CONVOSO__AUTH_TOKEN": "…"}'
        words[secret] = words[secret].replace("…", self.crm.token)
        shown = json.loads(words[extra])
        assert set(shown) == {"folder", "command", "environment"}
        own = {"folder": str(self.leads), "command": LEADLOOP, "environment": self.settings}
        words[extra] = json.dumps(shown | own | {"wait": 0})
        self.run(str(self.python), "-m", *words)


def _signed() -> str:
    """The page's DAG with the page's task between its last two; what was taken back is released first."""
    text = CODE["reviewed.py"].replace('"reviewed", schedule=[built_asset()]', '"signed", schedule=None')
    text, found = text.rstrip().rsplit("\n", 1)
    assert found == "    plan >> look >> push"
    release = (
        "from connector.orchestrators.airflow.operators import LeadloopOperator\n"
        'release = LeadloopOperator(task_id="release", arguments=["release", "tiers_to_convoso", "--all"])\n'
        "release >> plan >> look >> sign >> push\n"
    )
    return f"{text}\n{indent(CODE['signed.py'] + release, '    ')}"


@contextmanager
def started(folder: Path) -> Iterator[Airflow]:
    """All of Airflow, with the page's DAGs and its connection."""
    python = interpreter("airflow")
    with Sandbox(leads=60) as crm:
        place = Airflow(folder, crm, python, free_port())
        place.run(str(python), "-m", "airflow", "db", "migrate")
        place.connect()
        process = place.start()
        try:
            yield place
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its workers outlive it
            process.wait()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """In a folder of its own."""
    with started(tmp_path_factory.mktemp("airflow")) as place:
        yield place


def test_every_dag_of_the_page_loads(airflow: Airflow) -> None:
    """And Airflow knows leadloop as a provider."""
    assert airflow.get("importErrors")["import_errors"] == []
    assert {"leads", "reviewed", "again"} <= {each["dag_id"] for each in airflow.get("dags")["dags"]}
    assert "leadloop" in {each["package_name"] for each in airflow.get("providers")["providers"]}


def test_the_connection_has_a_form_and_a_test(airflow: Airflow) -> None:
    """The form shows leadloop's own fields; the test runs ``leadloop check``; what comes back holds no token."""
    answer = requests.get(
        f"{airflow.url}/ui/connections/hook_meta", headers=airflow.headers, timeout=60
    ).json()
    (form,) = [each for each in answer if each["connection_type"] == "leadloop"]
    assert set(form["extra_fields"]) == {"folder", "command", "environment", "wait"}
    assert form["standard_fields"]["password"]["title"] == "Secret settings"
    found = airflow.get("connections/leadloop_default")
    assert airflow.crm.token not in json.dumps(found)
    body = {name: found[name] for name in ("connection_id", "conn_type", "extra")}
    fine = airflow.ask("POST", "connections/test", body)
    assert fine == {"status": True, "message": "Everything that leadloop checks is fine."}
    body["extra"] = json.dumps(json.loads(body["extra"]) | {"environment": "[CRM__CONVOSO__RATE"})
    wrong = airflow.ask("POST", "connections/test", body)
    assert not wrong["status"]
    assert "are no JSON object of variables" in wrong["message"]


def test_a_first_time_fails_without_a_retry_then_a_person_sends_it(airflow: Airflow) -> None:
    """The build starts the DAG in which a person sees the plan; what is sent is what was saved. Nothing private is kept anywhere."""
    run = airflow.trigger("leads")
    tasks = airflow.ended("leads", run)
    assert {name: each["state"] for name, each in tasks.items()} == {
        "extract": "success",
        "build": "success",
        "push": "failed",
    }
    assert tasks["push"]["try_number"] == 1
    assert tasks["push"]["max_tries"] == 3
    assert "leadloop ended with 4" in airflow.log("leads", run, "push")
    assert airflow.xcom("leads", run, "extract")["rows"] == 60
    assert airflow.sent == 0
    events = {each["uri"]: each["extra"] for each in airflow.get("assets/events")["asset_events"]}
    assert events["leadloop://leadloop_default/read/convoso"]["rows"] == 60
    assert "leadloop://leadloop_default/sent/tiers_to_convoso" not in events
    asked = airflow.approved("reviewed")
    assert asked["subject"] == "Send 10 leads?"
    assert "| title | 10 |" in asked["body"]
    review = asked["task_instance"]["dag_run_id"]
    tasks = airflow.ended("reviewed", review)
    assert {each["state"] for each in tasks.values()} == {"success"}
    assert airflow.xcom("reviewed", review, "push")["applied"] == 10
    assert airflow.sent == 10
    kept = [json.dumps(asked), json.dumps(airflow.get("assets/events"))]
    kept += [json.dumps(airflow.xcom("reviewed", review, each)) for each in ("plan", "push")]
    kept += [each.read_text() for each in (airflow.home / "logs").rglob("*.log")]
    assert len(kept) > 6
    for each in airflow.private:
        assert not any(each in text for text in kept)


def test_a_day_is_read_again(airflow: Airflow) -> None:
    """As a backfill's run has it: with an interval. A run without one says what it needs."""
    airflow.unpause("again")
    given = {"logical_date": "2026-11-01T00:00:00Z"}
    run = airflow.trigger(
        "again", **given, data_interval_start="2026-11-01T00:00:00Z", data_interval_end="2026-11-02T00:00:00Z"
    )
    assert airflow.ended("again", run)["extract"]["state"] == "success"
    window = airflow.xcom("again", run, "extract")["window"]
    assert (window["start"][:10], window["end"][:10]) == ("2026-11-01", "2026-11-02")
    given = {"logical_date": "2026-11-05T00:00:00Z"}
    run = airflow.trigger(
        "again", **given, data_interval_start="2026-11-05T00:00:00Z", data_interval_end="2026-11-05T00:00:00Z"
    )
    task = airflow.ended("again", run)["extract"]
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert "CronDataIntervalTimetable" in airflow.log("again", run, "extract")


def test_a_held_file_is_waited_for_without_a_worker(airflow: Airflow) -> None:
    """Rescheduled, or deferred; neither is a try. A task that has waited for long enough fails."""
    program = "import duckdb, sys\nheld = duckdb.connect(sys.argv[1])\nprint('held', flush=True)\ninput()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(airflow.leads / "leads.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    run = airflow.trigger("held")
    for task, state in (
        ("rescheduled", "up_for_reschedule"),
        ("deferred", "deferred"),
        ("given_up", "failed"),
    ):
        airflow.until(lambda task=task, state=state: airflow.task("held", run, task)["state"] == state, state)  # type: ignore[misc]
    holder.communicate("\n")
    tasks = airflow.ended("held", run)
    assert {name: (each["state"], each["try_number"]) for name, each in tasks.items()} == {
        "rescheduled": ("success", 1),
        "deferred": ("success", 1),
        "given_up": ("failed", 1),
    }


def test_what_fails_for_a_while_is_retried(airflow: Airflow) -> None:
    """As often as Airflow is told: here the CRM answers in no known shape."""
    fault = airflow.crm.faults.add("no_success")
    task = airflow.ended("odd", airflow.trigger("odd"))["extract"]
    airflow.crm.faults.remove(fault)
    assert (task["state"], task["try_number"]) == ("failed", 2)


def test_the_whole_loop_is_one_task(airflow: Airflow) -> None:
    """Where nothing is to be sent, what comes after the plan is skipped."""
    run = airflow.trigger("whole")
    tasks = airflow.ended("whole", run)
    assert {name: each["state"] for name, each in tasks.items()} == {
        "run": "success",
        "check": "success",
        "empty": "skipped",
    }
    found = airflow.xcom("whole", run, "run")
    assert set(found["read"]) == {"convoso"}
    assert set(found["sent"]) == {"tiers_to_convoso"}
    assert airflow.xcom("whole", run, "check")["ok"] is True


def test_a_run_is_taken_back(airflow: Airflow) -> None:
    """By the id that the push left in XCom."""
    event = airflow.get("assets/events?order_by=timestamp")["asset_events"]
    (sent,) = [each["extra"] for each in event if each["source_dag_id"] == "reviewed"]
    run = airflow.trigger("undone", conf={"run": sent["run_id"]})
    assert airflow.ended("undone", run)["undo"]["state"] == "success"
    assert airflow.xcom("undone", run, "undo")["applied"] == 10
    assert airflow.sent == 0


def test_a_plan_is_signed_by_who_agreed(airflow: Airflow) -> None:
    """What was taken back is released, planned, approved in Airflow, signed with the page's task, and sent."""
    run = airflow.trigger("signed")
    airflow.approved("signed")
    tasks = airflow.ended("signed", run)
    assert {each["state"] for each in tasks.values()} == {"success"}, tasks
    who = airflow.xcom("signed", run, "look")["responded_by_user"]["name"]
    with Warehouse.duckdb(airflow.leads / "leads.duckdb").engine().connect() as connection:
        notes = connection.exec_driver_sql(
            "select distinct note from leadloop.push_approvals where note is not null"
        ).fetchall()
    assert [tuple(each) for each in notes] == [(f"Airflow: {who}",)]
    assert airflow.xcom("signed", run, "sign")["leads"] == 10
    assert airflow.sent == 10


def test_every_operator_is_on_the_page(airflow: Airflow) -> None:
    """With its templates in italics, and no other beside it."""
    program = (
        "import json\nfrom connector.orchestrators.airflow import operators\n"
        "found = {n: list(c.template_fields) for n, c in vars(operators).items() if n.startswith('Leadloop') and n != 'LeadloopHook'}\n"
        "print(json.dumps(found))\n"
    )
    found = json.loads(airflow.run(str(airflow.python), "-c", program).splitlines()[-1])
    rows = re.findall(r"^\| `(Leadloop\w+)` \| (.*?) \|", PAGE, re.M)
    shown = {name: re.findall(r"\*`(\w+)`\*", arguments) for name, arguments in rows if "*" in arguments}
    assert shown == found
