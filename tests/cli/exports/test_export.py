"""`apexchainx export`: a file that is whole, or none and a sentence."""

import asyncio
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.testkit.api_client import declare_outage, make_unique_id
from tests.testkit.exports.export_reader import parse_file
from tests.testkit.processes.commands import run_command

HEADER = b"id,site_name\r\n"


async def export(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run_command, "cli.main", "export", *arguments)


async def test_a_dataset_is_downloaded_and_proven_whole(
    stack: Stack, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    word = make_unique_id("cli")
    for n in range(3):
        await declare_outage(api, site_name=f"{word} {n}", severity="high")
    target = tmp_path / "outages.csv"
    asked = ("outages", "--where", f"search={word}", "--where", "severity=high")
    where = ("--data-dir", str(stack.directory.path))
    ended = await export(*asked, "--output", str(target), *where)
    assert ended.returncode == 0, ended.stderr
    content = target.read_bytes()
    assert {row["site_name"] for row in parse_file(content)} == {f"{word} {n}" for n in range(3)}
    digest = hashlib.sha256(content).hexdigest()
    assert ended.stderr.strip() == f"3 rows, {len(content)} bytes, sha256 {digest}"
    address = ("--url", stack.url, "--api-key", KEY)
    printed = await export(*asked, "--format", "ndjson", "--output", "-", *address)
    assert printed.returncode == 0, printed.stderr
    assert len(printed.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--where", "colour=red"), "colour"),
        (("--where", os.fsdecode(b"search=\xff")), "is not text in UTF-8"),
        (("--url", "http://[::1"), "is no address of an API"),
        (("--where", "colour"), "write it like severity=high"),
        (("--api-key", "nobodys-key-of-the-tests"), "(401)"),
    ],
)
async def test_a_refusal_is_said_and_leaves_no_file(
    stack: Stack, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    known = ("--url", stack.url, "--api-key", KEY, "--output", str(tmp_path / "x.csv"))
    ended = await export("outages", *known, *arguments)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert os.listdir(tmp_path) == []


class Liar(BaseHTTPRequestHandler):
    """An API that breaks off in the middle, or whose receipt is of another file."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if "receipts" in self.path:
            body = b'{"complete": true, "rows": 1, "bytes": 14, "sha256": "of another"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-Export-Id", "exp_1")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(HEADER), HEADER))
        if "payments" in self.path:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_lies() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("outages", "the connection was cut after 14 bytes"),
        ("payments", "the receipt of exp_1 says otherwise"),
    ],
)
async def test_a_file_that_is_not_the_one_on_record_is_thrown_away(
    tmp_path: Path, dataset: str, said: str
) -> None:
    target = tmp_path / "file.csv"
    target.write_text("older")
    with serve_lies() as url:
        ended = await export(dataset, "--url", url, "--api-key", KEY, "--output", str(target))
    assert ended.returncode == 1
    assert said in ended.stderr
    assert target.read_text() == "older"
    assert os.listdir(tmp_path) == ["file.csv"]
