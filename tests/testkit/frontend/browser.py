"""A client that speaks as the web frontend does: its requests, and nothing that it never sends."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx

from tests.testkit.frontend.shapes import check_shape

NEVER_SENT = ("idempotency-key", "x-correlation-id")


class Browser:
    """The calls of the frontend, each checked for the shape of its answer."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def call(
        self,
        method: str,
        path: str,
        shape: Any = None,
        *,
        status: int = 200,
        json: Any = None,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """
        Send a request as axios does: a body is JSON, and without one there is no content type. Parameters
        without a value are left out.
        """
        given = {name: value for name, value in (params or {}).items() if value not in (None, "")}
        request = self.client.build_request(method, path, json=json, params=given or None)
        assert not [name for name in NEVER_SENT if name in request.headers]
        answer = await self.client.send(request)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        assert answer.headers["x-correlation-id"]
        if not answer.content:
            assert shape is None
            return None
        found = answer.json()
        if shape is not None:
            check_shape(found, shape)
        return found

    async def refuse(self, method: str, path: str, status: int, **rest: Any) -> str:
        """Send what is refused, and return the sentence that the frontend shows: `detail`, a text."""
        found = await self.call(
            method, path, {"detail": str, "correlation_id": str}, status=status, **rest
        )
        return str(found["detail"])

    async def upload(self, name: str, content: bytes, kind: str = "text/csv") -> httpx.Response:
        """Send a form with one file, as a browser does that does not know how long it is."""
        boundary = f"----WebKitFormBoundary{uuid4().hex[:16]}"
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}'

        async def pieces() -> AsyncIterator[bytes]:
            yield f"--{boundary}\r\n{head}\r\n\r\n".encode()
            for start in range(0, len(content), 65_536):
                yield content[start : start + 65_536]
            yield f"\r\n--{boundary}--\r\n".encode()

        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return await self.client.post("/outages/bulk", content=pieces(), headers=headers)

    async def download(self, path: str, **params: Any) -> tuple[str, httpx.Headers]:
        """Fetch a file as the frontend does, which saves whatever comes."""
        answer = await self.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.text, answer.headers
