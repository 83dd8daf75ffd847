"""Makes spans, metrics and log records of what is done, with OpenTelemetry's SDK."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from connector.events import Doing, Watcher

NAME = "leadloop"
FAILED = (1, 2, 4)
SEVERITIES = {"info": SeverityNumber.INFO, "warning": SeverityNumber.WARN, "error": SeverityNumber.ERROR}
_TOLD = ("run_id", "part_of", "crm", "push", "stream", "exit_code", "rows", "calls", "leads", "whole")


class Telemetry(Watcher):
    """Watches with the providers it is given; ``parent``: variables of the environment, in which ``TRACEPARENT`` may be; ``prices``: CRM -> what
    one call to it costs."""

    def __init__(
        self,
        traces: TracerProvider,
        metrics: MeterProvider,
        logs: LoggerProvider,
        parent: Mapping[str, str] | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        self._prices = prices or {}
        self._providers = (traces, metrics, logs)
        self._tracer = traces.get_tracer(NAME)
        self._logger = logs.get_logger(NAME)
        carrier = {key.lower(): text for key, text in (parent or {}).items()}
        self._outside = TraceContextTextMapPropagator().extract(
            {name: carrier[name] for name in ("traceparent", "tracestate") if name in carrier}
        )
        meter = metrics.get_meter(NAME)
        self._rows = meter.create_counter("leadloop.rows", "{row}", "Rows that were read.")
        self._changes = meter.create_counter(
            "leadloop.changes", "{field}", "Fields of pushes, by what became of them."
        )
        self._leads = meter.create_counter(
            "leadloop.leads", "{lead}", "Leads of pushes, by what became of them."
        )
        self._rejected = meter.create_counter("leadloop.rejected", "{lead}", "Leads that a CRM refused.")
        self._calls = meter.create_counter("leadloop.calls", "{call}", "Calls to a CRM, by status.")
        self._cost = meter.create_counter("leadloop.cost", "1", "What the calls to a CRM cost.")
        self._throttles = meter.create_counter(
            "leadloop.throttles", "{answer}", "Answers that say: too many calls."
        )
        self._took = meter.create_histogram(
            "leadloop.call.duration", "s", "How long a call took until its answer was whole."
        )
        self._ran = meter.create_histogram("leadloop.stage.duration", "s", "How long a stage took.")
        self._delay = meter.create_gauge(
            "leadloop.delay", "s", "How far what was read lies behind the present, at the end of its reading."
        )

    def began(self, doing: Doing) -> None:
        """A span below that of what it is a part of."""
        above: Span | None = doing.parent.kept.get(self) if doing.parent else None
        span = self._tracer.start_span(
            f"{NAME} {doing.name}" if doing.kind == "stage" else doing.name,
            context=self._outside if above is None else trace.set_span_in_context(above),
            kind=SpanKind.CLIENT if doing.kind == "call" else SpanKind.INTERNAL,
            attributes={"leadloop.kind": doing.kind},
            start_time=doing.began,
        )
        doing.kept[self] = span
        context = span.get_span_context()
        doing.ids = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    def ended(self, doing: Doing) -> None:
        """Ends its span, and counts what it came to."""
        span: Span = doing.kept.pop(self)
        span.set_attributes(dict(_attributes(doing)))
        kind = type(doing.error).__name__ if doing.error is not None else doing.facts.get("failed")
        if doing.kind == "call" and kind:
            kind = "no answer"
        if kind or doing.facts.get("exit_code") in FAILED:
            # An error's own words may name a lead.
            span.set_status(Status(StatusCode.ERROR, str(kind) if kind else None))
        if kind:
            span.set_attribute("error.type", str(kind))
        span.end(doing.ended)
        getattr(self, f"_{doing.kind}")(doing)

    def counted(self, what: str, number: int, facts: Mapping[str, Any]) -> None:
        """Throttles."""
        if what == "throttles":
            self._throttles.add(number, {"crm": facts["crm"]})

    def said(self, message: str, level: str, doing: Doing | None) -> None:
        """A log record in the span of what is being done."""
        span = doing.kept.get(self) if doing is not None else None
        self._logger.emit(
            LogRecord(
                timestamp=int(datetime.now(UTC).timestamp() * 1e9),
                context=self._outside if span is None else trace.set_span_in_context(span),
                severity_number=SEVERITIES[level],
                severity_text=level,
                body=message,
                attributes={"leadloop.run_id": doing.facts["run_id"]}
                if doing is not None and "run_id" in doing.facts
                else {},
            )
        )

    def close(self) -> None:
        """Sends what has been collected."""
        for provider in self._providers:
            provider.shutdown()

    def _stage(self, doing: Doing) -> None:
        about = {name: doing.facts[name] for name in ("crm", "push") if doing.facts.get(name)}
        code = doing.facts.get("exit_code")
        self._ran.record(_seconds(doing), {"stage": doing.name, "exit_code": code or 0, **about})
        summary = getattr(doing.result, "summary", None)
        if summary is not None:
            for state, number in summary.fields_by_state.items():
                self._changes.add(number, {**about, "state": state})
            for state, number in summary.by_state.items():
                self._leads.add(number, {**about, "state": state})
            self._rejected.add(summary.by_state.get("rejected", 0), about)

    def _window(self, doing: Doing) -> None:
        about = {"crm": doing.facts["crm"], "stream": doing.facts["stream"]}
        self._rows.add(doing.facts.get("rows") or 0, about)
        window = doing.facts.get("window")
        if window is not None and doing.facts.get("whole"):
            self._delay.set(doing.ended / 1e9 - window.end.timestamp(), about)

    def _batch(self, _doing: Doing) -> None:
        """Its leads are counted with their push, its rows with their window."""

    def _call(self, doing: Doing) -> None:
        about = {"crm": doing.facts["crm"]}
        self._calls.add(1, {**about, "status": str(doing.facts.get("status", "none"))})
        self._took.record(_seconds(doing), about)
        if price := self._prices.get(doing.facts["crm"]):
            self._cost.add(price, about)


def _seconds(doing: Doing) -> float:
    return (doing.ended - doing.began) / 1e9


def _attributes(doing: Doing) -> Mapping[str, Any]:
    facts = doing.facts
    found = {f"leadloop.{name}": facts[name] for name in _TOLD if facts.get(name) is not None}
    if (window := facts.get("window")) is not None:
        found["leadloop.window.start"] = window.start.isoformat()
        found["leadloop.window.end"] = window.end.isoformat()
    for state, number in (facts.get("states") or {}).items():
        found[f"leadloop.leads.{state}"] = number
    if doing.kind == "call":
        found["http.request.method"] = doing.name.partition(" ")[0]
        if "status" in facts:
            found["http.response.status_code"] = facts["status"]
    return found
