"""
What the real processes write down: every line says whose it is, and none holds a secret.

A request's correlation id is followed from the API through the workers to the payment.
"""

import asyncio
import json
import subprocess
import sys
from typing import Any

import httpx

from devstack.environment.stack import Stack
from devstack.processes.ports import free
from tests.conftest import KEY
from tests.testkit.api_client import (
    AT_ONCE,
    build_outage,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)

# Lines that tell whoever started a process that it serves; all others are JSON.
PLAIN = ("ready ",)
REQUIRED = {"timestamp", "level", "logger", "event"}


def lines(stack: Stack, name: str) -> list[dict[str, Any]]:
    """All that a process has logged so far, whole lines only."""
    text = (stack.directory.logs / f"{name}.log").read_text()
    whole = text[: text.rfind("\n") + 1].splitlines()
    return [json.loads(line) for line in whole if not line.startswith(PLAIN)]


async def logged(stack: Stack, name: str, **wanted: Any) -> dict[str, Any]:
    """Wait for a line that says all this."""

    async def look() -> dict[str, Any] | None:
        found = [line for line in lines(stack, name) if wanted.items() <= line.items()]
        return found[0] if found else None

    return await wait_until(look, f"{name} logs {wanted}")


async def test_a_request_is_followed_to_its_payment(api: httpx.AsyncClient, stack: Stack) -> None:
    first, second = make_unique_id("declare"), make_unique_id("resolve")
    body = build_outage(policy=AT_ONCE)
    about = {"outage_id": body["id"]}
    answer = await api.post("/outages", json=body, headers={"X-Correlation-ID": first})
    assert answer.status_code == 201
    resolution = {"mttr_minutes": 25}
    answer = await api.post(
        f"/outages/{body['id']}/resolve", json=resolution, headers={"X-Correlation-ID": second}
    )
    assert answer.status_code == 200
    await wait_for_lifecycle(api, body["id"], "closed")
    payment = (await api.get("/payments", params=about)).json()["items"][0]["id"]

    declared = await logged(stack, "api", correlation_id=first, event="request")
    assert declared.items() >= ({"method": "POST", "route": "/api/v1/outages"} | about).items()
    assert (declared["status"], declared["level"]) == (201, "info")
    assert declared["duration_ms"] > 0
    resolved = await logged(stack, "api", correlation_id=second, event="request")
    assert resolved["route"] == "/api/v1/outages/{outage_id}/resolve"
    assert resolved["outage_id"] == body["id"]

    judged = await logged(stack, "worker", activity="judge_outage", **about)
    assert judged["correlation_id"] == second
    assert judged["workflow_id"] == f"outage/{body['id']}"
    assert judged["attempt"] == 1
    line = await logged(stack, "settlement-worker", activity="settle_payment", payment_id=payment)
    assert line.items() >= about.items()
    assert line["workflow_id"] == f"outage/{body['id']}"
    assert line["correlation_id"] in (first, second)
    await logged(stack, "worker", activity="close_outage", correlation_id=first, **about)


async def test_a_delivery_bears_the_id_of_the_request_that_caused_it(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    url = "http://127.0.0.1:9/planted-path?planted=query"  # nobody listens there
    hook = await api.post("/webhooks", json={"url": url, "events": ["outage.created"]})
    assert hook.status_code == 201, hook.text
    try:
        correlation = make_unique_id("declare")
        trace_id = "5bf92f3577b34da6a3ce929d0e0e4737"
        asked = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
        answer = await api.post(
            "/outages", json=build_outage(), headers=asked | {"X-Correlation-ID": correlation}
        )
        outage_id = answer.json()["id"]
        tried = await logged(stack, "worker", event="delivery attempted", outage_id=outage_id)
    finally:
        await api.delete(f"/webhooks/{hook.json()['id']}")
    assert tried["correlation_id"] == correlation
    assert (tried["host"], tried["delivered"]) == ("127.0.0.1", False)
    assert tried["trace_id"] == trace_id
    assert "planted" not in (stack.directory.logs / "worker.log").read_text()


async def test_each_delivery_of_an_outage_bears_the_id_of_its_own_request(
    api: httpx.AsyncClient, decider: httpx.AsyncClient, stack: Stack
) -> None:
    """All of them are started by the workflow that the declaration started."""
    url = "http://127.0.0.1:9/planted-key"  # nobody listens there
    wanted = ["outage.created", "outage.resolved", "dispute.opened", "dispute.resolved"]
    hook = (await api.post("/webhooks", json={"url": url, "events": wanted})).json()
    asked = {event: make_unique_id("asked") for event in wanted}

    async def send(method: str, path: str, body: dict[str, Any], event: str) -> dict[str, Any]:
        headers = {"X-Correlation-ID": asked[event]}
        client = decider if method == "PATCH" else api
        answer = await client.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return dict(answer.json())

    try:
        id_ = (await send("POST", "/outages", build_outage(), "outage.created"))["id"]
        await send("POST", f"/outages/{id_}/resolve", {"mttr_minutes": 25}, "outage.resolved")
        body = {"outage_id": id_, "reason": "it was shorter"}
        dispute = await send("POST", "/sla/disputes", body, "dispute.opened")
        decision = {"action": "resolve", "resolution_note": "it was"}
        await send("PATCH", f"/sla/disputes/{dispute['id']}", decision, "dispute.resolved")
        items = (await api.get(f"/outages/{id_}/timeline")).json()["items"]
        sent = {
            item["evidence"]["event"]: item for item in items if item["step"].startswith("webhook.")
        }
        assert {event: item["correlation_id"] for event, item in sent.items()} == asked
        for event, item in sent.items():
            delivery = item["evidence"]["delivery_id"]
            about = {"delivery_id": delivery, "outage_id": id_, "event": "delivery attempted"}
            tried = await logged(stack, "worker", **about)
            assert tried["correlation_id"] == asked[event], event
    finally:
        await api.delete(f"/webhooks/{hook['id']}")


async def test_every_line_of_every_process_is_json_with_an_instant(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    await declare_outage(api)
    for name in ("api", "worker", "settlement-worker"):
        written = lines(stack, name)
        assert written, name
        for line in written:
            assert line.keys() >= REQUIRED, line
            assert line["timestamp"].endswith("Z"), line
        of_activities = [line for line in written if "activity" in line]
        assert all("workflow_id" in line and "attempt" in line for line in of_activities)
    assert {line["logger"] for line in lines(stack, "api")} >= {"uvicorn.error", "api.middleware"}


async def test_a_trace_goes_on_in_every_process(api: httpx.AsyncClient, stack: Stack) -> None:
    """What declares an outage and what resolves it are two traces, in the workers as well."""
    declared, resolved = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"
    body = build_outage(policy=AT_ONCE)
    for path, sent, trace_id in (
        ("/outages", body, declared),
        (f"/outages/{body['id']}/resolve", {"mttr_minutes": 5}, resolved),
    ):
        asked = {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"}
        assert (await api.post(path, json=sent, headers=asked)).is_success
    for trace_id, activity in ((declared, "owe_payment"), (resolved, "judge_outage")):
        about = {"trace_id": trace_id, "trace_flags": "01"}
        request = await logged(stack, "api", event="request", **about)
        work = await logged(stack, "worker", activity=activity, outage_id=body["id"], **about)
        assert len({request["span_id"], work["span_id"], "b7ad6b7169203331"}) == 3


async def test_what_a_caller_sends_is_not_written_down(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    """Neither its key, nor its body, nor its path, whether it is served or refused."""
    planted = make_unique_id("planted")
    await resolve_outage(api, await declare_outage(api, description=planted, site_name=planted))
    await api.post("/outages", json={"id": planted, "site_name": planted, "severity": planted})
    await api.get(f"/nowhere/{planted}", headers={"Authorization": f"Bearer {planted}"})
    wrong = {"X-API-Key": planted, "X-Correlation-ID": (after := make_unique_id("after"))}
    assert (await api.get("/outages", headers=wrong)).status_code == 401
    await logged(stack, "api", correlation_id=after, status=401)
    for log in stack.directory.logs.glob("*.log"):
        text = log.read_text()
        assert planted not in text, log.name
        assert KEY not in text, log.name
        for name, secret in stack.signing_environment.items():
            if name.endswith(("_SEED", "_SEEDS")):
                assert not any(each in text for each in secret.split(",")), (log.name, name)


async def test_a_process_that_fails_prints_no_secret(stack: Stack) -> None:
    """The API is given a database that is not there: its traceback is logged, its password is not."""
    planted = "planted-password"
    database = f"postgresql://engine:{planted}@127.0.0.1:{free()}/book"
    environment = {**stack.environment, "DATABASE_URL": database, "API_PORT": str(free())}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "api"),
        env=environment | {"STELLAR_FEES_SEED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    text = out.decode()
    failed = [json.loads(line) for line in text.splitlines() if "does not answer" in line]
    assert failed, text
    assert any("Traceback" in str(line) for line in failed)
    assert planted not in text
    assert KEY not in text
    assert process.returncode != 0
