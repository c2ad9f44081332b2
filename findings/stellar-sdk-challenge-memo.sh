#!/usr/bin/env bash
# Software: stellar-sdk 16.1.1.
#
# In Stellar Web Authentication (SEP-10) a memo id tells apart the customers who share one account. Any unsigned 64-bit
# number is an id, 0 included. A challenge that is built for id 0 carries no memo at all: who signs it has logged in as
# the owner of the account, and not as customer 0 of it.
#
# Seen: a challenge for id 7 names 7, one for id 0 names nobody.
# For us: challenges are built without a memo, and a wallet is a whole account: customers who share one are told apart by
# their own addresses.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check stellar-sdk==16.1.1

cat > run.py <<'CODE'
from stellar_sdk import Keypair, Network
from stellar_sdk.sep.stellar_web_authentication import (
    build_challenge_transaction,
    read_challenge_transaction,
)

passphrase = Network.TESTNET_NETWORK_PASSPHRASE
server = Keypair.from_raw_ed25519_seed(b"server".ljust(32, b"."))
client = Keypair.from_raw_ed25519_seed(b"client".ljust(32, b"."))
names = ("example.com", "auth.example.com", passphrase)
for asked in (7, 0):
    challenge = build_challenge_transaction(
        server.secret, client.public_key, *names, timeout=900, memo=asked
    )
    read = read_challenge_transaction(challenge, server.public_key, *names)
    print(f"asked for {asked}, the challenge names {read.memo}")
CODE

cat > expected <<'TEXT'
asked for 7, the challenge names 7
asked for 0, the challenge names None
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
