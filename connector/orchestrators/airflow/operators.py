"""An operator for each command. What they leave in XCom and on assets holds counts and names, no id and no value of a lead."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Asset, BaseOperator, Context
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from airflow.sdk.timezone import utcnow

from connector.orchestrators.airflow.assets import DEFAULT, built_asset, read_asset, sent_asset
from connector.orchestrators.airflow.hook import LeadloopHook
from connector.orchestrators.command import Ended
from connector.orchestrators.shown import numbers, plan_markdown, stops


class LeadloopOperator(BaseOperator):
    """Any command: ``LeadloopOperator(task_id="check", arguments=["check"])``. The others are this one with their own arguments.

    Where another run holds the lock, the task lets go of its place and is started again after ``held_delay``, until ``held_timeout`` has
    passed: as a rescheduled task, or with ``deferrable`` as a deferred one, which needs Airflow's triggerer.
    """

    template_fields: Sequence[str] = ("arguments",)
    ui_color = "#e8f1e4"

    def __init__(
        self,
        *,
        arguments: Sequence[str] = (),
        conn_id: str = DEFAULT,
        deferrable: bool = False,
        held_delay: timedelta = timedelta(minutes=1),
        held_timeout: timedelta = timedelta(hours=1),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.arguments = arguments
        self.conn_id = conn_id
        self.deferrable = deferrable
        self.held_delay = held_delay
        self.held_timeout = held_timeout
        self._stop: Callable[[], None] | None = None

    def words(self) -> Sequence[str]:
        """The command's arguments, with what was templated filled in."""
        return self.arguments

    def execute(self, context: Context) -> Any:
        """Runs the command. Returns what goes to XCom."""
        return self._execute(context, since=None)

    def execute_again(self, context: Context, event: Any = None, since: str | None = None) -> Any:
        """The same after a deferral; ``since`` is when the task was held up first."""
        return self._execute(context, since=since)

    def on_kill(self) -> None:
        """The command stops sending, records what came of it, and ends; the next run continues."""
        if self._stop is not None:
            self._stop()

    def result(self, context: Context, ended: Ended) -> Any:
        """What goes to XCom and, as their extra, to the assets that the task updates."""
        found = numbers(ended.document)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = found
        return found

    def accepts(self, ended: Ended) -> bool:
        """Whether the command ended as it should."""
        return ended.is_done

    def _execute(self, context: Context, since: str | None) -> Any:
        log = {"info": self.log.info, "warning": self.log.warning, "error": self.log.error}

        def started(stop: Callable[[], None]) -> None:
            self._stop = stop

        ended = (
            LeadloopHook(self.conn_id)
            .get_conn()
            .run(*self.words(), say=lambda message, level: log[level]("%s", message), started=started)
        )
        self._stop = None
        if self.accepts(ended):
            return self.result(context, ended)
        if ended.is_held:
            self._let_others(context, ended, since)
        if ended.is_final:
            raise AirflowFailException(
                f"{ended.why} A person has to do something first, so it is not retried."
            )
        raise AirflowException(ended.why)

    def _let_others(self, context: Context, ended: Ended, since: str | None) -> None:
        """Ends this process, and has the task started again later. Returns where it has been held up for too long."""
        now = utcnow()
        if self.deferrable:
            first = datetime.fromisoformat(since) if since else now
        else:
            first = context["ti"].get_first_reschedule_date(context) or now
        if now - first >= self.held_timeout:
            return
        self.log.warning("%s It is started again at %s.", ended.why, now + self.held_delay)
        if not self.deferrable:
            raise AirflowRescheduleException(now + self.held_delay)
        self.defer(
            trigger=DateTimeTrigger(moment=now + self.held_delay),
            method_name="execute_again",
            kwargs={"since": first.isoformat()},
        )


class LeadloopExtractOperator(LeadloopOperator):
    """Reads what was edited since the last run. With ``start`` and ``end`` it reads that time again, and the cursor stays; both may be
    templates, and empty text is none."""

    template_fields: Sequence[str] = ("crm", "start", "end")

    def __init__(self, *, crm: str, start: str | None = None, end: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("outlets", [read_asset(crm, kwargs.get("conn_id", DEFAULT))])
        super().__init__(**kwargs)
        self.crm = crm
        self.start = start
        self.end = end

    def words(self) -> Sequence[str]:
        given = (("--start", self.start), ("--end", self.end))
        return [
            "extract",
            "--crm",
            self.crm,
            *(word for name, text in given if text for word in (name, text)),
        ]


class LeadloopBuildOperator(LeadloopOperator):
    """Makes and tests the dbt models."""

    template_fields: Sequence[str] = ("select",)

    def __init__(self, *, select: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("outlets", [built_asset(kwargs.get("conn_id", DEFAULT))])
        super().__init__(**kwargs)
        self.select = select

    def words(self) -> Sequence[str]:
        return ["build", *(["--select", self.select] if self.select else [])]


class LeadloopPlanOperator(LeadloopOperator):
    """Makes the plan of a push. XCom gets its totals, ``markdown``, which shows it without a lead, and ``stops``: why a push would send
    nothing of it, or ``None``.

    ``save`` and ``html`` are files on the worker, and they hold leads' values; of a saved plan, ``stops`` takes for granted that a person
    will have approved it. With ``skip_if_empty``, the task and what comes after it are
    skipped where nothing would be sent. With ``fail_if_stopped``, the task fails where ``stops`` is something.
    """

    template_fields: Sequence[str] = ("push", "save", "html")

    def __init__(
        self,
        *,
        push: str,
        save: str | None = None,
        html: str | None = None,
        first: bool = False,
        skip_if_empty: bool = False,
        fail_if_stopped: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("inlets", [built_asset(kwargs.get("conn_id", DEFAULT))])
        super().__init__(**kwargs)
        self.push = push
        self.save = save
        self.html = html
        self.first = first
        self.skip_if_empty = skip_if_empty
        self.fail_if_stopped = fail_if_stopped

    def words(self) -> Sequence[str]:
        given = (("--save", self.save), ("--html", self.html))
        files = [word for name, file in given if file for word in (name, file)]
        return ["plan", self.push, *(files or ["--mask"])]

    def accepts(self, ended: Ended) -> bool:
        return ended.document is not None

    def result(self, context: Context, ended: Ended) -> Any:
        plan: Mapping[str, Any] = ended.document
        why = stops(plan, first=self.first, approved=self.save is not None)
        if why and self.fail_if_stopped:
            raise AirflowFailException(f"A push would send nothing: {why}.")
        if self.skip_if_empty and not plan["totals"]["leads"]:
            raise AirflowSkipException(f"{self.push} has nothing to send.")
        return {**numbers(plan), "markdown": plan_markdown(plan), "stops": why}


class LeadloopApproveOperator(LeadloopOperator):
    """Signs a saved plan, for a push that needs an approval. Put an ApprovalOperator in front of it, and in ``note`` who agreed there."""

    template_fields: Sequence[str] = ("saved", "note")

    def __init__(self, *, saved: str, note: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.saved = saved
        self.note = note

    def words(self) -> Sequence[str]:
        return ["approve", self.saved, "--note", self.note]


class LeadloopPushOperator(LeadloopOperator):
    """Sends a push; with ``saved``, exactly the plan in that file, or nothing. ``first`` agrees to the first time of the push."""

    template_fields: Sequence[str] = ("push", "saved")

    def __init__(
        self,
        *,
        push: str,
        saved: str | None = None,
        first: bool = False,
        limit: int | None = None,
        **kwargs: Any,
    ) -> None:
        conn_id = kwargs.get("conn_id", DEFAULT)
        kwargs.setdefault("inlets", [built_asset(conn_id)])
        kwargs.setdefault("outlets", [sent_asset(push, conn_id)])
        super().__init__(**kwargs)
        self.push = push
        self.saved = saved
        self.first = first
        self.limit = limit

    def words(self) -> Sequence[str]:
        how = ["--plan", self.saved] if self.saved else ["--yes"]
        how += ["--first"] if self.first else []
        how += ["--limit", str(self.limit)] if self.limit is not None else []
        return ["push", self.push, *how]


class LeadloopRunOperator(LeadloopOperator):
    """Everything with one command: reads, builds, and sends every push, or only those that are named."""

    template_fields: Sequence[str] = ("pushes",)

    def __init__(self, *, pushes: Sequence[str] = (), first: bool = False, **kwargs: Any) -> None:
        conn_id = kwargs.get("conn_id", DEFAULT)
        kwargs.setdefault("outlets", [built_asset(conn_id), *(sent_asset(each, conn_id) for each in pushes)])
        super().__init__(**kwargs)
        self.pushes = pushes
        self.first = first

    def words(self) -> Sequence[str]:
        chosen = [word for each in self.pushes for word in ("--push", each)]
        return ["run", "--yes", *chosen, *(["--first"] if self.first else [])]


class LeadloopUndoOperator(LeadloopOperator):
    """Takes back what the run of a push has sent, or some fields of it. ``leadloop_run`` is a run of ``leadloop.push_runs``, such as the
    ``run_id`` that a push left in XCom."""

    template_fields: Sequence[str] = ("leadloop_run", "fields")

    def __init__(
        self, *, leadloop_run: str, fields: Sequence[str] = (), on_conflict: str = "crm_wins", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.leadloop_run = leadloop_run
        self.fields = fields
        self.on_conflict = on_conflict

    def words(self) -> Sequence[str]:
        chosen = [word for each in self.fields for word in ("--field", each)]
        return ["undo", self.leadloop_run, "--yes", "--on-conflict", self.on_conflict, *chosen]
