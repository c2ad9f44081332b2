"""What a subscriber copies to verify webhooks runs, and accepts what is genuine and nothing else: in each language."""

import base64
import json
import re
import runpy
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from adapters.credentials.webhook_secrets import WebhookSigner
from domain.access.webhook_secrets import SignatureScheme
from domain.webhooks import encode_secret, make_headers, sign
from tests.docs.test_docs import read_document
from tests.testkit.webhook_receiver import sign_message

SECRET, OLD = encode_secret(bytes(range(32))), encode_secret(bytes(32))
ID, BODY = "evt_1", '{"type": "outage.created", "name": "Zürich"}'.encode()
# What an HTTP library makes of a header's bytes.
NOT_ASCII = "v1,\xe9" + "A" * 43
GO_HEAD = """package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

"""
GO_TAIL = """
type call struct {
	Secret  string
	Headers map[string]string
	Body    []byte
}

func main() {
	var calls []call
	if err := json.NewDecoder(os.Stdin).Decode(&calls); err != nil {
		panic(err)
	}
	answers := []bool{}
	for _, each := range calls {
		headers := http.Header{}
		for name, value := range each.Headers {
			headers.Set(name, value)
		}
		answers = append(answers, genuine(each.Secret, headers, each.Body))
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
"""
NODE_TAIL = """
const calls = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const answers = calls.map((each) => genuine(each.Secret, each.Headers, Buffer.from(each.Body, "base64")));
console.log(JSON.stringify(answers));
"""
PYTHON_TAIL = """
import json, sys
calls = json.load(sys.stdin)
print(json.dumps([genuine(each["Secret"], each["Headers"], base64.b64decode(each["Body"])) for each in calls]))
"""


@dataclass(frozen=True)
class Call:
    """What a verifier is given, and whether that is genuine."""

    headers: dict[str, str]
    genuine: bool
    body: bytes = BODY


def list_calls() -> list[Call]:
    now = int(time.time())
    sent, token = sign_message(SECRET, ID, now, BODY), sign(SECRET, ID, now, BODY)
    signed = {"webhook-signature"}

    def receive(*tokens: str) -> dict[str, str]:
        return make_headers(ID, now, tokens)

    return [
        Call(sent, True),
        Call(receive(sign(OLD, ID, now, BODY), token), True),
        Call(receive("v1a,AAAA", "v2,x,y", "v1", "", ",", NOT_ASCII, token), True),
        Call(sign_message(SECRET, ID, now - 290, BODY), True),
        Call(sent, False, BODY + b" "),
        Call(sent | {"webhook-id": "evt_2"}, False),
        Call(sent | {"webhook-timestamp": str(now + 1)}, False),
        Call(sent | {"webhook-timestamp": "soon"}, False),
        Call(sign_message(SECRET, ID, now - 400, BODY), False),
        Call(sign_message(SECRET, ID, now + 400, BODY), False),
        Call(receive(sign(OLD, ID, now, BODY)), False),
        Call(receive(token.removeprefix("v1,")), False),
        Call(receive(token.replace("v1,", "v1a,")), False),
        Call(receive("v1,", NOT_ASCII), False),
        Call(receive(token[:-1]), False),
        Call({name: value for name, value in sent.items() if name not in signed}, False),
        Call({name: value for name, value in sent.items() if name != "webhook-timestamp"}, False),
        Call({}, False),
    ]


def list_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.+?)```", read_document("docs/webhooks.md"), re.DOTALL)


def check(command: list[str]) -> None:
    """Give a program every call, and compare what it says with what is so."""
    calls = list_calls()
    given = [
        {
            "Secret": SECRET,
            "Headers": each.headers,
            "Body": base64.b64encode(each.body).decode(),
        }
        for each in calls
    ]
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [each.genuine for each in calls]


def test_what_is_copied_in_python_accepts_what_is_genuine_alone(tmp_path: Path) -> None:
    copied = tmp_path / "copied.py"
    copied.write_text(list_blocks("python")[0] + PYTHON_TAIL)
    check([sys.executable, str(copied)])


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
def test_what_is_copied_in_javascript_accepts_what_is_genuine_alone(tmp_path: Path) -> None:
    (block,) = list_blocks("javascript")
    copied = tmp_path / "copied.cjs"
    copied.write_text(block + NODE_TAIL)
    check(["node", str(copied)])


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed here")
def test_what_is_copied_in_go_accepts_what_is_genuine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = list_blocks("go")
    copied = tmp_path / "copied.go"
    copied.write_text(GO_HEAD + block + GO_TAIL)
    monkeypatch.setenv("GOCACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GOTOOLCHAIN", "local")  # it downloads nothing
    check(["go", "run", str(copied)])


def test_the_imports_that_the_page_names_for_go_are_those_of_its_code() -> None:
    named = read_document("docs/webhooks.md").partition("\nGo, with ")[2].partition(":")[0]
    used = set(re.findall(r'"(.+?)"', GO_HEAD)) - {"encoding/json", "os"}
    assert set(re.findall(r"`(.+?)`", named)) == used


def test_a_verifier_is_no_longer_than_the_page_says() -> None:
    """A function's body, without its signature and its end."""
    lengths = {
        "python": len(
            list_blocks("python")[0].strip().split("body: bytes) -> bool:\n")[1].split("\n")
        ),
        "javascript": len(list_blocks("javascript")[0].strip().split("body) {\n")[1].split("\n"))
        - 1,
    }
    assert lengths == {"python": 5, "javascript": 5}


def test_our_own_verifier_is_imported_as_the_page_says(tmp_path: Path) -> None:
    copied = tmp_path / "copied.py"
    copied.write_text(list_blocks("python")[1])
    genuine = runpy.run_path(str(copied))["genuine_by_any"]
    signer, now = WebhookSigner("of-this-test"), int(time.time())
    shared, secret = signer.make_secret(SignatureScheme.HMAC)
    pair, _ = signer.make_secret(SignatureScheme.ED25519)
    assert secret is not None
    rotated = make_headers(ID, now, signer.sign([shared, pair], ID, now, BODY))
    sent = {name.title(): value for name, value in rotated.items()}
    for keys in ([secret], [pair.public_key], [OLD, pair.public_key]):
        assert genuine(keys, sent, BODY)
        assert not genuine(keys, sent, BODY + b" ")
    assert not genuine([OLD], sent, BODY)


def test_the_verifier_by_key_that_a_subscriber_copies_works(tmp_path: Path) -> None:
    copied = tmp_path / "copied.py"
    copied.write_text(list_blocks("python")[2])
    genuine = runpy.run_path(str(copied))["genuine_by_key"]
    signer, now = WebhookSigner("of-this-test"), int(time.time())
    pair, other = (signer.make_secret(SignatureScheme.ED25519)[0] for _ in range(2))
    tokens = ["v1,AAAA", "v1a", "v1a,?", *signer.sign([other, pair], ID, now, b"{}")]
    sent = make_headers(ID, now, tokens)
    assert genuine(pair.public_key, sent, b"{}")
    assert not genuine(pair.public_key, sent, b"{ }")
    assert not genuine(pair.public_key, make_headers(ID, now - 400, tokens), b"{}")
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        assert not genuine(pair.public_key, {n: v for n, v in sent.items() if n != name}, b"{}")


def test_the_receiver_of_the_tutorial_answers_what_is_not_genuine_as_well(tmp_path: Path) -> None:
    """What is missing or malformed is refused, and does not end in a traceback."""
    source, _, _ = read_document("docs/tutorial/receiver.py").partition("\nclass Receiver")
    copied = tmp_path / "copied.py"
    copied.write_text(source.replace("int(sys.argv[1]), sys.argv[2]", repr((0, SECRET))))
    is_genuine = runpy.run_path(str(copied))["is_genuine"]
    for call in list_calls():
        headers = Message()
        for name, value in call.headers.items():
            headers[name] = value
        assert is_genuine(headers, call.body) == call.genuine
