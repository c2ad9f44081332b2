#!/usr/bin/env bash
# Software: stellar-sdk 16.1.1.
#
# An amount of fewer than ten stroops is written with an exponent when an operation is read back from XDR, though it was
# built from a plain decimal, which is how Horizon writes it. The value is right; its text is not the one that was given.
#
# Seen: 0.0000009 comes back as 9E-7, and 0.000001 as it was.
# For us: amounts are whole stroops; a text of the SDK is never compared, stored or shown.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check stellar-sdk==16.1.1

cat > run.py <<'CODE'
from stellar_sdk import Asset, Keypair, Payment

payee = Keypair.from_raw_ed25519_seed(b"payee".ljust(32, b".")).public_key
for amount in ("0.0000001", "0.0000009", "0.000001", "0.0000011", "25"):
    sent = Payment(payee, Asset.native(), amount)
    print(f"{amount} is read back as {Payment.from_xdr_object(sent.to_xdr_object()).amount}")
CODE

cat > expected <<'TEXT'
0.0000001 is read back as 1E-7
0.0000009 is read back as 9E-7
0.000001 is read back as 0.000001
0.0000011 is read back as 0.0000011
25 is read back as 25
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
