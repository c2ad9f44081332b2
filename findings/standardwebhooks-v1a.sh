#!/usr/bin/env bash
# Software: standardwebhooks 1.1.0 and svix 2.9.1 of PyPI, standardwebhooks 1.1.1 and svix 2.5.0 of npm. Needs node and npm too.
#
# Standard Webhooks 1.0.0 has two schemes, v1 with a shared secret and v1a with an Ed25519 key pair, and prefers v1a. Its own
# libraries, and those of Svix that build on them, verify v1 alone: a message that is signed by v1a has no matching
# signature for them, whatever key they are given. Nothing in their descriptions says so.
#
# Seen: a message signed by v1 is verified, one signed by both as well, one signed by v1a is refused by all four.
# For us: docs/webhooks.md shows how v1a is verified, and a subscription has v1 unless it asks for v1a.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1 pynacl==1.6.2
npm install --silent --no-audit --no-fund --ignore-scripts standardwebhooks@1.1.1 svix@2.5.0

cat > run.py <<'CODE'
import base64
import hashlib
import hmac
import json
import time

import standardwebhooks.webhooks
import svix.webhooks
from nacl.signing import SigningKey

SECRET, PAIR, BODY = bytes(range(32)), SigningKey(bytes(32)), '{"type": "tried"}'
at = int(time.time())
signed = f"msg_1.{at}.{BODY}".encode()
v1 = "v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
v1a = "v1a," + base64.b64encode(PAIR.sign(signed).signature).decode()
headers = {
    name: {"webhook-id": "msg_1", "webhook-timestamp": str(at), "webhook-signature": token}
    for name, token in (("v1", v1), ("both", f"{v1a} {v1}"), ("v1a", v1a))
}
secret = "whsec_" + base64.b64encode(SECRET).decode()
with open("given.json", "w") as file:
    json.dump({"secret": secret, "headers": headers, "body": BODY}, file)

for package in (standardwebhooks.webhooks, svix.webhooks):
    for name, received in headers.items():
        try:
            package.Webhook(secret).verify(BODY, received)
            said = "verified"
        except package.WebhookVerificationError as error:
            said = str(error)
        print(f"Python, {package.__name__.split('.')[0]}, {name}: {said}")
CODE

cat > run.mjs <<'CODE'
import { readFileSync } from "node:fs";

const { secret, headers, body } = JSON.parse(readFileSync("given.json", "utf8"));
for (const name of ["standardwebhooks", "svix"]) {
  const { Webhook } = await import(name);
  for (const [kind, received] of Object.entries(headers)) {
    let said = "verified";
    try {
      new Webhook(secret).verify(body, received);
    } catch (error) {
      said = error.message;
    }
    console.log(`npm, ${name}, ${kind}: ${said}`);
  }
}
CODE

cat > expected <<'TEXT'
Python, standardwebhooks, v1: verified
Python, standardwebhooks, both: verified
Python, standardwebhooks, v1a: No matching signature found
Python, svix, v1: verified
Python, svix, both: verified
Python, svix, v1a: No matching signature found
npm, standardwebhooks, v1: verified
npm, standardwebhooks, both: verified
npm, standardwebhooks, v1a: No matching signature found
npm, svix, v1: verified
npm, svix, both: verified
npm, svix, v1a: No matching signature found
TEXT

{ venv/bin/python run.py && node run.mjs; } | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
