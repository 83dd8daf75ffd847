"""The watcher that sends over OTLP/HTTP, as the settings and OpenTelemetry's variables say."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from connector.telemetry.settings import ENDPOINT, Destination
from connector.telemetry.watcher import NAME, Telemetry
from connector.warehouse.runs import leadloop_version

SECONDS = 5.0
"""How long one attempt to send may take, where OTEL_EXPORTER_OTLP_TIMEOUT says nothing."""


class Sent(Telemetry):
    """Telemetry that goes to a collector. What can't be sent is told once, at the end, and harms nothing."""

    def __init__(self, destination: Destination, say: Callable[[str], None]) -> None:
        self._say = say
        self._lost = False
        resource = Resource.create(
            {"service.version": leadloop_version()}
            if os.environ.get("OTEL_SERVICE_NAME")
            else {"service.name": NAME, "service.version": leadloop_version()}
        )
        traces = TracerProvider(resource=resource)
        logs = LoggerProvider(resource=resource)
        readers = []
        if _wanted("TRACES"):
            traces.add_span_processor(
                BatchSpanProcessor(self._noted(OTLPSpanExporter, destination, "traces"))
            )
        if _wanted("METRICS"):
            exporter = self._noted(OTLPMetricExporter, destination, "metrics")
            readers.append(PeriodicExportingMetricReader(exporter))
        if _wanted("LOGS"):
            logs.add_log_record_processor(
                BatchLogRecordProcessor(self._noted(OTLPLogExporter, destination, "logs"))
            )
        meters = MeterProvider(readers, resource=resource)
        super().__init__(traces, meters, logs, dict(os.environ), destination.prices)

    def close(self) -> None:
        with _silent():
            super().close()
        if self._lost:
            self._say(f"Some telemetry could not be sent: nothing takes it at the address in {ENDPOINT}.")

    def _noted(self, kind: Callable[..., Any], destination: Destination, signal: str) -> Any:
        """An exporter that remembers whether something was lost."""
        given: dict[str, Any] = {}
        if destination.endpoint is not None:
            given["endpoint"] = f"{destination.endpoint}/v1/{signal}"
        if destination.headers is not None:
            given["headers"] = {name: text.reveal() for name, text in destination.headers.items()}
        if not os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT"):
            given["timeout"] = SECONDS
        exporter = kind(**given)
        export = exporter.export

        def noted(*args: Any, **kwargs: Any) -> Any:
            with _silent():
                result = export(*args, **kwargs)
            self._lost |= result.name != "SUCCESS"
            return result

        exporter.export = noted
        return exporter


def _wanted(signal: str) -> bool:
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "").lower() != "none"


@contextmanager
def _silent() -> Iterator[None]:
    """What OpenTelemetry logs of each failed attempt is said once instead."""
    logger = logging.getLogger("opentelemetry")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
