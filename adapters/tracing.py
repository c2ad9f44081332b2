"""
W3C trace context: which trace a piece of work belongs to, taken from who asked and given to who is asked.

Every log line bears the ids. Spans are exported by OpenTelemetry where OTEL_EXPORTER_OTLP_ENDPOINT says where to;
otherwise no more of it is loaded than this file.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from adapters import logs
from adapters.spans import OpenSpan, TraceParent

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TRACEPARENT = re.compile(
    r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII
)


def parse_traceparent(text: str) -> TraceParent | None:
    """Return what a header says; None for one that is not valid, as the recommendation has it."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest):
        return None
    if not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceParent(trace_id, span_id, bool(int(flags, 16) & 1))


def get_traceparent() -> TraceParent | None:
    """Return where the current task is."""
    known = logs.get_context()
    if "trace_id" not in known or "span_id" not in known:
        return None
    return TraceParent(known["trace_id"], known["span_id"], known.get("trace_flags") == "01")


@contextmanager
def open_span(name: str, parent: TraceParent | None, *, server: bool = False) -> Iterator[OpenSpan]:
    """Begin a span below a parent, or a trace; log lines inside the block bear its ids."""
    tracer = _get_tracer()
    if tracer is None:
        trace_id = parent.trace_id if parent else secrets.token_hex(16)
        span = OpenSpan(
            TraceParent(trace_id, secrets.token_hex(8), bool(parent and parent.sampled))
        )
    else:
        span = tracer.begin(name, parent, server=server)
    context = span.context
    logs.bind(
        trace_id=context.trace_id,
        span_id=context.span_id,
        trace_flags="01" if context.sampled else "00",
    )
    try:
        yield span
    except BaseException as error:
        if span.exported is not None:
            span.exported.record_exception(error)
        raise
    finally:
        if span.exported is not None:
            span.exported.end()


def flush() -> None:
    """Send what has not been sent; call it before a process ends."""
    if (tracer := _get_tracer()) is not None:
        tracer.provider.shutdown()


@cache
def _get_tracer() -> Any:
    """Return what exports spans, where the environment says where to."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        return None
    from adapters.span_export import SpanExport  # noqa: PLC0415 - heavy, and most have no use for it

    return SpanExport()
