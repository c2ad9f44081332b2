"""Snapshots by the API: taken by hand, read, verified and reconciled."""

import hashlib

import httpx


async def test_a_snapshot_is_taken_verified_and_reconciled(api: httpx.AsyncClient) -> None:
    answer = await api.post("/sla/analytics/snapshots")
    assert answer.status_code == 201, answer.text
    taken = answer.json()
    path = f"/sla/analytics/snapshots/{taken['id']}"
    shown = (await api.get(path)).json()
    assert hashlib.sha256(shown["canonical"].encode()).hexdigest() == taken["checksum"]
    assert shown["content"]["totals"]["detected"] >= 0
    verified = (await api.get(f"{path}/verify")).json()
    assert (verified["verified"], verified["problems"]) == (True, [])
    reconciled = (await api.get(f"{path}/reconcile")).json()
    assert reconciled["taken_at"] == taken["taken_at"]
    listed = (await api.get("/sla/analytics/snapshots")).json()
    assert taken in listed["items"]
    for last in ("", "/verify", "/reconcile"):
        answer = await api.get(f"/sla/analytics/snapshots/none{last}")
        assert answer.status_code == 404


async def test_a_request_that_is_repeated_takes_one(api: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "snapshot-by-hand-1"}
    first, again = [
        (await api.post("/sla/analytics/snapshots", headers=headers)).json() for _ in range(2)
    ]
    assert first["id"] == again["id"]
