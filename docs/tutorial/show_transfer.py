"""Ask a Stellar node what a transaction transferred, without asking ApexChainx.

.venv/bin/python docs/tutorial/show_transfer.py RPC_URL TRANSACTION_HASH
"""

import sys

from stellar_sdk import SorobanServer, scval, xdr

rpc_url, transaction_hash = sys.argv[1:]
found = SorobanServer(rpc_url).get_transaction(transaction_hash)
print("status", found.status.value, "in ledger", found.ledger)
for operation in found.events.contract_events_xdr:
    for text in operation:
        event = xdr.ContractEvent.from_xdr(text).body.v0
        name, payer, payee, *_ = [scval.to_native(topic) for topic in event.topics]
        data = scval.to_native(event.data)
        amount = data["amount"] if isinstance(data, dict) else data
        print(name, amount, "stroops from", payer.address, "to", payee.address)
