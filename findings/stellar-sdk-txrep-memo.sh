#!/usr/bin/env bash
# Software: stellar-sdk 16.1.1.
#
# TxRep (SEP-11) is the text form in which a transaction is shown to people before they sign. A text memo of a
# transaction may be any UTF-8; written as TxRep and read back by the same library, one with a letter beyond ASCII is
# another memo, and the transaction has another hash. Nothing is raised.
#
# Seen: "Facture 7" keeps its hash; "Facture août" comes back as "Facture aou00fbt", with another hash.
# For us: what is signed and stored is XDR; nothing is shown as TxRep, and no transaction has a text memo.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check stellar-sdk==16.1.1

cat > run.py <<'CODE'
from stellar_sdk import Account, Keypair, Network, TransactionBuilder
from stellar_sdk.sep.txrep import from_txrep, to_txrep

passphrase = Network.TESTNET_NETWORK_PASSPHRASE
payer = Keypair.from_raw_ed25519_seed(b"payer".ljust(32, b"."))
for memo in ("Facture 7", "Facture août"):
    builder = TransactionBuilder(Account(payer.public_key, 1), passphrase, base_fee=100)
    made = builder.add_text_memo(memo).append_bump_sequence_op(5).add_time_bounds(0, 0).build()
    read = from_txrep(to_txrep(made), passphrase)
    same = "the same hash" if read.hash() == made.hash() else "another hash"
    print(f"{memo}: read back as {read.transaction.memo.memo_text.decode()}, {same}")
CODE

cat > expected <<'TEXT'
Facture 7: read back as Facture 7, the same hash
Facture août: read back as Facture aou00fbt, another hash
TEXT

PYTHONIOENCODING=utf-8 venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
