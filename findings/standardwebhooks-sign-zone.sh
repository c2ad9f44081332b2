#!/usr/bin/env bash
# Software: standardwebhooks 1.1.0, and svix 2.9.1 that signs by it.
#
# `Webhook.sign` takes an instant as a datetime, and replaces its time zone by UTC instead of converting it. An aware datetime of
# any other zone, which names the same instant, signs another timestamp: the receiver, which is sent the true one, finds no
# matching signature. A datetime without a zone is taken for UTC, where Python's own methods take it for local time.
#
# Seen: the same instant is signed as 1614265330 in UTC, and as 1614272530 two hours east.
# For us: whoever tries our verifier with messages signed by it has to give it UTC. We sign whole seconds of Unix time.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0 svix==2.9.1

cat > run.py <<'CODE'
import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import standardwebhooks.webhooks
import svix.webhooks

SECRET, BODY = bytes(range(32)), "{}"


def find_signed(token: str) -> str:
    """Return which timestamp a signature is of."""
    for at in range(1614265330 - 86400, 1614265330 + 86400, 1800):
        digest = hmac.digest(SECRET, f"msg_1.{at}.{BODY}".encode(), hashlib.sha256)
        if token == "v1," + base64.b64encode(digest).decode():
            return str(at)
    return "none of that day"


instant = datetime.fromtimestamp(1614265330, UTC)
for package in (standardwebhooks.webhooks, svix.webhooks):
    webhook = package.Webhook(SECRET)
    for hours in (0, 2, -5):
        there = instant.astimezone(timezone(timedelta(hours=hours)))
        assert there == instant
        signed = find_signed(webhook.sign("msg_1", there, BODY))
        print(f"{package.__name__.split('.')[0]}: {there.isoformat()} is signed as {signed}")
CODE

cat > expected <<'TEXT'
standardwebhooks: 2021-02-25T15:02:10+00:00 is signed as 1614265330
standardwebhooks: 2021-02-25T17:02:10+02:00 is signed as 1614272530
standardwebhooks: 2021-02-25T10:02:10-05:00 is signed as 1614247330
svix: 2021-02-25T15:02:10+00:00 is signed as 1614265330
svix: 2021-02-25T17:02:10+02:00 is signed as 1614272530
svix: 2021-02-25T10:02:10-05:00 is signed as 1614247330
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
