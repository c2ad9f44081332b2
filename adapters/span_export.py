"""Spans for an OpenTelemetry collector, over OTLP and HTTP; the OTEL_* variables of OpenTelemetry set it up."""

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from adapters.spans import OpenSpan, TraceParent


class SpanExport:
    """Begins spans that are sent in batches, by a thread of its own: a slow collector delays nobody."""

    def __init__(self) -> None:
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over this.
        resource = Resource({SERVICE_NAME: "apexchainx"}).merge(Resource.create())
        self.provider = TracerProvider(resource=resource)
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer = self.provider.get_tracer("apexchainx")

    def begin(self, name: str, parent: TraceParent | None, *, server: bool) -> OpenSpan:
        """Begin a span below what another process has begun."""
        kind = trace.SpanKind.SERVER if server else trace.SpanKind.INTERNAL
        span = self.tracer.start_span(name, _make_context(parent), kind)
        known = span.get_span_context()
        context = TraceParent(
            trace.format_trace_id(known.trace_id),
            trace.format_span_id(known.span_id),
            known.trace_flags.sampled,
        )
        return OpenSpan(context, span)


def _make_context(parent: TraceParent | None) -> Context:
    if parent is None:
        return Context()
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.sampled else 0)
    known = trace.SpanContext(
        int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(known), Context())
