"""Traces, metrics and logs of runs, for any collector that speaks OTLP: names, times, numbers and codes, never a lead's values.

Nothing below this is imported unless ``telemetry.endpoint`` or OpenTelemetry's own variables ask for it.
"""
