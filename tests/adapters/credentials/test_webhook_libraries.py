"""
What we sign is verified by the libraries that receivers use, and what they sign by us. They are installed by
`.ci/webhook_libraries`, in a temporary folder; where they are not, this is skipped.
"""

import importlib
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.credentials.webhook_secrets import WebhookSigner, verify_by_any
from domain.access.webhook_secrets import SignatureScheme
from domain.webhooks import make_headers

# The folder whose node_modules has them.
NODE_FOLDER = os.environ.get("WEBHOOK_LIBRARIES", "")
PACKAGES = ["standardwebhooks", "svix"]
ID, BODY = "evt_1", '{"type": "outage.created", "name": "Zürich"}'
SIGNER = WebhookSigner("the-key-of-this-test-in-32-letters")
SCRIPT = """
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";

const [folder, name] = process.argv.slice(2);
const found = createRequire(folder + "/").resolve(name);
const { Webhook } = await import(pathToFileURL(found));
const { secret, id, at, body, messages } = JSON.parse(readFileSync(0, "utf8"));
const library = new Webhook(secret);
const verified = messages.map(([headers, content]) => {
  try {
    library.verify(content, headers);
    return true;
  } catch {
    return false;
  }
});
console.log(JSON.stringify({ verified, signed: library.sign(id, new Date(at * 1000), body) }));
"""


def make_messages(at: int) -> tuple[str, list[tuple[dict[str, str], str, bool]]]:
    """Return a secret, and messages with whether they are genuine by it."""
    mine, secret = SIGNER.make_secret(SignatureScheme.HMAC)
    other, _ = SIGNER.make_secret(SignatureScheme.HMAC)
    pair, _ = SIGNER.make_secret(SignatureScheme.ED25519)
    assert secret is not None

    def send(when: int, *known: Any) -> dict[str, str]:
        return make_headers(ID, when, SIGNER.sign(known, ID, when, BODY.encode()))

    return secret, [
        (send(at, mine), BODY, True),
        (send(at, other, mine), BODY, True),
        (send(at, mine, other), BODY, True),
        (send(at, pair, mine), BODY, True),
        (send(at - 290, mine), BODY, True),
        (send(at, mine), BODY + " ", False),
        (send(at, other), BODY, False),
        (send(at - 400, mine), BODY, False),
        (send(at + 400, mine), BODY, False),
    ]


def check_theirs(secret: str, at: int, token: str) -> None:
    received = make_headers(ID, at, [token])
    assert verify_by_any([secret], received, BODY.encode(), at)
    assert not verify_by_any([secret], received, BODY.encode() + b" ", at)


@pytest.mark.parametrize("package", PACKAGES)
def test_python_packages_verify_what_we_sign_and_we_what_they_sign(package: str) -> None:
    pytest.importorskip(package, reason="installed by .ci/webhook_libraries")
    library = importlib.import_module(f"{package}.webhooks")
    at = int(time.time())
    secret, messages = make_messages(at)
    webhook = library.Webhook(secret)
    for headers, body, genuine in messages:
        if genuine:
            webhook.verify(body, headers)
        else:
            with pytest.raises(library.WebhookVerificationError):
                webhook.verify(body, headers)
    check_theirs(secret, at, webhook.sign(ID, datetime.fromtimestamp(at, UTC), BODY))


@pytest.mark.skipif(
    not NODE_FOLDER or shutil.which("node") is None, reason="installed by .ci/webhook_libraries"
)
@pytest.mark.parametrize("package", PACKAGES)
def test_npm_packages_verify_what_we_sign_and_we_what_they_sign(
    package: str, tmp_path: Path
) -> None:
    at = int(time.time())
    secret, messages = make_messages(at)
    given = {
        "secret": secret,
        "id": ID,
        "at": at,
        "body": BODY,
        "messages": [(headers, body) for headers, body, _ in messages],
    }
    script = tmp_path / "script.mjs"
    script.write_text(SCRIPT)
    done = subprocess.run(
        ["node", str(script), NODE_FOLDER, package],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["verified"] == [genuine for _, _, genuine in messages]
    check_theirs(secret, at, said["signed"])
