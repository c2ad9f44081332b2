"""The clients that an integrator copies from docs/how-to/call-the-api.md work, in both languages."""

import json
import os
import re
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from devstack.environment.stack import Stack
from tests.conftest import KEY
from tests.docs.test_docs import read_document
from tests.testkit.api_client import build_outage

PAGE = read_document("docs/how-to/call-the-api.md")
# Two are declared, one of them twice; both are read a row at a time; a refusal names the field.
PYTHON = """
outages = json.loads(OUTAGES)
for outage in [*outages, outages[0]]:
    call("POST", "/outages", outage)
found = [each["id"] for each in read_all("/outages", search=outages[0]["site_name"], page_size=1)]
try:
    call("POST", "/outages", {})
except RuntimeError as refusal:
    print(json.dumps([found, str(refusal)]))
"""
JAVASCRIPT = """
(async () => {
  const outages = JSON.parse(OUTAGES), found = [];
  for (const outage of [...outages, outages[0]]) await call("POST", "/outages", outage);
  for await (const each of readAll("/outages", { search: outages[0].site_name, page_size: 1 })) found.push(each.id);
  await call("POST", "/outages", {}).catch((refusal) => console.log(JSON.stringify([found, refusal.message])));
})();
"""


def _extract(language: str, url: str, outages: list[dict[str, Any]]) -> str:
    """Return the client with the address and the key of a stack, and the outages to declare."""
    (code,) = re.findall(rf"```{language}\n(.+?)```", PAGE, re.DOTALL)
    assert code.count("http://127.0.0.1:8000") == code.count('"..."') == 1
    code = code.replace("http://127.0.0.1:8000", url).replace('"..."', json.dumps(KEY))
    said = json.dumps(json.dumps(outages))
    return f"{code}\n{'const ' if language == 'javascript' else ''}OUTAGES = {said};\n"


def _run(language: str, script: Path) -> Any:
    """Run a script, and return what it prints."""
    runs = sys.executable if language == "python" else shutil.which("node")
    if runs is None:
        pytest.skip("there is no Node on this machine")
    environment = {n: value for n, value in os.environ.items() if not n.lower().endswith("_proxy")}
    said = subprocess.run(
        [runs, script], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


class FailingProxy(BaseHTTPRequestHandler):
    """Answers 502 by itself first, then breaks off inside an answer, and then lets one through."""

    keys: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.keys.append(self.headers["Idempotency-Key"])
        status, length, body = (
            (502, 13, b"<html></html>"),
            (201, 1000, b'{"id": "OU'),
            (201, 15, b'{"id": "OUT-1"}'),
        )[len(self.keys) - 1]
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:  # nothing on the output of the tests
        return


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_copied_client_repeats_reads_on_and_shows_refusals(
    stack: Stack, tmp_path: Path, language: str
) -> None:
    outages = [build_outage(site_name=f"site of {language} {tmp_path.name}") for _ in range(2)]
    script = tmp_path / "client"
    tail = PYTHON if language == "python" else JAVASCRIPT
    script.write_text(_extract(language, stack.url, outages) + tail)
    found, refusal = _run(language, script)
    assert sorted(found) == sorted(each["id"] for each in outages)
    assert "id: " in refusal
    assert "(422, " in refusal


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_copied_client_asks_again_under_its_key_where_a_proxy_answers(
    tmp_path: Path, language: str
) -> None:
    """Not with JSON, or not to the end: it does not fail on what it cannot read."""
    script = tmp_path / "client"
    tail = (
        'print(json.dumps(call("POST", "/outages", {})))'
        if language == "python"
        else 'call("POST", "/outages", {}).then((said) => console.log(JSON.stringify(said)));'
    )
    FailingProxy.keys.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), FailingProxy) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        script.write_text(_extract(language, f"http://127.0.0.1:{proxy.server_port}", []) + tail)
        assert _run(language, script) == {"id": "OUT-1"}
        proxy.shutdown()
    assert len(FailingProxy.keys) == 3
    assert len(set(FailingProxy.keys)) == 1
