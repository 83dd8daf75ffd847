"""Traces, metrics and logs of a whole run, through OpenTelemetry's own SDK: into its memory, and over HTTP to a receiver."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connector import config, events, logs, loop, watching
from connector.errors import ConfigError, LeadloopError
from connector.logs import Format, Messages
from connector.telemetry.settings import destination
from connector.telemetry.watcher import Telemetry
from connector.warehouse import runs
from connector.warehouse.connection import Warehouse
from tests.properties.quick_loop import QuickLoop
from tests.receiver import Receiver, receiving

PAGE = (Path(__file__).parents[2] / "docs/telemetry.md").read_text("utf-8")


class Memory:
    """A watcher whose exporters keep everything."""

    def __init__(
        self, environment: dict[str, str] | None = None, prices: dict[str, float] | None = None
    ) -> None:
        self._spans, self._reader, self._logs = (
            InMemorySpanExporter(),
            InMemoryMetricReader(),
            InMemoryLogRecordExporter(),  # type: ignore[no-untyped-call]
        )
        traces, logs = TracerProvider(), LoggerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self._spans))
        logs.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.watcher = Telemetry(traces, MeterProvider([self._reader]), logs, environment, prices)

    @property
    def spans(self) -> list[Any]:
        return list(self._spans.get_finished_spans())

    def named(self, name: str) -> list[Any]:
        return [each for each in self.spans if each.name == name]

    def kind(self, kind: str) -> list[Any]:
        return [each for each in self.spans if each.attributes["leadloop.kind"] == kind]

    @property
    def records(self) -> list[Any]:
        return list(self._logs.get_finished_logs())

    def metrics(self) -> dict[str, dict[tuple[tuple[str, Any], ...], Any]]:
        """Name -> attributes -> value, or the number of values of a histogram."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: {
                tuple(sorted((point.attributes or {}).items())): getattr(
                    point, "value", getattr(point, "count", None)
                )
                for point in metric.data.data_points
            }
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def seen(request: pytest.FixtureRequest) -> Iterator[Memory]:
    """Somebody watches with exporters in memory; the parameter: what a call costs, by CRM."""
    memory = Memory(prices=getattr(request, "param", None))
    events.watch(memory.watcher)
    yield memory
    events.unwatch(memory.watcher)


def above(span: Any, spans: list[Any]) -> Any:
    """The span that it is a part of."""
    found = [each for each in spans if span.parent and each.context.span_id == span.parent.span_id]
    return found[0] if found else None


@pytest.mark.long_if("postgres")
def test_a_whole_run(quick: QuickLoop, seen: Memory) -> None:
    """Each stage, window, batch and call has a span below what it is a part of; the numbers are those of the run; no value is in it."""
    crm = quick.begin()
    lead = crm.book.ids()[0]
    quick.write("insert into inputs.wanted values (:lead, 'diamond', 'Timbuktu')", lead=lead)
    ran = loop.run(quick.warehouse, first=True)
    assert ran.exit_code == 0
    spans = seen.spans
    (whole,) = seen.named("leadloop run")
    assert {each.context.trace_id for each in spans} == {whole.context.trace_id}
    assert {above(each, spans).name for each in seen.kind("stage") if each is not whole} == {"leadloop run"}
    (extract,) = seen.named("leadloop extract")
    (push,) = [each for each in seen.named("leadloop push") if each.attributes["leadloop.push"] == "scores"]
    assert (push.attributes["leadloop.crm"], push.attributes["leadloop.exit_code"]) == ("convoso", 0)
    (leads,) = seen.named("lead_versions")
    assert above(leads, spans) is extract
    assert leads.attributes["leadloop.rows"] == quick.leads
    assert leads.attributes["leadloop.window.end"] > leads.attributes["leadloop.window.start"]
    (load,) = seen.named("load lead_versions")
    assert above(load, spans) is leads
    (sent,) = seen.named("send scores")
    assert above(sent, spans) is push
    assert (sent.attributes["leadloop.leads"], sent.attributes["leadloop.leads.applied"]) == (1, 1)
    (update,) = [each for each in seen.kind("call") if above(each, spans) is sent]
    assert re.fullmatch(r"POST /leads/\w+", update.name)
    assert (update.attributes["http.response.status_code"], update.kind.name) == (200, "CLIENT")
    assert all(above(each, spans) is not None for each in seen.kind("call"))
    told = " ".join(each.to_json() for each in spans)
    for secret in ("diamond", "Timbuktu", crm.token, *crm.book.row(lead).values()):
        assert str(secret) not in told or len(str(secret)) < 6
    metrics = seen.metrics()
    assert metrics["leadloop.rows"][("crm", "convoso"), ("stream", "lead_versions")] == quick.leads
    about = (("crm", "convoso"), ("push", "scores"))
    assert metrics["leadloop.changes"][*about, ("state", "applied")] == 2
    assert metrics["leadloop.leads"][*about, ("state", "applied")] == 1
    assert metrics["leadloop.rejected"][about] == 0
    assert metrics["leadloop.calls"][("crm", "convoso"), ("status", "200")] == len(seen.kind("call"))
    assert metrics["leadloop.call.duration"][(("crm", "convoso"),)] == len(seen.kind("call"))
    assert -60 < metrics["leadloop.delay"][("crm", "convoso"), ("stream", "lead_versions")] < 600


@pytest.mark.long_if("postgres")
@pytest.mark.parametrize("seen", [{"convoso": 0.25, "pollybot": 9.0}], indirect=True)
def test_what_the_calls_cost(quick: QuickLoop, seen: Memory) -> None:
    """The price of a call for each that is made, also where one is made again; a CRM without a price costs nothing."""
    crm = quick.begin()
    crm.faults.add("status", 429, count=2)
    loop.extract(quick.warehouse)
    metrics = seen.metrics()
    calls = sum(metrics["leadloop.calls"].values())
    assert calls > 2
    assert metrics["leadloop.cost"] == {(("crm", "convoso"),): 0.25 * calls}


@pytest.mark.long_if("postgres")
def test_throttles_and_failures(quick: QuickLoop, seen: Memory) -> None:
    """A call that is turned away is counted, and a stage that fails says which kind of error it was, and no more."""
    crm = quick.begin()
    crm.faults.add("status", 429, count=2)
    with pytest.raises(LeadloopError), runs.recording(quick.warehouse, "build", {}):
        raise LeadloopError("lead 4711: 555-0199")
    loop.extract(quick.warehouse)
    assert seen.metrics()["leadloop.throttles"][(("crm", "convoso"),)] == 2
    statuses = [each.attributes["http.response.status_code"] for each in seen.kind("call")]
    assert statuses.count(429) == 2
    (build,) = seen.named("leadloop build")
    assert (build.status.status_code.name, build.status.description) == ("ERROR", "LeadloopError")
    assert "4711" not in build.to_json()


def test_logs_belong_to_spans(warehouse: Warehouse, seen: Memory, capsys: pytest.CaptureFixture[str]) -> None:
    """What a person is told is a record in the span of what is being done, and a line of JSON names that span."""
    err = Messages(stderr=True)
    logs.use(Format.json)
    try:
        with runs.recording(warehouse, "extract", {}):
            logs.warn(err, "The clock is wrong.")
        err.print("After it.")
    finally:
        logs.use(Format.text)
    (span,) = seen.spans
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert first["trace_id"] == f"{span.context.trace_id:032x}"
    assert first["span_id"] == f"{span.context.span_id:016x}"
    assert "trace_id" not in second
    record, after = (each.log_record for each in seen.records)
    assert (record.body, record.severity_text) == ("The clock is wrong.", "warning")
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    assert record.attributes["leadloop.run_id"] == span.attributes["leadloop.run_id"]
    assert after.trace_id != span.context.trace_id


def test_a_scheduler_can_be_above(warehouse: Warehouse) -> None:
    """TRACEPARENT, as orchestrators set it, is the parent of the first span."""
    memory = Memory({"TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
    events.watch(memory.watcher)
    try:
        with runs.recording(warehouse, "extract", {}):
            pass
    finally:
        events.unwatch(memory.watcher)
    (span,) = memory.spans
    assert f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Receiver]:
    """A collector on loopback; nothing of it is in the settings yet."""
    monkeypatch.chdir(tmp_path)
    with receiving() as receiver:
        yield receiver
    watching.close()
    config.reload()


def posted(receiver: Receiver, path: str, kind: Any) -> list[Any]:
    return [kind.FromString(body) for where, body in receiver.posted if where == path]


@pytest.mark.parametrize("how", ["setting", "variable"])
def test_over_http(
    collector: Receiver, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, how: str
) -> None:
    """The address in the settings, or the one in OpenTelemetry's variable: all three signals arrive before the command ends."""
    address = f"http://127.0.0.1:{collector.port}"
    monkeypatch.setenv("TELEMETRY__ENDPOINT" if how == "setting" else "OTEL_EXPORTER_OTLP_ENDPOINT", address)
    config.reload()
    said: list[str] = []
    with watching.watching(warehouse, said.append), runs.recording(warehouse, "build", {}):
        events.said("Hello.", "info")
    (traces,) = posted(collector, "/v1/traces", ExportTraceServiceRequest)
    (span,) = traces.resource_spans[0].scope_spans[0].spans
    about = {each.key: each.value.string_value for each in traces.resource_spans[0].resource.attributes}
    assert (span.name, about["service.name"]) == ("leadloop build", "leadloop")
    metrics = posted(collector, "/v1/metrics", ExportMetricsServiceRequest)
    names = {each.name for one in metrics for each in one.resource_metrics[0].scope_metrics[0].metrics}
    assert "leadloop.stage.duration" in names
    (records,) = posted(collector, "/v1/logs", ExportLogsServiceRequest)
    (record,) = records.resource_logs[0].scope_logs[0].log_records
    assert (record.body.string_value, record.trace_id) == ("Hello.", span.trace_id)
    assert not said


def test_the_standard_variables_count(
    collector: Receiver, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """A signal can be left out, the service can be named, and everything can be switched off."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "crm-sync")
    with watching.watching(warehouse), runs.recording(warehouse, "build", {}):
        events.said("Hello.", "info")
    assert {path for path, _ in collector.posted} == {"/v1/traces"}
    (traces,) = posted(collector, "/v1/traces", ExportTraceServiceRequest)
    about = {each.key: each.value.string_value for each in traces.resource_spans[0].resource.attributes}
    assert about["service.name"] == "crm-sync"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert destination() is None


def test_a_collector_that_is_gone_harms_nothing(
    collector: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The run ends as it would have, within seconds, and says once that something was lost."""
    collector.status = 400
    monkeypatch.setenv("TELEMETRY__ENDPOINT", f"http://127.0.0.1:{collector.port}")
    config.reload()
    said: list[str] = []
    began = time.monotonic()
    with watching.watching(warehouse, said.append), runs.recording(warehouse, "build", {}):
        pass
    assert time.monotonic() - began < 10
    assert said == [
        "Some telemetry could not be sent: nothing takes it at the address in telemetry.endpoint."
    ]
    assert not [each for each in caplog.records if each.name.startswith("opentelemetry")]


def test_wrong_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that is none, headers in the open file, a misspelt name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEMETRY__ENDPOINT", "localhost:4318")
    config.reload()
    with pytest.raises(ConfigError, match="must be the address of a collector"):
        destination()
    monkeypatch.delenv("TELEMETRY__ENDPOINT")
    (tmp_path / ".dlt").mkdir()
    open_file = tmp_path / ".dlt/config.toml"
    open_file.write_text('[telemetry]\nendpoint = "http://localhost:4318"\n[telemetry.headers]\nkey = "x"\n')
    config.reload()
    with pytest.raises(ConfigError, match=r"Move it to .dlt/secrets.toml"):
        destination()
    open_file.write_text('[telemetry]\nendpoin = "http://localhost:4318"\n')
    config.reload()
    with pytest.raises(ConfigError, match="did you mean 'endpoint'"):
        destination()
    for prices, message in (
        ("convosso = 0.1", r"No CRM named 'convosso'; did you mean 'convoso'\?"),
        (
            "convoso = -1",
            "telemetry.call_prices.* must hold prices of 0 or more, and that of 'convoso' is less",
        ),
        ('convoso = "cheap"', "telemetry.call_prices.* must be a number"),
    ):
        open_file.write_text(
            f'[telemetry]\nendpoint = "http://localhost:4318"\n[telemetry.call_prices]\n{prices}\n'
        )
        config.reload()
        with pytest.raises(ConfigError, match=message):
            destination()
    monkeypatch.setenv("TELEMETRY__CALL_PRICES__CONVOSO", "0.5")
    open_file.write_text('[telemetry]\nendpoint = "http://localhost:4318"\n')
    config.reload()
    priced = destination()
    assert priced is not None
    assert priced.prices == {"convoso": 0.5}
    monkeypatch.delenv("TELEMETRY__CALL_PRICES__CONVOSO")
    open_file.write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.S)[0].partition("# .dlt/secrets")[0])
    config.reload()
    found = destination()
    assert found is not None
    assert found.endpoint == "http://localhost:4318"


def test_every_metric_is_on_the_page(seen: Memory) -> None:
    """docs/telemetry.md has a row for each instrument and no other."""
    told = set(re.findall(r"^\| `(leadloop\.[\w.]+)` \|", PAGE, re.M))
    made = {
        each.name
        for each in vars(seen.watcher).values()
        if hasattr(each, "name") and str(each.name).startswith("leadloop.")
    }
    assert told == made


def test_nobody_watches_costs_nothing() -> None:
    """Nothing of OpenTelemetry's SDK is imported, and what would be told takes a few microseconds."""
    program = (
        "import sys, timeit; from connector import events, loop; from connector.telemetry import settings;"
        "assert not any(name.startswith('opentelemetry.sdk') for name in sys.modules);\n"
        "def one():\n  with events.doing('call', 'x', crm='y') as d: d.tell(status=1)\n"
        "assert min(timeit.repeat(one, number=1000, repeat=5)) < 0.05"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
