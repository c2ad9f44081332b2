"""A trace is taken from who asks and given on; spans leave the process where a collector is set."""

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from adapters import logs, tracing
from adapters.spans import TraceParent
from adapters.tracing import parse_traceparent
from devstack.processes.ports import LOOPBACK
from tests.testkit.source_tree import ROOT

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
    ],
)
def test_a_valid_header_is_read(text: str, sampled: bool) -> None:
    assert parse_traceparent(text) == TraceParent(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_any_other_header_begins_a_new_trace(text: str) -> None:
    assert parse_traceparent(text) is None
    with logs.replace_context(), tracing.open_span("work", parse_traceparent(text)) as span:
        assert span.context.trace_id not in (TRACE, "0" * 32)
        assert tracing.get_traceparent() == span.context


def test_a_span_below_another_stays_in_its_trace() -> None:
    with logs.replace_context():
        assert tracing.get_traceparent() is None
        with tracing.open_span("outer", TraceParent(TRACE, SPAN, True)) as outer:
            assert (outer.context.trace_id, outer.context.sampled) == (TRACE, True)
            assert outer.context.span_id != SPAN
            assert str(outer.context) == f"00-{TRACE}-{outer.context.span_id}-01"


class Collector(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    received: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.received.append((self.path, self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_spans_reach_the_collector_that_is_set() -> None:
    code = (
        "from adapters import logs, tracing\n"
        f"with tracing.open_span('work', tracing.parse_traceparent('00-{TRACE}-{SPAN}-01')) as span:\n"
        "    span.describe('GET /outages', 200)\n"
        "tracing.flush()\n"
        "print(span.context)\n"
    )
    with HTTPServer((LOOPBACK, 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://{LOOPBACK}:{server.server_port}"
        set_up = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        ended = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | set_up,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        server.shutdown()
    _, trace_id, span_id, _ = ended.stdout.strip().split("-")
    assert trace_id == TRACE
    ((path, body),) = Collector.received
    assert path == "/v1/traces"
    for part in (bytes.fromhex(TRACE), bytes.fromhex(SPAN), bytes.fromhex(span_id)):
        assert part in body
    assert b"GET /outages" in body
    assert b"apexchainx" in body


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys; from adapters import tracing\n"
        "with tracing.open_span('work', None): pass\n"
        "sys.exit('opentelemetry.sdk' in sys.modules)"
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in tracing.ENDPOINTS
    }
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, timeout=60, check=False
    )
    assert ended.returncode == 0
