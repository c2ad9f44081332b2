"""What every answer of the facade has in common: its headers, its methods, its paths, and its ids."""

import asyncio
import gzip
import re
from urllib.parse import urlsplit

import httpx
import pytest

from api.edge.body_limits import BODY_BYTES_MAX, ENTRIES_MAX
from api.edge.raw_problems import BODIES_CROWDED
from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.api_client import build_outage, make_unique_id
from tests.testkit.edge.edge_server import RawCaller, exchange

JSON = {"content-type": "application/json"}
# The framework goes by the first of two.
TWICE = httpx.Headers([*JSON.items(), ("content-type", "text/plain")])
# As docs/operations.md says.
BODIES_MAX = 16


def get_port(stack: Stack) -> int:
    port = urlsplit(stack.url).port
    assert port is not None
    return port


@pytest.mark.parametrize("size", [BODY_BYTES_MAX + 1, BODY_BYTES_MAX + 100_000])
async def test_a_chunked_body_just_above_the_limit_is_answered(stack: Stack, size: int) -> None:
    """In one chunk, whose end is all that is still to come."""
    head = f"POST /api/v1/outages HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n"
    head += "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n"
    answer = await exchange(get_port(stack), head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_who_waits_to_be_invited_is_refused_before_it_sends(stack: Stack) -> None:
    head = f"POST /api/v1/outages HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY_BYTES_MAX + 1}\r\n"
    answer = await exchange(get_port(stack), head.encode() + b"expect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_so_many_bodies_are_on_their_way_at_once_and_no_more(stack: Stack) -> None:
    """The one that has taken longest is given up for the next; those that come with their head do not count."""
    head = "POST /api/v1/outages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    body = b'{"id": "BOUND-1"}'
    sent = head.encode() + b"content-length: %d\r\n\r\n" % len(body)
    callers = [await RawCaller.connect(get_port(stack)) for _ in range(BODIES_MAX)]
    for caller in callers:
        await caller.send(sent + body[:5])
    for _ in range(2):  # what is whole at once takes nobody's place
        whole = sent.replace(b"host: x", b"host: x\r\nconnection: close")
        assert (await exchange(get_port(stack), whole + body)).startswith(b"HTTP/1.1 401 ")
    late = await RawCaller.connect(get_port(stack))
    await late.send(sent + body[:5])
    answer = await callers[0].read_all()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert BODIES_CROWDED.detail.encode() in answer
    for caller in [*callers[1:], late]:
        await caller.send(body[5:])
        assert (await caller.reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 401 ")
    for caller in [*callers, late]:
        await caller.close()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"id": "X-1", "severity": "low", "severity": "critical"}', "severity"),
        ('{"location": {"latitude": 1, "latitude": 2}}', "latitude"),
        ('{"\\u0000": 1, "\\u0000": 2}', "body"),
    ],
)
async def test_a_key_that_is_sent_twice_is_refused_by_name(
    api: httpx.AsyncClient, body: str, field: str
) -> None:
    for headers in (JSON, TWICE):
        answer = await api.post("/outages", content=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
        assert "more than once" in answer.json()["detail"]


async def test_json_that_grows_when_it_is_read_is_refused(api: httpx.AsyncClient) -> None:
    body = "[" + "[]," * ENTRIES_MAX + "[]]"
    for headers in (JSON, TWICE):
        answer = await api.post("/outages", content=body, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["message"] == f"must have at most {ENTRIES_MAX} entries"


async def test_another_content_type_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/outages", content="id=1", headers={"content-type": "text/plain"})
    assert answer.status_code == 415
    assert answer.headers["accept"] == "application/json"
    assert answer.json()["type"] == "/docs/errors#unsupported_media_type"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/outages"), ("PATCH", "/outages/OUT-1"), ("PUT", "/outages/OUT-1")),
        *(("POST", "/imports"), ("POST", "/outages/bulk"), ("POST", "/auth/login")),
        *(("POST", "/intake/alertmanager/any"), ("POST", "/outages/OUT-1/cancel")),
    ],
)
@pytest.mark.parametrize("coding", ["gzip", "br", "x-gzip", "identity, GZIP", "made-up"])
async def test_a_compressed_body_is_refused(
    api: httpx.AsyncClient, method: str, path: str, coding: str
) -> None:
    body = gzip.compress(b'{"id": "OUT-1"}')
    answer = await api.request(
        method, path, content=body, headers=JSON | {"content-encoding": coding}
    )
    assert answer.status_code == 415, answer.text
    assert answer.headers["accept-encoding"] == "identity"
    assert "accept" not in answer.headers
    assert answer.json()["type"] == "/docs/errors#unsupported_media_type"
    assert "must not be compressed" in answer.json()["detail"]


async def test_a_second_content_encoding_counts_as_well(api: httpx.AsyncClient) -> None:
    given = [*JSON.items(), ("content-encoding", "identity"), ("content-encoding", "gzip")]
    answer = await api.post("/outages", content=b"{}", headers=httpx.Headers(given))
    assert answer.status_code == 415


async def test_the_coding_identity_is_none_and_without_a_body_nothing_is_coded(
    api: httpx.AsyncClient,
) -> None:
    plain = JSON | {"content-encoding": "Identity"}
    answer = await api.post("/outages", json=build_outage(), headers=plain)
    assert answer.status_code == 201, answer.text
    assert (await api.get("/outages", headers={"content-encoding": "gzip"})).status_code == 200


@pytest.mark.parametrize(
    "path", ["/outages", "/health", "/health/readiness", "/events", "/nothing"]
)
async def test_head_is_get_without_the_body(api: httpx.AsyncClient, path: str) -> None:
    asked, got = await api.head(path), await api.get(path)
    assert asked.status_code == got.status_code
    assert asked.content == b""
    own = {"x-correlation-id", "date", "content-length"}
    assert {name: asked.headers[name] for name in asked.headers if name not in own} == {
        name: got.headers[name] for name in got.headers if name not in own
    }


async def test_head_of_what_cannot_be_read_is_not_allowed(api: httpx.AsyncClient) -> None:
    answer = await api.head("/outages/OUT-1/resolve")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/outages", "GET, HEAD, POST"),
        ("/outages/OUT-1", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/outages/OUT-1/", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/outages/OUT-1/resolve", "POST"),
        ("/health", "GET, HEAD"),
    ],
)
async def test_a_path_names_its_methods(api: httpx.AsyncClient, path: str, allowed: str) -> None:
    refused = await api.request("TRACE", path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    named = await api.options(path)
    assert (named.status_code, named.headers["allow"]) == (204, f"{allowed}, OPTIONS")


async def test_a_slash_at_the_end_makes_no_difference(api: httpx.AsyncClient) -> None:
    said = build_outage()
    assert (await api.post("/outages/", json=said)).status_code == 201
    with_slash, without = await api.get(f"/outages/{said['id']}/"), await api.get("/outages?page=1")
    assert (with_slash.status_code, without.status_code) == (200, 200)
    assert with_slash.json()["id"] == said["id"]
    # One that is part of a name is another name.
    assert (await api.get(f"/outages/{said['id']}%2F")).status_code == 404


async def test_every_answer_keeps_browsers_from_mischief(api: httpx.AsyncClient) -> None:
    for answer in (await api.get("/health"), await api.get("/nothing"), await api.post("/outages")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "strict-transport-security" not in answer.headers
        assert "server" not in answer.headers
    # The proxy in front of the facade says how it was asked.
    secure = await api.get("/health", headers={"x-forwarded-proto": "https"})
    assert secure.headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/errors"])
async def test_the_pages_load_nothing_from_elsewhere(stack: Stack, path: str) -> None:
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        page = await client.get(path)
        assert page.status_code == 200
        assert re.findall(r"(?:src|href)=.(?!/|#)", page.text) == []
        assert "<script" not in page.text
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'")
        assert (await client.get("/docs/style.css")).headers["content-type"].startswith("text/css")
    if path == "/docs":
        assert "/api/v1/outages/{outage_id}/resolve" in page.text


async def test_metrics_count_by_route_and_not_by_id(stack: Stack, api: httpx.AsyncClient) -> None:
    said = build_outage(id=make_unique_id("METRIC"))
    await api.post("/outages", json=said)
    await api.get(f"/outages/{said['id']}")
    async with httpx.AsyncClient(base_url=stack.url, trust_env=False) as client:
        assert (await client.get("/metrics")).status_code == 401
        shown = await client.get("/metrics", headers={"x-api-key": KEY})
    assert shown.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = shown.text
    assert re.search(
        r'apexchainx_http_requests_total\{method="GET",route="/api/v1/outages/\{outage_id\}",status="200"\}',
        text,
    )
    assert said["id"] not in text
    for metric in (
        'apexchainx_payments{status="pending"}',
        'apexchainx_outages{status="declared"}',
        "apexchainx_deliveries_pending",
        "apexchainx_delivery_oldest_pending_seconds",
        'apexchainx_settlement_trouble{code="circuit_breaker_open"}',
        "apexchainx_database_up 1.0",
        "process_resident_memory_bytes",
    ):
        assert f"\n{metric}" in text, metric


async def test_a_connection_outlives_what_clients_keep(stack: Stack) -> None:
    """Whoever closes first must be who would send: httpx keeps a connection for 5 s without a request."""
    caller = await RawCaller.connect(get_port(stack))
    await caller.send(b"GET /api/v1/health HTTP/1.1\r\nhost: a\r\n\r\n")
    await caller.reader.readuntil(b"\r\n\r\n")
    await asyncio.wait([reading := asyncio.create_task(caller.reader.read())], timeout=5.5)
    assert not reading.done()
    await caller.close()
    await reading
